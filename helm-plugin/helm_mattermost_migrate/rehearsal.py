"""Every write that a migration will send, as far as it can be told before the first one.

What the ladder decides later depends on what its earlier writes did to the cluster. Most of that
is known: here the snapshot is carried on as if they had been done. Nobody can ask about what is
written to objects that do not exist yet (the lock and the status of the InstallationMigration, the
first status of the Mattermost), nor about what the operator does of its own accord (the children's
owners). Pure.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Final

from mattermost_migrate.domain.errors import RejectedError
from mattermost_migrate.domain.exchange import label_pods, release_deployment
from mattermost_migrate.domain.freeze import clear_acknowledgement, freeze
from mattermost_migrate.domain.handover import remove_source
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    INSTALLATION_MIGRATION,
    MATTERMOST,
    OWN_GROUP,
    REPLICA_SET,
    Strategy,
)
from mattermost_migrate.domain.objects import JsonObject, name_of, owners_of
from mattermost_migrate.domain.originals import originals
from mattermost_migrate.domain.snapshot import Snapshot
from mattermost_migrate.domain.steps import Act
from mattermost_migrate.domain.writes import Verb, Write, create

__all__ = ["KIND_POLICY", "lets_pass", "road"]

#: Of the chart: as long as an InstallationMigration exists, only the kind it names is created.
KIND_POLICY: Final = "mattermost-migrate-kind"


def road(seen: Snapshot, first: Act) -> tuple[Write, ...]:
    """The writes to ask the API server about, in the order of the ladder.

    Args:
        seen: the installation before anything is done.
        first: what the ladder decided on it; going back, or with new pods, that is all.
    """
    if not seen.forward or seen.strategy is not Strategy.ADOPT:
        return first.rehearse
    return tuple(_road(seen, first))


def _road(seen: Snapshot, first: Act) -> Iterator[Write]:
    planned = next(write.body for write in first.rehearse if write.resource is seen.taking.resource)
    spec = {"desiredKind": seen.target_kind, "paused": True}
    yield create(INSTALLATION_MIGRATION, {"metadata": {"name": seen.name}, "spec": spec})
    yield from first.rehearse
    if not isinstance(planned, Mapping) or seen.source is None:
        return
    yield clear_acknowledgement(seen.source)
    yield freeze(seen.source, seen.direction)
    saved = dataclasses.replace(seen, backup=originals(seen, planned))
    yield from _writes(release_deployment(saved))
    sets = label_pods(saved)
    yield from _writes(sets)
    yield from _writes(label_pods(_labelled(saved, sets)))
    yield from _writes(remove_source(saved))


def lets_pass(write: Write, error: RejectedError) -> bool:
    """Whether a refusal is no argument against the migration.

    Our own webhook lets nobody but the controller freeze an installation; what others' admission
    says to the freeze is heard all the same, unless both object and ours is the faster. And where
    an InstallationMigration is there already, after a revert or from a run that did not come
    through, our own policy and webhook keep everybody else from creating what it speaks of.
    """
    told = str(error)
    ours = f'.{OWN_GROUP}" denied the request: ' in told
    if write.verb is Verb.CREATE and write.resource in {MATTERMOST, CLUSTER_INSTALLATION}:
        by_policy = f"ValidatingAdmissionPolicy '{KIND_POLICY}' " in told
        return by_policy or (
            ours and f" denied the request: {INSTALLATION_MIGRATION.kind} " in told
        )
    is_freeze = write.verb is Verb.PATCH and write.resource is CLUSTER_INSTALLATION
    return is_freeze and not write.subresource and ours


def _writes(verdict: object) -> Iterator[Write]:
    if isinstance(verdict, Act):
        yield from verdict.writes


def _labelled(seen: Snapshot, verdict: object) -> Snapshot:
    """The snapshot with the ReplicaSets as their patches will leave them."""
    patches = {write.name: write.body for write in _writes(verdict) if _of_replica_set(write)}
    sets = tuple(_patched(each, patches.get(name_of(each))) for each in seen.replica_sets)
    return dataclasses.replace(seen, replica_sets=sets)


def _of_replica_set(write: Write) -> bool:
    return write.resource is REPLICA_SET and write.verb is Verb.PATCH


def _patched(replica_set: JsonObject, body: Any) -> JsonObject:
    if not isinstance(body, Mapping):
        return replica_set
    gone = {owner["uid"] for owner in body["metadata"].get("ownerReferences") or ()}
    metadata = {
        **replica_set["metadata"],
        "labels": {**replica_set["metadata"].get("labels", {}), **body["metadata"]["labels"]},
        "ownerReferences": [each for each in owners_of(replica_set) if each["uid"] not in gone],
    }
    template = replica_set["spec"]["template"]
    inside = {**template["metadata"].get("labels", {})}
    inside |= body["spec"]["template"]["metadata"]["labels"]
    kept = {key: value for key, value in inside.items() if value is not None}
    fresh = {**template, "metadata": {**template["metadata"], "labels": kept}}
    return {
        **replica_set,
        "metadata": metadata,
        "spec": {**replica_set["spec"], "template": fresh},
    }
