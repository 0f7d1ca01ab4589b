"""Installs mattermost-migrate as a user would, and runs its two processes as they ship.

No kubelet runs containers here. So the chart leaves the Deployments out, and the console scripts
run on this machine, each with a token of the ServiceAccount that the chart made for it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from deploy.demo.programs import BrokenError, run_quietly
from deploy.demo.screen import Screen
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, LEASE
from mattermost_migrate.testing.cluster import ApiError, Cluster, LocalCluster, Process
from mattermost_migrate.testing.cluster.ports import free_port
from mattermost_migrate.testing.cluster.process import stop_all
from mattermost_migrate.testing.webhook import RunningWebhook

__all__ = ["CONTROLLER", "HOME", "Product"]

#: The namespace it is installed in.
HOME: Final = "mattermost-migrate"
#: Its controller, as the API server and the audit log name it.
CONTROLLER: Final = f"system:serviceaccount:{HOME}:mattermost-migrate-controller"

_CHART: Final = Path(__file__).parents[1] / "chart"
_SCRIPTS: Final = Path(sys.executable).parent
_LEAF: Final = "mattermost-migrate-webhook-tls"
_DAY_SECONDS: Final = 86_400
#: How long each may take to come to work, and between two looks: seconds.
_PATIENCE: Final = 30
_PAUSE: Final = 0.1


@dataclass(slots=True)
class Product:
    """mattermost-migrate in a cluster.

    Attributes:
        cluster: where.
        environment: of Helm and our commands, with the kubeconfig and Helm's own folders.
        helm: the Helm binary.
        host: a name or address of this machine that the API server can call.
        processes: those that were started.
    """

    cluster: Cluster
    environment: Mapping[str, str]
    helm: Path
    host: str = "localhost"
    processes: list[Process] = field(default_factory=list)

    def install(self, screen: Screen) -> None:
        """Chart, certificates, webhook, controller; returns when a leader reconciles.

        Raises:
            BrokenError: a command failed.
            ProcessError: a process ended.
            TimeoutError: one does not get ready.
        """
        port = free_port()
        with screen.doing("helm install: CRDs, rights, webhook configuration, admission policies"):
            self._chart(port)
        with screen.doing("mattermost-migrate-certs: CA, serving certificate, caBundle"):
            certificates = self._certificates()
        with screen.doing("mattermost-migrate-webhook, under gunicorn, as its ServiceAccount"):
            self._webhook(certificates, port)
        with screen.doing(
            "mattermost-migrate-controller --operator builtin, as its ServiceAccount"
        ):
            self._controller()

    def stop(self) -> None:
        """End the processes, and take the chart out of a cluster that lives on."""
        stop_all(reversed(self.processes))
        if not isinstance(self.cluster, LocalCluster):
            with suppress(BrokenError):  # not installed yet
                run_quietly([self.helm, "uninstall", HOME, "--namespace", HOME], self.environment)

    def check(self) -> None:
        """Raise ProcessError unless every process still runs."""
        for process in self.processes:
            process.check()

    def _chart(self, port: int) -> None:
        values = {
            "controller.enabled": "false",
            "controller.operator": "builtin",
            "webhook.enabled": "false",
            "webhook.externalName": self.host,
            "webhook.port": str(port),
        }
        settings = [word for pair in values.items() for word in ("--set", "=".join(pair))]
        place = ["--namespace", HOME, "--create-namespace"]
        run_quietly([self.helm, "install", HOME, _CHART, *place, *settings], self.environment)

    def _certificates(self) -> Path:
        program = _SCRIPTS / "mattermost-migrate-certs"
        folder = self.cluster.folder / "certificates"
        place = ["--namespace", HOME]
        run_quietly([program, "issue", *place, "--dns-name", "localhost"], self.environment)
        run_quietly([program, "export", *place, "--directory", folder], self.environment)
        return folder / _LEAF

    def _webhook(self, certificates: Path, port: int) -> None:
        address = "127.0.0.1" if self.host == "localhost" else "0.0.0.0"  # noqa: S104 - called from afar
        process = self._start("webhook", [f"--bind={address}:{port}", f"--cert-dir={certificates}"])
        RunningWebhook(process, port, certificates).until_ready()
        self._until_called()

    def _until_called(self) -> None:
        """Wait until the API server asks the webhook, as the refusal of a mistake shows."""
        wrong = {"metadata": {"name": "probe"}, "spec": {"ingressName": "not a host"}}
        ends = time.monotonic() + _PATIENCE
        while time.monotonic() < ends:
            try:
                self.cluster.admin.create(CLUSTER_INSTALLATION, HOME, wrong, dry_run=True)
            except ApiError as problem:
                if "denied the request" in str(problem):
                    return
                raise
            time.sleep(_PAUSE)
        raise BrokenError(f"the API server does not reach the webhook on this machine, {self.host}")

    def _controller(self) -> None:
        process = self._start("controller", ["--operator=builtin", f"--namespace={HOME}"])
        ends = time.monotonic() + _PATIENCE
        while time.monotonic() < ends:
            process.check()
            lease = self.cluster.admin.find(LEASE, HOME, "mattermost-migrate-controller")
            if lease and lease["spec"].get("holderIdentity"):
                return
            time.sleep(_PAUSE)
        raise BrokenError(f"the controller does not lead:\n{process.tail()}")

    def _start(self, part: str, arguments: list[str]) -> Process:
        name = f"mattermost-migrate-{part}"
        kubeconfig = self.cluster.service_account_kubeconfig(
            HOME, name, self.cluster.folder / f"{name}.kubeconfig", seconds=_DAY_SECONDS
        )
        process = self.cluster.run(name, [_SCRIPTS / name, *arguments], KUBECONFIG=str(kubeconfig))
        self.processes.append(process)
        return process
