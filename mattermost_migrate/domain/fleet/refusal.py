"""Members that the API server does not let start: they wait, and keep nobody else waiting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Self

from mattermost_migrate.domain.fleet.enlistment import Key
from mattermost_migrate.domain.fleet.hold import Hold
from mattermost_migrate.domain.fleet.roster import Roster
from mattermost_migrate.domain.fleet.standing import Standing
from mattermost_migrate.domain.names import Reason
from mattermost_migrate.domain.spans import OUTAGE, doubled

__all__ = ["Refusal", "refused"]

#: Seconds until one is asked for again that was refused for the first time, and at most.
_FIRST: Final = 1.0
_LONGEST: Final = 30.0
#: And for each that is refused: all of them together ask the API server twenty times a second.
_EACH: Final = 0.05
#: Where they wait long for their answers: half of the time is for the others.
_SHARE: Final = 2.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a member was not started.

    Attributes:
        reason: for machines.
        message: the API server's, with the name of the member.
        until: when its start is tried again.
        since: when it was first refused, of those in a row.
        times: how many those are.
    """

    reason: Reason
    message: str
    until: datetime
    since: datetime
    times: int = 1

    @classmethod
    def of(
        cls,
        before: Self | None,
        reason: Reason,
        message: str,
        now: datetime,
        *,
        beside: int,
        took: float = 0.0,
    ) -> Self:
        """A refusal that was just met.

        Args:
            before: the one before it of the same member, if there was one.
            reason: for machines.
            message: the API server's.
            now: the time.
            beside: how many are refused.
            took: seconds for which the start kept others from theirs.
        """
        times = before.times + 1 if before else 1
        each = max(_EACH, _SHARE * took)
        pause = max(doubled(_FIRST, times - 1, _LONGEST), each * beside)
        since = before.since if before else now
        return cls(reason, message, now + timedelta(seconds=pause), since, times)

    def told(self, now: datetime) -> bool:
        """Whether a person should know: of a server that fails, once it has done so for long."""
        lasted = (now - self.since).total_seconds()
        return self.reason is not Reason.UNAVAILABLE or lasted >= OUTAGE


def refused(roster: Roster, refusals: Mapping[Key, Refusal], now: datetime) -> Hold | None:
    """What is said of those that are refused: of the first in order, for all of them."""
    told = (key for key, each in refusals.items() if each.told(now))
    members = (member for key in told if (member := roster.get(key)))
    waiting = [each for each in members if each.standing is Standing.WAITING]
    if not waiting:
        return None
    first = refusals[min(waiting, key=lambda each: (each.place, each.key)).key]
    return Hold(first.reason, first.message)
