"""Each write of a migration and each fault, in an installation of its own, and random schedules.

Leases that are lost and API servers that start anew are a test beside this one.
Not a part of ``make test``: ``make proof-faults`` runs it, and records how many there were.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from mattermost_migrate.domain.names import Strategy
from mattermost_migrate.testing.faults import Fault, Gateway, LoseWatches, Points

from .engines import AFTER, BEFORE, FAULTS, Engines, Recorded, Start, as_process, in_process
from .lanes import KINDS, NEVER, Case, Lanes, cases, points, unduly_missed, until_all_stand
from .schedules import schedules

#: An engine that dies in this process says no farewell on its connections.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
#: Installations at the same time: more of them only wait for each other.
BLOCK = 28
#: Random schedules in all, and from which seed on.
SCHEDULES = int(os.environ.get("MATTERMOST_MIGRATE_SCHEDULES", "200"))
FIRST_SEED = int(os.environ.get("MATTERMOST_MIGRATE_SEED", "1000"))
Record = list[dict[str, Any]]
#: Writes that there were not, and how often.
Missed = Counter[tuple[str, int]]


def blocks(
    lanes: Lanes, writes: Mapping[str, Sequence[str]], faults: Mapping[str, Fault]
) -> list[dict[str, list[Case]]]:
    """All cases of both directions, by kind, so many at a time."""
    most = max(map(len, writes.values())) * len(faults)
    taken = lanes.take(min(BLOCK, most))
    every = {kind: cases([taken[0]] * most, writes[kind], faults) for kind in KINDS}
    return [
        {
            kind: [
                Case(lane, case.at, case.what, case.fault)
                for lane, case in zip(taken, every[kind][first:], strict=False)
            ]
            for kind in KINDS
        }
        for first in range(0, most, len(taken))
    ]


@pytest.mark.parametrize("strategy", Strategy)
def test_each_fault_at_each_write(
    recorded: Recorded,
    record: Record,
    strategy: Strategy,
) -> None:
    lanes, gateway, engines = recorded.lanes, recorded.gateway, recorded.engines
    writes = recorded(in_process, strategy)
    missed = Missed()
    gate = gateway.gate()
    engines.in_process(gate)
    for block in blocks(lanes, writes, FAULTS):
        lanes.forget()
        for kind, chosen in block.items():
            gate.script = script = Points(points(chosen, writes[kind]))
            since = lanes.ask([case.lane for case in chosen], kind, strategy)
            assert lanes.judge(chosen, since, kind, strategy) == []
            assert unduly_missed(script) == {}
            missed.update(script.missed.values())
    record.append(told("failed", strategy, writes, FAULTS, missed))


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("start", [in_process, as_process])
def test_death_before_and_after_each_write(
    recorded: Recorded,
    record: Record,
    start: Start,
    strategy: Strategy,
) -> None:
    lanes, gateway, engines = recorded.lanes, recorded.gateway, recorded.engines
    deaths = {"killed before": BEFORE, "killed after": AFTER}
    writes = recorded(start, strategy)
    missed = Missed()
    for block in blocks(lanes, writes, deaths):
        lanes.forget()
        for kind, chosen in block.items():
            script = Points(points(chosen, writes[kind]), onwards=True)
            gate = gateway.gate(script)
            start(engines, gate)
            since = lanes.ask([case.lane for case in chosen], kind, strategy)
            until_all_stand(script, chosen)
            missed.update(script.missed.values())
            engines.kill(gate)
            start(engines, gateway.gate())
            assert lanes.judge(chosen, since, kind, strategy) == []
            engines.end()
    how = "SIGKILL" if start is as_process else "death in the process"
    record.append(told(how, strategy, writes, deaths, missed))


@pytest.mark.parametrize("strategy", Strategy)
def test_watches_lost_at_each_write(
    recorded: Recorded,
    record: Record,
    strategy: Strategy,
) -> None:
    """All installations share the watches, so here one moves at a time."""
    lanes, gateway, engines = recorded.lanes, recorded.gateway, recorded.engines
    writes = recorded(in_process, strategy)
    missed = Missed()
    losses = {"broken": LoseWatches(), "expired": LoseWatches(expired=True)}
    gate = gateway.gate()
    engines.in_process(gate)
    (lane,) = lanes.take(1)
    for at in range(max(map(len, writes.values()))):
        for what, loss in losses.items():
            lanes.forget()
            lane.renew()  # or there would be other writes than those recorded
            for kind in KINDS:
                here = Case(lane, at if at < len(writes[kind]) else NEVER, what, loss)
                gate.script = script = Points(points([here], writes[kind]))
                since = lanes.ask([lane], kind, strategy)
                assert lane.judge(since, kind, strategy, f"{what} at {at}") == []
                assert unduly_missed(script) == {}
                missed.update(script.missed.values())
    record.append(told("watches lost", strategy, writes, losses, missed))


def test_random_schedules(lanes: Lanes, gateway: Gateway, engines: Engines, record: Record) -> None:
    done = 0
    seed = FIRST_SEED
    while done < SCHEDULES:
        taken = lanes.take(min(BLOCK, SCHEDULES - done))
        assert schedules(seed, taken, lanes, gateway, engines) == []
        done, seed = done + len(taken), seed + 1
    record.append({"what": "random schedules", "schedules": done, "first_seed": FIRST_SEED})


def told(
    what: str,
    strategy: Strategy,
    writes: Mapping[str, Sequence[str]],
    faults: Mapping[str, Fault],
    missed: Missed,
) -> dict[str, Any]:
    """What there was, for the record: who comes here was whole in each migration."""
    planned = sum(map(len, writes.values())) * len(faults)
    return {
        "what": what,
        "strategy": strategy.value,
        "writes": {f"to {kind}": len(each) for kind, each in writes.items()},
        "faults": list(faults),
        "migrations": planned,
        "faultsMet": planned - missed.total(),
        "writesNotNeeded": {f"{what} ({number})": n for (what, number), n in missed.items()},
    }
