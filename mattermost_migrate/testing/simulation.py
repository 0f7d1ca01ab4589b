"""A simulated cluster: enough of Kubernetes and of an operator to climb the ladder without one.

It is a model, not a mock: it holds objects, carries out ``Write`` values by the rules of the API
server, and lets the controllers that matter move one at a time, so that a test can put any order
between them. Action by action it is compared with a real control plane
(tests/integration/migration/test_simulated.py).

What it counts is what nobody may notice: pods and ReplicaSets created, ready pods, addresses.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from mattermost_migrate.domain.backup import Backup, backup_name
from mattermost_migrate.domain.children import render_cluster_installation, render_deployments
from mattermost_migrate.domain.errors import NotFoundError
from mattermost_migrate.domain.freeze import frozen
from mattermost_migrate.domain.inventory import children
from mattermost_migrate.domain.names import (
    ACKNOWLEDGEMENT,
    CLUSTER_INSTALLATION,
    DELETION_COST,
    DEPLOYMENT,
    INSTALLATION_MIGRATION,
    LAST_APPLIED,
    MATTERMOST,
    POD,
    REPLICA_SET,
    SECRET,
    SERVICE,
    SERVING_LABEL,
)
from mattermost_migrate.domain.objects import (
    Existing,
    JsonObject,
    annotations_of,
    controller_of,
    labels_of,
    leaving,
    owner_reference,
    owners_of,
    uid_of,
)
from mattermost_migrate.domain.originals import read_to_plan
from mattermost_migrate.domain.pod_template import TEMPLATE_HASH, defaulted
from mattermost_migrate.domain.sides import NEW, OLD, Side, other, side
from mattermost_migrate.domain.snapshot import (
    Snapshot,
    Traffic,
    deployment_settled,
    pod_outline,
    pod_ready,
)
from mattermost_migrate.domain.steps import Part
from mattermost_migrate.domain.writes import Write
from mattermost_migrate.testing.simulated_network import Network
from mattermost_migrate.testing.simulated_store import Store, copied

__all__ = ["Simulation"]


class Simulation(Store):
    """One namespace of a cluster.

    Attributes:
        fewest_ready: the least ready pods there ever were.
        created: what controllers created, as ``Kind/name``.
        lost: addresses that the Service lost, ever.
        violations: what must never be seen, and was.
        leftovers: what the garbage collector has yet to collect, and nobody misses: ReplicaSets
            that were made for a Deployment that was gone, and their pods as long as none serves.
        most_pods: the most pods there ever were, those on their way out counted.
        network: which pods requests reach.
        now: the time; it goes on by a second with each look.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fewest_ready: int | None = None
        self.created: list[str] = []
        self.lost: set[str] = set()
        self.violations: list[str] = []
        self.leftovers: list[str] = []
        self.most_pods = 0
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.network = Network(self)
        self._addresses: set[str] = set()
        self._read: Backup | None = None
        self._known_deployments: dict[str, dict[str, Any]] = {}
        self._stillborn: set[str] = set()

    def apply(self, write: Write, *, dry_run: bool = False) -> None:
        """Carry one write out, and look at what came of it.

        Raises:
            AlreadyExistsError, NotFoundError, StaleError: as the API server would answer, unless
                the write tolerates it.
        """
        super().apply(write, dry_run=dry_run)
        self._watch()

    # -- the controllers --------------------------------------------------------------------

    def controllers(self) -> tuple[Callable[[], bool], ...]:
        """Each moves one thing and says whether there was one to move."""
        moves = (
            self.collect,
            self.run_replica_sets,
            self.inform_deployments,
            self.run_deployments,
            self.run_operator,
            self.run_kubelet,
            self.network.inform_services,
            self.network.inform_pods,
            self.network.run,
        )
        return tuple(functools.partial(self._watched, move) for move in moves)

    def _watched(self, move: Callable[[], bool]) -> bool:
        """Each move is looked at by itself: what the next one mends has been seen by somebody."""
        if moved := move():
            self._watch()
        return moved

    def watch_anew(self) -> None:
        """Forget what was counted so far."""
        self.created.clear()
        self.lost.clear()
        self.fewest_ready, self.most_pods = None, 0
        self.network.forget()

    def settle(self) -> None:
        """Let all controllers work until none has anything to do."""
        while sum(move() for move in self.controllers()):  # not any(): each has its turn
            self._watch()
        self._watch()

    def run_replica_sets(self) -> bool:
        """The ReplicaSet controller: as many pods as wanted, and an honest status."""
        moved = False
        for replica_set in list(self.all(REPLICA_SET)):
            pods = self._active(replica_set)
            wanted = replica_set["spec"]["replicas"]
            for number in range(len(pods), wanted):
                self._make_pod(replica_set, number)
                moved = True
            for pod in sorted(pods, key=self._last_to_go)[: max(0, len(pods) - wanted)]:
                pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
                self._touch(pod)
                moved = True
            moved |= self._status(replica_set, self._counted(replica_set))
        return moved

    def _counted(self, replica_set: JsonObject) -> dict[str, Any]:
        pods, template = self._active(replica_set), replica_set["spec"]["template"]
        known = map(self.network.known_pod, pods)
        return {
            "observedGeneration": replica_set["metadata"]["generation"],
            "replicas": len(pods),
            "fullyLabeledReplicas": sum(_covers(pod, labels_of(template)) for pod in known),
            "availableReplicas": sum(map(pod_ready, pods)),
        }

    def _last_to_go(self, pod: JsonObject) -> tuple[bool, int, bool]:
        """The order in which a ReplicaSet gives pods up: what is not ready, then what costs least.

        It goes by its cache of pods. Among equals, whatever is worst for us goes first.
        """
        known = self.network.known_pod(pod)
        cost = int(annotations_of(known).get(DELETION_COST, "0")) if known else 0
        return pod_ready(pod), cost, uid_of(pod) not in self.network.reached()

    def _make_pod(self, replica_set: dict[str, Any], number: int) -> None:
        name = f"{replica_set['metadata']['name']}-{number}{self.version}"
        owner = owner_reference(replica_set, REPLICA_SET)
        labels = dict(labels_of(replica_set["spec"]["template"]))
        metadata = {"name": name, "labels": labels, "ownerReferences": [owner]}
        pod = self.put(POD, {"metadata": metadata, "status": {"phase": "Pending"}})
        if uid_of(replica_set) in self._stillborn:
            self._stillborn.add(uid_of(pod))
        self.created.append(f"Pod/{name}")

    def _pods_of(self, replica_set: JsonObject) -> list[dict[str, Any]]:
        uid = uid_of(replica_set)
        return [p for p in self.all(POD) if (c := controller_of(p)) and c["uid"] == uid]

    def _active(self, replica_set: JsonObject) -> list[dict[str, Any]]:
        pods = self._pods_of(replica_set)
        return [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]

    def run_kubelet(self) -> bool:
        """One pod ends, or gets ready."""
        for pod in list(self.all(POD)):
            if pod["metadata"].get("deletionTimestamp"):
                del self._objects[POD.kind, pod["metadata"]["name"]]
                self.version += 1
                return True
            if not pod_ready(pod):
                ready = [{"type": "Ready", "status": "True"}]
                return self._status(pod, {"phase": "Running", "conditions": ready})
        return False

    def inform_deployments(self) -> bool:
        """The Deployment controller's cache of Deployments catches up; until then it lags."""
        fresh = {each["metadata"]["name"]: each for each in self.all(DEPLOYMENT)}
        if fresh == self._known_deployments:
            return False
        self._known_deployments = copied(fresh)
        return True

    def run_deployments(self) -> bool:
        """The Deployment controller: adopt by labels, find by template, or make a new one.

        It goes by its cache, and reads live only before it adopts.
        """
        moved = False
        for deployment in self._known_deployments.values():
            if not deployment["metadata"].get("deletionTimestamp"):
                moved |= self._run_deployment(deployment)
        return moved

    def _run_deployment(self, deployment: dict[str, Any]) -> bool:
        live = self.find(DEPLOYMENT, deployment["metadata"]["name"])
        gone = live is None or uid_of(live) != uid_of(deployment)
        selector = deployment["spec"]["selector"]["matchLabels"]
        moved = False
        for orphan in self.all(REPLICA_SET):
            if controller_of(orphan) is None and _covers(orphan, selector):
                if live is None or gone or live["metadata"].get("deletionTimestamp"):
                    return False
                orphan["metadata"]["ownerReferences"] = [owner_reference(deployment, DEPLOYMENT)]
                self._stillborn -= {uid_of(each) for each in (orphan, *self._pods_of(orphan))}
                self._touch(orphan)
                moved = True
        own = self._own(deployment)
        current = next((each for each in own if _same_template(each, deployment)), None)
        paused = deployment["spec"].get("paused")
        if current is None and not paused:
            made = self._new_replica_set(deployment)
            if gone:  # its controller reads nothing live before it creates
                self._stillborn.add(uid_of(made))
            return True
        moved |= self._scale(deployment, current, own)
        if live is None or gone:
            return moved
        return self._deployment_status(live, current, own) or moved

    def _scale(
        self, deployment: JsonObject, current: dict[str, Any] | None, own: list[dict[str, Any]]
    ) -> bool:
        """One more of the current revision, or one less of another: never less than wanted.

        Paused, none for another; a ReplicaSet that is alone has the number wanted all the same.
        """
        wanted = deployment["spec"]["replicas"]
        if deployment["spec"].get("paused") or current is None:
            alone = [each for each in own if each["spec"]["replicas"]] or own[:1]
            return self._ask_for(alone[0], wanted) if len(alone) == 1 else False
        others = [each for each in own if each is not current and each["spec"]["replicas"]]
        total = sum(each["spec"]["replicas"] for each in own)
        if not others:
            return self._ask_for(current, wanted)
        if current["spec"]["replicas"] < wanted and total <= wanted:
            return self._ask_for(current, current["spec"]["replicas"] + 1)
        ready = sum(pod_ready(pod) for each in own for pod in self._active(each))
        if ready > wanted:
            return self._ask_for(others[0], others[0]["spec"]["replicas"] - 1)
        return False

    def _ask_for(self, replica_set: dict[str, Any], replicas: int) -> bool:
        if replica_set["spec"]["replicas"] == replicas:
            return False
        replica_set["spec"]["replicas"] = replicas
        self._touch(replica_set, spec=True)
        return True

    def _own(self, deployment: JsonObject) -> list[dict[str, Any]]:
        """Its ReplicaSets, the oldest first: of two of the same template that is the current."""
        uid = uid_of(deployment)
        sets = (each for each in self._objects.values() if each["kind"] == REPLICA_SET.kind)
        return [r for r in sets if (c := controller_of(r)) and c["uid"] == uid]

    def _new_replica_set(self, deployment: dict[str, Any]) -> dict[str, Any]:
        name = f"{deployment['metadata']['name']}-new{self.version}"
        template = copied(deployment["spec"]["template"])
        template["metadata"]["labels"][TEMPLATE_HASH] = f"h{self.version}"
        metadata = {
            "name": name,
            "labels": dict(template["metadata"]["labels"]),
            "ownerReferences": [owner_reference(deployment, DEPLOYMENT)],
        }
        busy = any(each["spec"]["replicas"] for each in self._own(deployment))
        spec = {
            "replicas": 0 if busy else deployment["spec"]["replicas"],
            "selector": {"matchLabels": dict(template["metadata"]["labels"])},
            "template": template,
        }
        self.created.append(f"ReplicaSet/{name}")
        return self.put(REPLICA_SET, {"metadata": metadata, "spec": spec})

    def _deployment_status(
        self, deployment: dict[str, Any], current: JsonObject | None, own: list[dict[str, Any]]
    ) -> bool:
        def counted(field: str, sets: list[JsonObject]) -> int:
            return sum((each.get("status") or {}).get(field, 0) for each in sets)

        status = {
            "observedGeneration": deployment["metadata"]["generation"],
            "replicas": counted("replicas", list(own)),
            "updatedReplicas": counted("replicas", [current] if current else []),
            "availableReplicas": counted("availableReplicas", list(own)),
        }
        return self._status(deployment, status)

    def run_operator(self) -> bool:
        """The operator of both kinds: acknowledge a freeze, else take the children and report."""
        moved, owners = False, 0
        for installation in list(self.all(CLUSTER_INSTALLATION)):
            if frozen(installation):
                refusal = {"status": f"{ACKNOWLEDGEMENT}: canary is enabled"}
                status = {**installation.get("status", {}), "state": "reconciling"}
                moved |= self._status(installation, {**status, "migration": refusal})
            else:
                owners += 1
                moved |= self._take_over(installation, OLD)
                moved |= self._status(installation, {"state": self._state(installation)})
        for mattermost in list(self.all(MATTERMOST)):
            seen = {"observedGeneration": mattermost["metadata"]["generation"]}
            if frozen(mattermost):
                error = {"state": "reconciling", "error": "ingress.host required, but not set"}
                moved |= self._status(mattermost, {**seen, **error})
            else:
                owners += 1
                moved |= self._take_over(mattermost, NEW)
                patched = {"resourcePatch": {"deploymentPatch": {"applied": True}}}
                state = {"state": self._state(mattermost)}
                moved |= self._status(mattermost, {**seen, **state, **patched})
        if owners > 1:
            self.violations.append("both kinds are at work on the same children")
        return moved

    def _take_over(self, installation: dict[str, Any], side: Side) -> bool:
        """Own every child but the one the operator forgets, and write it as this kind would.

        Of what somebody deleted, the Deployment is made again. As the Go operator does, it lets
        be what it finds beside its own entries (operator facts 0.4).
        """
        moved, name = False, installation["metadata"]["name"]
        owner = owner_reference(installation, side.resource)
        for resource, child_name in children(name):
            child = self.find(resource, child_name)
            if child is None and resource is DEPLOYMENT:
                self.put(DEPLOYMENT, self._generated(installation))
                moved = True
            if child is None or child_name == f"{name}-mysql-root-password":
                continue
            own, spec = side.labels.selector(name), child.get("spec") or {}
            there = resource is not SERVICE or own.items() <= spec["selector"].items()
            known = LAST_APPLIED in annotations_of(child)
            if owners_of(child) == (owner,) and known and there:
                continue
            child["metadata"]["ownerReferences"] = [owner]
            if resource is SERVICE:
                child["metadata"]["labels"] = dict(own)
                child["spec"]["selector"] = dict(own)
            if resource is DEPLOYMENT:
                self._generate(child, installation)
            written = {"metadata": {"labels": labels_of(child)}, "spec": spec}
            child["metadata"].setdefault("annotations", {})[LAST_APPLIED] = json.dumps(written)
            self._touch(child)
            moved = True
        return moved

    def _generated(self, installation: JsonObject) -> dict[str, Any]:
        """The Deployment as this kind's operator makes it, resource patch included."""
        mattermost = installation["kind"] == MATTERMOST.kind
        render = render_deployments if mattermost else render_cluster_installation
        existing = Existing.of(self.all(SECRET))
        rendered = render(installation, existing, generate=lambda _, length: "x" * length)
        made = next(each for each in rendered.children if each["kind"] == DEPLOYMENT.kind)
        template = defaulted(made["spec"]["template"])
        return {**made, "spec": {**made["spec"], "template": template}}

    def _generate(self, deployment: dict[str, Any], installation: JsonObject) -> None:
        fresh = self._generated(installation)["spec"]["template"]
        if deployment["spec"]["template"] != fresh:
            deployment["spec"]["template"] = fresh
            deployment["metadata"]["generation"] += 1

    def _state(self, installation: dict[str, Any]) -> str:
        deployment = self.find(DEPLOYMENT, installation["metadata"]["name"])
        settled = deployment is not None and deployment_settled(deployment)
        return "stable" if settled else "reconciling"

    # -- what nobody may notice -------------------------------------------------------------

    def _watch(self) -> None:
        pods = list(self.all(POD))
        ready = sum(map(pod_ready, pods))
        least = ready if self.fewest_ready is None else min(self.fewest_ready, ready)
        self.fewest_ready = least
        self.most_pods = max(self.most_pods, len(pods))
        self.network.watch()
        uids = {uid_of(obj) for obj in self._objects.values()}
        for obj in self._objects.values():
            self._check_owners(obj, uids)
        addresses = {
            pod["metadata"]["name"]
            for service in self.all(SERVICE)
            for pod in pods
            if _covers(pod, service["spec"]["selector"])
        }
        self.lost |= self._addresses - addresses
        self._addresses = addresses

    def _check_owners(self, obj: dict[str, Any], uids: set[str]) -> None:
        where = f"{obj['kind']}/{obj['metadata']['name']}"
        controllers = [owner for owner in owners_of(obj) if owner.get("controller")]
        if len(controllers) > 1:
            self.violations.append(f"{where} has two controllers")
        if obj["kind"] == POD.kind and not controllers:
            self.violations.append(f"{where} has no owner")
        gone = [owner["uid"] for owner in owners_of(obj) if owner["uid"] not in uids]
        missed = gone and (
            uid_of(obj) not in self._stillborn or uid_of(obj) in self.network.reached()
        )
        told = self.violations if missed else self.leftovers
        told += [f"{where} names owner {uid}, which does not exist" for uid in gone]

    # -- looking ----------------------------------------------------------------------------

    def look(self, name: str, *parts: Part) -> Snapshot:
        """A snapshot as the controller would take it; good until the cluster moves."""
        migration = self.find(INSTALLATION_MIGRATION, name)
        if migration is None:
            raise NotFoundError(f"InstallationMigration {name}")
        taking = side(migration["spec"]["desiredKind"])
        source = self.find(other(taking).resource, name)
        secret = self.find(SECRET, backup_name(name))
        sets = tuple(self.all(REPLICA_SET))
        owned = tuple(
            obj for resource, each in children(name) if (obj := self.find(resource, each))
        )
        seen = Snapshot(
            migration=migration,
            source=source,
            target=self.find(taking.resource, name),
            deployment=self.find(DEPLOYMENT, name),
            replica_sets=sets,
            pods=tuple(pod_outline(pod) for each in sets for pod in self._pods_of(each)),
            backup=self._backup(secret) if secret else None,
            children=owned if Part.CHILDREN in parts else None,
            dependents=owned if Part.DEPENDENTS in parts else None,
            traffic=self._traffic(name) if Part.TRAFFIC in parts else None,
            owners=self._living() if Part.OWNERS in parts else None,
            target_kind=taking.kind,
        )
        if Part.EXISTING not in parts:
            return seen
        found = (self.find(resource, each) for resource, each in read_to_plan(seen))
        return dataclasses.replace(seen, existing=Existing.of(o for o in found if o))

    def _living(self) -> frozenset[str]:
        return frozenset(uid_of(each) for each in self._objects.values() if not leaving(each))

    def _backup(self, secret: JsonObject) -> Backup:
        """Read once a version, as the controller does."""
        version = secret["metadata"]["resourceVersion"]
        if self._read is None or self._read.resource_version != version:
            self._read = Backup.read(secret)
        return self._read

    def _traffic(self, name: str) -> Traffic:
        self.now += timedelta(seconds=1)
        self.network.pass_time()
        pods = tuple(pod for pod in self.all(POD) if labels_of(pod).get(SERVING_LABEL) == name)
        return Traffic(self.find(SERVICE, name), self.network.slices(name), pods, self.now)


def _covers(obj: JsonObject, wanted: Mapping[str, str]) -> bool:
    return wanted.items() <= labels_of(obj).items()


def _same_template(replica_set: JsonObject, deployment: JsonObject) -> bool:
    def bare(template: JsonObject) -> dict[str, Any]:
        labels = {key: value for key, value in labels_of(template).items() if key != TEMPLATE_HASH}
        return {**template, "metadata": {**template["metadata"], "labels": labels}}

    return bare(replica_set["spec"]["template"]) == bare(deployment["spec"]["template"])
