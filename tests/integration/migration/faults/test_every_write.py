"""Every write of a migration, there and back, meets every fault; nobody notices, and it ends well.

The writes are not sampled: a migration without faults is recorded first, and then installations
move that meet each fault at each of its writes. Here one installation meets many faults, one after
the other; each alone, in an installation of its own: ``make proof-faults``.
"""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from mattermost_migrate.domain import exchange as steps
from mattermost_migrate.domain.backup import backup_name
from mattermost_migrate.domain.holding import is_held
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    MATTERMOST,
    V1BETA1,
    Resource,
    Strategy,
)
from mattermost_migrate.domain.objects import labels_of, namespace_of
from mattermost_migrate.testing.faults import (
    Answer,
    Drop,
    Exchange,
    Fault,
    Gateway,
    Hold,
    LoseWatches,
    Points,
    Turns,
)
from mattermost_migrate.testing.witness import Entry

from .engines import AFTER, FAULTS, Engines, Recorded, as_process, in_process
from .lanes import KINDS, SECONDS, VARYING, Case, Lane, Lanes, cases, points, until_all_stand

#: A busy machine may take minutes for what a quiet one does in seconds.
pytestmark = pytest.mark.timeout(900)


def test_each_write_may_fail_in_each_way(recorded: Recorded) -> None:
    lanes, gateway, engines = recorded.lanes, recorded.gateway, recorded.engines
    writes = recorded(in_process, Strategy.ADOPT)
    taken = lanes.take(len(FAULTS))
    gate = gateway.gate()
    engines.in_process(gate)
    namespaces = [lane.namespace for lane in taken]
    chosen = [Case(lane, 0, f"turn {turn}", Drop()) for turn, lane in enumerate(taken)]
    for kind in KINDS:
        gate.script = script = Turns(namespaces, FAULTS, writes[kind])
        since = lanes.ask(taken, kind, Strategy.ADOPT)

        assert lanes.judge(chosen, since, kind, Strategy.ADOPT) == []
        assert script.missed == set()


def test_it_may_be_killed_after_any_write(
    lanes: Lanes, gateway: Gateway, engines: Engines, recorded: Recorded
) -> None:
    """The process that ships, and SIGKILL: nothing of it can clean up.

    An installation for each write. The process remembers nothing of one that has passed, so to die
    before the next is the same.
    """
    writes = recorded(as_process, Strategy.ADOPT)
    taken = lanes.take(max(map(len, writes.values())))
    for kind in KINDS:
        chosen = cases(taken, writes[kind], {"killed after": AFTER})
        script = Points(points(chosen, writes[kind]), onwards=True)
        gate = gateway.gate(script)
        engines.process(gate)
        since = lanes.ask(taken, kind, Strategy.ADOPT)
        until_all_stand(script, chosen)
        # All stand at their writes now; what is held never goes on.
        engines.kill(gate)

        engines.process(gateway.gate())

        assert lanes.judge(chosen, since, kind, Strategy.ADOPT) == []
        engines.end()


class Watches:
    """At every write all watches break or, at every other, are history (410)."""

    def __init__(self, namespace: str) -> None:
        self.met: list[str] = []
        self._namespace = namespace

    def __call__(self, exchange: Exchange) -> Fault | None:
        if not exchange.writes or exchange.namespace != self._namespace:
            return None
        self.met.append(exchange.what)
        return LoseWatches(expired=bool(len(self.met) % 2))


def test_watches_may_break_and_expire_at_every_write(
    lanes: Lanes, gateway: Gateway, engines: Engines, recorded: Recorded
) -> None:
    writes = recorded(in_process, Strategy.ADOPT)
    (lane,) = lanes.take(1)
    gate = gateway.gate()
    engines.in_process(gate)
    for kind in KINDS:
        gate.script = script = Watches(lane.namespace)
        since = lanes.ask([lane], kind, Strategy.ADOPT)

        assert lane.judge(since, kind, Strategy.ADOPT, "watches lost") == []
        required = Counter(write for write in writes[kind] if write not in VARYING)
        assert required - Counter(script.met) == Counter()


class LoseBackup:
    """Each writing anew of the backup ends in an error; the first has been carried out."""

    def __init__(self, namespace: str) -> None:
        self.met = threading.Event()
        self._namespace = namespace

    def __call__(self, exchange: Exchange) -> Fault | None:
        if exchange.what != f"PUT secrets {backup_name('acme')}" or not exchange.writes:
            return None
        if exchange.namespace != self._namespace:
            return None
        first = not self.met.is_set()
        self.met.set()
        return Answer(504, applied=True) if first else Answer(500)


def test_a_backup_written_anew_without_an_answer_is_read_again(
    lanes: Lanes, gateway: Gateway, engines: Engines
) -> None:
    """Who turns round then goes by what is there, and not by what he remembers of it."""
    (lane,) = lanes.take(1)
    gate = gateway.gate()
    engines.in_process(gate)
    since = lanes.ask([lane], MATTERMOST.kind, Strategy.ADOPT)
    assert lane.judge(since, MATTERMOST.kind, Strategy.ADOPT, "there") == []
    gate.script = script = LoseBackup(lane.namespace)
    lane.ask(CLUSTER_INSTALLATION.kind, Strategy.ADOPT)
    assert script.met.wait(SECONDS)

    lane.ask(MATTERMOST.kind, Strategy.ADOPT)

    assert lane.judge(since, MATTERMOST.kind, Strategy.ADOPT, "turned round") == []
    gate.script = lambda _: None
    lane.ask(CLUSTER_INSTALLATION.kind, Strategy.ADOPT)
    assert lane.judge(since, CLUSTER_INSTALLATION.kind, Strategy.ADOPT, "back") == []


class HoldCreation:
    """The creation of such an object stays on its way until the gate lets go."""

    def __init__(self, namespace: str, resource: Resource) -> None:
        self.met = threading.Event()
        self._namespace = namespace
        self._what = f"POST {resource.plural}"

    def __call__(self, exchange: Exchange) -> Fault | None:
        if exchange.what != self._what or not exchange.writes:
            return None
        if exchange.namespace != self._namespace:
            return None
        self.met.set()
        return Hold()


def turned_round_before_its_deployment_arrives(
    lanes: Lanes, gateway: Gateway, engines: Engines
) -> tuple[Lane, int]:
    """One engine's creation arrives when the next one, on the way back, is about to send its own.

    Until both have, the name of the Deployment is free.
    """
    (lane,) = lanes.take(1)
    first = gateway.gate(forward := HoldCreation(lane.namespace, DEPLOYMENT))
    engines.in_process(first)
    since = lanes.ask([lane], MATTERMOST.kind, Strategy.ADOPT)
    assert forward.met.wait(SECONDS)
    engines.end()
    second = gateway.gate(backward := HoldCreation(lane.namespace, DEPLOYMENT))
    lane.ask(CLUSTER_INSTALLATION.kind, Strategy.ADOPT)
    engines.in_process(second)
    assert backward.met.wait(SECONDS)

    first.let_go()

    arrived = lane.here.until(
        DEPLOYMENT, "acme", lambda each: (each.get("status") or {}).get("observedGeneration")
    )
    assert V1BETA1.installation in labels_of(arrived)
    second.let_go()
    return lane, since


def test_a_deployment_that_is_created_after_the_turn_starts_nothing(
    lanes: Lanes, gateway: Gateway, engines: Engines
) -> None:
    lane, since = turned_round_before_its_deployment_arrives(lanes, gateway, engines)

    assert lane.judge(since, CLUSTER_INSTALLATION.kind, Strategy.ADOPT, "created late") == []
    assert not is_held(lane.here.get(DEPLOYMENT, "acme"))


CUSTOM = {MATTERMOST.kind: MATTERMOST, CLUSTER_INSTALLATION.kind: CLUSTER_INSTALLATION}


@pytest.mark.parametrize("kind", CUSTOM)
def test_a_custom_resource_that_is_created_after_the_end_is_never_at_work(
    kind: str, lanes: Lanes, gateway: Gateway, engines: Engines
) -> None:
    """One engine's creation arrives when the next one has long been back, and waits for events."""
    (lane,) = lanes.take(1)
    if kind == CLUSTER_INSTALLATION.kind:
        engines.in_process(gateway.gate())
        since = lanes.ask([lane], MATTERMOST.kind, Strategy.ADOPT)
        assert lane.judge(since, MATTERMOST.kind, Strategy.ADOPT, "there") == []
        engines.end()
    first = gateway.gate(held := HoldCreation(lane.namespace, CUSTOM[kind]))
    engines.in_process(first)
    since = lanes.ask([lane], kind, Strategy.ADOPT)
    assert held.met.wait(SECONDS)
    engines.end()
    (back,) = CUSTOM.keys() - {kind}
    lane.ask(back, Strategy.ADOPT)
    engines.in_process(gateway.gate())
    assert lane.judge(since, back, Strategy.ADOPT, "turned round") == []

    before = lane.here.witness.now()
    first.let_go()

    def removed(entry: Entry) -> bool:
        return (entry.resource, namespace_of(entry.obj)) == late and entry.gone

    late = (CUSTOM[kind], lane.namespace)
    assert is_held(lane.here.witness.until(removed, since=before, seconds=SECONDS).obj)
    assert lane.judge(since, back, Strategy.ADOPT, "created late") == []


def test_created_running_it_would_make_new_pods(
    lanes: Lanes, gateway: Gateway, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last of all: with two ReplicaSets of one template its lane is of no use to others."""
    monkeypatch.setattr(steps, "hold", lambda manifest: manifest)

    lane, since = turned_round_before_its_deployment_arrives(lanes, gateway, engines)

    told = lane.judge(since, CLUSTER_INSTALLATION.kind, Strategy.ADOPT, "created late")
    assert "other pods or ReplicaSets than before" in str(told)
