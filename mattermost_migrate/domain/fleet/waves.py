"""Waves: who may start now, and what must be true before the next wave begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mattermost_migrate.domain.fleet.amounts import rounded_up
from mattermost_migrate.domain.fleet.hold import Hold
from mattermost_migrate.domain.fleet.roster import Roster
from mattermost_migrate.domain.fleet.standing import Standing
from mattermost_migrate.domain.names import Reason
from mattermost_migrate.domain.objects import JsonObject, name_of
from mattermost_migrate.domain.spans import span

__all__ = ["Wave", "current_wave", "gate", "waves_of"]


@dataclass(frozen=True, slots=True)
class Wave:
    """A stretch of places.

    Attributes:
        number: from 1.
        name: as the spec has it, or empty.
        begin: its first place.
        end: the place after its last; None for the last wave.
        soak: seconds from the end of its last member until the next wave may begin.
        requires_approval: the next one begins only once this one is approved.
    """

    number: int
    name: str
    begin: int
    end: int | None
    soak: int = 0
    requires_approval: bool = False

    def __str__(self) -> str:
        return f"wave {self.number} ({self.name})" if self.name else f"wave {self.number}"


def waves_of(fleet: JsonObject, roster: Roster, selected: int) -> tuple[Wave, ...]:
    """The waves that have any member, in order; at least one.

    Sizes are read off the spec as it is now, so an edit moves those that have not started.
    """
    waves: list[Wave] = []
    seats, sum_of_sizes, begin = roster.seats(), 0, 0
    for number, each in enumerate(fleet["spec"].get("waves") or (), start=1):
        if begin >= seats:
            break
        sum_of_sizes += rounded_up(each["size"], selected)
        end = roster.end_of(sum_of_sizes)
        soak, approval = int(each.get("soakSeconds") or 0), bool(each.get("requiresApproval"))
        waves.append(Wave(number, each.get("name", ""), begin, end, soak, approval))
        begin = end
    if begin < seats or not waves:
        waves.append(Wave(len(waves) + 1, "", begin, None))
    return tuple(waves)


def current_wave(waves: Sequence[Wave], roster: Roster) -> Wave:
    """The first wave with an open member; the last when all are through."""
    place = roster.first_open()
    if place is None:
        return waves[-1]
    return next((each for each in waves if each.end is None or place < each.end), waves[-1])


def gate(fleet: JsonObject, roster: Roster, waves: Sequence[Wave], now: datetime) -> Hold | None:
    """What keeps the current wave from beginning: a wave before it that is not done with."""
    current = current_wave(waves, roster)
    before = waves[: current.number - 1]
    return next((hold for each in before if (hold := _kept_by(each, fleet, roster, now))), None)


def _kept_by(wave: Wave, fleet: JsonObject, roster: Roster, now: datetime) -> Hold | None:
    proven = roster.has(Standing.SUCCEEDED, begin=wave.begin, end=wave.end)
    needs_approval = wave.requires_approval or not proven
    if needs_approval and int(fleet["spec"].get("approvedWave") or 0) < wave.number:
        said = "is through" if proven else "is through, and not one of it succeeded"
        return Hold(
            Reason.AWAITING_APPROVAL,
            f"{wave} {said}: the next begins when its outcome is approved",
            f"helm mattermost-migrate approve {name_of(fleet)}",
            wave=wave.number,
        )
    rested = _end_of_soak(wave, roster) if wave.soak else None
    if rested is not None and now < rested:
        message = f"{wave} is through, and {wave.soak} s pass before the next one"
        return Hold(Reason.SOAKING, message, until=rested)
    return None


def _end_of_soak(wave: Wave, roster: Roster) -> datetime | None:
    over = (Standing.SUCCEEDED, Standing.FAILED, Standing.SKIPPED)
    members = roster.having(*over, begin=wave.begin, end=wave.end)
    ends = (each.ended for each in members if not each.vacant)
    last = max((each for each in ends if each is not None), default=None)
    return last + span(wave.soak) if last is not None else None
