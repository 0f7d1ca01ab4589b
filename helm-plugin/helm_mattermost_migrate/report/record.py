"""What is known of each migration, from its objects as they stand afterwards; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from helm_mattermost_migrate.durations import parse_time
from helm_mattermost_migrate.fleets import Fleet
from helm_mattermost_migrate.members import Member, Standing, as_of_its_run, by_key, member
from helm_mattermost_migrate.report.waves import WaveRecord
from mattermost_migrate.domain.names import MATTERMOST, Condition
from mattermost_migrate.domain.objects import JsonObject, key_of
from mattermost_migrate.domain.reported import condition_status

__all__ = ["Entry", "Record", "Stay", "entries"]


@dataclass(frozen=True, slots=True)
class Stay:
    """One step of one migration.

    Attributes:
        step: the condition that was brought about.
        began: when it became the current one.
        ended: when the next one did, or when all was over; None while it is the current one.
    """

    step: str
    began: datetime
    ended: datetime | None

    def seconds(self, now: datetime) -> float:
        """How long it took, or has taken so far."""
        return max(0.0, ((self.ended or now) - self.began).total_seconds())


@dataclass(frozen=True, slots=True)
class Entry:
    """One installation and its migration.

    Attributes:
        member: how it stands.
        stays: its steps, in the order they were gone through.
        strategy: how its pods were treated.
        pinned: the pod template was kept as it is.
        warnings: what the conversion carried in another form: field and message.
        backup: the Secret with the originals, and the digest of what is in it.
    """

    member: Member
    stays: tuple[Stay, ...] = ()
    strategy: str = ""
    pinned: bool = False
    warnings: tuple[tuple[str, str], ...] = ()
    backup: tuple[str, str] | None = None

    def changes(self) -> Iterator[str]:
        """What was changed, one sentence an object."""
        done = {stay.step for stay in self.stays if stay.ended is not None}
        succeeded = self.member.standing is Standing.SUCCEEDED
        forward = self.member.desired == MATTERMOST.kind
        new, old = (
            ("Mattermost", "ClusterInstallation")
            if forward
            else (
                "ClusterInstallation",
                "Mattermost",
            )
        )
        if self.backup:
            yield f"the originals are in Secret {self.backup[0]} ({self.backup[1]})"
        if not succeeded:
            if Condition.SOURCE_FROZEN in done and self.member.standing is Standing.ROLLED_BACK:
                yield f"put back: the {old} owns it as before"
            if done and self.member.standing is Standing.REVERTED:
                yield f"turned round: the {new} owns it as before"
            return
        yield f"the {old} was replaced by a {new} of the same name"
        if self.strategy == "Adopt":
            yield "the Deployment was exchanged; ReplicaSet and pods are the same ones"
        else:
            yield "the Deployment was exchanged; new pods took over from the old ones"
        yield f"Service, Ingress, accounts and Secrets belong to the {new}"
        if forward and self.strategy == "Adopt":
            yield (
                "the pod template is pinned by a resource patch"
                if self.pinned
                else "the pod template is not pinned: one rolling update followed"
            )


@dataclass(frozen=True, slots=True)
class Record:
    """Everything a report tells.

    Attributes:
        scope: which installations, in words.
        made: when this was looked at.
        entries: one for each installation that has, or had, a migration.
        untouched: selected installations that never had one.
        fleets: the runs they belong to.
        waves: of those of the runs that had several.
        environment: names and values of where it ran.
    """

    scope: str
    made: datetime
    entries: tuple[Entry, ...]
    untouched: int = 0
    fleets: tuple[Fleet, ...] = ()
    waves: tuple[WaveRecord, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


def entries(
    installations: Iterable[JsonObject], migrations: Iterable[JsonObject]
) -> tuple[Entry, ...]:
    """An entry for each migration, by namespace and name.

    Args:
        installations: ClusterInstallations and Mattermosts.
        migrations: InstallationMigrations.
    """
    owners = by_key(installations)
    return tuple(_entry(obj, owners.get(key_of(obj), ())) for obj in sorted(migrations, key=key_of))


def _entry(migration: JsonObject, owners: Iterable[JsonObject]) -> Entry:
    status: Mapping[str, Any] = migration.get("status") or {}
    spec: Mapping[str, Any] = migration["spec"]
    known = as_of_its_run(member(key_of(migration), owners, migration))
    backup = status.get("backup")
    return Entry(
        known,
        tuple(_stays(migration, known)),
        strategy=str(spec.get("strategy") or "Adopt"),
        pinned=bool(spec.get("pinPodTemplate", True)),
        warnings=tuple((each["field"], each["message"]) for each in status.get("warnings") or ()),
        backup=(str(backup["secretName"]), str(backup["digest"])) if backup else None,
    )


def _stays(migration: JsonObject, known: Member) -> Iterator[Stay]:
    told = (migration.get("status") or {}).get("steps") or ()
    times = [(str(each["type"]), parse_time(each["startTime"])) for each in told]
    last = known.ended or _stalled_since(migration)
    ends = [*(began for _, began in times[1:]), last]
    for (step, began), ended in zip(times, ends, strict=False):  # of none there is an end too
        if began is not None:
            yield Stay(step, began, ended)


def _stalled_since(migration: JsonObject) -> datetime | None:
    """When it stopped for a person to help; None while it moves."""
    stalled = condition_status(migration, Condition.STALLED) or {}
    return (
        parse_time(stalled.get("lastTransitionTime")) if stalled.get("status") == "True" else None
    )
