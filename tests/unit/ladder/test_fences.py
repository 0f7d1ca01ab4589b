"""Every write says what it was decided on: one that comes late meets nothing it could harm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from mattermost_migrate.domain import exchange
from mattermost_migrate.domain.holding import hold, is_held, unheld
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    HELD_LABEL,
    MATTERMOST,
    Strategy,
)
from mattermost_migrate.domain.writes import Verb, Write
from mattermost_migrate.testing.builders import cluster_installation, installed
from mattermost_migrate.testing.ladder import climb, desire
from mattermost_migrate.testing.simulation import Simulation


def fenced(write: Write) -> bool:
    """Whether it meets the very state that was seen, and no later one."""
    if write.verb is Verb.CREATE:  # of a name that is taken it makes nothing
        return write.resource is not DEPLOYMENT or is_held(write.body)
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


@dataclass
class Ascent:
    """A ladder that is climbed as far as the next creation of the Deployment, which is kept."""

    cluster: Simulation
    kept: list[Write] = field(default_factory=list)

    def towards(self, kind: str) -> None:
        desire(self.cluster, "acme", kind)
        with pytest.raises(KeptError):
            climb(self.cluster, send=self._send)

    def _send(self, write: Write) -> None:
        if write.verb is Verb.CREATE and write.resource is DEPLOYMENT:
            self.kept.append(write)
            raise KeptError
        self.cluster.apply(write)


class KeptError(Exception):
    """The creation of the Deployment was not sent."""


def late(strategy: Strategy, *way: str) -> Simulation:
    """Turned round each time before the Deployment was created; then the first creation arrives."""
    spec = {"strategy": str(strategy), "drainSeconds": 0}
    ascent = Ascent(cluster := installed(cluster_installation(), **spec))
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


def test_unheld_it_would_begin_a_rollout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "hold", lambda manifest: manifest)

    assert harms(late(Strategy.ADOPT, *KINDS)) != []


@pytest.mark.parametrize("paused", [True, False])
def test_what_its_owner_had_paused_is_paused_when_it_is_let_go(*, paused: bool) -> None:
    metadata = {"name": "acme", "uid": "1", "labels": {"app": "mattermost"}}
    deployment = {
        "metadata": metadata,
        "spec": {"replicas": 2, **({"paused": True} if paused else {})},
    }

    held = hold(deployment)

    assert held["spec"]["paused"]
    assert is_held(held)
    assert unheld(held) == deployment
