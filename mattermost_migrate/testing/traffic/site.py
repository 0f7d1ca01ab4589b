"""Installations with real traffic on a local cluster: all its processes, for a test or a proof."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mattermost_migrate.domain.names import (
    LEADER_LEASE,
    LEASE,
    NAMESPACE,
    POD,
    SECRET,
)
from mattermost_migrate.domain.objects import uid_of
from mattermost_migrate.testing.builders import database_secret, file_secret
from mattermost_migrate.testing.cluster import (
    AuditLevel,
    Client,
    LocalCluster,
    Options,
    Process,
)
from mattermost_migrate.testing.installations import Installations
from mattermost_migrate.testing.tools import Toolbox
from mattermost_migrate.testing.traffic.kubelet import CONTAINER_SCHEME, Temper
from mattermost_migrate.testing.witness import Witness

__all__ = ["CONTROLLER", "CONTROLLER_USER", "Site", "open_site"]

_HOME: Final = "mattermost-migrate"
_NAMESPACE: Final = "chat"
_PATIENCE: Final = 60.0
_ACCOUNT: Final = "controller-under-load"
_TOKEN_SECONDS: Final = 6 * 3600
#: Who the controller is in the audit log.
CONTROLLER_USER: Final = f"system:serviceaccount:{_HOME}:{_ACCOUNT}"
#: The controller as it ships.
CONTROLLER: Final = (sys.executable, "-m", "controller")


@dataclass(slots=True)
class Site:
    """What runs.

    Attributes:
        cluster: the control plane.
        installations: those with traffic, all in one namespace.
        names: their names.
        controller: the migration controller, to be killed.
        load: who asks and chats, once there is somebody.
    """

    cluster: LocalCluster
    installations: Installations
    names: Sequence[str]
    controller: Process
    load: Process | None = None

    @property
    def _report(self) -> Path:
        return self.cluster.folder / "load.json"

    def start_load(self, *, rate: float, sockets: int) -> None:
        """Have requests and WebSockets come in, and wait until all of these are open."""
        command = [sys.executable, "-m", "mattermost_migrate.testing.traffic.load"]
        for name in self.names:
            command += ["--service", f"{_NAMESPACE}/{name}"]
        command += ["--rate", str(rate), "--sockets", str(sockets), "--report", str(self._report)]
        kubeconfig = str(self.cluster.kubeconfig)
        self._report.unlink(missing_ok=True)  # of a load before this one
        self.load = self.cluster.run("load", command, KUBECONFIG=kubeconfig)
        deadline = time.monotonic() + _PATIENCE
        while self.tally().get("sockets", 0) < sockets:
            self.load.check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"not all sockets get open: {self.tally()}")
            time.sleep(0.2)  # it tells nobody; its report is renewed twice a second

    def tally(self) -> dict[str, Any]:
        """What the load has met so far; nothing before its first report.

        Raises:
            ProcessError: it ended by itself, so what it told is not the whole.
        """
        if self.load is not None:
            self.load.check()
        return json.loads(self._report.read_text()) if self._report.exists() else {}

    def stop_load(self) -> dict[str, Any]:
        """End the load; returns all it has met.

        Raises:
            ProcessError: it ended by itself, so what it told is not the whole.
        """
        if self.load is not None:
            self.load.check()
            self.load.stop()
            self.load = None
        return self.tally()

    def replace_controller(self, command: Sequence[str]) -> None:
        """End the controller for good and start that one in its place."""
        self.controller.stop()
        self.controller = _controller(self.cluster, "another-controller", command)

    def kill_controller(self) -> None:
        """Kill it with SIGKILL and start another, which need not wait for the dead one's Lease."""
        self.controller.kill()
        admin = self.cluster.admin
        if admin.find(LEASE, _HOME, LEADER_LEASE):
            admin.delete(LEASE, _HOME, LEADER_LEASE)
        self.controller.start()

    def processes(self) -> Mapping[str, str]:
        """The process of each pod, by the pod's UID."""
        return {
            uid_of(pod): pod["status"]["containerStatuses"][0]["containerID"].removeprefix(
                CONTAINER_SCHEME
            )
            for pod in self.installations.list(POD)
            if (pod.get("status") or {}).get("containerStatuses")
        }


@contextmanager
def open_site(
    tools: Toolbox,
    crds: Path,
    names: Sequence[str],
    *,
    temper: Temper | None = None,
    controller: Sequence[str] = CONTROLLER,
    audit: AuditLevel | None = None,
) -> Iterator[Site]:
    """Start everything but the load, with stable ClusterInstallations of two pods each.

    Args:
        tools: the built programs.
        crds: the folder of CustomResourceDefinitions.
        names: of the installations.
        temper: of their servers.
        controller: the command of the controller.
        audit: what the audit log keeps.
    """
    temper = temper or Temper()
    network = 50 + os.getpid() % 150
    with LocalCluster(tools, Options(nodes=0, audit=audit, crds=(crds,))) as cluster:
        for namespace in (_HOME, _NAMESPACE):
            cluster.admin.create(NAMESPACE, None, {"metadata": {"name": namespace}})
        for secret in (database_secret(namespace=_NAMESPACE), file_secret(namespace=_NAMESPACE)):
            cluster.admin.create(SECRET, _NAMESPACE, secret)
        node = [sys.executable, "-m", "mattermost_migrate.testing.traffic.node"]
        node += ["--name", "node", "--network", str(network)]
        node += ["--start-seconds", str(temper.start_seconds)]
        node += ["--stop-seconds", str(temper.stop_seconds)]
        kubeconfig = str(cluster.kubeconfig)
        cluster.run("node", node, KUBECONFIG=kubeconfig)
        process = _controller(cluster, "controller", controller)
        with Witness(Client(cluster.admin.credentials)) as witness:
            installations = Installations(cluster.admin, witness, _NAMESPACE)
            installations.create(*names)
            yield Site(cluster, installations, names, process)


def _controller(cluster: LocalCluster, name: str, command: Sequence[str]) -> Process:
    """Start a controller that may do anything, by an account of its own, so that it is counted."""
    cluster.give_every_right(_HOME, _ACCOUNT)
    path = cluster.service_account_kubeconfig(
        _HOME, _ACCOUNT, cluster.folder / f"{name}.kubeconfig", seconds=_TOKEN_SECONDS
    )
    whole = [*command, "--operator", "builtin", "--namespace", _HOME]
    return cluster.run(name, whole, KUBECONFIG=str(path))
