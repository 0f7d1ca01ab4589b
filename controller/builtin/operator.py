"""The builtin operator: both kinds' reconcilers with their queues, watches and workers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final, TypeAlias

from controller.builtin.beginning import at_rest, in_time
from controller.builtin.cluster_installation import ClusterInstallationReconciler
from controller.builtin.known import Known
from controller.builtin.mattermost import MattermostReconciler
from controller.builtin.presence import refuse_beside_operator
from controller.builtin.rounds import Workshop
from controller.builtin.settled import SETTLED_SECONDS, Resync, Settled, progressed
from controller.heard import Heard
from controller.observe import BY_INSTALLATION, installations_of
from controller.worker import Key, Reconcile, work
from controller.workqueue import Backoff, WorkQueue
from mattermost_migrate.domain.children.labels import JOB_SERVER
from mattermost_migrate.domain.holding import is_held
from mattermost_migrate.domain.inventory import UPDATE_JOB
from mattermost_migrate.domain.names import (
    APP_LABEL,
    APP_VALUE,
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    INGRESS,
    INGRESS_CLASS,
    INSTALLATION_MIGRATION,
    JOB,
    MATTERMOST,
    REPLICA_SET,
    SERVICE,
    V1BETA1,
    Resource,
)
from mattermost_migrate.domain.objects import (
    JsonObject,
    key_of,
    owners_of,
    typed,
)
from mattermost_migrate.domain.reported import lock_of
from mattermost_migrate.kube import Client, EventRecorder, Informer

__all__ = ["BuiltinOperator", "Gate"]

#: Puts something between the queue of a kind and its reconciler.
Gate: TypeAlias = Callable[[Resource, Reconcile], Reconcile]

_SELECTOR: Final = f"{APP_LABEL}={APP_VALUE}"
#: Of an installation that fails: what it waits for is mostly an object that no informer sees, such
#: as a Secret.
_BACKOFF: Final = Backoff(first=0.2)


class BuiltinOperator:
    """Keeps ClusterInstallations and Mattermosts, where no Go operator does.

    Args:
        client: to write by; fenced by the lease.
        informers: those of the process: both kinds, InstallationMigrations, Deployments, and
            ReplicaSets indexed by ``BY_INSTALLATION``; somebody else runs them.
        workers: installations of each kind that are looked at at the same time.
        resync: when to look at what is well, though no event came.
        heard: where the engine in this process, if there is one, listens; without, whoever froze a
            ClusterInstallation is answered by its status.
        gate: what stands before the reconcilers; by default what leaves alone whatever is held,
            which needs no answer: nobody waits for an acknowledgement of what never ran.
    """

    def __init__(
        self,
        client: Client,
        informers: Mapping[Resource, Informer],
        *,
        workers: int = 20,
        resync: Resync | None = None,
        heard: Heard | None = None,
        gate: Gate | None = None,
    ) -> None:
        self._client = client
        self._workers = workers
        self._gate = gate or self._unless_held
        self._heard = heard
        indexes = {BY_INSTALLATION: installations_of}
        self._own = {
            SERVICE: Informer(client, SERVICE, label_selector=_SELECTOR, indexes=indexes),
            INGRESS: Informer(client, INGRESS, label_selector=_SELECTOR, indexes=indexes),
            INGRESS_CLASS: Informer(client, INGRESS_CLASS, label_selector=V1BETA1.installation),
            JOB: Informer(client, JOB, field_selector=f"metadata.name={UPDATE_JOB}"),
        }
        # Of a Mattermost with ``resourceLabels``, its job server carries another label.
        self._job_servers = Informer(client, DEPLOYMENT, label_selector=f"{APP_LABEL}={JOB_SERVER}")
        self._resync = resync or Resync()
        # Each of those looks is to be a whole one.
        self._settled = Settled(lasts=min(SETTLED_SECONDS, self._resync.soonest / 2))
        self._known = Known(
            client, {**informers, **self._own}, job_servers=self._job_servers, heard=heard
        )
        #: While we subscribe we are told of what there is already, and look at it afterwards.
        self._subscribing = False
        self._queues: dict[str, WorkQueue[Key]] = {
            kind.kind: WorkQueue(backoff=_BACKOFF) for kind in (CLUSTER_INSTALLATION, MATTERMOST)
        }

    async def run(self) -> None:
        """Reconcile until cancelled or until the lease is lost.

        Raises:
            ConfigurationError: the Go operator runs here.
        """
        await refuse_beside_operator(self._client)
        events = EventRecorder(
            self._client,
            controller="migration.mattermost.com/builtin-operator",
            instance=socket.gethostname(),
        )
        shop = Workshop(
            self._client, self._known, events, self._settled, self._resync, heard=self._heard
        )
        async with asyncio.TaskGroup() as group:
            for informer in (*self._own.values(), self._job_servers):
                group.create_task(informer.run())
            group.create_task(events.run())
            await asyncio.gather(
                *(informer.synced.wait() for informer in self._known.informers.values()),
                self._job_servers.synced.wait(),
            )
            if self._heard is not None:
                self._heard.memory = self._own
            self._subscribing = True
            self._subscribe()
            self._subscribing = False
            group.create_task(self._begin())
            for kind, reconciler in (
                (CLUSTER_INSTALLATION, ClusterInstallationReconciler(shop)),
                (MATTERMOST, MattermostReconciler(shop)),
            ):
                group.create_task(
                    work(
                        self._queues[kind.kind],
                        self._gate(kind, reconciler.reconcile),
                        controller=kind.kind.lower(),
                        workers=self._workers,
                    )
                )

    async def _begin(self) -> None:
        """Look at what there was: at once, but in time at what is at rest."""
        migrations = self._known.informers[INSTALLATION_MIGRATION]
        resting: list[tuple[int, tuple[Resource, Key]]] = []  # no objects: there may be thousands
        for kind in (CLUSTER_INSTALLATION, MATTERMOST):
            for obj in self._known.informers[kind].items():
                key = key_of(obj)
                migration = migrations.get(*key)
                locked = migration is not None and lock_of(migration) is not None
                if at_rest(typed(kind, obj), locked=locked):
                    resting.append((int(obj["metadata"]["resourceVersion"]), (kind, key)))
                else:
                    self._add(kind, key)
        async for each in in_time(resting):
            self._add(*each)

    def _unless_held(self, kind: Resource, reconcile: Reconcile) -> Reconcile:
        async def guarded(key: Key) -> float | None:
            found = self._known.informers[kind].get(*key)
            return None if found is not None and is_held(found) else await reconcile(key)

        return guarded

    def _subscribe(self) -> None:
        """Look at an installation when it or one of its children changes by another's hand."""
        informers = self._known.informers
        for kind in (CLUSTER_INSTALLATION, MATTERMOST):
            informers[kind].subscribe(partial(self._of_installation, kind))
        for resource in (DEPLOYMENT, SERVICE, INGRESS, INGRESS_CLASS, JOB):
            informers[resource].subscribe(partial(self._of_child, resource))
        self._job_servers.subscribe(partial(self._of_child, DEPLOYMENT))
        self._known.missed = self._again
        informers[REPLICA_SET].subscribe(self._of_replica_set)
        informers[INSTALLATION_MIGRATION].subscribe(self._of_migration)

    def _again(
        self, resource: Resource, before: JsonObject | None, after: JsonObject | None
    ) -> None:
        """An event that was held back while we wrote, and was another's."""
        if resource in (CLUSTER_INSTALLATION, MATTERMOST):
            self._of_installation(resource, before, after)
        else:
            self._of_child(resource, before, after)

    def _of_installation(
        self, kind: Resource, before: JsonObject | None, after: JsonObject | None
    ) -> None:
        if self._known.is_echo(kind.kind, before, after):
            return
        obj = after or before or {}
        key = key_of(obj)
        if after is not None:
            self._settled.disturb((kind.kind, *key))
            self._add(kind, key)
            return
        self._settled.forget((kind.kind, *key))
        if self._heard is not None:
            self._heard.forget(obj)
        # What it controlled may now be the other kind's, unless that has all it wants already.
        other = CLUSTER_INSTALLATION if kind is MATTERMOST else MATTERMOST
        self._look(other.kind, *key)

    def _of_child(
        self, resource: Resource, before: JsonObject | None, after: JsonObject | None
    ) -> None:
        if self._subscribing or self._known.is_echo(resource.kind, before, after):
            return
        if progressed(before, after):
            self._of_progress(before, after)
            return
        for obj in (before, after):
            for kind, namespace, name in self._installations_over(obj):
                self._disturb(kind, namespace, name)
        obj = after or before or {}
        for kind in self._queues:
            self._disturb(kind, *key_of(obj))

    def _of_progress(self, before: JsonObject | None, after: JsonObject | None) -> None:
        """A child counts its pods, or got its address: only the health may be another."""
        for kind, namespace, name in self._installations_over(after or before):
            self._look(kind, namespace, name)

    def _of_replica_set(self, before: JsonObject | None, after: JsonObject | None) -> None:
        for installation in installations_of(after or before or {}):
            namespace, _, name = installation.partition("/")
            for kind in self._queues:
                self._look(kind, namespace, name)

    def _of_migration(self, before: JsonObject | None, after: JsonObject | None) -> None:
        """Its beginning, its end or another wish may set going what waits for a migration.

        Others have nothing to do with it. A whole look at each of a fleet's installations, as its
        migrations are made, is a fourth of all that would be read.
        """
        key = key_of(after or before or {})
        ci = self._known.seen(CLUSTER_INSTALLATION, *key)
        if ci and (ci.get("spec") or {}).get("migrate") and not progressed(before, after):
            self._add(CLUSTER_INSTALLATION, key)

    def _installations_over(self, child: JsonObject | None) -> Iterator[tuple[str, str, str]]:
        """Kind, namespace and name of the installations that own a child."""
        if child is None:
            return
        for owner in owners_of(child):
            for kind in (CLUSTER_INSTALLATION, MATTERMOST):
                if owner.get("kind") != kind.kind:
                    continue
                if (namespace := self._known.place_of(kind, owner, child)) is not None:
                    yield kind.kind, namespace, str(owner["name"])

    def _disturb(self, kind: str, namespace: str, name: str) -> None:
        """Look at an installation, if there is one, and at its children."""
        if self._look(kind, namespace, name):
            self._settled.disturb((kind, namespace, name))

    def _look(self, kind: str, namespace: str, name: str) -> bool:
        resource = CLUSTER_INSTALLATION if kind == CLUSTER_INSTALLATION.kind else MATTERMOST
        if self._known.seen(resource, namespace, name) is None:
            return False
        self._add(resource, (namespace, name))
        return True

    def _add(self, kind: Resource, key: Key) -> None:
        if not self._subscribing:
            self._queues[kind.kind].add(key)
