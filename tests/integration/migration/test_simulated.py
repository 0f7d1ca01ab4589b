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
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, MATTERMOST, OWN_GROUP
from mattermost_migrate.domain.objects import JsonObject, annotations_of, labels_of, owners_of
from mattermost_migrate.domain.writes import Write
from mattermost_migrate.testing.builders import cluster_installation, installed
from mattermost_migrate.testing.installations import Installations
from mattermost_migrate.testing.ladder import climb, desire

_KINDS = (MATTERMOST.kind, CLUSTER_INSTALLATION.kind)


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


def simulated() -> list[str]:
    """The actions there and back on the simulated cluster."""
    cluster = installed(cluster_installation())
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


def test_the_real_cluster_answers_each_action_as_the_simulated_one(
    installations: Installations,
    in_process: Any,
    told: list[str],
) -> None:
    in_process.start()
    installations.create("acme")

    for kind in _KINDS:
        installations.move("acme", kind=kind)

    assert in_order(told) == in_order(simulated())
