"""What the plugin's reading commands take with a crowd, started the way a user starts them."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.scale.place import CONTROLLER, Place, Usage

__all__ = ["measured"]

_PROGRAM = Path(sys.executable).with_name("mattermost-migrate")
_TESTS = "mattermost-migrate-testing"
_READS = frozenset({"get", "list", "watch"})


def measured(where: Place) -> dict[str, Any]:
    """Run ``plan`` and ``status`` over everything; a plan stores nothing."""
    since = datetime.now(UTC)
    before = _servers(where)
    plan, plan_seconds, plan_cpu = _run(where, "plan", "--all", "-o", "json")
    after = _servers(where)
    _, status_seconds, status_cpu = _run(where, "status", "--all", "-o", "name")
    return {
        "planSeconds": plan_seconds,
        "planCpuSeconds": plan_cpu,
        "planServersCpuSeconds": {name: round(after[name] - before[name], 1) for name in after},
        "planTotals": json.loads(plan)["totals"],
        "commandsSent": _sent(where, since),
        "statusSeconds": status_seconds,
        "statusCpuSeconds": status_cpu,
    }


def _servers(where: Place) -> dict[str, float]:
    """What those who answer have used of the processor so far."""
    return {
        name: Usage.of(where.cluster.processes[name].pid).cpu_seconds
        for name in ("kube-apiserver", "etcd")
    }


def _run(where: Place, *arguments: str) -> tuple[str, float, float]:
    """Its output, its seconds, and its processor's."""
    before, began = _cpu(), time.monotonic()
    done = subprocess.run(  # noqa: S603 - ourselves
        [str(_PROGRAM), *arguments],
        env={**os.environ, "KUBECONFIG": str(where.cluster.kubeconfig)},
        check=False,
        capture_output=True,
        text=True,
    )
    took = time.monotonic() - began
    if done.returncode not in (0, 3):  # 3: something is refused, which is an answer
        raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
    return done.stdout, round(took, 1), round(_cpu() - before, 1)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _sent(where: Place, since: datetime) -> dict[str, int]:
    """What reached the API server, by what it could have done."""
    sent = {"reads": 0, "rehearsed": 0, "stored": 0}
    for event in where.cluster.audit():
        stranger = event["user"].get("username") == CONTROLLER or event.get("userAgent") == _TESTS
        ours = str(event.get("userAgent")).startswith("mattermost-migrate")
        early = datetime.fromisoformat(event["requestReceivedTimestamp"]) < since
        if stranger or not ours or early:
            continue
        if event["verb"] in _READS or "selfsubject" in event["requestURI"]:
            sent["reads"] += 1
        else:
            sent["rehearsed" if "dryRun=" in event["requestURI"] else "stored"] += 1
    return sent
