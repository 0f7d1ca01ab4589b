"""How a fleet scales: `python -m bench.scale --record FILE`, `--plan 1000` or `--idle 5000`.

The first creates installations of two pods on a control plane of its own for each count, lets the
builtin operator make them stable, and moves all of them, fifty at once; then, with the controller
gone, a bare script sends just the same writes for others beside them. The second holds objects of
installations in the informers of a controller that has nothing to do; the third only plans them.
Each prints one JSON document; ``--record`` writes it, after every row, so that a run cut short
keeps what it measured, and one of some counts leaves the rows of the others as they were.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.scale import commands, crowd
from bench.scale.account import account
from bench.scale.floor import floor
from bench.scale.line import line
from bench.scale.place import Place, Usage, place
from mattermost_migrate.domain.names import (
    FLEET_MIGRATION,
    INSTALLATION_MIGRATION,
    POD,
    REPLICA_SET,
)
from mattermost_migrate.domain.reported import parse_time
from mattermost_migrate.testing.cluster import Process

sys.path.insert(0, str(Path(__file__).parents[1]))
from origin import origin

_AT_ONCE = 50
_NAME = "bench"
_COUNTS = "100,300,1000,3000"
#: Whose writes are sent by the bare script, and how many installations it moves at most.
_BARE = "floor"
_MOST_BARE = 200
_OTHERS = ("kube-controller-manager", "kube-scheduler", "kwok")
#: Seconds of a look at an idle controller, and how many looks its first lists may take.
_LOOK = 30.0
_FIRST_LISTS = 20
#: Of the processor, in one look: what a controller that has read everything stays below.
_QUIET = 0.05


def company() -> str:
    """Who else was at work: without it no figure can be compared."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def fleet(count: int, strategy: str = "Adopt") -> dict[str, Any]:
    """Move a fleet and say what that took, beside the floor."""
    bare = min(count, _MOST_BARE) if strategy == "Adopt" else 0
    with place() as where:
        admin = where.cluster.admin
        controller = where.controller("--operator", "builtin")
        began = time.monotonic()
        crowd.create(admin, count)
        created = time.monotonic() - began
        if bare:
            crowd.create(admin, bare, _BARE)
        asked = commands.measured(where)
        before = _workload(where)
        used, since, beside = Usage.of(controller.pid), datetime.now(UTC), company()
        moved = _move(where, count, strategy)
        after = Usage.of(controller.pid)
        workload = _workload(where)
        booked = account(where.cluster, since, count)
        migrations = admin.list(INSTALLATION_MIGRATION)
        engine = [each["status"]["apiWrites"] for each in migrations]
        row = {
            "company": beside,
            "strategy": strategy,
            "installations": count,
            "atOnce": _AT_ONCE,
            "createdSeconds": round(created, 1),
            **asked,
            **moved,
            "secondsEach": round(moved["seconds"] / count, 3),
            "stepMedianSeconds": _steps(migrations),
            "engineWritesMedian": statistics.median(engine),
            "writesEach": booked.writes,
            "readsEach": booked.reads,
            "eventsAndLeasesEach": booked.beside,
            "writes": booked.each,
            "reads": booked.read,
            "podsAndReplicaSetsMade": len(workload - before),
            "podsAndReplicaSetsLost": len(before - workload),
            "controllerCpuSeconds": round(after.cpu_seconds - used.cpu_seconds, 1),
            "controllerCpuSecondsEach": round((after.cpu_seconds - used.cpu_seconds) / count, 3),
            "controllerPeakMiB": after.peak_mib,
        }
        return row | (_beside_floor(where, controller, bare, row) if bare else {})


def _beside_floor(
    where: Place, controller: Process, bare: int, row: dict[str, Any]
) -> dict[str, Any]:
    """What the writes alone take, and by how much more the migration did."""
    controller.stop()
    before, beside = _workload(where), company()
    others = dict(zip(crowd.namespaces(bare, _BARE), crowd.namespaces(bare), strict=True))
    found = floor(where.cluster.kubeconfig, others, _AT_ONCE)
    each = found["seconds"] / bare
    made = len(_workload(where) - before)
    told = {**found, "company": beside, "secondsEach": round(each, 3), "podsMade": made}
    return {"floor": told, "timesTheFloor": round(row["secondsEach"] / each, 2)}


def _workload(where: Place) -> set[str]:
    return {
        each["metadata"]["uid"]
        for resource in (POD, REPLICA_SET)
        for each in where.cluster.admin.list(resource)
    }


def _move(where: Place, count: int, strategy: str) -> dict[str, Any]:
    """Run the fleet; its estimates are compared with what came true."""
    spec = {
        "selector": {"namespaces": list(crowd.namespaces(count))},
        "desiredKind": "Mattermost",
        "maxConcurrent": _AT_ONCE,
        "strategy": strategy,
    }
    admin = where.cluster.admin
    began = datetime.now(UTC)
    admin.create(FLEET_MIGRATION, None, {"metadata": {"name": _NAME}, "spec": spec})
    estimates: list[tuple[int, datetime]] = []

    def over(obj: dict[str, Any]) -> bool:
        status = obj.get("status") or {}
        if told := status.get("estimatedCompletionTime"):
            estimates.append((status["counts"]["succeeded"], parse_time(told)))
        return "completionTime" in status

    status = admin.until(FLEET_MIGRATION, None, _NAME, over, seconds=300 + 5 * count)["status"]
    ended = parse_time(status["completionTime"])
    seconds = (ended - began).total_seconds()
    later = [told for done, told in estimates if done >= count / 10]
    errors = [abs((told - ended).total_seconds()) / seconds for told in later]
    return {
        "counts": status["counts"],
        "seconds": round(seconds, 1),
        "estimateOffMedian": round(statistics.median(errors), 3) if errors else None,
        "estimateOffMost": round(max(errors), 3) if errors else None,
    }


def _steps(migrations: list[dict[str, Any]]) -> dict[str, float]:
    """How long each step was the current one, in the middle."""
    took: dict[str, list[float]] = defaultdict(list)
    for each in migrations:
        steps = each["status"].get("steps") or []
        times = [parse_time(step["startTime"]) for step in steps]
        times.append(parse_time(each["status"]["completionTime"]))
        for step, entered, left in zip(steps, times, times[1:], strict=False):
            took[step["type"]].append((left - entered).total_seconds())
    return {step: round(statistics.median(each), 3) for step, each in took.items()}


def idle(count: int) -> dict[str, Any]:
    """Hold installations and do nothing."""
    with place() as where:
        crowd.prepare(where.cluster.admin, count)
        for name in _OTHERS:
            where.cluster.processes[name].stop()
        crowd.hold(where.cluster.admin, count)
        controller = where.controller("--operator", "external")
        looks = 0
        used = quiet = _LOOK * _QUIET
        while used >= quiet and looks < _FIRST_LISTS:  # the first looks see it read the lists
            before = Usage.of(controller.pid)
            time.sleep(_LOOK)
            after, looks = Usage.of(controller.pid), looks + 1
            used = after.cpu_seconds - before.cpu_seconds
        return {
            "company": company(),
            "held": count,
            "peakMiB": after.peak_mib,
            "residentMiB": after.resident_mib,
            "cpuSecondsInThirty": round(used, 2),
            "cpuSecondsInAll": round(after.cpu_seconds, 1),
            "looks": looks,
        }


def planned(count: int) -> dict[str, Any]:
    """Let the reading commands look at stable installations; nobody moves them."""
    with place() as where:
        where.controller("--operator", "builtin")
        crowd.create(where.cluster.admin, count)
        time.sleep(10)  # whoever still works on what was created
        return {"company": company(), "installations": count, **commands.measured(where)}


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", default=_COUNTS, help="installations to move, run by run")
    parser.add_argument("--recreate", type=int, default=100, help="move so many by Recreate, too")
    parser.add_argument("--plan", type=int, help="plan so many instead")
    parser.add_argument("--idle", type=int, help="hold so many instead")
    parser.add_argument("--record", type=Path, help="write the document there, too, row by row")
    options = parser.parse_args()
    if options.idle:
        _tell({**origin(), **idle(options.idle)}, options.record)
        return 0
    if options.plan:
        planning = {**origin(), **planned(options.plan)}
        _tell(planning, options.record)
        return 1 if planning["commandsSent"]["stored"] else 0
    runs = [(int(each), "Adopt") for each in options.counts.split(",")]
    runs += [(options.recreate, "Recreate")] if options.recreate else []
    rows = _recorded(options.record)
    well = True
    for count, strategy in runs:
        row = {**origin(), **fleet(count, strategy)}
        well &= _well(row)
        rows[strategy, count] = row
        ordered = [rows[each] for each in sorted(rows)]
        grown = line([each for each in ordered if each["strategy"] == "Adopt"])
        _tell({"rows": ordered, **({"growth": grown} if grown else {})}, options.record)
    return 0 if well else 1


def _recorded(where: Path | None) -> dict[tuple[str, int], dict[str, Any]]:
    """The rows of earlier runs, by strategy and count."""
    earlier = json.loads(where.read_text())["rows"] if where and where.exists() else ()
    return {(row["strategy"], row["installations"]): row for row in earlier}


def _well(row: dict[str, Any]) -> bool:
    """Whether all have moved, and by Adopt nobody could notice."""
    adopt = row["strategy"] == "Adopt"
    touched = row["podsAndReplicaSetsMade"] or row["podsAndReplicaSetsLost"]
    return row["counts"]["succeeded"] == row["installations"] and not (adopt and touched)


def _tell(record: dict[str, Any], where: Path | None) -> None:
    text = json.dumps(record, indent=2)
    print(text, flush=True)
    if where:
        where.write_text(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
