"""``make rights``: are the chart's rights just those that the whole test suite made use of?

Every cluster of the tests leaves, when it ends, what our ServiceAccounts asked of it by its audit
log (``MATTERMOST_MIGRATE_AUDIT`` names the folder). Replayed here against the rules that the chart
renders: a request that no rule allows is a right that is missing, a verb that no request used is a
right too many.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from mattermost_migrate.testing.cluster.asked import Asked, read
from mattermost_migrate.testing.tools import ready

ROOT: Final = Path(__file__).parents[1]
#: Never seen in an audit log, and needed all the same: verbs by group and resource.
UNSEEN: Final[Mapping[tuple[str, str], tuple[frozenset[str], str]]] = {
    ("mattermost.com", "clusterinstallations/finalizers"): (
        frozenset({"update"}),
        "asked by the admission plugin OwnerReferencesPermissionEnforcement, where it is on",
    ),
    ("installation.mattermost.com", "mattermosts/finalizers"): (
        frozenset({"update"}),
        "the same",
    ),
    ("batch", "jobs"): (
        frozenset({"get", "list", "watch"}),
        "granted by the Role of each installation: nobody can grant what he has not",
    ),
}
#: What Kubernetes lets everybody ask: who he is, and what he may.
_EVERYBODY: Final = frozenset({"authentication.k8s.io", "authorization.k8s.io"})


@dataclass(frozen=True, slots=True)
class Right:
    """One verb on one resource.

    Attributes:
        account: the ServiceAccount's name.
        group, resource, verb: as RBAC spells them.
        namespace: where it holds; empty: everywhere.
        names: of which objects; empty: of all.
    """

    account: str
    group: str
    resource: str
    verb: str
    namespace: str
    names: frozenset[str]

    def allows(self, asked: Asked) -> bool:
        """Whether a request is one of those."""
        same = (self.account, self.group, self.resource, self.verb)
        return (
            same == (asked.account, asked.group, asked.resource, asked.verb)
            and self.namespace in ("", asked.namespace)
            and (not self.names or asked.name in self.names)
        )

    def __str__(self) -> str:
        group = f".{self.group}" if self.group else ""
        where = f" in {self.namespace}" if self.namespace else ""
        names = f" ({', '.join(sorted(self.names))})" if self.names else ""
        return f"{self.account}: {self.verb} {self.resource}{group}{names}{where}"


def rights(objects: Iterable[Mapping[str, Any]]) -> Iterator[Right]:
    """Every right that rendered roles give by their bindings."""
    found = list(objects)
    roles = {
        (obj["kind"], obj["metadata"]["name"]): obj["rules"]
        for obj in found
        if obj["kind"] in ("Role", "ClusterRole")
    }
    for binding in found:
        if binding["kind"] in ("RoleBinding", "ClusterRoleBinding"):
            reference = binding["roleRef"]
            for rule in roles[reference["kind"], reference["name"]]:
                for subject in binding["subjects"]:
                    yield from _spread(
                        rule, subject["name"], binding["metadata"].get("namespace", "")
                    )


def _spread(rule: Mapping[str, Any], account: str, namespace: str) -> Iterator[Right]:
    names = frozenset(rule.get("resourceNames", ()))
    for group in rule["apiGroups"]:
        for resource in rule["resources"]:
            for verb in rule["verbs"]:
                yield Right(account, group, resource, verb, namespace, names)


def missing(held: Iterable[Right], asked: Iterable[Asked]) -> list[Asked]:
    """Requests that no right allows."""
    known = list(held)
    return [
        each
        for each in asked
        if each.group not in _EVERYBODY and not any(right.allows(each) for right in known)
    ]


def unused(held: Iterable[Right], asked: Iterable[Asked]) -> list[Right]:
    """Rights that no request made use of, and no argument speaks for."""
    seen = list(asked)
    return [
        right
        for right in held
        if right.verb not in UNSEEN.get((right.group, right.resource), ((), ""))[0]
        and not any(right.allows(each) for each in seen)
    ]


def rendered(operator: str) -> list[dict[str, Any]]:
    """The chart's objects in the namespace that the tests use, as either operator has them."""
    command = [str(ready(["helm4"])["helm4"]), "template", "mm", "deploy/chart"]
    command += ["--namespace", "mattermost-migrate", "--set", f"controller.operator={operator}"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return [obj for obj in yaml.safe_load_all(done.stdout) if obj]


def granted() -> list[Right]:
    """Every right that the chart may give, each once: the tests run with either operator."""
    found = (right for each in ("external", "builtin") for right in rights(rendered(each)))
    return list(dict.fromkeys(found))


def main(folder: Path) -> int:
    """Replay; returns 1 when a right is missing or one too many."""
    asked, held = read(folder), granted()
    lacking, idle = missing(held, asked), unused(held, asked)
    for each in lacking:
        print(f"missing: {each}")
    for right in idle:
        print(f"unused: {right}")
    print(
        json.dumps(
            {
                "rights": len(held),
                "requests": sum(each.count for each in asked),
                "kinds of request": len(asked),
                "missing": len(lacking),
                "unused": len(idle),
            }
        )
    )
    return bool(lacking or idle)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
