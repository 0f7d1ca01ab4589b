"""The webhook on a test's cluster: the chart by real Helm, real certificates, the real process.

No kubelet runs containers there, so the chart leaves the Deployments out and the process runs here,
as its own ServiceAccount; the API server finds it through the chart's Service, an alias of this
host, and verifies its certificate for the Service's name.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import requests

from mattermost_migrate.domain.names import INSTALLATION_MIGRATION, LOCK_LABEL
from mattermost_migrate.testing.cluster import Cluster, Process
from mattermost_migrate.testing.cluster.ports import free_port
from mattermost_migrate.testing.policies import until_accepted

__all__ = [
    "NAMESPACE",
    "RunningWebhook",
    "called_webhook",
    "install_chart",
    "run_tool",
    "start_conversion",
    "start_webhook",
    "switch_preview",
    "uninstall_chart",
]

NAMESPACE: Final = "mattermost-migrate"
_CHART: Final = Path(__file__).parents[2] / "deploy" / "chart"
_PATIENCE: Final = 30.0
_PROGRAM: Final = (sys.executable, "-m", "webhook")


@dataclass(frozen=True, slots=True)
class RunningWebhook:
    """A webhook that the cluster calls.

    Attributes:
        process: to stop, pause and start again.
        port: on loopback.
        certificates: the folder it serves from.
    """

    process: Process
    port: int
    certificates: Path

    @property
    def url(self) -> str:
        """Where it listens, under a name that stands in its certificate."""
        return f"https://localhost:{self.port}"

    @property
    def authority(self) -> Path:
        """The CA to verify it by."""
        return self.certificates / "ca.crt"

    def until_ready(self) -> None:
        """Wait until ``/readyz`` says so.

        Raises:
            TimeoutError: it does not; the message shows its last answer and its log.
        """
        ends, said = time.monotonic() + _PATIENCE, "nothing"
        while time.monotonic() < ends:
            self.process.check()
            try:
                answer = requests.get(f"{self.url}/readyz", verify=str(self.authority), timeout=5)
            except requests.ConnectionError as error:
                said = str(error)
            else:
                if answer.ok:
                    return
                said = answer.text
            time.sleep(0.1)
        raise TimeoutError(f"the webhook is not ready: {said}\n{self.process.tail()}")


def install_chart(cluster: Cluster, helm: Path, values: Mapping[str, str]) -> None:
    """Install the chart without its Deployments, or change the values of what is installed."""
    given = {"controller.enabled": "false", "webhook.enabled": "false", **values}
    settings = [word for pair in given.items() for word in ("--set", "=".join(pair))]
    command = [str(helm), "upgrade", "--install", "mattermost-migrate", str(_CHART), "--skip-crds"]
    run_tool([*command, "--namespace", NAMESPACE, "--create-namespace", *settings], cluster)


def uninstall_chart(cluster: Cluster, helm: Path) -> None:
    """Take the chart away again, and wait until the API server has forgotten its policies."""
    run_tool([str(helm), "uninstall", "mattermost-migrate", "--namespace", NAMESPACE], cluster)
    locked = {"metadata": {"name": "probe", "labels": {LOCK_LABEL: "frozen"}}}
    body = {**locked, "spec": {"desiredKind": "Mattermost"}}
    until_accepted(
        lambda: cluster.admin.create(INSTALLATION_MIGRATION, NAMESPACE, body, dry_run=True),
        seconds=_PATIENCE,
    )


@contextmanager
def called_webhook(
    cluster: Cluster, helm: Path, *, program: Sequence[str] = _PROGRAM
) -> Iterator[RunningWebhook]:
    """The webhook, or another ``program``, called by the cluster for as long as the context lasts.

    Afterwards the chart is gone too: its locks would meet tests that act as the administrator.
    """
    try:
        running = start_webhook(cluster, helm, port=free_port(), program=program)
        yield running
        running.process.stop()
    finally:
        uninstall_chart(cluster, helm)


def start_webhook(
    cluster: Cluster, helm: Path, *, port: int, program: Sequence[str] = _PROGRAM
) -> RunningWebhook:
    """Install the chart, issue certificates, start the webhook and wait until it is ready."""
    install_chart(cluster, helm, {"webhook.externalName": "localhost", "webhook.port": str(port)})
    folder = cluster.folder / "webhook"
    certs = [sys.executable, "-m", "certs"]
    place = ["--namespace", NAMESPACE]
    run_tool([*certs, "issue", *place, "--dns-name", "localhost"], cluster)
    run_tool([*certs, "export", *place, "--directory", str(folder)], cluster)
    kubeconfig = cluster.service_account_kubeconfig(
        NAMESPACE, "mattermost-migrate-webhook", cluster.folder / "webhook.kubeconfig"
    )
    certificates = folder / "mattermost-migrate-webhook-tls"
    process = cluster.run(
        "webhook",
        [*program, f"--bind=127.0.0.1:{port}", f"--cert-dir={certificates}"],
        KUBECONFIG=str(kubeconfig),
    )
    running = RunningWebhook(process, port, certificates)
    running.until_ready()
    return running


def start_conversion(cluster: Cluster, beside: RunningWebhook) -> RunningWebhook:
    """Start the conversion with the webhook's certificate, and switch it on in the CRD."""
    port = free_port()
    process = cluster.run(
        "conversion",
        [
            *(sys.executable, "-m", "webhook.preview", "serve"),
            f"--bind=127.0.0.1:{port}",
            f"--cert-dir={beside.certificates}",
            "--server-name=localhost",
        ],
    )
    running = RunningWebhook(process, port, beside.certificates)
    running.until_ready()
    switch_preview(cluster, "enable", "--url", running.url)
    run_tool([sys.executable, "-m", "certs", "inject", "--namespace", NAMESPACE], cluster)
    return running


def switch_preview(cluster: Cluster, verb: str, *options: str) -> None:
    """Switch the preview version as the chart's jobs do: with their rights, and no more."""
    account = "mattermost-migrate-conversion"
    kubeconfig = cluster.service_account_kubeconfig(
        NAMESPACE, account, cluster.folder / "conversion.kubeconfig"
    )
    command = [sys.executable, "-m", "webhook.preview", verb, *options]
    run_tool(command, cluster, kubeconfig=kubeconfig)


def run_tool(command: list[str], cluster: Cluster, *, kubeconfig: Path | None = None) -> None:
    """Run one of our tools, as the administrator if not told otherwise.

    Raises:
        RuntimeError: it failed; with all it said.
    """
    environment = {
        "KUBECONFIG": str(kubeconfig or cluster.kubeconfig),
        "HOME": str(cluster.folder),  # Helm keeps its caches there
        "PATH": "/usr/bin:/bin",
    }
    done = subprocess.run(  # noqa: S603 - our own programs
        command,
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        cwd=_CHART.parents[1],
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")
