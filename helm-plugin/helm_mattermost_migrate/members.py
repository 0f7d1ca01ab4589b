"""Where each installation stands, read from its custom resource and its InstallationMigration.

Pure: objects in, a value out. The words a person sees are made here once, so the table, the live
view and the piped lines cannot disagree.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from helm_mattermost_migrate.durations import parse_time
from helm_mattermost_migrate.selection import Key
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    FLEET_LABEL,
    LOCK_LABEL,
    MATTERMOST,
    RUNGS,
    Condition,
    Reason,
    Strategy,
)
from mattermost_migrate.domain.objects import JsonObject, key_of, labels_of
from mattermost_migrate.domain.reported import condition_status, edited, finished, strategy_of

__all__ = ["Member", "Standing", "as_of_its_run", "by_key", "member", "members"]


class Standing(StrEnum):
    """What has become of a migration, in one word."""

    NONE = "none"
    WAITING = "waiting"
    RUNNING = "running"
    REFUSED = "refused"
    SUCCEEDED = "succeeded"
    ROLLED_BACK = "rolled back"
    REVERTED = "reverted"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        """Whether nothing more happens unless a person acts."""
        return self not in {Standing.WAITING, Standing.RUNNING}

    @property
    def word(self) -> str:
        """As a value in what machines read, spelled as Kubernetes spells reasons."""
        return self.title().replace(" ", "")

    @property
    def bad(self) -> bool:
        """Whether it ended otherwise than was asked for."""
        return self in {
            Standing.REFUSED,
            Standing.ROLLED_BACK,
            Standing.REVERTED,
            Standing.FAILED,
        }


@dataclass(frozen=True, slots=True)
class Member:
    """One installation.

    Attributes:
        key: namespace and name.
        kinds: which of the two kinds are there; both while it is under way.
        state: ``status.state`` of the kind that owns it.
        version: ``status.version`` of the same.
        replicas: ``status.replicas`` of the same.
        created: creation time of the older of the two.
        desired: the kind that shall own it; empty without a migration.
        strategy: how its pods come to that kind.
        standing: what has become of the migration.
        step: the condition being brought about; empty when none is.
        since: since when that step is the current one.
        started: when it left the queue.
        ended: when it was through.
        reason: of the summary condition.
        message: the same, for the person.
        next_command: what to run when only a person can help.
        writes: writes sent for it so far.
        fleet: the FleetMigration it belongs to.
        edited: another hand has set the wanted kind since that fleet did.
        locked: it holds the edit lock: it is under way, also where it has stalled.
    """

    key: Key
    kinds: tuple[str, ...] = ()
    state: str = ""
    version: str = ""
    replicas: int | None = None
    created: str = ""
    desired: str = ""
    strategy: Strategy = Strategy.ADOPT
    standing: Standing = Standing.NONE
    step: str = ""
    since: datetime | None = None
    started: datetime | None = None
    ended: datetime | None = None
    reason: str = ""
    message: str = ""
    next_command: str = ""
    writes: int | None = None
    fleet: str = ""
    edited: bool = False
    locked: bool = False

    @property
    def path(self) -> str:
        """``namespace/name``."""
        return "/".join(self.key)

    @property
    def rung(self) -> str:
        """``4/10 PodsLabelled``, or the bare step where it is none of the ladder."""
        if self.step in self.ladder:
            return f"{self.climbed + 1}/{len(self.ladder)} {self.step}"
        return self.step

    @property
    def ladder(self) -> tuple[Condition, ...]:
        """The rungs it climbs, taken from the names: the ladder itself brings the conversion."""
        return RUNGS[self.strategy]

    @property
    def climbed(self) -> int:
        """How many rungs it has behind it."""
        return self.ladder.index(Condition(self.step)) if self.step in self.ladder else 0

    def seconds(self, now: datetime) -> float | None:
        """How long it took, or has taken so far; None when it has not begun."""
        if self.started is None:
            return None
        return max(0.0, ((self.ended or now) - self.started).total_seconds())


def by_key(installations: Iterable[JsonObject]) -> dict[Key, list[JsonObject]]:
    """The custom resources of each installation; of one under way there are two."""
    owners: dict[Key, list[JsonObject]] = {}
    for obj in installations:
        owners.setdefault(key_of(obj), []).append(obj)
    return owners


def members(
    installations: Iterable[JsonObject], migrations: Iterable[JsonObject]
) -> tuple[Member, ...]:
    """Every installation that any of the objects speaks of, by namespace and name.

    Args:
        installations: ClusterInstallations and Mattermosts.
        migrations: InstallationMigrations.
    """
    owners = by_key(installations)
    plans = {key_of(obj): obj for obj in migrations}
    return tuple(
        member(key, owners.get(key, ()), plans.get(key)) for key in sorted({*owners, *plans})
    )


def member(key: Key, owners: Iterable[JsonObject], migration: JsonObject | None) -> Member:
    """One installation from what bears its name.

    Args:
        key: namespace and name.
        owners: its ClusterInstallation, its Mattermost, or both.
        migration: its InstallationMigration, if there is one.
    """
    by_kind = {str(obj["kind"]): obj for obj in owners}
    kinds = tuple(kind for kind in (CLUSTER_INSTALLATION.kind, MATTERMOST.kind) if kind in by_kind)
    spec = (migration or {}).get("spec") or {}
    desired = str(spec.get("desiredKind") or "")
    speaking = by_kind.get(desired) or (by_kind[kinds[0]] if kinds else {})
    shown = speaking.get("status") or {}
    created = min(
        (str(obj["metadata"].get("creationTimestamp") or "") for obj in by_kind.values()),
        default="",
    )
    base = Member(
        key,
        kinds=kinds,
        state=str(shown.get("state") or ""),
        version=str(shown.get("version") or ""),
        replicas=shown.get("replicas"),
        created=created,
        desired=desired,
    )
    return base if migration is None else _with_migration(base, migration)


def _with_migration(base: Member, migration: JsonObject) -> Member:
    status = migration.get("status") or {}
    summary = condition_status(migration, Condition.SUCCEEDED) or {}
    standing = _standing(migration)
    if not standing.ended and "completionTime" in status:
        status = {}  # of the migration before: nobody has taken this one up yet
    return dataclasses.replace(
        base,
        strategy=strategy_of(migration),
        standing=standing,
        step="" if standing.ended else str(status.get("currentStep") or ""),
        since=parse_time(status.get("currentStepTime")),
        started=parse_time(status.get("startTime")),
        ended=parse_time(status.get("completionTime")) if standing.ended else None,
        reason=str(summary.get("reason") or ""),
        message=str(summary.get("message") or ""),
        next_command=str(status.get("nextCommand") or "") if standing.bad else "",
        writes=status.get("apiWrites"),
        fleet=labels_of(migration).get(FLEET_LABEL, ""),
        edited=edited(migration),
        locked=LOCK_LABEL in labels_of(migration),
    )


def as_of_its_run(found: Member) -> Member:
    """How it stands for the run it belongs to: what was turned round is no success of that run.

    By itself it has succeeded, at the way back; its fleet counts it as skipped. While it is on that
    way it runs, and what went wrong there stays in sight.
    """
    if not found.edited or found.standing not in {Standing.SUCCEEDED, Standing.WAITING}:
        return found
    return dataclasses.replace(
        found,
        standing=Standing.REVERTED,
        reason=str(Reason.EDITED),
        message=f"its spec.desiredKind was set to {found.desired} by another hand",
    )


def _standing(migration: JsonObject) -> Standing:
    """As its fleet counts it (``domain.fleet``), with rolled back and failed told apart."""
    summary = condition_status(migration, Condition.SUCCEEDED) or {}
    if finished(migration):
        if summary.get("status") == "True":
            return Standing.SUCCEEDED
        if summary.get("reason") == Reason.ROLLED_BACK:
            return Standing.ROLLED_BACK
        started = (migration.get("status") or {}).get("startTime")
        return Standing.FAILED if started else Standing.REFUSED
    locked = LOCK_LABEL in labels_of(migration)
    return Standing.WAITING if migration["spec"].get("paused") and not locked else Standing.RUNNING
