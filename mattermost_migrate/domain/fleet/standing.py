"""How a member stands, read off its InstallationMigration and its fleet's spec."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mattermost_migrate.domain.fleet.enlistment import Key
from mattermost_migrate.domain.membership import Enlistment, retry_of
from mattermost_migrate.domain.names import LOCK_LABEL, Condition, Reason
from mattermost_migrate.domain.objects import (
    JsonObject,
    labels_of,
    leaving,
    name_of,
    namespace_of,
)
from mattermost_migrate.domain.reported import condition_status, failure_of, finished, parse_time

__all__ = ["Member", "Skip", "Standing", "member_of", "standing_of"]


class Standing(StrEnum):
    """How a member stands; the five add up to what was selected."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"

    @property
    def open(self) -> bool:
        """Whether more is to come of it by itself."""
        return self in (Standing.WAITING, Standing.RUNNING)


@dataclass(frozen=True, slots=True)
class Member:
    """One InstallationMigration of a fleet, and why it stands as it does.

    Attributes:
        namespace: the installation's.
        name: the installation's.
        standing: how it stands.
        place: its position in the order.
        reason: of its summary condition.
        message: the same, for the person.
        next_command: what to run when only a person can help.
        again: it waits to be tried once more.
        failing: it still runs, and will fail: a failure is recorded.
        locked: it holds the edit lock, and its migration goes on by itself as soon as it can.
        left: its fleet has nothing to do with it any more; it keeps its place.
        started: when its first write was sent.
        ended: when it came to its end.
    """

    namespace: str
    name: str
    standing: Standing
    place: int = 0
    reason: str = ""
    message: str = ""
    next_command: str = ""
    again: bool = False
    failing: bool = False
    locked: bool = False
    left: bool = False
    started: datetime | None = None
    ended: datetime | None = None

    @property
    def key(self) -> Key:
        """Namespace and name."""
        return self.namespace, self.name

    @property
    def under_way(self) -> bool:
        """Whether it is between its start and its end: it runs, or has stopped half-way."""
        return self.standing is Standing.RUNNING or self.locked

    @property
    def vacant(self) -> bool:
        """Whether it was refused before its first write: its place is the next one's."""
        return self.standing is Standing.SKIPPED and not self.left


@dataclass(frozen=True, slots=True)
class Skip:
    """An installation that was selected and is no member, with the reason."""

    namespace: str
    name: str
    reason: str
    message: str


def standing_of(migration: JsonObject) -> Standing:
    """How an InstallationMigration stands by itself, whatever its fleet makes of it."""
    if finished(migration):
        summary = condition_status(migration, Condition.SUCCEEDED) or {}
        if summary.get("status") == "True":
            return Standing.SUCCEEDED
        # Refused before its first write, nothing was started and nothing has to be looked after.
        started = (migration.get("status") or {}).get("startTime")
        locked = LOCK_LABEL in labels_of(migration)
        begun = started or locked or failure_of(migration) is not None
        return Standing.FAILED if begun else Standing.SKIPPED
    if migration["spec"].get("paused") and LOCK_LABEL not in labels_of(migration):
        return Standing.WAITING
    return Standing.RUNNING


def member_of(migration: JsonObject, fleet: JsonObject) -> Member | None:
    """How an InstallationMigration stands as a member of its fleet; None: it is none.

    One that ended waits again where the fleet has more to do with it: an automatic retry, a raised
    ``retryGeneration``, or the other kind wanted.
    """
    known = Enlistment.read(migration)
    if known is None or known.fleet != fleet["metadata"].get("uid"):
        return None
    standing, spec = standing_of(migration), fleet["spec"]
    edited, again = known.edited(migration), False
    if edited and standing is not Standing.RUNNING:
        kind = migration["spec"]["desiredKind"]
        told = f"its spec.desiredKind was set to {kind} by another hand"
        return _left(migration, known, Reason.EDITED, told)
    locked = LOCK_LABEL in labels_of(migration)
    if standing.open and leaving(migration) and not locked:
        told = "its InstallationMigration is being deleted"
        return _left(migration, known, Reason.LEFT_FLEET, told)
    if not standing.open:
        turned = known.desired_kind != spec["desiredKind"]
        raised = known.retry < retry_of(fleet)
        left = known.attempt < int(spec.get("retryLimit") or 0)
        bad = standing in (Standing.FAILED, Standing.SKIPPED)
        again = turned or (bad and raised) or (standing is Standing.FAILED and left)
    summary = condition_status(migration, Condition.SUCCEEDED) or {}
    status = migration.get("status") or {}
    return Member(
        namespace_of(migration),
        name_of(migration),
        Standing.WAITING if again else standing,
        place=known.place,
        reason=str(summary.get("reason") or ""),
        message=str(summary.get("message") or ""),
        next_command=str(status.get("nextCommand") or ""),
        again=again,
        failing=standing is Standing.RUNNING
        and not edited
        and failure_of(migration) is not None
        and known.attempt >= int(spec.get("retryLimit") or 0),
        locked=locked,
        started=_started(status, standing),
        ended=None if again or standing.open else _ended(status, summary),
    )


def _left(migration: JsonObject, known: Enlistment, reason: Reason, message: str) -> Member:
    """A member that its fleet has nothing to do with any more."""
    status, over = migration.get("status") or {}, finished(migration)
    summary = condition_status(migration, Condition.SUCCEEDED) or {}
    return Member(
        namespace_of(migration),
        name_of(migration),
        Standing.SKIPPED,
        place=known.place,
        reason=reason,
        message=message,
        next_command=str(status.get("nextCommand") or "") if over else "",
        locked=LOCK_LABEL in labels_of(migration),
        left=True,
        ended=_ended(status, summary) if over else None,
    )


def _ended(status: JsonObject, summary: JsonObject) -> datetime | None:
    """The latest of its times: what an earlier run left behind is older."""
    times = (status.get("completionTime"), status.get("currentStepTime"))
    moments = [parse_time(each) for each in (*times, summary.get("lastTransitionTime")) if each]
    return max(moments, default=None)


def _started(status: JsonObject, standing: Standing) -> datetime | None:
    """When; of one that has not said so yet, its status tells of the run before."""
    told = not standing.open or "completionTime" not in status
    return _moment(status.get("startTime")) if told else None


def _moment(text: str | None) -> datetime | None:
    return parse_time(text) if text else None
