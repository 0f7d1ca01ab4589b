"""People chat while installations move: `python bench/traffic.py`, which is `make proof-traffic`.

Real processes behind real EndpointSlices (mattermost_migrate/testing/traffic), the controller
killed at random, and every request, message and WebSocket counted. Prints one JSON document; exits
with 1 if anything happened that must not: a failed request ever, or, with Adopt, a dropped
WebSocket, a lost message, or another process than before. Recorded runs stand in traffic*.json.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    INSTALLATION_MIGRATION,
    MATTERMOST,
)
from mattermost_migrate.testing.installations import ended, succeeded
from mattermost_migrate.testing.tools import ready
from mattermost_migrate.testing.traffic.site import CONTROLLER, Site, open_site

_CRDS: Final = Path(__file__).parents[1] / "deploy" / "crds"
_SABOTAGED: Final = Path(__file__).parent / "sabotaged_controller.py"
_COUNTED: Final = ("seconds", "requests", "failed", "dropped", "messages", "lost")
_PATIENCE: Final = 300.0
#: Seconds from the beginning of a phase within which the controller is killed.
_KILLED_WITHIN: Final = {"Adopt": 3.0, "Recreate": 20.0}
_KINDS: Final = {MATTERMOST.kind: MATTERMOST, CLUSTER_INSTALLATION.kind: CLUSTER_INSTALLATION}


def origin() -> dict[str, str]:
    """What was measured, and on what."""
    described = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    commit = subprocess.run(described, capture_output=True, text=True, check=True)  # noqa: S603 - fixed words
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return {
        "commit": commit.stdout.strip(),
        "machine": machine,
        "load": f"{os.getloadavg()[0]:.1f}",
    }


class Mischief:
    """Kills the controller once a phase, at a random moment of it.

    If told to, it also pauses kube-controller-manager again and again, so that its caches lag.
    """

    def __init__(self, site: Site, chance: random.Random, *, pauses: bool) -> None:
        self._site, self._chance, self._pauses = site, chance, pauses
        self.kills = 0
        self.paused = 0

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """During the body, the kill no later than so many seconds after its beginning."""
        over = threading.Event()
        killer = threading.Timer(self._chance.uniform(0, seconds), self._kill)
        threads = [killer, threading.Thread(target=self._pause, args=(over,), daemon=True)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join()

    def _kill(self) -> None:
        self._site.kill_controller()
        self.kills += 1

    def _pause(self, over: threading.Event) -> None:
        manager = self._site.cluster.processes["kube-controller-manager"]
        while self._pauses and not over.wait(self._chance.uniform(0.1, 0.5)):
            manager.pause()
            time.sleep(self._chance.uniform(0.1, 0.5))
            manager.resume()
            self.paused += 1


def phase(site: Site, mischief: Mischief, kind: str, **spec: Any) -> dict[str, Any]:
    """Move every installation to that kind, and tell what the load met meanwhile."""
    processes, before, began = site.processes(), settled_tally(site), time.monotonic()
    with mischief.within(_KILLED_WITHIN[spec["strategy"]]):
        site.installations.ask(*site.names, kind=kind, **spec)
        for name in site.names:
            over = site.cluster.admin.until(
                INSTALLATION_MIGRATION,
                site.installations.namespace,
                name,
                ended,
                seconds=_PATIENCE,
            )
            if not succeeded(over):
                raise RuntimeError(f"{name}: {over['status']}")
            site.installations.until_whole(_KINDS[kind], name)
    took = time.monotonic() - began
    after = settled_tally(site)
    return {
        "kind": kind,
        "strategy": spec["strategy"],
        "moved": len(site.names),
        "took": round(took, 1),
        "sameProcesses": site.processes() == processes,
        **{key: round(after[key] - before[key], 1) for key in _COUNTED},
    }


def settled_tally(site: Site) -> dict[str, Any]:
    """A report that was begun after now: the load writes one every half a second."""
    time.sleep(1.2)
    return site.tally()


def totals(phases: list[dict[str, Any]], strategy: str) -> dict[str, Any]:
    """All phases of a strategy together."""
    chosen = [each for each in phases if each["strategy"] == strategy]
    there = sum(each["moved"] for each in chosen if each["kind"] == MATTERMOST.kind)
    return {
        "migrations": there,
        "reverts": sum(each["moved"] for each in chosen) - there,
        "sameProcesses": all(each["sameProcesses"] for each in chosen),
        **{key: round(sum(each[key] for each in chosen), 1) for key in _COUNTED},
    }


def prove(arguments: argparse.Namespace) -> dict[str, Any]:
    """Move all there and back again and again, under load and mischief."""
    chance = random.Random(arguments.seed)  # noqa: S311 - no secret
    names = [f"chat-{number}" for number in range(arguments.installations)]
    controller = CONTROLLER
    if arguments.without:
        controller = (sys.executable, str(_SABOTAGED), arguments.without)
    phases: list[dict[str, Any]] = []
    with open_site(ready(), _CRDS, names, controller=controller) as site:
        site.start_load(rate=arguments.rate, sockets=arguments.sockets)
        mischief = Mischief(site, chance, pauses=arguments.pauses)
        for strategy, rounds in (
            ("Adopt", arguments.rounds),
            ("Recreate", arguments.recreate_rounds),
        ):
            for number in range(2 * rounds):
                kind = CLUSTER_INSTALLATION if number % 2 else MATTERMOST
                phases.append(phase(site, mischief, kind.kind, strategy=strategy))
                sys.stderr.write(f"{json.dumps(phases[-1])}\n")
        whole = site.stop_load()
    return {
        **origin(),
        "seed": arguments.seed,
        "without": arguments.without or "nothing",
        "installations": arguments.installations,
        "podsEach": 2,
        "controllerKills": mischief.kills,
        "controllerManagerPauses": mischief.paused,
        "whole": whole,
        "Adopt": totals(phases, "Adopt"),
        "Recreate": totals(phases, "Recreate"),
        "phases": phases,
    }


def broken(record: dict[str, Any]) -> list[str]:
    """What happened that must not."""
    adopt = record["Adopt"]
    return [
        *(["a request failed"] if record["whole"]["failed"] else []),
        *(["Adopt dropped a WebSocket"] if adopt["dropped"] else []),
        *(["Adopt lost a message"] if adopt["lost"] else []),
        *([] if adopt["sameProcesses"] else ["Adopt ran other processes"]),
    ]


def main() -> None:
    """Prove it, print the record, and judge it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--installations", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=17)
    parser.add_argument("--recreate-rounds", type=int, default=2)
    parser.add_argument("--rate", type=float, default=500)
    parser.add_argument("--sockets", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pauses", action="store_true", help="pause kube-controller-manager too")
    parser.add_argument("--without", choices=["fence", "drain"], help="take a precaution out")
    record = prove(parser.parse_args())
    record["broken"] = broken(record)
    sys.stdout.write(json.dumps(record, indent=1) + "\n")
    sys.exit(1 if record["broken"] else 0)


if __name__ == "__main__":
    main()
