"""The operator that sees a freeze and says so without a write: it is in our own process."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from mattermost_migrate.domain.freeze import acknowledgement_stands, frozen
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, MATTERMOST, Strategy
from mattermost_migrate.domain.objects import JsonObject, uid_of
from mattermost_migrate.domain.snapshot import Snapshot
from mattermost_migrate.domain.steps import Part
from mattermost_migrate.domain.writes import Write
from mattermost_migrate.testing.builders import cluster_installation, installed
from mattermost_migrate.testing.fault_schedules import essence
from mattermost_migrate.testing.ladder import climb, desire
from mattermost_migrate.testing.simulation import Simulation

KINDS = (MATTERMOST.kind, CLUSTER_INSTALLATION.kind)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Simulation:
    """One whose operator tells us, and never writes, that it sees a ClusterInstallation frozen."""
    told: dict[str, int] = {}
    write, look = Simulation._status, Simulation.look  # the operator's own way to write one

    def tell(self: Simulation, obj: dict[str, Any], status: dict[str, Any]) -> bool:
        if obj["kind"] != CLUSTER_INSTALLATION.kind or not frozen(obj):
            return write(self, obj, status)
        news = told.get(uid_of(obj)) != obj["metadata"]["generation"]
        told[uid_of(obj)] = obj["metadata"]["generation"]
        self.version += news  # as every news does, it has the engine look again
        return news

    def heard(self: Simulation, name: str, *parts: Part) -> Snapshot:
        seen = look(self, name, *parts)
        return dataclasses.replace(seen, heard=_told(seen.source, told))

    monkeypatch.setattr(Simulation, "_status", tell)
    monkeypatch.setattr(Simulation, "look", heard)
    return installed(cluster_installation())


def _told(source: JsonObject | None, told: dict[str, int]) -> bool:
    return source is not None and told.get(uid_of(source)) == source["metadata"]["generation"]


class KilledError(Exception):
    """Somebody ends the climb."""


def climb_to(cluster: Simulation, at: int) -> bool:
    """Climb until so many writes are sent, and say whether there were as many."""
    left = at

    def send(write: Write) -> None:
        nonlocal left
        cluster.apply(write)
        left -= 1
        if not left:
            raise KilledError

    try:
        climb(cluster, send=send)
    except KilledError:
        return True
    return False


def harms(cluster: Simulation) -> list[str]:
    return [*cluster.created, *cluster.violations, *cluster.lost]


def test_nothing_goes_on_before_it_is_heard(cluster: Simulation) -> None:
    """The freeze is the third write; the operator sleeps."""
    assert climb_to(cluster, 3)
    seen = cluster.look("acme")

    assert seen.source is not None
    assert frozen(seen.source)
    assert not seen.heard
    cluster.run_operator()
    assert cluster.look("acme").heard
    assert not acknowledgement_stands(seen.source)


@pytest.mark.parametrize("at", range(1, 13))
def test_it_can_be_undone_from_anywhere(cluster: Simulation, at: int) -> None:
    before = essence(cluster, Strategy.ADOPT)
    climb_to(cluster, at)

    desire(cluster, "acme", CLUSTER_INSTALLATION.kind)
    climb(cluster)

    assert essence(cluster, Strategy.ADOPT) == before
    assert harms(cluster) == []


def test_stable_is_the_operators_word_on_what_is_thawed(cluster: Simulation) -> None:
    """Frozen, it went on being called stable: the status of before."""
    climb_to(cluster, 8)
    states: list[str] = []

    def send(write: Write) -> None:
        cluster.apply(write)
        found = cluster.find(CLUSTER_INSTALLATION, "acme")
        if found and write.resource is CLUSTER_INSTALLATION and not frozen(found):
            states.append(found["status"]["state"])

    desire(cluster, "acme", CLUSTER_INSTALLATION.kind)
    climb(cluster, send=send)

    assert states == ["reconciling"]
    assert (cluster.find(CLUSTER_INSTALLATION, "acme") or {})["status"]["state"] == "stable"


def test_there_and_back_leaves_no_trace(cluster: Simulation) -> None:
    before = essence(cluster, Strategy.ADOPT)

    for kind in (*KINDS, *KINDS):
        desire(cluster, "acme", kind)
        climb(cluster)

    assert essence(cluster, Strategy.ADOPT) == before
    assert harms(cluster) == []
