"""What our ServiceAccounts asked of a test's cluster, kept when it is gone: for ``make rights``."""

from __future__ import annotations

import json
import os
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any, Final

__all__ = ["FOLDER", "Asked", "keep", "read"]

#: Names the folder to keep it in; nothing is kept without it.
FOLDER: Final = "MATTERMOST_MIGRATE_AUDIT"
_HOME: Final = "system:serviceaccount:mattermost-migrate:"
#: Accounts of tests that act with the rights of a shipped one.
_SAME: Final = {"builtin-operator": "mattermost-migrate-controller"}
_NAMESPACE: Final = "mattermost-migrate"
#: Resources of which the chart's rules name single objects.
_NAMED: Final = frozenset(
    {
        "secrets",
        "leases",
        "validatingwebhookconfigurations",
        "mutatingwebhookconfigurations",
        "customresourcedefinitions",
    }
)
#: The tests' own client: what it asks in our name is no request of ours.
_TESTS: Final = "mattermost-migrate-testing"


@dataclass(frozen=True, slots=True)
class Asked:
    """Requests of one kind.

    Attributes:
        account: the ServiceAccount's name.
        group, resource, verb: as RBAC spells them; the resource with its subresource.
        namespace: ours, or ``any`` other; empty for objects of none, and for all namespaces.
        name: of the object, or empty.
        count: how many there were.
    """

    account: str
    group: str
    resource: str
    verb: str
    namespace: str
    name: str
    count: int = 1

    def __str__(self) -> str:
        group = f".{self.group}" if self.group else ""
        where = f" {self.namespace}/{self.name}".rstrip("/")
        return f"{self.account}: {self.verb} {self.resource}{group}{where} ({self.count} times)"


def keep(events: Callable[[], Iterable[Mapping[str, Any]]]) -> None:
    """Write down what the events of one audit log tell, if anybody wants it."""
    if not (folder := os.environ.get(FOLDER)):
        return
    found = Counter(asked for event in events() if (asked := _asked(event)))
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(astuple(replace(asked, count=count))) for asked, count in found.items())
    (path / f"{uuid.uuid4().hex}.jsonl").write_text("".join(f"{line}\n" for line in lines))


def read(folder: Path) -> list[Asked]:
    """All that was kept in a folder, each kind once."""
    found: Counter[Asked] = Counter()
    for file in folder.glob("*.jsonl"):
        for line in file.read_text().splitlines():
            *what, count = json.loads(line)
            found[Asked(*what)] += count
    return [replace(asked, count=count) for asked, count in found.items()]


def _asked(event: Mapping[str, Any]) -> Asked | None:
    """What an event says was asked by one of ours; None for others, and for what has no object."""
    # No name: it was turned away before anybody knew whose it was.
    user, target = event["user"].get("username", ""), event.get("objectRef")
    if target is None or not user.startswith(_HOME) or event.get("userAgent") == _TESTS:
        return None
    acting = user.removeprefix(_HOME)
    account = _SAME.get(acting, acting)
    if not account.startswith("mattermost-migrate-"):
        return None
    parts = (target["resource"], target.get("subresource"))
    resource = "/".join(part for part in parts if part)
    group, namespace = target.get("apiGroup", ""), target.get("namespace", "")
    where = namespace if namespace in ("", _NAMESPACE) else "any"
    # Of thousands of objects elsewhere it does not matter which: no rule names one of them.
    name = target.get("name", "") if resource in _NAMED and where != "any" else ""
    return Asked(account, group, resource, event["verb"], where, name)
