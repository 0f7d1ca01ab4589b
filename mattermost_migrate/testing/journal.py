"""What happened to the pods of an installation, a line each, for whoever must find out why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from mattermost_migrate.domain.names import (
    DELETION_COST,
    DEPLOYMENT,
    DRAINED_ANNOTATION,
    ENDPOINT_SLICE,
    INSTALLATION_MIGRATION,
    POD,
    REPLICA_SET,
    SERVICE,
    SERVING_LABEL,
)
from mattermost_migrate.domain.objects import JsonObject, annotations_of, labels_of, name_of
from mattermost_migrate.domain.snapshot import pod_ready
from mattermost_migrate.testing.witness import Entry

__all__ = ["journal"]

_TOLD: Final = (DEPLOYMENT, REPLICA_SET, POD, SERVICE, ENDPOINT_SLICE, INSTALLATION_MIGRATION)


def journal(entries: Iterable[Entry]) -> list[str]:
    """Each thing that happened, in order: its revision, the object, and what of it mattered.

    What changed none of that is left out.
    """
    last: dict[str, str] = {}
    told = []
    for entry in entries:
        if entry.resource not in _TOLD:
            continue
        where = f"{entry.resource.kind} {name_of(entry.obj)}"
        now = "gone" if entry.gone else " ".join(_telling(entry))
        if last.get(where) != now:
            told.append(f"{entry.version} {where}: {now}")
        last[where] = now
    return told


def _telling(entry: Entry) -> Iterator[str]:
    obj, status = entry.obj, entry.obj.get("status") or {}
    owners = obj["metadata"].get("ownerReferences") or ()
    yield ",".join(f"{each['kind']}/{each['name']}" for each in owners) or "no owner"
    if "deletionTimestamp" in obj["metadata"]:
        yield "ENDING"
    match entry.resource.kind:
        case POD.kind:
            yield from _of_pod(obj)
        case DEPLOYMENT.kind | REPLICA_SET.kind:
            yield f"wants {obj['spec'].get('replicas')} has {status.get('replicas', 0)}"
            yield f"labelled {status.get('fullyLabeledReplicas')}"
            seen, made = status.get("observedGeneration"), obj["metadata"].get("generation")
            yield f"seen {seen} of {made} paused={obj['spec'].get('paused', False)}"
            yield f"has {_short(labels_of(obj))}"
            yield f"selects {_short(obj['spec']['selector'].get('matchLabels'))}"
            yield f"makes {_short(labels_of(obj['spec']['template']))}"
        case SERVICE.kind:
            yield f"selects {_short(obj['spec'].get('selector'))}"
        case ENDPOINT_SLICE.kind:
            yield f"held={SERVING_LABEL in labels_of(obj)}"
            yield from (each["targetRef"]["name"] for each in obj.get("endpoints") or ())
        case _:
            yield f"to {obj['spec'].get('desiredKind')}"
            yield from (
                f"{each['type']}={each['status']}/{each['reason']}"
                for each in status.get("conditions") or ()
            )


def _of_pod(pod: JsonObject) -> Iterator[str]:
    yield "ready" if pod_ready(pod) else "unready"
    yield f"has {_short(labels_of(pod))}"
    yield f"cost={annotations_of(pod).get(DELETION_COST)}"
    yield f"drained={annotations_of(pod).get(DRAINED_ANNOTATION)}"


def _short(labels: Iterable[str] | None) -> str:
    """Whose labels they are, and what they say: ``v1alpha1/installation``."""
    return ",".join(sorted(key.replace(".mattermost.com/", "/") for key in labels or ()))
