"""The inspection's opinion of a real cluster, beside what a migration reports: for tests."""

from __future__ import annotations

from typing import Final

from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, MATTERMOST, SECRET
from mattermost_migrate.domain.objects import JsonObject
from mattermost_migrate.inspection import KINDS, Flaw, Scene, State, Verdict, inspect
from mattermost_migrate.testing.cluster import Client

__all__ = ["disagreement", "look", "verdict_of"]

_WHOLE: Final = {
    CLUSTER_INSTALLATION.kind: State.WHOLE_AS_CLUSTER_INSTALLATION,
    MATTERMOST.kind: State.WHOLE_AS_MATTERMOST,
}
#: What only a migration leaves behind: a refused one leaves nothing.
_OURS: Final = frozenset(
    {
        Flaw.LOCK_LEFT,
        Flaw.STALLED,
        Flaw.LABELS_LEFT,
        Flaw.TWO_OWNERS,
        Flaw.OWNER_UNKNOWN,
        Flaw.BACKUP_MISSING,
        Flaw.BACKUP_CHANGED,
        Flaw.REPORTED_OTHERWISE,
    }
)


def look(client: Client, namespace: str) -> Scene:
    """Everything in a namespace that an inspection asks for."""
    return Scene(obj for kind in (*KINDS, SECRET) for obj in client.list(kind, namespace))


def verdict_of(client: Client, namespace: str, name: str) -> Verdict:
    """What the inspection says of an installation now."""
    return inspect(look(client, namespace), namespace, name)


def disagreement(migration: JsonObject, verdict: Verdict) -> str:
    """In what the inspection does not agree with a migration that is over; empty when it does."""
    conditions = {each["type"]: each for each in migration["status"]["conditions"]}
    summary, wanted = conditions["Succeeded"], migration["spec"]["desiredKind"]
    if summary["status"] == "True":
        agreed = verdict.state is _WHOLE[wanted]
    elif summary["reason"] == "RolledBack":
        (kind,) = _WHOLE.keys() - {wanted}
        agreed = verdict.state is _WHOLE[kind]
    else:
        left = _OURS & {each.flaw for each in verdict.findings}
        agreed = verdict.state is not State.UNDER_WAY and not left
    told = f"reported {summary['status']}, {summary['reason']}: {summary['message']}"
    return "" if agreed else f"{told}; yet {verdict}"
