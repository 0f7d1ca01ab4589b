"""Telling people: the status of a migration, written seldom enough to cost little."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from controller.measures import FAILURES, IN_FLIGHT, observe_end
from controller.verdicts import Verdicts
from mattermost_migrate.domain.backup import backup_name
from mattermost_migrate.domain.conditions import Progress, status_of
from mattermost_migrate.domain.names import INSTALLATION_MIGRATION
from mattermost_migrate.domain.objects import JsonObject, key_of, uid_of
from mattermost_migrate.domain.pin import is_pinned
from mattermost_migrate.domain.recreation import ladder_of
from mattermost_migrate.domain.reported import failure_of, parse_time
from mattermost_migrate.domain.snapshot import Snapshot
from mattermost_migrate.domain.steps import Decision, Done, Refuse
from mattermost_migrate.domain.writes import fence
from mattermost_migrate.kube import Client

__all__ = ["Journal", "Reporter", "report_after"]

#: Seconds until the first report on a migration under way; its end is told at once. Most migrations
#: are over before, and then one status write is all they cost. Each next report waits longer, and
#: all of them the longer the more are under way, so that many at once do not slow one another down
#: by telling how slow they are.
_FIRST_REPORT: Final = 3.0
#: So many at once change nothing about that. Fifty at once on two cores took 16 s each (bench/),
#: 0.3 s for each that was under way beside; half of this pause is enough for that.
_A_FEW: Final = 4
_LONGER: Final = 2.0
_LONGEST: Final = 30.0
#: Steps that are recorded. One way takes 16 at most, and turning round as many; more is a riddle
#: for which the beginning matters most.
_MOST_STEPS: Final = 40


@dataclass(slots=True)
class Journal:
    """What this life of the controller knows of one migration.

    Attributes:
        writes: sent by the engine so far; in other lives too, as far as they were reported.
        reported: when, by the monotonic clock, a report was last made or the journal begun.
        interval: seconds from then until the next report may be made.
        began: when the first write was about to be sent, if that was in this life.
        warnings: of the conversion.
        steps: each step that was entered, and when.
        ended: the lock was taken off in this life.
    """

    writes: int
    reported: float
    began: datetime | None = None
    interval: float = _FIRST_REPORT
    warnings: tuple[tuple[str, str], ...] = ()
    steps: list[tuple[str, datetime]] = field(default_factory=list)
    ended: bool = False

    def begin(self, warnings: tuple[tuple[str, str], ...]) -> None:
        """The first write is about to be sent."""
        self.began, self.reported = datetime.now(UTC), time.monotonic()
        self.warnings, self.writes, self.interval = warnings, 0, _FIRST_REPORT
        self.steps = []

    def warn(self, warnings: tuple[tuple[str, str], ...]) -> None:
        """What came to light under way is told beside, once, however often it is tried."""
        self.warnings = tuple(dict.fromkeys((*self.warnings, *warnings)))

    def enter(self, step: str) -> None:
        """This step is the current one; the status tells of it when it is written next."""
        if len(self.steps) < _MOST_STEPS and (not self.steps or self.steps[-1][0] != step):
            self.steps.append((step, datetime.now(UTC)))


class Reporter:
    """Counts writes and keeps ``status`` current.

    Args:
        client: to write by; fenced by the lease.
        note: told of the InstallationMigration as it is after a report.
        verdicts: held while a failure is recorded.
    """

    def __init__(
        self, client: Client, note: Callable[[JsonObject], None], verdicts: Verdicts
    ) -> None:
        self._client = client
        self._verdicts = verdicts
        self._note = note
        self._journals: dict[str, Journal] = {}
        IN_FLIGHT.set_function(lambda: self._under_way)

    @property
    def _under_way(self) -> int:
        """How many have begun; of one that is refused there is a journal as well."""
        return sum(bool(each.steps) for each in self._journals.values())

    def journal(self, migration: JsonObject) -> Journal:
        """The journal of a migration, begun on first sight from what its status says."""
        uid = uid_of(migration)
        if uid not in self._journals:
            status = migration.get("status") or {}
            # Those of a migration that is over are not the beginning of the next one.
            told = {} if "completionTime" in status else status
            self._journals[uid] = Journal(
                int(status.get("apiWrites", 0)),
                time.monotonic(),
                warnings=tuple(
                    (each["field"], each["message"]) for each in told.get("warnings") or ()
                ),
                steps=[
                    (each["type"], parse_time(each["startTime"]))
                    for each in told.get("steps") or ()
                ],
            )
        return self._journals[uid]

    def forget(self, migration: JsonObject) -> None:
        """Drop the journal of a migration that is over."""
        self._journals.pop(uid_of(migration), None)

    async def report(self, seen: Snapshot, decision: Decision) -> float | None:
        """Write the status if it changed and its time has come.

        Returns:
            Seconds until a change that was held back is due, or None.
        """
        migration = seen.migration
        journal = self.journal(migration)
        status = self._status(seen, decision, journal)
        if _same(migration.get("status") or {}, status):
            return None
        over = isinstance(decision.verdict, Done | Refuse)
        due = journal.reported + report_after(journal.interval, self._under_way)
        due -= time.monotonic()
        if not over and due > 0:
            return due
        status["apiWrites"] = journal.writes + 1
        failed = isinstance(decision.verdict, Refuse) or failure_of(migration) is not None
        await self._send(migration, _patch(migration, status), failed=failed)
        journal.writes += 1
        if isinstance(decision.verdict, Refuse):
            FAILURES.labels(str(decision.verdict.reason)).inc()
        elif isinstance(decision.verdict, Done):
            outcome = "failed" if failed else "succeeded"
            observe_end(journal.steps, datetime.now(UTC), outcome)
        journal.reported = time.monotonic()
        journal.interval = min(_LONGEST, journal.interval * _LONGER)
        return None

    async def give_up(self, seen: Snapshot, refusal: Refuse) -> None:
        """Record that the way forward is given up; from the next look on the ladder leads back."""
        migration = seen.migration
        journal = self.journal(migration)
        failure = {
            "observedGeneration": migration["metadata"].get("generation"),
            "reason": str(refusal.reason),
            "message": refusal.message,
        }
        # The way back has a deadline of its own.
        since = {"currentStep": None, "currentStepTime": None}
        told = {"failure": failure, "apiWrites": journal.writes + 1, **since}
        await self._send(migration, told, failed=True)
        journal.writes += 1
        FAILURES.labels(str(refusal.reason)).inc()

    async def _send(self, migration: JsonObject, status: dict[str, Any], *, failed: bool) -> None:
        # Late, it would undo what another leader has told since: a failure, or that there is none.
        body = {"metadata": fence(migration), "status": status}
        key = key_of(migration)
        async with self._verdicts.on(migration) if failed else contextlib.nullcontext():
            answer = await self._client.patch(
                INSTALLATION_MIGRATION, *key, body, subresource="status"
            )
            self._note(answer)

    def _status(self, seen: Snapshot, decision: Decision, journal: Journal) -> dict[str, Any]:
        backup = (backup_name(seen.name), seen.backup.digest) if seen.backup else None
        # What was refused before its first write has not begun, whatever was about to be sent.
        done = isinstance(decision.verdict, Done)
        begun = seen.lock or journal.ended or done
        progress = Progress(
            datetime.now(UTC),
            writes=journal.writes,
            started=journal.began if begun else None,
            ended=journal.ended,
            backup=backup,
            warnings=journal.warnings,
            steps=tuple(journal.steps),
            pinned=_pinned(seen) if done else None,
        )
        return status_of(seen.migration, decision, ladder_of(seen), progress)


def report_after(interval: float, under_way: int) -> float:
    """Seconds from one report to the next, ``interval`` of them if few are under way."""
    return min(_LONGEST, interval * max(1.0, under_way / _A_FEW))


def _pinned(seen: Snapshot) -> int | None:
    """The generation of the Mattermost that was just looked at, if it has a pin."""
    if seen.target is None or not is_pinned(seen.target):
        return None
    return int(seen.target["metadata"]["generation"])


def _same(before: JsonObject, after: JsonObject) -> bool:
    """Whether nothing changed that a person would want to know; the rest comes along for free."""
    aside = {"apiWrites": 0, "steps": ()}
    return {**before, **aside} == {**after, **aside}


def _patch(migration: JsonObject, status: dict[str, Any]) -> dict[str, Any]:
    """A merge patch that also takes away the fields the new status has not."""
    before = migration.get("status") or {}
    return {**dict.fromkeys(before.keys() - status.keys()), **status}
