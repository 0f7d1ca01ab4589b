"""Two controllers of which the leader is killed every minute, and an API server that restarts."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import requests

from bench.scale.place import HOME, NAME, Place, Usage
from mattermost_migrate.domain.names import LEASE
from mattermost_migrate.testing.cluster import ApiError, Process

__all__ = ["Replicas"]

#: Seconds between two looks at who runs.
_LOOK: Final = 1.0
_SABOTAGED: Final = Path(__file__).parents[1] / "sabotaged_controller.py"


class Replicas:
    """A leader and a standby, each started again when it was killed.

    Args:
        where: the cluster.
        without: which precaution is taken out of them, if any.
    """

    def __init__(self, where: Place, without: str = "") -> None:
        self._where = where
        program: Sequence[str | Path] = (sys.executable, "-m", "controller")
        if without:
            program = (sys.executable, _SABOTAGED, without)
        config = where.cluster.service_account_kubeconfig(
            HOME, NAME, where.cluster.folder / "controller.kubeconfig", seconds=6 * 3600
        )
        self._processes: list[Process] = [
            where.cluster.run(
                f"{NAME}-{number}", [*program, "--operator", "builtin"], KUBECONFIG=str(config)
            )
            for number in range(2)
        ]
        self.kills = 0
        self.ends = 0
        self.peak_mib = 0.0
        self.cpu_seconds = 0.0

    def until_led(self) -> None:
        """Wait for the first leader."""
        self._where.cluster.admin.until(
            LEASE, HOME, NAME, lambda each: each["spec"].get("holderIdentity"), seconds=60
        )

    @contextmanager
    def dying(self, every: float) -> Iterator[None]:
        """During the body, kill the leader each time that so many seconds are over."""
        over = threading.Event()
        killer = threading.Thread(target=self._kill_until, args=(over, every), daemon=True)
        killer.start()
        try:
            yield
        finally:
            over.set()
            killer.join()

    def settle(self) -> None:
        """Count what those that live have used."""
        for each in self._processes:
            self._book(each)

    def _kill_until(self, over: threading.Event, every: float) -> None:
        due = time.monotonic() + every
        while not over.wait(_LOOK):
            self._revive()
            if time.monotonic() < due:
                continue
            with suppress(ApiError, requests.RequestException):  # the API server restarts
                self._kill()
                due = time.monotonic() + every

    def _revive(self) -> None:
        """As a kubelet does: who loses the Lease ends, and is started again."""
        for each in self._processes:
            if not each.running:
                each.start()
                self.ends += 1

    def _kill(self) -> None:
        holder = self._where.cluster.admin.get(LEASE, HOME, NAME)["spec"]["holderIdentity"]
        for each in self._processes:
            if each.running and f"_{each.pid}_" in holder:
                self._book(each)
                each.kill()
                each.start()
                self.kills += 1

    def _book(self, process: Process) -> None:
        if not process.running:
            return
        used = Usage.of(process.pid)
        self.peak_mib = max(self.peak_mib, used.peak_mib)
        self.cpu_seconds += used.cpu_seconds
