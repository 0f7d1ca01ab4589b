"""Two leaders at once, and an API server that starts anew, while installations stand in mid-write.

All installations share one lease and one API server, so many stand at the same time, by every
strategy, each at a write of its own: every third of those that a migration makes without faults,
others on the way back.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from itertools import islice

import pytest

from mattermost_migrate.domain.errors import LeaseLostError
from mattermost_migrate.domain.names import LEASE, Strategy
from mattermost_migrate.testing.cluster import LocalCluster
from mattermost_migrate.testing.faults import Drop, Exchange, Fault, Gateway, Hold, Points

from .engines import ENGINE, HOME, Engines, Recorded, in_process
from .lanes import KINDS, SECONDS, VARYING, Case, Lane, Writes, points

#: A busy machine may take minutes for what a quiet one does in seconds.
pytestmark = pytest.mark.timeout(900)
#: Of how many writes one is chosen.
CHOSEN = 3


class Travellers:
    """Those that move by every strategy at the same time."""

    def __init__(self, recorded: Recorded) -> None:
        self.lanes = recorded.lanes
        self._writes = {strategy: recorded(in_process, strategy) for strategy in Strategy}
        counts = {each: _enough(writes) for each, writes in self._writes.items()}
        taken = iter(self.lanes.take(sum(counts.values())))
        self._parties = {each: list(islice(taken, count)) for each, count in counts.items()}
        self.chosen: Mapping[Strategy, list[Case]] = {}

    def stand(self, kind: str, fault: Fault) -> Points:
        """What stops each on its way to that kind, at its write and at all that follow."""
        self.chosen = {
            strategy: _cases(party, self._writes[strategy][kind], fault, first=KINDS.index(kind))
            for strategy, party in self._parties.items()
        }
        faults: dict[str, tuple[str, int, Fault]] = {}
        for strategy, cases in self.chosen.items():
            faults |= points(cases, self._writes[strategy][kind])
        return Points(faults, onwards=True)

    def ask(self, kind: str) -> int:
        """Ask all of them; the revision at which that began."""
        begun = [self.lanes.ask(party, kind, each) for each, party in self._parties.items()]
        return min(begun)

    def judge(self, kind: str, since: int) -> list[str]:
        """Wait until all have ended; everything that is not as promised."""
        return [
            problem
            for strategy, chosen in self.chosen.items()
            for problem in self.lanes.judge(chosen, since, kind, strategy)
        ]


def _certain(writes: list[str]) -> list[int]:
    """Those that there are each time."""
    return [at for at, write in enumerate(writes) if write not in VARYING]


def _enough(writes: Writes) -> int:
    return max(-(-len(_certain(each)) // CHOSEN) for each in writes.values())


def _cases(party: list[Lane], writes: list[str], fault: Fault, *, first: int) -> list[Case]:
    """One for each write that is chosen; whom there is no write for shares the last of them."""
    at = _certain(writes)[first::CHOSEN]
    at += [at[-1]] * (len(party) - len(at))
    return [
        Case(lane, each, f"{writes[each]} ({each})", fault)
        for lane, each in zip(party, at, strict=True)
    ]


@pytest.fixture
def travellers(recorded: Recorded) -> Travellers:
    return Travellers(recorded)


def test_a_leader_may_lose_its_lease_in_mid_write_and_its_writes_arrive_late(
    travellers: Travellers, gateway: Gateway, engines: Engines
) -> None:
    """The second leader has finished all when the first one's writes arrive."""
    admin = travellers.lanes.admin
    for kind in KINDS:
        held = travellers.stand(kind, Hold())
        cut = threading.Event()

        def script(
            exchange: Exchange, held: Points = held, cut: threading.Event = cut
        ) -> Fault | None:
            return Drop() if cut.is_set() and exchange.resource == "leases" else held(exchange)

        gate = gateway.gate(script)
        first = engines.elected(gate, "first")
        since = travellers.ask(kind)
        held.until_struck(SECONDS)
        second = engines.elected(gateway.gate(), "second")
        cut.set()
        assert travellers.judge(kind, since) == []

        gate.let_go()
        travellers.lanes.witness.until_quiet()  # what controllers make of it comes a moment later

        assert travellers.judge(kind, since) == []
        first.join()
        assert isinstance(first.error, BaseExceptionGroup)
        assert first.error.subgroup(LeaseLostError)
        assert admin.get(LEASE, HOME, ENGINE)["spec"]["holderIdentity"] == "second"
        assert second.error is None
        engines.end()


def test_the_api_server_may_start_anew_while_each_stands_at_a_write(
    travellers: Travellers, gateway: Gateway, engines: Engines, local_cluster: LocalCluster
) -> None:
    """What was under way is lost: there before it was carried out, on the way back after it.

    The witness's watches end with the server, and what it then lists anew has no order; so the
    server goes when nothing happens any more, and nobody goes on before the witness watches.
    """
    witness = travellers.lanes.witness
    server = local_cluster.processes["kube-apiserver"]
    for kind in KINDS:
        held = travellers.stand(kind, Hold(applied=kind != KINDS[0]))
        engines.in_process(gate := gateway.gate(held))
        since = travellers.ask(kind)
        held.until_struck(SECONDS)
        witness.until_quiet()
        witness.journal()  # quiet is also a watch that is being taken up again

        server.kill()
        witness.begin_anew()
        server.start()
        local_cluster.until_api_server_ready()
        witness.until_watching()
        gate.break_held()

        assert travellers.judge(kind, since) == []
        engines.end()
