"""How a fleet scales: `python -m bench.scale --count 1000` and `python -m bench.scale --idle 5000`.

The first creates installations of two pods on a control plane of its own, lets the builtin operator
make them stable, and moves all of them, fifty at once. The second holds objects of installations in
the informers of a controller that has nothing to do. Each prints one JSON document.
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
from bench.scale.place import Place, Usage, place
from mattermost_migrate.domain.conditions import parse_time
from mattermost_migrate.domain.names import (
    FLEET_MIGRATION,
    INSTALLATION_MIGRATION,
    POD,
    REPLICA_SET,
)

sys.path.insert(0, str(Path(__file__).parents[1]))
from conversion_round_trip import origin

_AT_ONCE = 50
_NAME = "bench"
_OTHERS = ("kube-controller-manager", "kube-scheduler", "kwok")


def company() -> str:
    """Who else was at work: without it no figure can be compared."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def fleet(count: int) -> dict[str, Any]:
    """Move a fleet and say what that took."""
    with place() as where:
        admin = where.cluster.admin
        controller = where.controller("--operator", "builtin")
        began = time.monotonic()
        crowd.create(admin, count)
        created = time.monotonic() - began
        asked = commands.measured(where)
        before = _workload(where)
        used, since, beside = Usage.of(controller.pid), datetime.now(UTC), company()
        moved = _move(where, count)
        after = Usage.of(controller.pid)
        workload = _workload(where)
        booked = account(where.cluster, since, count)
        migrations = admin.list(INSTALLATION_MIGRATION)
        engine = [each["status"]["apiWrites"] for each in migrations]
        return {
            "company": beside,
            "installations": count,
            "atOnce": _AT_ONCE,
            "createdSeconds": round(created, 1),
            **asked,
            **moved,
            "stepMedianSeconds": _steps(migrations),
            "engineWritesMedian": statistics.median(engine),
            "writesEach": booked.writes,
            "readsEach": booked.reads,
            "eventsAndLeasesEach": booked.beside,
            "writes": booked.each,
            "podsAndReplicaSetsMade": len(workload - before),
            "podsAndReplicaSetsLost": len(before - workload),
            "controllerCpuSeconds": round(after.cpu_seconds - used.cpu_seconds, 1),
            "controllerPeakMiB": after.peak_mib,
        }


def _workload(where: Place) -> set[str]:
    return {
        each["metadata"]["uid"]
        for resource in (POD, REPLICA_SET)
        for each in where.cluster.admin.list(resource)
    }


def _move(where: Place, count: int) -> dict[str, Any]:
    """Run the fleet; its estimates are compared with what came true."""
    spec = {"selector": {"all": True}, "desiredKind": "Mattermost", "maxConcurrent": _AT_ONCE}
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
        time.sleep(30)
        before = Usage.of(controller.pid)
        time.sleep(30)
        after = Usage.of(controller.pid)
        return {
            "company": company(),
            "held": count,
            "peakMiB": after.peak_mib,
            "residentMiB": after.resident_mib,
            "cpuSecondsInThirty": round(after.cpu_seconds - before.cpu_seconds, 2),
        }


def main() -> int:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="installations to move")
    parser.add_argument("--idle", type=int, help="hold so many instead")
    options = parser.parse_args()
    measured = idle(options.idle) if options.idle else fleet(options.count)
    print(json.dumps({**origin(), **measured}, indent=2))
    good = measured.get("podsAndReplicaSetsMade", 0) == 0
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
