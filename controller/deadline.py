"""Until when a wait may last.

The clock of a deadline is the leader's: time in which nobody led is time in which nothing could
have come further. After an outage that lasted longer than the deadline each migration goes on
where it stands, instead of being turned round at the first look.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from mattermost_migrate.domain.names import Condition
from mattermost_migrate.domain.objects import JsonObject
from mattermost_migrate.domain.reported import lock_of, parse_time
from mattermost_migrate.domain.steps import Decision, Wait

__all__ = ["Reign", "patience", "seconds_left"]

#: Seconds an operator has to acknowledge a freeze, if the deadline of the migration is not sooner.
_ACKNOWLEDGEMENT: Final = 120.0


@dataclass(frozen=True, slots=True)
class Reign:
    """Since when this controller leads, and until when another did.

    Attributes:
        since: when it came to lead, by its own clock.
        before: when the Lease was last renewed by who led before, by the clock of that one; None
            where nobody knows.
    """

    since: datetime
    before: datetime | None = None

    def led(self, told: datetime, now: datetime) -> timedelta:
        """For how long of the time from ``told`` to ``now`` somebody led.

        Clocks of two machines are not compared: what was told by the leader before is counted to
        the last sign of that one, and from there on since this one leads.
        """
        if told >= self.since:
            return now - told
        until = min(max(told, self.before), self.since) if self.before else told
        return until - told + max(timedelta(), now - self.since)


def patience(migration: JsonObject, step: str | None) -> float:
    """Seconds without progress that this step may take."""
    deadline = float(migration["spec"].get("progressDeadlineSeconds", 0))
    return min(deadline, _ACKNOWLEDGEMENT) if step == Condition.SOURCE_FROZEN else deadline


def seconds_left(migration: JsonObject, decision: Decision, reign: Reign) -> float | None:
    """Until the progress deadline of what is waited for; None where nothing has one.

    It begins with the report. Of a wait that is yet to be reported it is whole: the status tells of
    the one before, whose deadline means nothing any more.
    """
    if not isinstance(decision.verdict, Wait) or lock_of(migration) is None:
        return None
    if migration["spec"].get("progressDeadlineSeconds") is None:
        return None
    whole = patience(migration, decision.current)
    status = migration.get("status") or {}
    told = (status.get("currentStep"), status.get("currentStepProgress", ""))
    if told != (decision.current, decision.verdict.progress) or "currentStepTime" not in status:
        return whole
    elapsed = reign.led(parse_time(status["currentStepTime"]), datetime.now(UTC))
    return max(0.0, whole - elapsed.total_seconds())
