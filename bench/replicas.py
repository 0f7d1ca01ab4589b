"""Replicas of the webhook as a Deployment runs them: started, called, drained, replaced."""

from __future__ import annotations

import random
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import requests

from certs.storage import LEAF_NAME
from mattermost_migrate.domain.names import SECRET
from mattermost_migrate.testing.cluster import Cluster, Process
from mattermost_migrate.testing.cluster.ports import free_port
from mattermost_migrate.testing.secret_volume import SecretVolume, mount
from mattermost_migrate.testing.webhook import NAMESPACE

__all__ = ["Replica", "Replicas", "start", "webhook"]

_PATIENCE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Replica:
    """A webhook that was started: its process, its port on loopback, and its mounted Secret."""

    process: Process
    port: int
    volume: ExitStack


class Replicas:
    """So many webhooks; ``ports`` are those that a Service would send calls to.

    Args:
        cluster: with our chart installed.
        lag: the most seconds from a change of the Secret to its file, by chance for each.
        program: what to run.
        torn: files are written one after the other, in place, instead of swapped as a whole.
    """

    def __init__(
        self, cluster: Cluster, *, lag: float, program: tuple[str, ...], torn: bool = False
    ) -> None:
        self._cluster, self._lag, self._program, self._torn = cluster, lag, program, torn
        self._made = 0
        self._kubeconfig = cluster.service_account_kubeconfig(
            NAMESPACE, "mattermost-migrate-webhook", cluster.folder / "replicas.kubeconfig"
        )
        self._running: list[Replica] = []

    @property
    def ports(self) -> list[int]:
        """Of those that are ready and not about to leave."""
        return [each.port for each in self._running]

    def add(self, port: int | None = None) -> None:
        """Start one and wait until it is ready."""
        self._made += 1
        lag = random.uniform(0.0, self._lag)  # noqa: S311 - a kubelet's mood
        replica = start(
            self._cluster,
            f"replica-{self._made}",
            self._program,
            self._kubeconfig,
            port=port,
            lag=lag,
            torn=self._torn,
        )
        self._running = [*self._running, replica]

    def replace(self, *, pre_stop: float, drained: bool) -> float:
        """Replace the oldest: a new one first, then the old one out of the list, then its end.

        Args:
            pre_stop: seconds it goes on serving, unlisted, before SIGTERM.
            drained: else it is killed.

        Returns:
            The seconds from SIGTERM to its end.
        """
        self.add()
        oldest, *rest = self._running
        self._running = rest
        time.sleep(pre_stop)
        began = time.monotonic()
        oldest.process.terminate() if drained else oldest.process.kill()
        oldest.process.stop(40.0)
        oldest.volume.close()
        return time.monotonic() - began

    def close(self) -> None:
        """End them all."""
        for each in self._running:
            each.process.stop()
            each.volume.close()


def start(
    cluster: Cluster,
    name: str,
    program: tuple[str, ...],
    kubeconfig: Path,
    *,
    port: int | None = None,
    trusting: bool = True,
    lag: float = 0.0,
    torn: bool = False,
) -> Replica:
    """Start one with its serving certificate mounted, and wait until it is ready.

    Args:
        cluster: where the Secret of the certificate is.
        name: of the process.
        program: what to run.
        kubeconfig: by which it reads the cluster.
        port: where it listens; a free one otherwise.
        trusting: its certificate has to be one for localhost.
        lag: seconds from a change of the Secret to its file.
        torn: files are written one after the other, in place, instead of swapped as a whole.
    """
    number = port or free_port()
    folder = cluster.folder / name / "tls"
    mount(cluster.admin.until(SECRET, NAMESPACE, LEAF_NAME, bool), folder)
    credentials = cluster.admin.credentials
    volume = ExitStack()
    follows = SecretVolume(credentials, NAMESPACE, LEAF_NAME, folder, lag=lag, torn=torn)
    volume.enter_context(follows)
    command = [*program, f"--bind=127.0.0.1:{number}", f"--cert-dir={folder}"]
    process = cluster.run(name, command, KUBECONFIG=str(kubeconfig))
    until_ready(process, number, trusted=str(folder / "ca.crt") if trusting else False)
    return Replica(process, number, volume)


def webhook() -> tuple[str, ...]:
    """The webhook as shipped."""
    return (sys.executable, "-m", "webhook")


def until_ready(process: Process, port: int, *, trusted: str | bool) -> None:
    """Wait until one answers that it is ready.

    Args:
        process: the replica.
        port: where it listens on loopback.
        trusted: a file with the CA of its certificate, or False: whatever it shows is believed.

    Raises:
        ProcessError: it has ended.
        TimeoutError: it is not ready within a minute.
    """
    ends = time.monotonic() + _PATIENCE
    while time.monotonic() < ends:
        process.check()
        try:
            url = f"https://localhost:{port}/readyz"
            if requests.get(url, verify=trusted, timeout=5).ok:
                return
        except (requests.RequestException, OSError):
            pass
        time.sleep(0.05)
    raise TimeoutError(f"a replica is not ready:\n{process.tail()}")
