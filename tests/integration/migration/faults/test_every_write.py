"""Every write of a migration, there and back, meets every fault; nobody notices, and it ends well.

The writes are not sampled: a migration without faults is recorded first, and then installations
move that meet each fault at each of its writes. Here one installation meets many faults, one after
the other; each alone, in an installation of its own: ``make proof-faults``.
"""

from __future__ import annotations

import pytest

from mattermost_migrate.domain.names import Strategy
from mattermost_migrate.testing.faults import (
    Drop,
    Exchange,
    Fault,
    Gateway,
    LoseWatches,
    Turns,
)

from .conftest import (
    AFTER,
    FAULTS,
    KINDS,
    SECONDS,
    Case,
    Engines,
    Lanes,
    Recorded,
    as_process,
    chosen_cases,
    in_process,
    lanes_for,
    points,
)

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
    """The process that ships, and SIGKILL: nothing of it can clean up."""
    writes = recorded(as_process, Strategy.ADOPT)
    taken = lanes_for(lanes, writes)
    for first, kind in enumerate(KINDS):
        chosen = chosen_cases(taken, writes[kind], "killed after", AFTER, first=first)
        script = points(chosen, onwards=True)
        gate = gateway.gate(script)
        engines.process(gate)
        since = lanes.ask(taken, kind, Strategy.ADOPT)
        script.until_struck(SECONDS)
        # All stand at their writes now; what is held never goes on.
        engines.kill(gate)

        engines.process(gateway.gate())

        assert lanes.judge(chosen, since, kind, Strategy.ADOPT) == []
        engines.end()


class Watches:
    """At every write all watches break or, at every other, are history (410)."""

    def __init__(self, namespace: str) -> None:
        self.lost = 0
        self._namespace = namespace

    def __call__(self, exchange: Exchange) -> Fault | None:
        if not exchange.writes or exchange.namespace != self._namespace:
            return None
        self.lost += 1
        return LoseWatches(expired=bool(self.lost % 2))


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
        assert script.lost >= len(writes[kind])
