"""The engine's loop over a simulated cluster: look, decide, act, and let the cluster move."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mattermost_migrate.domain.late import remove_late, thaw_late
from mattermost_migrate.domain.names import INSTALLATION_MIGRATION
from mattermost_migrate.domain.recreation import ladder_of
from mattermost_migrate.domain.steps import (
    Act,
    Decision,
    Done,
    Ladder,
    Look,
    Part,
    Refuse,
    Wait,
    decide,
)
from mattermost_migrate.domain.writes import Write, patch
from mattermost_migrate.testing.simulation import Simulation

__all__ = ["StuckError", "climb", "climb_until", "decision", "desire", "undo_late"]

#: Looks in one climb; a migration needs about thirty.
_MOST_LOOKS: Final = 300
#: How often it may look again while nothing moves but the time: a drain takes a few seconds.
_MOST_IDLE: Final = 20


class _HeldUpError(Exception):
    """The network holds a write up, or its sender dies."""


class StuckError(AssertionError):
    """It waits, and nothing in the cluster moves; or it refuses; or it goes in a circle."""


def desire(cluster: Simulation, name: str, kind: str) -> None:
    """Wish for a kind, as somebody who edits the InstallationMigration does."""
    cluster.apply(patch(INSTALLATION_MIGRATION, name, {"spec": {"desiredKind": kind}}))


def decision(cluster: Simulation, name: str = "acme", ladder: Ladder | None = None) -> Decision:
    """What is to be done next, after as close a look as that takes."""
    parts: tuple[Part, ...] = ()
    while True:
        seen = cluster.look(name, *parts)
        decided = decide(seen, ladder or ladder_of(seen))
        if not isinstance(decided.verdict, Look):
            return decided
        parts = (*parts, decided.verdict.part)


def climb(
    cluster: Simulation,
    name: str = "acme",
    ladder: Ladder | None = None,
    *,
    send: Callable[[Write], None] | None = None,
) -> list[str]:
    """Go on until nothing is left to be done; the cluster settles only where the ladder waits.

    Args:
        cluster: where.
        name: of the installation.
        ladder: which one; that of its strategy if not given.
        send: sends one write instead of the cluster; for faults.

    Returns:
        Each write, in order.

    Raises:
        StuckError: it cannot go on.
    """
    done: list[str] = []
    idle = 0
    for _ in range(_MOST_LOOKS):
        match decision(cluster, name, ladder).verdict:
            case Done():
                cluster.settle()
                return done
            case Act() as act:
                for write in act.rehearse:
                    cluster.apply(write, dry_run=True)
                for write in act.writes:
                    (send or cluster.apply)(write)
                    done.append(str(write))
            case Wait(message, seconds=seconds):
                before = cluster.version
                cluster.settle()
                idle = 0 if cluster.version != before else idle + 1
                if idle > (_MOST_IDLE if seconds else 0):
                    raise StuckError(f"{name}: nothing moves: {message}")
            case Refuse() as refusal:
                raise StuckError(f"{name}: refused: {refusal}")
    raise StuckError(f"{name}: goes in a circle: {done[-12:]}")


def climb_until(cluster: Simulation, held: Callable[[Write], bool]) -> Write:
    """Go on up to the first write that is held up, which is not sent; gives it.

    Raises:
        LookupError: there was none until all was over.
        StuckError: it cannot go on.
    """
    late: list[Write] = []

    def send(write: Write) -> None:
        if held(write):
            late.append(write)
            raise _HeldUpError
        cluster.apply(write)

    try:
        climb(cluster, send=send)
    except _HeldUpError:
        return late[0]
    raise LookupError("no write was held up")


def undo_late(
    cluster: Simulation, name: str = "acme", *, send: Callable[[Write], None] | None = None
) -> None:
    """What the controller does when something changes after a migration was over."""
    seen = cluster.look(name)
    if isinstance(late := remove_late(seen) or thaw_late(seen), Act):
        for write in late.writes:
            (send or cluster.apply)(write)
