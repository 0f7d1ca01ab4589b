"""The engine's loop over a simulated cluster: look, decide, act, and let the cluster move."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mattermost_migrate.domain.adoption import ADOPTION
from mattermost_migrate.domain.names import INSTALLATION_MIGRATION
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
from mattermost_migrate.domain.writes import Write
from mattermost_migrate.testing.simulation import Simulation

__all__ = ["StuckError", "climb", "decision", "desire"]

#: Looks in one climb; a migration needs about thirty.
_MOST_LOOKS: Final = 300


class StuckError(AssertionError):
    """It waits, and nothing in the cluster moves; or it refuses; or it goes in a circle."""


def desire(cluster: Simulation, name: str, kind: str) -> None:
    """Wish for a kind, as somebody who edits the InstallationMigration does."""
    migration = cluster.find(INSTALLATION_MIGRATION, name)
    if migration is None:
        raise LookupError(f"InstallationMigration {name}")
    migration["spec"]["desiredKind"] = kind


def decision(cluster: Simulation, name: str = "acme", ladder: Ladder = ADOPTION) -> Decision:
    """What is to be done next, after as close a look as that takes."""
    parts: tuple[Part, ...] = ()
    while True:
        decided = decide(cluster.look(name, *parts), ladder)
        if not isinstance(decided.verdict, Look):
            return decided
        parts = (*parts, decided.verdict.part)


def climb(
    cluster: Simulation,
    name: str = "acme",
    ladder: Ladder = ADOPTION,
    *,
    send: Callable[[Write], None] | None = None,
) -> list[str]:
    """Go on until nothing is left to be done; the cluster settles only where the ladder waits.

    Args:
        cluster: where.
        name: of the installation.
        ladder: which one.
        send: sends one write instead of the cluster; for faults.

    Returns:
        Each write, in order.

    Raises:
        StuckError: it cannot go on.
    """
    done: list[str] = []
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
            case Wait(message):
                before = cluster.version
                cluster.settle()
                if cluster.version == before:
                    raise StuckError(f"{name}: nothing moves: {message}")
            case Refuse() as refusal:
                raise StuckError(f"{name}: refused: {refusal}")
    raise StuckError(f"{name}: goes in a circle: {done[-12:]}")
