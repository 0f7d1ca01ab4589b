"""People chat while installations move: `python bench/traffic.py`, which is `make proof-traffic`.

Real processes behind real EndpointSlices (mattermost_migrate/testing/traffic), the controller
killed at random, and every request, message and WebSocket counted. Prints one JSON document; exits
with 1 if anything happened that must not: a failed request ever, or, with Adopt, a dropped
WebSocket, a lost message, or another process than before. Last, for comparison, the operator's own
order of steps under the same traffic (blogs_order.py), which nothing is demanded of. Recorded runs
stand in traffic*.json.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from origin import origin

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    INSTALLATION_MIGRATION,
    MATTERMOST,
    POD,
    REPLICA_SET,
)
from mattermost_migrate.domain.objects import controller_of, uid_of
from mattermost_migrate.testing.chronicle import Chronicle
from mattermost_migrate.testing.cluster import AuditLevel, LocalCluster, kubeconfig
from mattermost_migrate.testing.faults.gateway import Gateway
from mattermost_migrate.testing.installations import ended, succeeded
from mattermost_migrate.testing.tools import ready
from mattermost_migrate.testing.traffic.site import CONTROLLER, CONTROLLER_USER, Site, open_site

_CRDS: Final = Path(__file__).parents[1] / "deploy" / "crds"
_SABOTAGED: Final = Path(__file__).parent / "sabotaged_controller.py"
_BLOGS_ORDER: Final = (sys.executable, str(Path(__file__).parent / "blogs_order.py"))
#: Moved in the operator's order, the controller killed at its worst moment; no traffic on it.
_VICTIM: Final = "victim"
#: How long a killed migration is given to show that it goes on.
_STUCK_SECONDS: Final = 60.0
#: Of the requests that were asked for: with fewer than that, nobody has noticed anything.
_LEAST: Final = 0.9
_COUNTED: Final = ("seconds", "requests", "failed", "dropped", "messages", "lost")
_PATIENCE: Final = 300.0
#: Seconds from the beginning of a phase within which the controller is killed.
_KILLED_WITHIN: Final = {"Adopt": 3.0, "Recreate": 20.0}
#: The account of a kube-controller-manager that is late.
_MANAGER: Final = ("kube-system", "late-manager")
#: What the fences are about.
_LATE: Final = {REPLICA_SET.plural, POD.plural}
_KINDS: Final = {MATTERMOST.kind: MATTERMOST, CLUSTER_INSTALLATION.kind: CLUSTER_INSTALLATION}


class Mischief:
    """Kills the controller once a phase, at a random moment of it."""

    def __init__(self, site: Site, chance: random.Random, *, kills: bool) -> None:
        self._site, self._chance, self._kills = site, chance, kills
        self.kills = 0

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """During the body, the kill no later than so many seconds after its beginning."""
        killer = threading.Timer(self._chance.uniform(0, seconds), self._kill)
        killer.start()
        try:
            yield
        finally:
            killer.join()

    def _kill(self) -> None:
        if not self._kills:
            return
        self._site.kill_controller()
        self.kills += 1


@contextlib.contextmanager
def lagging(cluster: LocalCluster, seconds: float) -> Iterator[None]:
    """During the body, kube-controller-manager learns of ReplicaSets and pods that much later.

    Of Deployments and Services it learns at once: the worst that watches of different kinds do.
    """
    if not seconds:
        yield
        return
    manager = cluster.processes["kube-controller-manager"]
    # By a token: its certificate would be the gateway's affair, which passes none on.
    cluster.give_every_right(*_MANAGER)
    known = cluster.service_account(*_MANAGER, seconds=86_400)
    with Gateway(cluster) as gateway:
        gate = gateway.gate()
        gate.lag = lambda asked: seconds if asked.resource in _LATE else 0.0
        file = cluster.folder / "kube-controller-manager.kubeconfig"
        here = dataclasses.replace(known, server=gate.server)
        kubeconfig.write(file, here, user=_MANAGER[1])
        manager.kill()
        manager.start()
        yield


@contextlib.contextmanager
def measured(site: Site, kind: str, strategy: str) -> Iterator[dict[str, Any]]:
    """Fills what it gives, at the end of the body, with all that the body did and met."""
    record: dict[str, Any] = {"kind": kind, "strategy": strategy, "moved": len(site.names)}
    processes, before, since = (
        site.processes(),
        settled_tally(site),
        site.installations.witness.now(),
    )
    clock, began = datetime.now(UTC), time.monotonic()
    yield record
    record["took"] = round(time.monotonic() - began, 1)
    record["window"] = [clock.isoformat(), datetime.now(UTC).isoformat()]
    after = settled_tally(site)
    record["at"] = [before["seconds"], after["seconds"]]
    record["sameProcesses"] = site.processes() == processes
    record.update(pods(site.installations.chronicle(since), set(site.names)))
    record.update({key: round(after[key] - before[key], 1) for key in _COUNTED})


def pods(chronicle: Chronicle, names: set[str]) -> dict[str, int]:
    """How many pods were made, and how many of these installations there were at most at once."""

    def ours(obj: Any) -> bool:
        return obj["kind"] == POD.kind and obj["metadata"]["name"].rsplit("-", 2)[0] in names

    there = {uid for uid, obj in chronicle.before.items() if ours(obj)}
    made, before, peak = set[str](), frozenset(there), len(there)
    for entry in chronicle.entries:
        if ours(entry.obj):
            uid = uid_of(entry.obj)
            there.discard(uid) if entry.gone else there.add(uid)
            made |= {uid} - before
            peak = max(peak, len(there))
    return {"podsBefore": len(before), "podsPeak": peak, "podsMade": len(made)}


def phase(site: Site, mischief: Mischief, kind: str, strategy: str) -> dict[str, Any]:
    """Move every installation to that kind, and tell what the load met meanwhile."""
    with measured(site, kind, strategy) as record, mischief.within(_KILLED_WITHIN[strategy]):
        site.installations.ask(*site.names, kind=kind, strategy=strategy)
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
    return record


def blogs_phase(site: Site) -> dict[str, Any]:
    """The same in the operator's order: there only, and nobody kills the controller."""
    with measured(site, MATTERMOST.kind, "BlogsOrder") as record:
        want_migration(site, *site.names)
        for name in site.names:
            site.cluster.admin.until_gone(
                CLUSTER_INSTALLATION, site.installations.namespace, name, seconds=_PATIENCE
            )
            site.installations.until_whole(MATTERMOST, name)
    return record


def want_migration(site: Site, *names: str) -> None:
    """Set ``spec.migrate``, which is how the operator is told."""
    for name in names:
        site.cluster.admin.patch(
            CLUSTER_INSTALLATION, site.installations.namespace, name, {"spec": {"migrate": True}}
        )


def blogs_crash(site: Site) -> dict[str, Any]:
    """What is left of an installation whose Deployment was deleted when the controller died."""
    inside = site.installations
    inside.create(_VICTIM)
    since = inside.witness.now()
    want_migration(site, _VICTIM)
    inside.witness.until(
        lambda each: each.of(DEPLOYMENT, _VICTIM) and each.gone, since=since, seconds=_PATIENCE
    )
    site.kill_controller()
    stuck = inside.until(
        CLUSTER_INSTALLATION,
        _VICTIM,
        lambda each: (each.get("status") or {}).get("migration", {}).get("error"),
    )
    made_again = False
    with contextlib.suppress(TimeoutError):
        made_again = bool(
            inside.witness.until(
                lambda each: each.of(DEPLOYMENT, _VICTIM) and not each.gone,
                since=inside.witness.now(),
                seconds=_STUCK_SECONDS,
            )
        )
    sets = [each for each in inside.list(REPLICA_SET) if is_victims(each)]
    return {
        "killed": "after the Deployment was deleted, before it was created anew",
        "watchedSeconds": _STUCK_SECONDS,
        "error": stuck["status"]["migration"]["error"],
        "deploymentCreated": made_again,
        "replicaSetsWithoutOwner": sum(controller_of(each) is None for each in sets),
        "podsLeft": sum(is_victims(each) for each in inside.list(POD)),
    }


def is_victims(obj: Any) -> bool:
    """Whether a pod or a ReplicaSet belongs to the installation whose migration was killed."""
    return bool(obj["metadata"]["name"].startswith(f"{_VICTIM}-"))


def count_requests(site: Site, phases: list[dict[str, Any]]) -> None:
    """Put to each phase what the controller asked of the API server, by the audit log."""
    windows = [[datetime.fromisoformat(each) for each in phase["window"]] for phase in phases]
    found: list[Counter[str]] = [Counter() for _ in phases]
    for event in site.cluster.audit():
        if event["user"].get("username") != CONTROLLER_USER or event["verb"] == "watch":
            continue
        if (event.get("objectRef") or {}).get("resource") == "leases":
            continue
        when = datetime.fromisoformat(event["requestReceivedTimestamp"])
        for (first, last), counter in zip(windows, found, strict=True):
            if first <= when <= last:
                counter[event["verb"]] += 1
    for phase, counter in zip(phases, found, strict=True):
        phase["apiRequests"] = dict(counter)


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
        "secondsPerInstallation": per_installation(sum(each["took"] for each in chosen), chosen),
        "podsPeak": max((each["podsPeak"] / each["podsBefore"] for each in chosen), default=None),
        "podsMade": sum(each["podsMade"] for each in chosen),
        "apiRequestsPerInstallation": per_installation(
            sum(sum(each["apiRequests"].values()) for each in chosen), chosen
        ),
        **{key: round(sum(each[key] for each in chosen), 1) for key in _COUNTED},
    }


def per_installation(figure: float, phases: list[dict[str, Any]]) -> float | None:
    """That much, divided by the moves; None where there was none."""
    moved = sum(each["moved"] for each in phases)
    return round(figure / moved, 2) if moved else None


def prove(arguments: argparse.Namespace) -> dict[str, Any]:
    """Move all there and back again and again, under load and mischief."""
    chance = random.Random(arguments.seed)  # noqa: S311 - no secret
    names = [f"chat-{number}" for number in range(arguments.installations)]
    controller = CONTROLLER
    if arguments.without:
        controller = (sys.executable, str(_SABOTAGED), arguments.without)
    phases: list[dict[str, Any]] = []
    crash: dict[str, Any] = {}
    began = origin()
    opened = open_site(ready(), _CRDS, names, controller=controller, audit=AuditLevel.METADATA)
    with opened as site, lagging(site.cluster, arguments.lag):
        site.start_load(rate=arguments.rate, sockets=arguments.sockets)
        mischief = Mischief(site, chance, kills=not arguments.without_kills)
        for strategy, rounds in (
            ("Adopt", arguments.rounds),
            ("Recreate", arguments.recreate_rounds),
        ):
            for number in range(2 * rounds):
                kind = CLUSTER_INSTALLATION if number % 2 else MATTERMOST
                phases.append(phase(site, mischief, kind.kind, strategy))
                sys.stderr.write(f"{json.dumps(phases[-1])}\n")
        met, disturbed = site.tally(), len(phases)
        if arguments.blogs_order:
            site.replace_controller(_BLOGS_ORDER)
            phases.append(blogs_phase(site))
            sys.stderr.write(f"{json.dumps(phases[-1])}\n")
            crash = blogs_crash(site)
        whole = site.stop_load()
        count_requests(site, phases)
    return {
        **began,
        "seed": arguments.seed,
        "without": arguments.without or "nothing",
        "installations": arguments.installations,
        "rate": arguments.rate,
        "podsEach": 2,
        "controllerKills": mischief.kills,
        "killsMissed": 0 if arguments.without_kills else disturbed - mischief.kills,
        "lagSeconds": arguments.lag,
        "timeline": whole.pop("timeline"),
        "whole": whole,
        "withoutBlogsOrder": {key: met[key] for key in _COUNTED},
        "Adopt": totals(phases, "Adopt"),
        "Recreate": totals(phases, "Recreate"),
        "BlogsOrder": {**totals(phases, "BlogsOrder"), "crash": crash},
        "phases": phases,
    }


def _loaded(rate: float, met: dict[str, Any]) -> bool:
    """Whether there was anybody to notice."""
    return bool(0 < _LEAST * rate * met["seconds"] <= met["requests"])


def broken(record: dict[str, Any]) -> list[str]:
    """What happened that must not."""
    adopt, met = record["Adopt"], record["withoutBlogsOrder"]
    return [
        *([] if _loaded(record["rate"], met) else ["hardly any load"]),
        *(["a request failed"] if met["failed"] else []),
        *(["Adopt dropped a WebSocket"] if adopt["dropped"] else []),
        *(["Adopt lost a message"] if adopt["lost"] else []),
        *(["Adopt made pods"] if adopt["podsMade"] else []),
        *(["the controller lived too well"] if record["killsMissed"] else []),
        *([] if adopt["sameProcesses"] else ["Adopt ran other processes"]),
    ]


def written(record: dict[str, Any]) -> str:
    """As JSON to read; the timeline in one line."""
    timeline = json.dumps(record["timeline"])
    return json.dumps({**record, "timeline": "@"}, indent=1).replace('"@"', timeline) + "\n"


def main() -> None:
    """Prove it, print the record, and judge it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--installations", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--recreate-rounds", type=int, default=2)
    parser.add_argument("--rate", type=float, default=500)
    parser.add_argument("--sockets", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--blogs-order", action="store_true", help="then the operator's own order of steps, once"
    )
    parser.add_argument(
        "--lag", type=float, default=0, help="seconds by which ReplicaSets and pods are seen late"
    )
    parser.add_argument("--without-kills", action="store_true", help="let the controller live")
    parser.add_argument("--without", choices=["fence", "drain"], help="take a precaution out")
    record = prove(parser.parse_args())
    record["broken"] = broken(record)
    sys.stdout.write(written(record))
    sys.exit(1 if record["broken"] else 0)


if __name__ == "__main__":
    main()
