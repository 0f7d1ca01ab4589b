"""The simulated cluster is a model; here the real one is asked whether it answers alike.

Everything that is proven on the simulated cluster (deaths and faults at every write, random
schedules) rests on this: the same installation, moved there and back, gets the same writes in the
same order, and each leaves the same behind.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any

import pytest

from controller.observe import Observer
from mattermost_migrate.domain import freeze
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    MATTERMOST,
    OWN_GROUP,
    POD,
    REPLICA_SET,
    Strategy,
)
from mattermost_migrate.domain.objects import (
    JsonObject,
    annotations_of,
    controller_of,
    labels_of,
    owners_of,
    uid_of,
)
from mattermost_migrate.domain.writes import Write, orphan
from mattermost_migrate.testing.builders import cluster_installation, installed
from mattermost_migrate.testing.installations import Installations
from mattermost_migrate.testing.ladder import climb, desire

_KINDS = (MATTERMOST.kind, CLUSTER_INSTALLATION.kind)
#: How each strategy is asked for.
_SPECS: dict[Strategy, dict[str, Any]] = {
    Strategy.ADOPT: {},
    Strategy.RECREATE: {"strategy": "Recreate", "drainSeconds": 1},
}


def action(write: Write, left: JsonObject) -> str:
    """A write, and what matters of what it left behind; what is not there is left out."""
    spec = left.get("spec") or {}
    selector = spec.get("selector") or {}
    seen: dict[str, Any] = {
        "labels": _labels(left),
        "marks": sorted(key for key in annotations_of(left) if OWN_GROUP in key),
        "owners": sorted(owner["kind"] for owner in owners_of(left)),
        "going": "deletionTimestamp" in left["metadata"],
        "selector": _known(selector.get("matchLabels") or selector),
        "template": _labels(spec.get("template") or {"metadata": {}}),
        **{key: spec.get(key) for key in ("replicas", "paused", "desiredKind")},
    }
    if write.resource in (CLUSTER_INSTALLATION, MATTERMOST):
        seen["frozen"] = freeze.frozen({**left, "kind": write.resource.kind})
    shown = {key: value for key, value in seen.items() if value}
    return f"{write.verb} {write.resource} {json.dumps(shown, sort_keys=True)}"


def _labels(obj: JsonObject) -> dict[str, str]:
    return _known(labels_of(obj))


def _known(labels: Mapping[str, str]) -> dict[str, str]:
    """All but the hash, which the Deployment controller makes up."""
    return {key: value for key, value in labels.items() if key != "pod-template-hash"}


def in_order(actions: list[str]) -> list[str]:
    """Writes that were sent together, in an order of their own."""
    runs = itertools.groupby(actions, key=lambda each: each.split(" {")[0])
    return [each for _, run in runs for each in sorted(run)]


def simulated(strategy: Strategy) -> list[str]:
    """The actions there and back on the simulated cluster."""
    cluster = installed(cluster_installation(), **_SPECS[strategy])
    told: list[str] = []

    def send(write: Write) -> None:
        before = cluster.find(write.resource, write.name)
        cluster.apply(write)
        told.append(action(write, cluster.find(write.resource, write.name) or before or {}))

    for kind in _KINDS:
        desire(cluster, "acme", kind)
        climb(cluster, send=send)
    return told


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the engine in this process did, as the API server answered it."""
    heard: list[str] = []
    note = Observer.note

    def hear(self: Observer, migration: JsonObject, write: Write, answer: JsonObject) -> None:
        heard.append(action(write, answer))
        note(self, migration, write, answer)

    monkeypatch.setattr(Observer, "note", hear)
    return heard


@pytest.mark.parametrize("strategy", Strategy)
def test_the_real_cluster_answers_each_action_as_the_simulated_one(
    installations: Installations,
    in_process: Any,
    told: list[str],
    strategy: Strategy,
) -> None:
    in_process.start()
    installations.create("acme")

    for kind in _KINDS:
        installations.move("acme", kind=kind, **_SPECS[strategy])

    assert in_order(told) == in_order(simulated(strategy))


def _left_behind(owner: JsonObject) -> dict[str, Any]:
    """A ReplicaSet as the Deployment controller makes it for a Deployment that it thinks is there.

    Args:
        owner: a ReplicaSet that there is, to make it from.
    """
    dead = {**(controller_of(owner) or {}), "uid": "11111111-2222-3333-4444-555555555555"}
    labels = {"left": "behind"}
    template = {**owner["spec"]["template"], "metadata": {"labels": labels}}
    return {
        "apiVersion": REPLICA_SET.api_version,
        "kind": REPLICA_SET.kind,
        "metadata": {"name": "left-behind", "labels": labels, "ownerReferences": [dead]},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": template},
    }


def test_what_was_made_for_an_owner_that_is_gone_is_collected(
    installations: Installations, in_process: Any
) -> None:
    in_process.start()
    installations.create("acme")
    before = installations.workload()
    cluster = installed(cluster_installation())
    simulated_before = {uid_of(each) for each in (*cluster.all(REPLICA_SET), *cluster.all(POD))}
    (owner,) = cluster.all(REPLICA_SET)

    cluster.put(REPLICA_SET, _left_behind(owner))
    cluster.run_replica_sets()
    made = {uid_of(each) for each in cluster.all(POD)} - simulated_before
    cluster.settle()
    (real,) = installations.list(REPLICA_SET)
    installations.admin.create(REPLICA_SET, installations.namespace, _left_behind(real))

    assert len(made) == 2
    left = {uid_of(each) for each in (*cluster.all(REPLICA_SET), *cluster.all(POD))}
    assert left == simulated_before
    installations.until_so(lambda: installations.find(REPLICA_SET, "left-behind") is None)
    installations.until_so(lambda: installations.workload() == before)


def test_a_deployment_that_was_deleted_is_made_again_around_the_same_pods(
    installations: Installations, in_process: Any
) -> None:
    in_process.start()
    installations.create("acme")
    before, real = installations.workload(), installations.get(DEPLOYMENT, "acme")
    cluster = installed(cluster_installation())
    simulated_before = {uid_of(each) for each in (*cluster.all(REPLICA_SET), *cluster.all(POD))}
    deleted = cluster.find(DEPLOYMENT, "acme")
    assert deleted is not None

    cluster.apply(orphan(DEPLOYMENT, deleted))
    cluster.settle()
    here = installations.namespace
    installations.admin.delete(DEPLOYMENT, here, "acme", propagation="Orphan")

    again = cluster.find(DEPLOYMENT, "acme")
    assert again is not None
    assert uid_of(again) != uid_of(deleted)
    left = {uid_of(each) for each in (*cluster.all(REPLICA_SET), *cluster.all(POD))}
    assert left == simulated_before
    installations.until(DEPLOYMENT, "acme", lambda each: uid_of(each) != uid_of(real))
    installations.until_settled("acme")
    assert installations.workload() == before
