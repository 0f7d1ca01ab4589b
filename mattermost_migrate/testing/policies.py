"""What keeps the API server from a write: rules that refuse it, a webhook that nobody answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from mattermost_migrate.domain.names import CONFIG_MAP, Resource
from mattermost_migrate.testing.cluster import ApiError, Client

__all__ = ["BINDING", "POLICY", "REFUSAL", "Policy", "refusing", "unanswered", "until_accepted"]

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
_WEBHOOK: Final = Resource(
    _GROUP,
    "v1",
    "ValidatingWebhookConfiguration",
    "validatingwebhookconfigurations",
    namespaced=False,
)
#: What the API server says of a write that is refused.
REFUSAL: Final = "not in this test"
#: And of one whose webhook does not answer.
_FAILURE: Final = "failed calling webhook"
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
        _until(self.admin, self.namespace, self.name, REFUSAL, in_force=in_force)


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
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": _rules(resource, operations)},
        "validations": [{"expression": expression, "message": REFUSAL}],
    }
    binding = {
        "policyName": policy.name,
        "validationActions": ["Deny"],
        "matchResources": {"namespaceSelector": _only(namespace)},
    }
    try:
        admin.create(POLICY, None, {"metadata": {"name": policy.name}, "spec": spec})
        admin.create(BINDING, None, {"metadata": {"name": policy.name}, "spec": binding})
        policy.until(in_force=True)
        yield policy
    finally:
        policy.lift()


@contextmanager
def unanswered(
    admin: Client,
    namespace: str,
    resource: Resource,
    when: str,
    *,
    operations: Sequence[str] = ("CREATE",),
) -> Iterator[None]:
    """Have writes of a kind in a namespace reviewed by a webhook that is down; dry runs, too.

    Args:
        admin: to write by.
        namespace: where.
        resource: the kind.
        when: a CEL expression that is true of the writes to be reviewed.
        operations: which verbs are reviewed, as admission spells them.
    """
    name = f"down-{resource.plural}-{namespace}"
    expression = (
        f"request.resource.resource == '{CONFIG_MAP.plural}'"
        f" ? object.metadata.name == '{name}' : ({when})"
    )
    hook = {
        "name": "down.example.com",
        "clientConfig": {"url": "https://127.0.0.1:1/"},
        "rules": _rules(resource, operations),
        "matchConditions": [{"name": "meant", "expression": expression}],
        "namespaceSelector": _only(namespace),
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    admin.create(_WEBHOOK, None, {"metadata": {"name": name}, "webhooks": [hook]})
    try:
        _until(admin, namespace, name, _FAILURE, in_force=True)
        yield
    finally:
        admin.delete(_WEBHOOK, None, name)
        _until(admin, namespace, name, _FAILURE, in_force=False)


def _until(admin: Client, namespace: str, name: str, words: str, *, in_force: bool) -> None:
    """Wait until a ConfigMap of that name is turned away in these words, or is not any more."""
    deadline = time.monotonic() + _PATIENCE
    while _turned_away(admin, namespace, name, words) != in_force:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{name}: in force: {not in_force}")
        time.sleep(_PAUSE)


def _turned_away(admin: Client, namespace: str, name: str, words: str) -> bool:
    try:
        admin.create(CONFIG_MAP, namespace, {"metadata": {"name": name}}, dry_run=True)
    except ApiError as problem:
        if words not in str(problem):
            raise
        return True
    return False


def _only(namespace: str) -> dict[str, Any]:
    return {"matchLabels": {"kubernetes.io/metadata.name": namespace}}


def _rules(resource: Resource, operations: Sequence[str]) -> list[dict[str, Any]]:
    """Of these writes, and of the ConfigMap that shows whether they are met."""
    return [_rule(resource, operations), _rule(CONFIG_MAP, ("CREATE",))]


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
