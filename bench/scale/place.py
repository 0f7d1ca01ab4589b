"""A local cluster with the rights of the chart, and the controller as a measured process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from mattermost_migrate.domain.names import LEASE, NAMESPACE
from mattermost_migrate.testing.cluster import LocalCluster, Options, Process
from mattermost_migrate.testing.tools import ready

__all__ = ["CONTROLLER", "HOME", "NAME", "Place", "Usage", "place"]

HOME = "mattermost-migrate"
NAME = "mattermost-migrate-controller"
#: As the audit log names it.
CONTROLLER = f"system:serviceaccount:{HOME}:{NAME}"
_ROOT = Path(__file__).parents[2]
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process has used so far: seconds of the processor, and at most so much memory."""

    cpu_seconds: float
    peak_mib: float
    resident_mib: float

    @classmethod
    def of(cls, pid: int) -> Usage:
        """Read it from /proc."""
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        status = dict(
            line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        )
        peak, resident = (int(status[key].split()[0]) / 1024 for key in ("VmHWM", "VmRSS"))
        ticks = int(fields[11]) + int(fields[12])
        return cls(ticks / _TICKS, round(peak, 1), round(resident, 1))


@dataclass(slots=True)
class Place:
    """Where it is measured.

    Attributes:
        cluster: the control plane.
    """

    cluster: LocalCluster

    def controller(self, *options: str) -> Process:
        """Start the controller as it ships; returns when it leads."""
        config = self.cluster.service_account_kubeconfig(
            HOME, NAME, self.cluster.folder / "controller.kubeconfig", seconds=6 * 3600
        )
        program = [sys.executable, "-m", "controller", *options]
        process = self.cluster.run(NAME, program, KUBECONFIG=str(config))
        self.cluster.admin.until(LEASE, HOME, NAME, _held, seconds=60)
        return process


@contextmanager
def place() -> Iterator[Place]:
    """A cluster with our kinds, and the rights of a controller with its operator."""
    tools = ready()
    with LocalCluster(tools, Options(crds=(_ROOT / "deploy" / "crds",))) as cluster:
        cluster.admin.create(NAMESPACE, None, {"metadata": {"name": HOME}})
        shown = subprocess.run(  # noqa: S603 - the Helm that we built
            [
                str(tools["helm4"]),
                *("template", HOME, str(_ROOT / "deploy" / "chart"), "--namespace", HOME),
                *("--set", "controller.operator=builtin"),
                *("--show-only", "templates/controller-rbac.yaml"),
            ],
            check=True,
            capture_output=True,
            text=True,
        )
        cluster.apply(yaml.safe_load_all(shown.stdout), namespace=HOME)
        yield Place(cluster)


def _held(lease: dict[str, object]) -> bool:
    spec = lease.get("spec")
    return isinstance(spec, dict) and bool(spec.get("holderIdentity"))
