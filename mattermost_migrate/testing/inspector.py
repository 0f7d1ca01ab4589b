"""The inspection's opinion of a real cluster, beside what a migration reports: for tests."""

from __future__ import annotations

from typing import Final

from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, MATTERMOST, SECRET
from mattermost_migrate.domain.objects import JsonObject
from mattermost_migrate.inspection import KINDS, Flaw, Scene, State, Verdict
from mattermost_migrate.testing.cluster import Client

__all__ = ["contradiction", "disagreement", "look"]

_WHOLE: Final = {
    CLUSTER_INSTALLATION.kind: State.WHOLE_AS_CLUSTER_INSTALLATION,
    MATTERMOST.kind: State.WHOLE_AS_MATTERMOST,
}
#: What only a migration leaves behind: a refused one leaves nothing.
_OURS: Final = frozenset(
    {
        Flaw.LOCK_LEFT,
        Flaw.HELD_LEFT,
        Flaw.STALLED,
        Flaw.LABELS_LEFT,
        Flaw.TWO_OWNERS,
        Flaw.OWNER_UNKNOWN,
        Flaw.BACKUP_MISSING,
        Flaw.BACKUP_CHANGED,
        Flaw.REPORTED_OTHERWISE,
    }
)


#: What the cluster may not have caught up with at the moment of a report; it has to, soon after.
_PASSING: Final = frozenset({Flaw.NOT_STABLE, Flaw.TOO_FEW_READY, Flaw.NOT_SERVED})


def look(client: Client, namespace: str, *, at: int) -> Scene:
    """Everything in a namespace that an inspection asks for, as it was at one revision.

    All kinds are kept in one store, so this is one moment, however long the lists take to read:
    a pod is never seen without the ReplicaSet that was made before it.

    Args:
        client: to read by.
        namespace: where to look.
        at: the revision of the cluster's store; ``Witness.now`` gives the present one.
    """
    return Scene(obj for kind in (*KINDS, SECRET) for obj in client.list(kind, namespace, at=at))


def disagreement(migration: JsonObject, verdict: Verdict) -> str:
    """In what the inspection does not agree with a migration that is over; empty when it does."""
    summary, kind = _summary(migration), _owner(migration)
    if kind is not None:
        agreed = verdict.state is _WHOLE[kind]
    else:
        left = _OURS & {each.flaw for each in verdict.findings}
        agreed = verdict.state is not State.UNDER_WAY and not left
    told = f"reported {summary['status']}, {summary['reason']}: {summary['message']}"
    return "" if agreed else f"{told}; yet {verdict}"


def contradiction(migration: JsonObject, verdict: Verdict) -> str:
    """The same of the very moment of the report: what no later moment excuses."""
    passing = {each.flaw for each in verdict.findings} <= _PASSING
    if verdict.findings and passing and _owner(migration) is not None:
        return ""
    return disagreement(migration, verdict)


def _summary(migration: JsonObject) -> JsonObject:
    conditions = {each["type"]: each for each in migration["status"]["conditions"]}
    summary: JsonObject = conditions["Succeeded"]
    return summary


def _owner(migration: JsonObject) -> str | None:
    """The kind that owns the installation by what the migration reports; None: it was refused."""
    summary, wanted = _summary(migration), str(migration["spec"]["desiredKind"])
    if summary["status"] == "True":
        return wanted
    if summary["reason"] == "RolledBack":
        (other,) = _WHOLE.keys() - {wanted}
        return other
    return None
