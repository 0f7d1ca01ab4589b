"""What a migration of one installation would do, from one look at it; pure.

The checks are the controller's own (``domain.preflight`` and the ladder's first rung), so a plan
and a run cannot disagree about the same state.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from helm_mattermost_migrate.diffs import Change
from helm_mattermost_migrate.fleet_request import Wishes
from helm_mattermost_migrate.managers import Manager, managers
from helm_mattermost_migrate.members import Member
from helm_mattermost_migrate.neighbours import Neighbour
from helm_mattermost_migrate.rehearsal import road
from helm_mattermost_migrate.selection import Key
from mattermost_migrate.domain.difference import Difference, difference
from mattermost_migrate.domain.errors import InvariantError
from mattermost_migrate.domain.holding import unheld
from mattermost_migrate.domain.names import (
    DEPLOYMENT,
    INSTALLATION_MIGRATION,
    MATTERMOST,
    Reason,
    Strategy,
)
from mattermost_migrate.domain.objects import JsonObject, typed, uid_of
from mattermost_migrate.domain.pin import generated_template, is_pinned, pinned_target, unpin
from mattermost_migrate.domain.preflight import preflight
from mattermost_migrate.domain.recreation import ladder_of
from mattermost_migrate.domain.snapshot import Snapshot
from mattermost_migrate.domain.steps import Act, Refuse, decide
from mattermost_migrate.domain.writes import Write

__all__ = ["Appraisal", "Verdict", "appraise", "pretended", "settled"]


class Verdict(StrEnum):
    """What a run would do with an installation."""

    MIGRATE = "can be migrated"
    REFUSED = "refused"
    UNDER_WAY = "under way"
    MIGRATED = "already migrated"


@dataclass(frozen=True, slots=True)
class Appraisal:
    """What a migration of one installation would do.

    Attributes:
        key: namespace and name.
        verdict: what a run would do.
        refusals: every reason against it, each with what to do.
        pods: how many pods it has now.
        pinned: the pod template stays as it is, by a resource patch in the Mattermost.
        rolls: an ordinary rolling update follows.
        replaced: new pods take the place of those that run.
        seen_by_pods: what the pods see differently once it is done.
        seen_when_unpinned: what they will see differently when the pin is dropped one day.
        warnings: what the conversion carries in another form: field and message.
        managers: who else writes the ClusterInstallation.
        neighbours: others' objects that mean it by the labels of the old kind.
        rehearse: the writes to ask the API server about.
        changes: objects before and after, for a diff.
        facts: digests of what all this rests on.
        notes: what could not be checked.
    """

    key: Key
    verdict: Verdict
    refusals: tuple[Refuse, ...] = ()
    pods: int = 0
    pinned: bool = False
    rolls: bool = False
    replaced: bool = False
    seen_by_pods: tuple[Difference, ...] = ()
    seen_when_unpinned: tuple[Difference, ...] = ()
    warnings: tuple[tuple[str, str], ...] = ()
    managers: tuple[Manager, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    rehearse: tuple[Write, ...] = ()
    notes: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """``namespace/name``."""
        return "/".join(self.key)


def pretended(
    key: Key, wishes: Wishes | None = None, *, known: JsonObject | None = None
) -> dict[str, Any]:
    """The InstallationMigration that a run would leave, as far as the checks look at it.

    Args:
        key: namespace and name.
        wishes: what the run would be asked for.
        known: the InstallationMigration that is there: the run takes it over. That it was
            finalized stays, and there is no way back any more.
    """
    wishes = wishes or Wishes()
    spec: dict[str, Any] = {
        "desiredKind": wishes.desired,
        "pinPodTemplate": wishes.pin,
        "strategy": str(wishes.strategy),
        "discardEdits": bool(wishes.more.get("discardEdits")),
    }
    if wishes.max_surge is not None:
        spec["maxSurge"] = wishes.max_surge
    made: dict[str, Any] = {
        "apiVersion": INSTALLATION_MIGRATION.api_version,
        "kind": INSTALLATION_MIGRATION.kind,
        "metadata": {"namespace": key[0], "name": key[1], "uid": "", "resourceVersion": ""},
        "spec": spec,
    }
    if since := ((known or {}).get("status") or {}).get("finalizedTime"):
        made["status"] = {"finalizedTime": since}
    return made


def settled(member: Member, desired: str = MATTERMOST.kind) -> Verdict | None:
    """The verdict where nothing has to be looked at; None where the checks must speak.

    Args:
        member: how the installation stands.
        desired: the kind it shall be.
    """
    # One that has stalled in the middle is no new one to any fleet, and both kinds are there.
    if member.locked or not member.standing.ended:
        return Verdict.UNDER_WAY
    return Verdict.MIGRATED if member.kinds == (desired,) else None


def appraise(seen: Snapshot) -> Appraisal:
    """Ask every check, then say what would come of it.

    Args:
        seen: the installation, with ``existing`` looked at where there is a ClusterInstallation.
    """
    key = (seen.namespace, seen.name)
    source = seen.source
    owners = managers({"kind": seen.giving.kind, **source}) if source is not None else ()
    verdict = decide(seen, ladder_of(seen)).verdict
    if isinstance(verdict, Act):
        found = _migrating(seen, verdict, owners)
    else:
        found = Appraisal(
            key, Verdict.REFUSED, _refusals(seen, verdict), pods=len(seen.pods), managers=owners
        )
    return dataclasses.replace(found, facts=_facts(seen))


def _facts(seen: Snapshot) -> dict[str, str]:
    """What the verdict rests on; what changes by itself, such as a status, is left out."""
    source, deployment = seen.source or {}, seen.deployment or {}
    read = tuple(seen.existing) if seen.existing is not None else ()
    return {
        "uid": str((source.get("metadata") or {}).get("uid", "")),
        "spec": _digest(source.get("spec")),
        "deployment": str((deployment.get("metadata") or {}).get("uid", "")),
        "template": _digest((deployment.get("spec") or {}).get("template")),
        "secrets": _digest(sorted(json.dumps(_content(obj), sort_keys=True) for obj in read)),
    }


def _content(obj: JsonObject) -> Mapping[str, Any]:
    """What somebody wrote into an object, and which one it is."""
    kept = {key: obj.get(key) for key in ("kind", "spec", "data", "type") if key in obj}
    return {**kept, "uid": uid_of(obj)}


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]


def _refusals(seen: Snapshot, verdict: object) -> tuple[Refuse, ...]:
    """Every reason against it: the ladder stops at the first one."""
    if every := tuple(map(_without_undoing, preflight(seen))):
        return every
    return (Refuse(Reason.WAITING, getattr(verdict, "message", str(verdict))),)


def _without_undoing(refusal: Refuse) -> Refuse:
    """The controller says how to take the wish back; here nothing has been asked for yet."""
    finalized = refusal.reason == Reason.FINALIZED
    return dataclasses.replace(refusal, next_command="") if finalized else refusal


def _migrating(seen: Snapshot, act: Act, owners: tuple[Manager, ...]) -> Appraisal:
    base = Appraisal(
        (seen.namespace, seen.name),
        Verdict.MIGRATE,
        pods=len(seen.pods),
        warnings=act.warnings,
        managers=owners,
        rehearse=road(seen, act),
        changes=_changes(seen, act),
    )
    replaced = seen.strategy is Strategy.RECREATE
    if not seen.forward:
        # Nothing can pin what a ClusterInstallation generates.
        pinned = seen.source is not None and is_pinned(seen.source) and not replaced
        rolls = not (pinned or replaced)
        return dataclasses.replace(base, pinned=pinned, rolls=rolls, replaced=replaced)
    after, later = _templates(seen, act)
    running = (seen.deployment or {}).get("spec", {}).get("template", {})
    pinned = bool(seen.migration["spec"]["pinPodTemplate"]) and not replaced
    return dataclasses.replace(
        base,
        pinned=pinned,
        seen_by_pods=difference(running, after),
        seen_when_unpinned=difference(running, later) if pinned else (),
        rolls=not (pinned or replaced),
        replaced=replaced,
    )


def _changes(seen: Snapshot, act: Act) -> tuple[Change, ...]:
    """The installation and its Deployment, as they are and as they will be, once let go."""
    planned = {
        write.resource: unheld(write.body) if write.resource is DEPLOYMENT else write.body
        for write in act.rehearse
        if isinstance(write.body, Mapping)
    }
    pairs = ((seen.source, seen.giving, seen.taking.resource), (seen.deployment, None, DEPLOYMENT))
    return tuple(
        (before and typed(giving.resource if giving else DEPLOYMENT, before), body)
        for before, giving, resource in pairs
        if (body := planned.get(resource)) is not None
    )


def _templates(seen: Snapshot, act: Act) -> tuple[JsonObject, JsonObject]:
    """The pod template that will be generated, and the one without the pin."""
    planned = next(write.body for write in act.rehearse if write.resource is MATTERMOST)
    if seen.existing is None or not isinstance(planned, Mapping):
        raise InvariantError(f"{seen.namespace}/{seen.name}: planned without having looked")
    later = generated_template(unpin(planned), seen.existing)
    if not is_pinned(planned):
        return later, later
    # No pin is made without the proof that what is generated with it equals this.
    running = (seen.deployment or {})["spec"]["template"]
    return pinned_target(running, seen.name), later
