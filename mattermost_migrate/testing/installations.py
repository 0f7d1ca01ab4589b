"""Installations in one namespace of a real cluster, and what becomes of them: for tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import requests

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    EVENT,
    INGRESS,
    INSTALLATION_MIGRATION,
    LOCK_LABEL,
    MATTERMOST,
    MINIO_INSTANCE,
    MYSQL_CLUSTER,
    POD,
    REPLICA_SET,
    ROLE,
    ROLE_BINDING,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    SERVICE_NAME_LABEL,
    Resource,
)
from mattermost_migrate.domain.objects import (
    JsonObject,
    labels_of,
    name_of,
    namespace_of,
    owners_of,
    uid_of,
)
from mattermost_migrate.domain.pin import is_pinned
from mattermost_migrate.inspection import Verdict, inspect
from mattermost_migrate.testing.builders import cluster_installation, migration
from mattermost_migrate.testing.chronicle import Chronicle, Harm
from mattermost_migrate.testing.cluster import ApiError, Client, LocalCluster
from mattermost_migrate.testing.inspector import contradiction, disagreement, look
from mattermost_migrate.testing.witness import Entry, Witness

__all__ = [
    "CHILDREN",
    "PATIENCE",
    "Installations",
    "condition",
    "ended",
    "engine_writes",
    "stable",
    "succeeded",
]

#: Long enough for a busy machine; a test that passes never waits for it.
PATIENCE: Final = 150.0
#: Every kind of which an installation owns objects.
CHILDREN: Final = (
    DEPLOYMENT,
    SERVICE,
    INGRESS,
    SERVICE_ACCOUNT,
    ROLE,
    ROLE_BINDING,
    SECRET,
    MYSQL_CLUSTER,
    MINIO_INSTANCE,
)

_WRITES: Final = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_CONFLICT: Final = 409
_ENGINE: Final = "system:serviceaccount:mattermost-migrate:mattermost-migrate-controller"


@dataclass(frozen=True, slots=True)
class Installations:
    """Those of one namespace.

    Attributes:
        admin: to read and to write by.
        witness: who watches.
        namespace: where they are.
    """

    admin: Client
    witness: Witness
    namespace: str

    def create(self, *names: str, **spec: Any) -> None:
        """Create ordinary ClusterInstallations and wait until they are whole."""
        for name in names:
            manifest = cluster_installation(name, self.namespace, **spec)
            self.admin.create(CLUSTER_INSTALLATION, self.namespace, manifest)
        for name in names:
            self.until_whole(CLUSTER_INSTALLATION, name)

    def until_whole(self, resource: Resource, name: str) -> dict[str, Any]:
        """Wait until an installation is stable and every pod of it is an endpoint; return it."""
        found = self.until(resource, name, stable)
        self.until_settled(name)
        return found

    def until_unpinned(self, name: str) -> dict[str, Any]:
        """Wait until an edited Mattermost is whole without its pin, which the edit has outlived.

        Where no webhook takes the pin off in the edit itself, the engine does so a moment later,
        perhaps after its operator has called the edited one stable: only then the pods are rolled.
        """
        self.until(MATTERMOST, name, lambda each: not is_pinned(each))
        return self.until_whole(MATTERMOST, name)

    def until_settled(self, name: str) -> None:
        """Wait until the Deployment is as it should be and its pods, and no others, serve."""
        replicas = self.until(DEPLOYMENT, name, _settled)["spec"]["replicas"]
        self.until_so(lambda: len(self.serving(name)) == replicas)

    def serving(self, service: str) -> set[str]:
        """The ready addresses of a Service."""
        labels = {SERVICE_NAME_LABEL: service}
        return {
            address
            for each in self.admin.list(ENDPOINT_SLICE, self.namespace, labels=labels)
            for endpoint in each.get("endpoints") or ()
            if endpoint["conditions"].get("ready")
            for address in endpoint["addresses"]
        }

    def ask(self, *names: str, kind: str = MATTERMOST.kind, **spec: Any) -> None:
        """Ask for that kind, by a new InstallationMigration or by the one there is."""
        for name in names:
            if self.admin.find(INSTALLATION_MIGRATION, self.namespace, name):
                wanted = {"spec": {"desiredKind": kind, **spec}}
                self.admin.patch(INSTALLATION_MIGRATION, self.namespace, name, wanted)
            else:
                wanted = migration(name, self.namespace, desiredKind=kind, **spec)
                self.admin.create(INSTALLATION_MIGRATION, self.namespace, wanted)

    def until_ended(self, name: str) -> dict[str, Any]:
        """Wait until a migration is over, whichever way.

        Raises:
            AssertionError: the inspection does not agree with what it reports.
        """
        over = self.until(INSTALLATION_MIGRATION, name, ended)
        if problem := contradiction(over, self._verdict_at(over)):
            raise AssertionError(problem)
        self.until_agreed(name)
        return over

    def _verdict_at(self, over: JsonObject) -> Verdict:
        """What the inspection says of the moment at which a migration was last written."""
        version = int(over["metadata"]["resourceVersion"])
        try:
            scene = look(self.admin, self.namespace, at=version)
        except ApiError as problem:
            if problem.status != requests.codes.gone:
                raise
            # It ended so long ago that the store has forgotten: the present has to do.
            scene = look(self.admin, self.namespace, at=self.witness.now())
        return inspect(scene, self.namespace, name_of(over))

    def until_agreed(self, *names: str) -> None:
        """Wait until the inspection agrees with every migration that is over, or with these.

        Each look is at one moment, and whatever happens after it in the namespace is looked at
        again: what is asked is that all come right, not that nothing moves.

        Raises:
            AssertionError: it does not in time.
        """
        problems: list[str] = []

        def agreed() -> bool:
            problems[:] = self._disagreements(names)
            return not problems

        try:
            self.until_so(agreed)
        except TimeoutError:
            raise AssertionError("; ".join(problems)) from None

    def _disagreements(self, names: tuple[str, ...]) -> list[str]:
        scene = look(self.admin, self.namespace, at=self.witness.now())
        return [
            problem
            for each in scene.all(INSTALLATION_MIGRATION)
            if ended(each)
            and (name_of(each) in names or not names)
            and (problem := disagreement(each, inspect(scene, self.namespace, name_of(each))))
        ]

    def until_so(self, holds: Callable[[], object]) -> None:
        """Wait until something is true: asked now, and again after whatever happens here.

        Raises:
            TimeoutError: it did not come true.
        """
        deadline = time.monotonic() + PATIENCE
        while True:
            now = self.witness.now()
            if holds():
                return
            left = max(0.0, deadline - time.monotonic())
            self.witness.until(self._is_here, since=now, seconds=left)

    def _is_here(self, entry: Entry) -> bool:
        return namespace_of(entry.obj) == self.namespace

    def until_told(self, name: str, *reasons: str) -> None:
        """Wait until these, and no others, are the Events about an InstallationMigration.

        They are sent on their own, and may come later than the status that tells the same.
        """
        self.until_so(lambda: [each["reason"] for each in self.events(name)] == list(reasons))

    def move(self, *names: str, kind: str = MATTERMOST.kind, **spec: Any) -> None:
        """Ask for that kind and wait until all have it; an AssertionError if one fails."""
        self.ask(*names, kind=kind, **spec)
        for name in names:
            over = self.until_ended(name)
            if not succeeded(over):
                raise AssertionError(f"{name}: {condition(over, 'Succeeded')}")

    def until(
        self, resource: Resource, name: str, holds: Callable[[dict[str, Any]], object]
    ) -> dict[str, Any]:
        """Wait until something is true of an object; return it then."""
        return self.admin.until(resource, self.namespace, name, holds, seconds=PATIENCE)

    def get(self, resource: Resource, name: str) -> dict[str, Any]:
        """Read one object."""
        return self.admin.get(resource, self.namespace, name)

    def find(self, resource: Resource, name: str) -> dict[str, Any] | None:
        """Read one object, or None when there is none."""
        return self.admin.find(resource, self.namespace, name)

    def list(self, resource: Resource) -> list[dict[str, Any]]:
        """Read all of a kind."""
        return self.admin.list(resource, self.namespace)

    def workload(self) -> dict[str, str]:
        """The names and UIDs of all pods and ReplicaSets."""
        return {
            f"{resource}/{name_of(each)}": uid_of(each)
            for resource in (POD, REPLICA_SET)
            for each in self.list(resource)
        }

    def owned_by(self, owner: JsonObject) -> set[str]:
        """What names that object as an owner, as ``kind/name``."""
        return {
            f"{resource}/{name_of(each)}"
            for resource in CHILDREN
            for each in self.list(resource)
            if any(ref["uid"] == uid_of(owner) for ref in owners_of(each))
        }

    def events(self, name: str) -> Iterator[JsonObject]:
        """The Events about an InstallationMigration, in order."""
        regarding = {"kind": INSTALLATION_MIGRATION.kind, "name": name}
        events = sorted(self.list(EVENT), key=lambda each: str(each.get("eventTime")))
        return (each for each in events if regarding.items() <= each["regarding"].items())

    def chronicle(self, since: int) -> Chronicle:
        """What happened in the namespace after a revision, up to now."""
        return Chronicle.of(self.witness, since=since, namespace=self.namespace)

    def harms(self, since: int) -> tuple[Harm, ...]:
        """Which rules were broken since."""
        return self.chronicle(since).harms()


def engine_writes(cluster: LocalCluster, namespace: str) -> Iterator[str]:
    """What the migration engine wrote in a namespace, Events not counted, by the audit log.

    Returns:
        Each as ``verb resources`` or ``verb resources/subresource``. Dry runs are no writes, nor
        is what a fence turned away: the look that follows decides anew.
    """
    for event in cluster.audit():
        target = event.get("objectRef") or {}
        if (
            event["stage"] == "ResponseComplete"
            and event["verb"] in _WRITES
            and event["user"].get("username") == _ENGINE
            and target.get("namespace") == namespace
            and target["resource"] != EVENT.plural
            and "dryRun=" not in event["requestURI"]
            and event["responseStatus"].get("code", 0) != _CONFLICT
        ):
            part = f"/{target['subresource']}" if "subresource" in target else ""
            yield f"{event['verb']} {target['resource']}{part}"


def stable(installation: JsonObject) -> bool:
    """Stable, and a Mattermost at this generation; a ClusterInstallation does not say at which."""
    status = installation.get("status") or {}
    seen = installation["metadata"]["generation"] == status.get("observedGeneration")
    return status.get("state") == "stable" and (
        seen or installation["kind"] == CLUSTER_INSTALLATION.kind
    )


def _settled(deployment: JsonObject) -> bool:
    """Observed, and every replica wanted is current and available, with no other left."""
    status = deployment.get("status") or {}
    counts = {status.get(each) for each in ("replicas", "updatedReplicas", "availableReplicas")}
    observed = bool(status.get("observedGeneration") == deployment["metadata"]["generation"])
    return observed and counts == {deployment["spec"]["replicas"]}


def condition(obj: JsonObject, kind: str) -> dict[str, Any]:
    """The condition of that type, or nothing."""
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return next((each for each in conditions if each["type"] == kind), {})


def ended(imig: JsonObject) -> bool:
    """Whether a migration is over for the spec as it is, and holds no lock."""
    summary = condition(imig, "Succeeded")
    current = summary.get("observedGeneration") == imig["metadata"]["generation"]
    return current and summary["status"] != "Unknown" and LOCK_LABEL not in labels_of(imig)


def succeeded(imig: JsonObject) -> bool:
    """Whether a migration that is over came to the kind that was asked for."""
    return bool(condition(imig, "Succeeded").get("status") == "True")
