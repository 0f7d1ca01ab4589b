"""Rules in the API server that refuse a write: what stops a migration half-way in tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from mattermost_migrate.domain.names import CONFIG_MAP, Resource
from mattermost_migrate.testing.cluster import ApiError, Client

__all__ = ["BINDING", "POLICY", "REFUSAL", "Policy", "refusing", "until_accepted"]

_GROUP: Final = "admissionregistration.k8s.io"
POLICY: Final = Resource(
    _GROUP, "v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies", namespaced=False
)
BINDING: Final = Resource(
    _GROUP,
    "v1",
    "ValidatingAdmissionPolicyBinding",
    "validatingadmissionpolicybindings",
    namespaced=False,
)
#: What the API server says of a write that is refused.
REFUSAL: Final = "not in this test"
_PATIENCE: Final = 60.0
#: Nothing tells when a policy comes into force, so it is asked again and again.
_PAUSE: Final = 0.05


@dataclass(frozen=True, slots=True)
class Policy:
    """One that is in force in a namespace.

    Attributes:
        admin: to write by.
        namespace: where it is in force.
        name: its own, and its binding's.
    """

    admin: Client
    namespace: str
    name: str

    def lift(self) -> None:
        """Take it back, and wait until the API server has forgotten it; may be called again."""
        for resource in (BINDING, POLICY):
            if self.admin.find(resource, None, self.name):
                self.admin.delete(resource, None, self.name)
        self.until(in_force=False)

    def until(self, *, in_force: bool) -> None:
        """Wait until the API server refuses by it, or does not any more.

        Raises:
            TimeoutError: it goes on as it was.
        """
        deadline = time.monotonic() + _PATIENCE
        while self._refuses() != in_force:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{POLICY} {self.name}: in force: {not in_force}")
            time.sleep(_PAUSE)

    def _refuses(self) -> bool:
        probe = {"metadata": {"name": self.name}}
        try:
            self.admin.create(CONFIG_MAP, self.namespace, probe, dry_run=True)
        except ApiError as problem:
            if REFUSAL not in str(problem):
                raise
            return True
        return False


@contextmanager
def refusing(
    admin: Client,
    namespace: str,
    resource: Resource,
    when: str,
    *,
    operations: Sequence[str] = ("CREATE",),
) -> Iterator[Policy]:
    """Refuse writes of a kind in a namespace for as long as this lasts; dry runs pass.

    Args:
        admin: to write by.
        namespace: where.
        resource: the kind.
        when: a CEL expression that is true of the writes to be refused.
        operations: which verbs it is asked of, as admission spells them.
    """
    what = "-".join((*operations, resource.plural)).lower().replace("/", "-")
    policy = Policy(admin, namespace, f"no-{what}-{namespace}")
    # A ConfigMap of its name, never stored, is what shows whether it is in force.
    expression = (
        f"request.resource.resource == '{CONFIG_MAP.plural}'"
        f" ? object.metadata.name != '{policy.name}' : (request.dryRun || !({when}))"
    )
    rules = [_rule(resource, operations), _rule(CONFIG_MAP, ("CREATE",))]
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": rules},
        "validations": [{"expression": expression, "message": REFUSAL}],
    }
    binding = {
        "policyName": policy.name,
        "validationActions": ["Deny"],
        "matchResources": {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
        },
    }
    try:
        admin.create(POLICY, None, {"metadata": {"name": policy.name}, "spec": spec})
        admin.create(BINDING, None, {"metadata": {"name": policy.name}, "spec": binding})
        policy.until(in_force=True)
        yield policy
    finally:
        policy.lift()


def _rule(resource: Resource, operations: Sequence[str]) -> dict[str, Any]:
    return {
        "apiGroups": [resource.group],
        "apiVersions": ["*"],
        "operations": list(operations),
        "resources": [resource.plural],
    }


def until_accepted(ask: Callable[[], object], *, seconds: float = _PATIENCE) -> None:
    """Ask again and again until the API server does not refuse: policies go a moment late.

    Raises:
        ApiError: its last refusal, if it goes on refusing.
    """
    ends = time.monotonic() + seconds
    while True:
        try:
            ask()
        except ApiError:
            if time.monotonic() > ends:
                raise
            time.sleep(_PAUSE)
        else:
            return
