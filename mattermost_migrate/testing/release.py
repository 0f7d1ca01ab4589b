"""The chart as a release of a cluster, and its processes run as their pods' specs say."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from mattermost_migrate.domain.names import DEPLOYMENT
from mattermost_migrate.testing.cluster import Cluster, Process
from mattermost_migrate.testing.cluster.ports import free_port
from mattermost_migrate.testing.cluster.process import stop_all
from mattermost_migrate.testing.image import Image
from mattermost_migrate.testing.pods import run_pod

__all__ = ["CHART", "HOME", "Release"]

CHART: Final = Path(__file__).parents[2] / "deploy" / "chart"
#: Its namespace.
HOME: Final = "mattermost-migrate"


@dataclass(slots=True)
class Release:
    """One release of the chart.

    Attributes:
        cluster: where.
        image: what its pods run.
        helm: the Helm binary.
        webhook_port, metrics_port: of the processes, on loopback.
        processes: those that run, by component.
    """

    cluster: Cluster
    image: Image
    helm: Path
    webhook_port: int = field(default_factory=free_port)
    metrics_port: int = field(default_factory=free_port)
    processes: dict[str, Process] = field(default_factory=dict)

    def apply(self, chart: Path = CHART, values: Mapping[str, Any] | None = None) -> None:
        """Install it, or upgrade what is installed."""
        file = self.cluster.folder / "values.yaml"
        file.write_text(yaml.safe_dump(values if values is not None else self.values()))
        where = ["--namespace", HOME, "--create-namespace", "--values", str(file)]
        self.run_helm("upgrade", "--install", "mm", str(chart), *where)

    def values(self) -> dict[str, Any]:
        """One process of each kind, on free ports, where the API server finds them."""
        return {
            "controller": {"operator": "builtin", "metricsPort": self.metrics_port},
            "webhook": {
                "externalName": "localhost",
                "port": self.webhook_port,
                "listenPort": self.webhook_port,
            },
        }

    def run_helm(self, *words: str) -> str:
        """Run Helm; returns what it said.

        Raises:
            RuntimeError: it failed; the message is its own.
        """
        done = subprocess.run(  # noqa: S603 - the Helm that we built
            [str(self.helm), *words],
            check=False,
            capture_output=True,
            text=True,
            env={
                "KUBECONFIG": str(self.cluster.kubeconfig),
                "HOME": str(self.cluster.folder),
                "PATH": "/usr/bin:/bin",
            },
        )
        if done.returncode:
            raise RuntimeError(f"helm {' '.join(words)}: {done.stderr}")
        return done.stdout

    def start(self, *components: str) -> None:
        """Run one pod of each of these Deployments, as the cluster holds them now."""
        for component in components:
            name = f"mattermost-migrate-{component}"
            template = self.cluster.admin.get(DEPLOYMENT, HOME, name)["spec"]["template"]
            self.processes[component] = run_pod(self.cluster, self.image, template, HOME)

    def run_job(self, verb: str) -> None:
        """Run the hook's Job of that verb to its end, as the release has it.

        Helm makes the Job and waits for it; kwok says that it is complete, and runs nothing.

        Raises:
            ProcessError: it failed.
        """
        hooks = yaml.safe_load_all(self.run_helm("get", "hooks", "mm", "--namespace", HOME))
        (template,) = (
            hook["spec"]["template"]
            for hook in hooks
            if hook["kind"] == "Job"
            and verb in hook["spec"]["template"]["spec"]["containers"][0]["command"]
        )
        run_pod(self.cluster, self.image, template, HOME).until_done()

    def stop(self) -> None:
        """End its processes as a kubelet does."""
        stop_all(self.processes.values())
        self.processes.clear()

    def kill(self) -> None:
        """End its processes with no warning."""
        for process in self.processes.values():
            process.kill()
        self.processes.clear()
