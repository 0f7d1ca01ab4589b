"""A day's wear in minutes: `make proof-endurance` (MINUTES=10).

A real control plane, the controller that leads and one that stands by, and the webhook. Each of 24
stretches stands for an hour: every watch ends and is begun anew about as often as in an hour (they
last a second or two instead of 240 to 360), every twelfth is told that it expired and lists anew,
the Lease is renewed twenty times as often, the serving certificate is issued anew each hour (every
few days otherwise) and the CA once, and installations migrate there and back; all the while the
webhook is called, on kept and on new connections. At the end of each stretch, when nothing moves,
it is looked up what each process holds. Prints one JSON document; exits with 1 if something grew,
or a call failed, or too few were made. ``--leak`` puts a leak into the controllers, or into the
webhook, which must be found.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import ssl
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import mean
from typing import Final

from caller import Caller, Tally
from origin import origin
from replicas import start, webhook
from spent import family
from urllib3.exceptions import InsecureRequestWarning

from certs.keeper import REQUEST
from certs.storage import CA_NAME, LEAF_NAME
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    LEADER_LEASE,
    LEASE,
    MATTERMOST,
    NAMESPACE,
    SECRET,
)
from mattermost_migrate.testing.builders import database_secret, file_secret
from mattermost_migrate.testing.cluster import Client, LocalCluster, Options, Process
from mattermost_migrate.testing.installations import Installations
from mattermost_migrate.testing.reviews import calls
from mattermost_migrate.testing.tools import ready
from mattermost_migrate.testing.witness import Witness

_CRDS: Final = Path(__file__).parents[1] / "deploy" / "crds"
_PROGRAM: Final = Path(__file__).parent / "endured_controller.py"
_WEBHOOK: Final = Path(__file__).parent / "endured_webhook.py"
#: Where it is, and what leaks.
LEAKS: Final = (
    "none",
    *(f"controllers-{what}" for what in ("memory", "descriptors", "tasks")),
    *(f"webhook-{what}" for what in ("memory", "descriptors")),
)
#: In that hour. No second one: an old CA is trusted until a replica of the webhook shows a
#: certificate of the new one, and the leader here is told of none.
_NEW_CA: Final = 3
_HOME: Final = "mattermost-migrate"
_CHAT: Final = "chat"
_PATIENCE: Final = 60.0
HOURS: Final = 24
#: Of these hours the means are compared: caches and connection pools have filled before.
_EARLY: Final = slice(6, 12)
_LATE: Final = slice(18, 24)
#: Calls of the webhook a second.
_CALLS: Final = 20.0
#: The part of them that has to be made.
_LEAST: Final = 0.9
#: How much more the last may hold than the first. Memory in MiB: an allocator breathes.
ALLOWED: Final = {"memory": 4.0, "descriptors": 2.0, "sockets": 2.0, "tasks": 2.0, "threads": 1.0}


class Endured:
    """One controller, and what it holds."""

    def __init__(self, cluster: LocalCluster, name: str, leak: str) -> None:
        self._told = cluster.folder / f"{name}.json"
        command = [sys.executable, str(_PROGRAM), str(self._told), leak]
        command += ["--operator", "builtin", "--namespace", _HOME]
        command += ["--certificates", "builtin", "--certificates-interval", "0.5"]
        self.process: Process = cluster.run(name, command, KUBECONFIG=str(cluster.kubeconfig))

    def held(self) -> dict[str, float]:
        """Memory in MiB, and how many of everything else.

        Raises:
            TimeoutError: it does not tell.
        """
        self._told.unlink(missing_ok=True)
        os.kill(self.process.pid, signal.SIGUSR1)
        deadline = time.monotonic() + _PATIENCE
        while not self._told.exists():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.process.name} does not tell")
            time.sleep(0.05)  # another process's file: nothing to wait by
        return {**_held(self.process.pid), **json.loads(self._told.read_text())}


class Called:
    """The webhook as it ships, its files a mounted Secret, and what its processes hold."""

    def __init__(self, cluster: LocalCluster, place: ExitStack, leak: str) -> None:
        program = (sys.executable, str(_WEBHOOK), leak) if leak else webhook()
        # No webhook configuration here sends calls to localhost: its certificate does not say it.
        warnings.simplefilter("ignore", InsecureRequestWarning)
        self._replica = start(cluster, "webhook", program, cluster.kubeconfig, trusting=False)
        place.push(self._replica.volume)
        path, body = next(iter(calls()))
        request, ports = (path, json.dumps(body).encode()), [self._replica.port]
        caller = Caller(_Credulous(), "localhost", lambda: ports, request, rate=_CALLS)
        self.tally = place.enter_context(caller).tally

    def held(self) -> dict[str, float]:
        """Memory in MiB, and how many of everything else, of the server and its worker."""
        each = [_held(pid) for pid in family(self._replica.process.pid)]
        return {what: round(sum(one[what] for one in each), 1) for what in each[0]}


class _Credulous:
    """Believes any certificate: who may be believed when is what the proof of rotation is about."""

    def __init__(self) -> None:
        self._context = ssl.create_default_context()
        self._context.check_hostname, self._context.verify_mode = False, ssl.CERT_NONE

    def current(self) -> tuple[str, ssl.SSLContext]:
        """The same context for ever."""
        return "", self._context


def _held(pid: int) -> dict[str, float]:
    folder = Path(f"/proc/{pid}")
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
    links = list(_links(folder / "fd"))
    return {
        "memory": round(int(status["VmRSS"].split()[0]) / 1024, 1),
        "threads": int(status["Threads"]),
        "descriptors": len(links),
        "sockets": sum(link.startswith("socket:") for link in links),
    }


def _links(folder: Path) -> Iterator[str]:
    for each in folder.iterdir():
        try:
            yield str(each.readlink())
        except FileNotFoundError:  # closed meanwhile
            continue


@contextmanager
def standing(
    leak: str, names: list[str]
) -> Iterator[tuple[Installations, dict[str, Endured | Called], Tally]]:
    """The control plane, both controllers, the webhook and its caller, and whole installations."""
    options = Options(audit=None, crds=(_CRDS,))
    with LocalCluster(ready(), options) as cluster, ExitStack() as place:
        for namespace in (_HOME, _CHAT):
            cluster.admin.create(NAMESPACE, None, {"metadata": {"name": namespace}})
        for secret in (database_secret(namespace=_CHAT), file_secret(namespace=_CHAT)):
            cluster.admin.create(SECRET, _CHAT, secret)
        where, _, what = leak.partition("-")
        ours = what if where == "controllers" else "none"
        leader = Endured(cluster, "leader", ours)
        cluster.admin.until(LEASE, _HOME, LEADER_LEASE, bool, seconds=_PATIENCE)
        called = Called(cluster, place, what if where == "webhook" else "")
        all_of_them = {
            "leader": leader,
            "standby": Endured(cluster, "standby", ours),
            "webhook": called,
        }
        with Witness(Client(cluster.admin.credentials)) as witness:
            installations = Installations(cluster.admin, witness, _CHAT)
            installations.create(*names)
            yield installations, all_of_them, called.tally


def rotate(admin: Client, name: str) -> None:
    """Ask for new certificates, and wait until they are there."""
    before = admin.until(SECRET, _HOME, name, bool, seconds=_PATIENCE)["data"]["tls.crt"]
    admin.patch(SECRET, _HOME, name, {"data": {REQUEST: "MQ=="}})
    admin.until(
        SECRET, _HOME, name, lambda each: each["data"]["tls.crt"] != before, seconds=_PATIENCE
    )


def hour(installations: Installations, names: list[str], number: int, ends: float) -> None:
    """What an hour brings, and the rest of its time."""
    for kind in (MATTERMOST.kind, CLUSTER_INSTALLATION.kind):
        installations.move(*names, kind=kind)
    rotate(installations.admin, LEAF_NAME)
    if number == _NEW_CA:
        rotate(installations.admin, CA_NAME)
    time.sleep(max(0.0, ends - time.monotonic()))  # watches end meanwhile, by themselves


def grown(hours: list[dict[str, float]]) -> dict[str, float]:
    """How much more the last hours held than earlier ones, where that is more than allowed."""
    told = [what for what in ALLOWED if what in hours[0]]
    early, late = (
        {what: mean(each[what] for each in hours[part]) for what in told}
        for part in (_EARLY, _LATE)
    )
    more = {what: round(late[what] - early[what], 2) for what in early}
    return {what: much for what, much in more.items() if much > ALLOWED[what]}


def main() -> int:
    """Endure it, print the record, and judge it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--installations", type=int, default=3)
    parser.add_argument("--leak", choices=LEAKS, default="none")
    given = parser.parse_args()
    names = [f"chat-{number}" for number in range(given.installations)]
    samples: dict[str, list[dict[str, float]]] = defaultdict(list)
    head = {**origin(), "leak": given.leak, "installations": given.installations}
    with standing(given.leak, names) as (installations, endured, tally):
        began, each = time.monotonic(), given.minutes * 60 / HOURS
        for number in range(HOURS):
            hour(installations, names, number, began + (number + 1) * each)
            for name, process in endured.items():
                samples[name].append(process.held())
            last = {name: hours[-1] for name, hours in samples.items()}
            sys.stderr.write(f"{number + 1} h: {json.dumps(last)}\n")
        took = time.monotonic() - began
        lease = installations.admin.get(LEASE, _HOME, LEADER_LEASE)
    found = {name: grown(hours) for name, hours in samples.items()}
    record = {
        **head,
        "minutes": round(took / 60, 1),
        "hours": HOURS,
        "migrations": HOURS * len(names),
        "reverts": HOURS * len(names),
        "certificates": HOURS,
        "authorities": 1,
        "leaseTransitions": lease["spec"].get("leaseTransitions", 0),
        "calls": {"made": tally.made, "onNewConnections": tally.fresh, "failed": tally.failed},
        "grown": found,
        "samples": samples,
    }
    sys.stdout.write(json.dumps(record, indent=1) + "\n")
    called = not tally.failed and tally.made >= _LEAST * _CALLS * took
    return 0 if called and not any(found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
