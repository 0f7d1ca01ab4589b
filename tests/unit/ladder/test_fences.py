"""Every write says what it was decided on: one that comes late meets nothing it could harm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType

import pytest

from mattermost_migrate.domain import exchange, handover
from mattermost_migrate.domain.freeze import freeze
from mattermost_migrate.domain.holding import hold, is_held, unheld
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    HELD_LABEL,
    MATTERMOST,
    SECRET,
    Resource,
    Strategy,
)
from mattermost_migrate.domain.writes import Verb, Write, orphan
from mattermost_migrate.testing.builders import cluster_installation, installed
from mattermost_migrate.testing.ladder import StuckError, climb, desire
from mattermost_migrate.testing.simulated_store import merge_patch
from mattermost_migrate.testing.simulation import Simulation


def fenced(write: Write) -> bool:
    """Whether it meets the very state that was seen, and no later one."""
    if write.verb is Verb.CREATE:  # of a name that is taken it makes nothing
        return write.resource is SECRET or is_held(write.body)
    if write.verb is Verb.DELETE:
        return bool(write.uid and write.resource_version)
    if isinstance(write.body, list):
        tested = {each["path"] for each in write.body if each["op"] == "test"}
        held = f"/metadata/labels/{HELD_LABEL.replace('/', '~1')}"
        return "/metadata/resourceVersion" in tested or {"/metadata/uid", held} <= tested
    metadata: Mapping[str, object] = (write.body or {})["metadata"]
    # No two objects ever have the same version, so it stands for the UID as well.
    return bool(metadata.get("resourceVersion"))


@pytest.mark.parametrize("strategy", Strategy)
def test_every_write_there_and_back_is_fenced(strategy: Strategy) -> None:
    cluster = installed(cluster_installation(), strategy=str(strategy), drainSeconds=2)
    sent: list[Write] = []

    def send(write: Write) -> None:
        sent.append(write)
        cluster.apply(write)

    for kind in (MATTERMOST.kind, CLUSTER_INSTALLATION.kind):
        desire(cluster, "acme", kind)
        climb(cluster, send=send)

    assert len(sent) > 20
    assert [str(write) for write in sent if not fenced(write)] == []


KINDS = (MATTERMOST.kind, CLUSTER_INSTALLATION.kind)
CUSTOM = (MATTERMOST, CLUSTER_INSTALLATION)


@dataclass
class Ascent:
    """A ladder that is climbed as far as the next creation of such an object, which is kept."""

    cluster: Simulation
    resources: tuple[Resource, ...]
    kept: list[Write] = field(default_factory=list)

    def towards(self, kind: str) -> None:
        desire(self.cluster, "acme", kind)
        with pytest.raises(KeptError):
            climb(self.cluster, send=self._send)

    def _send(self, write: Write) -> None:
        if write.verb is Verb.CREATE and write.resource in self.resources:
            self.kept.append(write)
            raise KeptError
        self.cluster.apply(write)


class KeptError(Exception):
    """The creation was not sent."""


def late(strategy: Strategy, *way: str) -> Simulation:
    """Turned round each time before the Deployment was created; then the first creation arrives."""
    spec = {"strategy": str(strategy), "drainSeconds": 0}
    ascent = Ascent(cluster := installed(cluster_installation(), **spec), (DEPLOYMENT,))
    for kind in way:
        ascent.towards(kind)
    cluster.watch_anew()
    cluster.apply(ascent.kept[0])
    cluster.settle()
    return cluster


def harms(cluster: Simulation) -> list[str]:
    """What somebody would notice."""
    return [*cluster.created, *cluster.violations, *cluster.lost]


@pytest.mark.parametrize("last", KINDS)
@pytest.mark.parametrize("way", [KINDS, (*KINDS, MATTERMOST.kind)], ids=len)
def test_a_creation_that_arrives_after_a_turn_starts_nothing(
    way: tuple[str, ...], last: str
) -> None:
    cluster = late(Strategy.ADOPT, *way)

    assert harms(cluster) == []
    desire(cluster, "acme", last)
    climb(cluster)
    assert harms(cluster) == []
    deployment = cluster.find(DEPLOYMENT, "acme")
    assert deployment is not None
    assert not is_held(deployment)
    assert "paused" not in deployment["spec"]


def test_by_recreate_a_creation_that_arrives_after_a_turn_makes_no_pod() -> None:
    assert harms(late(Strategy.RECREATE, *KINDS)) == []


def other(kind: str) -> str:
    return next(each for each in KINDS if each != kind)


def turned(kind: str, strategy: Strategy) -> tuple[Simulation, Write]:
    """On its way to ``kind``, turned round before that was created; and that creation, unsent."""
    spec = {"strategy": str(strategy), "drainSeconds": 0}
    cluster = installed(cluster_installation(), **spec)
    if kind == CLUSTER_INSTALLATION.kind:
        desire(cluster, "acme", MATTERMOST.kind)
        climb(cluster)
    ascent = Ascent(cluster, CUSTOM)
    ascent.towards(kind)
    desire(cluster, "acme", other(kind))
    cluster.watch_anew()
    return cluster, ascent.kept[0]


def alone(cluster: Simulation) -> list[str]:
    """The custom resources there are, by kind."""
    return [each["kind"] for resource in CUSTOM for each in cluster.all(resource)]


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("after", range(14))
def test_a_custom_resource_that_arrives_on_the_way_back_is_never_at_work(
    after: int, kind: str, strategy: Strategy
) -> None:
    """After each write of the way back, and when the way back is over."""
    cluster, create = turned(kind, strategy)
    sent = 0

    def send(write: Write) -> None:
        nonlocal sent
        cluster.apply(write)
        sent += 1
        if sent == after:
            cluster.apply(create)
            cluster.run_operator()  # and nobody else: there may be more writes of this action

    climb(cluster, send=send)
    if sent < after or not after:
        cluster.apply(create)
        cluster.settle()
    climb(cluster)

    assert cluster.violations == []
    assert alone(cluster) == [other(kind)]
    if strategy is Strategy.ADOPT:
        assert harms(cluster) == []


@pytest.mark.parametrize("kind", KINDS)
def test_of_a_migration_that_has_not_begun_anew_it_is_removed_too(kind: str) -> None:
    """It is of the kind that is wanted, and was made of another plan."""
    cluster, create = turned(kind, Strategy.ADOPT)
    climb(cluster)
    cluster.apply(create)
    desire(cluster, "acme", kind)

    writes = climb(cluster)

    assert writes[0] == f"delete {kind}/acme"
    assert alone(cluster) == [kind]
    assert harms(cluster) == []


def test_the_only_custom_resource_there_is_stays() -> None:
    cluster, create = turned(MATTERMOST.kind, Strategy.ADOPT)
    climb(cluster)
    there = cluster.find(CLUSTER_INSTALLATION, "acme")
    assert there is not None
    cluster.apply(orphan(CLUSTER_INSTALLATION, there))
    cluster.settle()
    cluster.apply(create)

    with pytest.raises(StuckError):
        climb(cluster)

    assert alone(cluster) == [MATTERMOST.kind]


def test_one_that_was_thawed_by_force_is_not_held_when_it_is_frozen_again() -> None:
    mattermost = {
        "kind": MATTERMOST.kind,
        "metadata": {"name": "acme", "uid": "1", "resourceVersion": "1", "labels": {"a": "b"}},
        "spec": {"ingress": {"enabled": True, "host": "chat.example.com"}},
    }
    thawed = {**hold(mattermost), "spec": mattermost["spec"]}
    assert not is_held(thawed)

    frozen = merge_patch(thawed, freeze(thawed, "").body)

    assert not is_held(frozen)
    assert frozen["metadata"]["labels"] == {"a": "b"}


@pytest.mark.parametrize(("module", "made"), [(exchange, DEPLOYMENT), (handover, MATTERMOST)])
def test_unheld_it_would_do_harm(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, made: Resource
) -> None:
    monkeypatch.setattr(module, "hold", lambda manifest: manifest)

    if made is DEPLOYMENT:
        assert harms(late(Strategy.ADOPT, *KINDS)) != []
        return
    cluster, create = turned(MATTERMOST.kind, Strategy.ADOPT)
    climb(cluster)
    cluster.apply(create)
    cluster.run_operator()  # the two never come to rest
    assert harms(cluster) != []


@pytest.mark.parametrize("paused", [True, False])
def test_what_its_owner_had_paused_is_paused_when_it_is_let_go(*, paused: bool) -> None:
    deployment = {
        "kind": DEPLOYMENT.kind,
        "metadata": {"name": "acme", "uid": "1", "labels": {"app": "mattermost"}},
        "spec": {"replicas": 2, **({"paused": True} if paused else {})},
    }

    held = hold(deployment)

    assert held["spec"]["paused"]
    assert is_held(held)
    assert unheld(held) == deployment
