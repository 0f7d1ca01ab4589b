"""Decide in the core, act in the shell: what a step is, and how a ladder of them is climbed.

Where a migration stands is observed, never remembered, so dying anywhere costs nothing: a step
looks at a snapshot and answers with the action that brings it about, with a wait, a refusal, a wish
to look closer, or with None when it holds already.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from mattermost_migrate.domain.names import Condition, Reason
from mattermost_migrate.domain.snapshot import Snapshot
from mattermost_migrate.domain.writes import Write

__all__ = ["Act", "Decision", "Done", "Ladder", "Look", "Part", "Refuse", "Step", "Wait", "decide"]


class Part(StrEnum):
    """Parts of a snapshot that cost live reads and are taken only when asked for."""

    EXISTING = "existing"
    CHILDREN = "children"
    DEPENDENTS = "dependents"
    TRAFFIC = "traffic"
    OWNERS = "owners"


@dataclass(frozen=True, slots=True)
class Act:
    """Send these writes, at the same time; then look again.

    Attributes:
        summary: what it does, for the log, the event and ``plan``.
        writes: none depends on another.
        rehearse: sent first with a server-side dry run; if one is refused, nothing is written.
        warnings: what the person should know of, from the conversion.
    """

    summary: str
    writes: tuple[Write, ...]
    rehearse: tuple[Write, ...] = ()
    warnings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do until something changes in the cluster.

    Attributes:
        message: what is awaited.
        reason: for machines.
        seconds: look again after so many, where no watched object tells of the change.
        progress: how far a long step has come; when it changes, the step's deadline begins anew.
    """

    message: str
    reason: str = Reason.WAITING
    seconds: float | None = None
    progress: str = ""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Only a person can help: why, and what to run or to change next."""

    reason: str
    message: str
    next_command: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """The snapshot is too thin to decide: look at this part as well."""

    part: Part


@dataclass(frozen=True, slots=True)
class Done:
    """Every step holds."""


Verdict = Act | Wait | Refuse | Look


@dataclass(frozen=True, slots=True)
class Step:
    """One rung: the condition that reports it, and the question that brings it about."""

    condition: Condition
    next: Callable[[Snapshot], Verdict | None]


Ladder = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """The one next thing, and how far the ladder holds.

    Attributes:
        verdict: what to do now.
        holding: the conditions that hold, in order.
        current: the condition that does not hold yet; None when done.
        after: what was asked beside the migration, once that is done, and what is in its way.
    """

    verdict: Verdict | Done
    holding: tuple[Condition, ...] = field(default=())
    current: Condition | None = None
    after: tuple[tuple[Condition, Refuse | None], ...] = ()


def decide(seen: Snapshot, ladder: Ladder) -> Decision:
    """Name the one next thing to do: the first step that does not hold yet."""
    if seen.arrived:
        return Decision(Done(), tuple(step.condition for step in ladder))
    holding: list[Condition] = []
    for step in ladder:
        verdict = step.next(seen)
        if verdict is not None:
            return Decision(verdict, tuple(holding), step.condition)
        holding.append(step.condition)
    return Decision(Done(), tuple(holding))
