"""Why a fleet starts nobody just now: what each policy says when it has something against it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mattermost_migrate.domain.names import Reason

__all__ = ["Hold"]


@dataclass(frozen=True, slots=True)
class Hold:
    """One policy's objection.

    Attributes:
        reason: for machines.
        message: for the person; stable as long as the objection is the same.
        next_command: what to run when only a person can help.
        until: when it is to be asked again, though nothing happens.
        final: with nobody running any more, the fleet is over.
        wave: whose outcome is to be approved.
        beside: what is to be done as well before any starts: the approval, of a paused fleet.
    """

    reason: Reason
    message: str
    next_command: str = ""
    until: datetime | None = None
    final: bool = False
    wave: int | None = None
    beside: Hold | None = None

    @property
    def approval(self) -> Hold | None:
        """The objection that an approval lifts, this one or the one beside it."""
        return next((each for each in (self, self.beside) if each and each.wave), None)
