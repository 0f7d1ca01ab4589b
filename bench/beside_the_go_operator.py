"""By hand beside the Go operator itself: `python bench/beside_the_go_operator.py SOURCE BINARY`.

SOURCE is a checkout of the operator, for its CustomResourceDefinitions, and BINARY what `go build`
made of it. On a control plane of its own, with the controller as it ships. Installations go there
and back by each strategy; then one stops, by each write that lets go of what was created held, for
as long as was asked for, and the audit log says what the operator wrote meanwhile. In the end half
are moved once more, and all are handed over to the builtin operator and back to this one. Prints
one JSON document; exits with 1 if anybody could have noticed.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from origin import origin

from mattermost_migrate.domain.holding import is_held
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    INSTALLATION_MIGRATION,
    MATTERMOST,
    NAMESPACE,
    POD,
    REPLICA_SET,
    REVISION_ANNOTATION,
    SECRET,
    Resource,
    Strategy,
)
from mattermost_migrate.domain.objects import annotations_of, uid_of
from mattermost_migrate.testing.builders import database_secret, file_secret
from mattermost_migrate.testing.cluster import Client, LocalCluster, Options, Process, kubeconfig
from mattermost_migrate.testing.faults import Drop, Exchange, Fault, Gateway
from mattermost_migrate.testing.installations import Installations, stable
from mattermost_migrate.testing.succession import Succession
from mattermost_migrate.testing.tools import ready
from mattermost_migrate.testing.witness import Witness

CRDS: Final = Path(__file__).parents[1] / "deploy" / "crds"
HOME: Final = "mattermost-migrate"
OPERATOR: Final = "mattermost-operator"
USER: Final = f"system:serviceaccount:{OPERATOR}:{OPERATOR}"
KINDS: Final = (MATTERMOST, CLUSTER_INSTALLATION)
WRITES: Final = frozenset({"create", "update", "patch", "delete"})
DRAIN_SECONDS: Final = 5


class Holding:
    """Once armed, the write that lets go of what was created of a kind never arrives."""

    def __init__(self) -> None:
        self.met = threading.Event()
        self._resource: Resource | None = None
        self._created = False

    def arm(self, resource: Resource | None) -> None:
        """Wait for the creation of one; None: all passes."""
        self.met.clear()
        self._created, self._resource = False, resource

    def __call__(self, exchange: Exchange) -> Fault | None:
        """What happens to a request of the controller."""
        wanted = self._resource
        if wanted is None or not exchange.writes or exchange.resource != wanted.plural:
            return None
        if exchange.method == "POST":
            self._created = True
            return None
        if not self._created:
            return None
        self.met.set()
        return Drop()


@dataclasses.dataclass
class Place:
    """The cluster, with the operator and the controller at work."""

    cluster: LocalCluster
    binary: Path
    operator: Process
    controller: Process
    installations: list[Installations]

    @property
    def witness(self) -> Witness:
        """Who watches."""
        return self.installations[0].witness

    def each(self, work: Callable[[Installations], Any]) -> list[Any]:
        """Do something with every installation."""
        return [work(here) for here in self.installations]

    def written(self, since: str, namespace: str = "") -> Counter[str]:
        """What the operator wrote since a moment, everywhere or in one namespace."""
        return self.asked(since, namespace, WRITES)

    def asked(self, since: str, namespace: str, verbs: Collection[str]) -> Counter[str]:
        """What it asked for by these verbs."""
        return Counter(
            f"{event['verb']} {_target(event)}"
            for event in self.cluster.audit()
            if event["user"].get("username") == USER
            and "objectRef" in event  # which kinds there are is asked of no object
            and event["stage"] == "ResponseComplete"
            and event["verb"] in verbs
            and event["requestReceivedTimestamp"] > since
            and namespace in ("", event["objectRef"].get("namespace"))
            and event["objectRef"]["resource"] not in ("events", "leases")
        )


def _target(event: dict[str, Any]) -> str:
    target = event["objectRef"]
    return "/".join(filter(None, (target["resource"], target.get("subresource"))))


def now() -> str:
    """This moment, as the audit log writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def leg(place: Place, strategy: Strategy, kind: Resource, quiet: float) -> dict[str, Any]:
    """All of them to that kind, at once, and a while in which nothing must happen any more."""
    since, began, moment = place.witness.now(), time.monotonic(), now()
    before = place.each(Installations.workload)
    wish: dict[str, Any] = {"strategy": strategy.value}
    if strategy is Strategy.RECREATE:
        wish["drainSeconds"] = DRAIN_SECONDS
    place.each(lambda here: here.ask("acme", kind=kind.kind, **wish))
    place.each(lambda here: here.move("acme", kind=kind.kind, **wish))
    seconds = time.monotonic() - began
    place.each(lambda here: here.until_whole(kind, "acme"))
    settled = place.each(Installations.workload)
    time.sleep(quiet)
    harms = [problem for here in place.installations for problem in judge(here, since, strategy)]
    migrations = place.each(lambda here: here.get(INSTALLATION_MIGRATION, "acme")["status"])
    made = [
        made_since(here, since, old) for here, old in zip(place.installations, before, strict=True)
    ]
    return {
        "strategy": strategy.value,
        "to": kind.kind,
        "secondsForAll": round(seconds, 1),
        "apiWrites": sorted(each["apiWrites"] for each in migrations),
        "podsMade": sum(each[POD.kind] for each in made),
        "replicaSetsMade": sum(each[REPLICA_SET.kind] for each in made),
        "changedInQuiet": place.each(Installations.workload) != settled,
        "operatorWrote": dict(sorted(place.written(moment).items())),
        "harms": harms,
    }


def judge(here: Installations, since: int, strategy: Strategy) -> Iterator[str]:
    """What somebody could have noticed."""
    chronicle = here.chronicle(since)
    if strategy is Strategy.ADOPT:
        yield from (str(harm) for harm in chronicle.harms())
    else:
        yield from Succession(chronicle, "acme", wanted=2, surge=1).harms()


def made_since(here: Installations, since: int, before: dict[str, str]) -> Counter[str]:
    """How many pods and ReplicaSets there were that there had not been, whoever made them."""
    fresh = {
        uid_of(entry.obj): entry.resource.kind
        for entry in here.chronicle(since).entries
        if entry.resource in (POD, REPLICA_SET)
    }
    return Counter(kind for uid, kind in fresh.items() if uid not in before.values())


def held(place: Place, holding: Holding, resource: Resource, seconds: float) -> dict[str, Any]:
    """What the operator does to what was created held while nobody lets it go."""
    here = place.installations[0]
    old = here.find(CLUSTER_INSTALLATION, "acme")
    kind = MATTERMOST if old else CLUSTER_INSTALLATION
    before, since = here.workload(), place.witness.now()
    holding.arm(resource)
    here.ask("acme", kind=kind.kind, strategy=Strategy.ADOPT.value)
    if not holding.met.wait(60):
        raise TimeoutError(f"no {resource} was created")
    moment, first = now(), here.get(resource, "acme")
    time.sleep(seconds)
    last = here.get(resource, "acme")
    told = {
        "held": resource.kind,
        "onTheWayTo": kind.kind,
        "seconds": seconds,
        "heldAllTheWhile": is_held(first) and is_held(last),
        "specChanged": first["spec"] != last["spec"],
        "operatorWrote": dict(sorted(place.written(moment, here.namespace).items())),
    }
    holding.arm(None)
    here.move("acme", kind=kind.kind)
    here.until_whole(kind, "acme")
    harms = [*judge(here, since, Strategy.ADOPT)]
    return {**told, "samePods": here.workload() == before, "harms": harms}


def left_alone(told: dict[str, Any]) -> bool:
    """Whether the operator let what was held be, and nobody noticed."""
    untouched = told["heldAllTheWhile"] and not told["specChanged"] and told["samePods"]
    return untouched and not told["harms"]


def handed_over(place: Place, seconds: float) -> list[dict[str, Any]]:
    """All of them to the builtin operator, and back: what either made of them."""
    place.operator.stop()
    return [handed_to(place, each, seconds) for each in ("builtin", "external")]


def handed_to(place: Place, operator: str, seconds: float) -> dict[str, Any]:
    """Pods and templates before an operator has looked, and a while after."""
    place.controller.stop()
    since, moment = place.witness.now(), now()
    before, templates = place.each(Installations.workload), place.each(template)
    if operator == "external":
        place.operator = start_operator(place.cluster, place.binary)
    place.controller = start_controller(place.cluster, operator)
    time.sleep(seconds)
    made = [
        made_since(here, since, old) for here, old in zip(place.installations, before, strict=True)
    ]
    kinds = place.each(kind_of)
    return {
        "handedTo": operator,
        "seconds": seconds,
        "installations": dict(Counter(kind.kind for kind in kinds)),
        "allWhole": all(place.each(lambda here: stable(here.get(kind_of(here), "acme")))),
        "podsMade": sum(each[POD.kind] for each in made),
        "replicaSetsMade": sum(each[REPLICA_SET.kind] for each in made),
        "sameWorkload": place.each(Installations.workload) == before,
        "sameTemplates": place.each(template) == templates,
        "goOperatorWrote": dict(sorted(place.written(moment).items())),
        "goOperatorRead": place.asked(moment, "", {"get", "list"}).total(),
    }


def kind_of(here: Installations) -> Resource:
    """What it is now."""
    return MATTERMOST if here.find(MATTERMOST, "acme") else CLUSTER_INSTALLATION


def template(here: Installations) -> tuple[Any, ...]:
    """By what its pods are made."""
    deployment = here.get(DEPLOYMENT, "acme")
    return deployment["spec"]["template"], annotations_of(deployment).get(REVISION_ANNOTATION)


def unnoticed(told: dict[str, Any]) -> bool:
    """Whether nobody can have noticed who looks after them."""
    made = told["podsMade"] or told["replicaSetsMade"]
    looked = told["goOperatorRead"] or told["handedTo"] == "builtin"
    same = told["allWhole"] and told["sameWorkload"] and told["sameTemplates"]
    return bool(looked and same and not made)


def prepare(cluster: LocalCluster, source: Path, server: str) -> None:
    """ServiceAccounts of their own for operator and controller; the latter by way of the gate."""
    cluster.install_crds(source / "config/crd/bases/mattermost.com_mattermostrestoredbs.yaml")
    for each in (OPERATOR, HOME):
        cluster.admin.create(NAMESPACE, None, {"metadata": {"name": each}})
        cluster.give_every_right(each, each)
    path = cluster.folder / "operator.kubeconfig"
    cluster.service_account_kubeconfig(OPERATOR, OPERATOR, path)
    through = dataclasses.replace(cluster.service_account(HOME, HOME), server=server)
    kubeconfig.write(cluster.folder / "controller.kubeconfig", through, user=HOME, namespace=HOME)


def start_operator(cluster: LocalCluster, binary: Path) -> Process:
    """The Go operator, without leader election."""
    path = cluster.folder / "operator.kubeconfig"
    return cluster.run("operator", [binary, "--metrics-addr", "0"], KUBECONFIG=str(path))


def start_controller(cluster: LocalCluster, operator: str) -> Process:
    """The controller as it ships."""
    command = [sys.executable, "-m", "controller", "--operator", operator, "--namespace", HOME]
    path = cluster.folder / "controller.kubeconfig"
    return cluster.run("controller", command, KUBECONFIG=str(path))


def main() -> int:
    """Run, report, and say by the exit code whether all was well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("binary", type=Path)
    parser.add_argument("--installations", type=int, default=5)
    parser.add_argument("--quiet", type=float, default=30.0, help="seconds to watch after each leg")
    parser.add_argument("--held", type=float, default=40.0, help="seconds to leave what is held")
    parser.add_argument("--handed", type=float, default=60.0, help="seconds after each hand-over")
    given = parser.parse_args()
    head = origin()
    with ExitStack() as stack:
        cluster = stack.enter_context(LocalCluster(ready(), Options(crds=(CRDS,))))
        witness = stack.enter_context(Witness(Client(cluster.admin.credentials)))
        gateway = stack.enter_context(Gateway(cluster))
        gate = gateway.gate(holding := Holding())
        prepare(cluster, given.source, gate.server)
        operator = start_operator(cluster, given.binary)
        controller = start_controller(cluster, "external")
        place = Place(cluster, given.binary, operator, controller, [])
        for _ in range(given.installations):
            namespace = stack.enter_context(cluster.namespace())
            for secret in (database_secret(namespace=namespace), file_secret(namespace=namespace)):
                cluster.admin.create(SECRET, namespace, secret)
            here = Installations(cluster.admin, witness, namespace)
            place.installations.append(here)
            here.create("acme")
        moved = [
            leg(place, strategy, kind, given.quiet)
            for strategy in (Strategy.RECREATE, Strategy.ADOPT)
            for kind in KINDS
        ]
        stopped = [
            held(place, holding, resource, given.held)
            for resource in (DEPLOYMENT, DEPLOYMENT, MATTERMOST, CLUSTER_INSTALLATION)
        ]
        for here in place.installations[::2]:
            here.move("acme", kind=MATTERMOST.kind)
            here.until_whole(MATTERMOST, "acme")
        handed = handed_over(place, given.handed)
    told = {
        **head,
        "installations": given.installations,
        "moved": moved,
        "held": stopped,
        "handedOver": handed,
    }
    print(json.dumps(told, indent=2))
    quiet = not any(each["harms"] or each["changedInQuiet"] for each in moved)
    return 0 if quiet and all(map(left_alone, stopped)) and all(map(unnoticed, handed)) else 1


if __name__ == "__main__":
    sys.exit(main())
