"""Fleets and their members for tests, as a cluster would show them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from mattermost_migrate.domain.conditions import micro_timestamp
from mattermost_migrate.domain.fleet import Member, Roster, Standing, member_of, new_member, start
from mattermost_migrate.domain.names import FLEET_MIGRATION, LOCK_LABEL
from mattermost_migrate.domain.sides import other, side

__all__ = [
    "NOW",
    "begun",
    "ended",
    "enlist",
    "fleet",
    "held",
    "members",
    "roster",
    "standing",
    "turned",
]

NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
UID: Final = "fleet-uid"


def fleet(*, name: str = "all", generation: int = 1, **spec: Any) -> dict[str, Any]:
    """A FleetMigration over everything, with the CRD's defaults where they matter."""
    return {
        "apiVersion": FLEET_MIGRATION.api_version,
        "kind": FLEET_MIGRATION.kind,
        "metadata": {
            "name": name,
            "uid": UID,
            "resourceVersion": "1",
            "generation": generation,
        },
        "spec": {"selector": {"all": True}, "desiredKind": "Mattermost", **spec},
    }


def members(*standings: Standing, seconds: int = 10) -> tuple[Member, ...]:
    """Members in the order of their places; who ended did so one after the other."""
    made = []
    for place, each in enumerate(standings):
        began = NOW + timedelta(seconds=seconds * place)
        over = not each.open
        made.append(
            Member(
                "ns",
                f"mm-{place:03d}",
                each,
                place=place,
                started=began if each is not Standing.WAITING else None,
                ended=began + timedelta(seconds=seconds) if over else None,
            )
        )
    return tuple(made)


def roster(*standings: Standing) -> Roster:
    """The same as a roster."""
    return Roster(members(*standings))


def enlist(
    subject: Mapping[str, Any], name: str, place: int, *, namespace: str = "ns"
) -> dict[str, Any]:
    """A member that waits, as the API server shows it."""
    made = new_member(subject, {"metadata": {"name": name, "namespace": namespace}}, place)
    metadata = {**made["metadata"], "uid": f"uid-{name}", "generation": 1, "resourceVersion": "1"}
    return {**made, "metadata": metadata}


def begun(
    subject: Mapping[str, Any], migration: Mapping[str, Any], *, again: bool = False
) -> dict[str, Any]:
    """A member after its start."""
    patch = start(subject, migration, again=again)
    metadata = {**migration["metadata"]}
    metadata["annotations"] = {**metadata["annotations"], **patch["metadata"]["annotations"]}
    metadata["generation"] += 1
    metadata["resourceVersion"] = str(int(metadata["resourceVersion"]) + 1)
    return {
        **migration,
        "metadata": metadata,
        "spec": {**migration["spec"], **patch["spec"]},
    }


def ended(
    migration: Mapping[str, Any],
    how: Standing,
    *,
    at: datetime = NOW,
    took: timedelta = timedelta(seconds=1),
) -> dict[str, Any]:
    """A member that came to its end: it succeeded, failed and went back, or was refused."""
    generation = migration["metadata"]["generation"]
    good = how is Standing.SUCCEEDED
    common = {"observedGeneration": generation, "lastTransitionTime": micro_timestamp(at)}
    summary = {
        "type": "Succeeded",
        "status": "True" if good else "False",
        "reason": "Succeeded" if good else "RolledBack" if how is Standing.FAILED else "NoSource",
        "message": "" if good else "because",
        **common,
    }
    stalled = {"type": "Stalled", "status": "True", "reason": "R", "message": "", **common}
    status: dict[str, Any] = {
        "observedGeneration": generation,
        "conditions": [summary] if good else [summary, stalled],
        "completionTime": micro_timestamp(at),
    }
    if how is not Standing.SKIPPED:
        status["startTime"] = micro_timestamp(at - took)
    if how is Standing.FAILED:
        status["failure"] = {"observedGeneration": generation, "reason": "R", "message": "because"}
        status["nextCommand"] = "kubectl look"
    labels = {k: v for k, v in migration["metadata"]["labels"].items() if k != LOCK_LABEL}
    return {
        **migration,
        "metadata": {**migration["metadata"], "labels": labels},
        "status": status,
    }


def held(migration: Mapping[str, Any], *, at: datetime = NOW) -> dict[str, Any]:
    """A member that stopped half-way, by ``onFailure: Hold``."""
    made = ended(migration, Standing.FAILED, at=at)
    labels = {**made["metadata"]["labels"], LOCK_LABEL: "frozen"}
    told = {k: v for k, v in made["status"].items() if k not in {"completionTime", "failure"}}
    return {**made, "metadata": {**made["metadata"], "labels": labels}, "status": told}


def turned(migration: Mapping[str, Any]) -> dict[str, Any]:
    """A member that another hand has turned round."""
    kind = other(side(migration["spec"]["desiredKind"])).kind
    metadata = {**migration["metadata"], "generation": migration["metadata"]["generation"] + 1}
    spec = {**migration["spec"], "desiredKind": kind}
    return {**migration, "metadata": metadata, "spec": spec}


def standing(subject: Mapping[str, Any], migrations: Iterable[Mapping[str, Any]]) -> Roster:
    """The roster of these InstallationMigrations."""
    found = (member_of(each, subject) for each in migrations)
    return Roster(each for each in found if each is not None)
