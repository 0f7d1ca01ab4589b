"""The controller as one process: informers, queues, workers, and the Lease that lets it write."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from controller.deadline import Reign
from controller.fleet import BY_FLEET, FleetReconciler, fleets_of
from controller.heard import Heard
from controller.measures import report_fleets
from controller.migrate import MigrationReconciler
from controller.observe import BY_INSTALLATION, Informers, Observer, installations_of
from controller.previews import PreviewReconciler
from controller.requests import RequestReconciler, asked
from controller.verdicts import Verdicts
from controller.worker import Key, work
from controller.workqueue import WorkQueue
from mattermost_migrate.domain.conversion.versions import managers_patch
from mattermost_migrate.domain.names import (
    APP_LABEL,
    APP_VALUE,
    CLUSTER_INSTALLATION,
    DEPLOYMENT,
    FLEET_MIGRATION,
    INSTALLATION_MIGRATION,
    MATTERMOST,
    POD,
    REPLICA_SET,
    Resource,
)
from mattermost_migrate.domain.objects import (
    JsonObject,
    key_of,
)
from mattermost_migrate.domain.reported import reworded
from mattermost_migrate.domain.snapshot import pod_outline
from mattermost_migrate.kube import Client, EventRecorder, Informer
from mattermost_migrate.kube.informer import Handler

__all__ = ["Settings", "lead", "make_informers"]

#: What every Mattermost pod and ReplicaSet carries, of either kind (operator facts 0.3).
_SELECTOR: Final = f"{APP_LABEL}={APP_VALUE}"
#: Fleets that are looked at at the same time: one that selects thousands keeps no other waiting.
_FLEETS: Final = 4
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Settings:
    """How the controller runs.

    Attributes:
        beside_operator: the Go operator reconciles the installations; else we do.
        workers: migrations that are looked at at the same time.
        identity: of this process, in Events.
    """

    beside_operator: bool
    workers: int
    identity: str


def make_informers(client: Client) -> dict[Resource, Informer]:
    """One informer a resource, for everyone in the process."""
    return {
        INSTALLATION_MIGRATION: Informer(
            client, INSTALLATION_MIGRATION, indexes={BY_FLEET: fleets_of}
        ),
        FLEET_MIGRATION: Informer(client, FLEET_MIGRATION),
        CLUSTER_INSTALLATION: Informer(
            client, CLUSTER_INSTALLATION, mark=lambda each: bool(managers_patch(each))
        ),
        MATTERMOST: Informer(client, MATTERMOST),
        DEPLOYMENT: Informer(client, DEPLOYMENT, label_selector=_SELECTOR),
        REPLICA_SET: Informer(
            client,
            REPLICA_SET,
            label_selector=_SELECTOR,
            indexes={BY_INSTALLATION: installations_of},
        ),
        POD: Informer(client, POD, label_selector=_SELECTOR, trim=pod_outline),
    }


async def lead(
    client: Client,
    informers: Informers,
    settings: Settings,
    *others: Callable[[], Coroutine[Any, Any, None]],
    heard: Heard | None = None,
    before: datetime | None = None,
) -> None:
    """Do the leader's work until cancelled or until the lease is lost.

    Args:
        client: fenced by the lease.
        informers: synced or about to be.
        settings: how to run.
        others: what else only the leader does.
        heard: where the builtin operator, if it is one of them, says what it has seen.
        before: the last sign of who led before, if there was one.
    """
    events = EventRecorder(
        client,
        controller="migration.mattermost.com/controller",
        instance=settings.identity,
    )
    heard = heard or Heard()
    beside = settings.beside_operator
    observer = Observer(client, informers, beside_operator=beside, heard=heard)
    verdicts = Verdicts()
    migration_queue: WorkQueue[Key] = WorkQueue()
    heard.told = migration_queue.add
    migrations = MigrationReconciler(
        client,
        informers,
        observer,
        events,
        verdicts,
        reign=Reign(datetime.now(UTC), before),
        progressed=migration_queue.forget,
    )
    fleets = FleetReconciler(client, informers, events, verdicts)
    report_fleets(lambda: fleets.musters, informers[FLEET_MIGRATION].items)
    fleet_queue: WorkQueue[Key] = WorkQueue()
    requests = RequestReconciler(client, informers, events)
    request_queue: WorkQueue[Key] = WorkQueue()
    _subscribe(informers, migration_queue, fleet_queue)
    _subscribe_requests(informers, request_queue)
    previews = PreviewReconciler(client, informers)
    preview_queue: WorkQueue[Key] = WorkQueue()
    _subscribe_previews(informers, preview_queue)
    await asyncio.gather(*(informer.synced.wait() for informer in informers.values()))
    _log.info("Led", extra={"identity": settings.identity})
    async with asyncio.TaskGroup() as group:
        group.create_task(events.run())
        group.create_task(
            work(
                migration_queue,
                migrations.reconcile,
                controller="installationmigration",
                workers=settings.workers,
            )
        )
        group.create_task(
            work(fleet_queue, fleets.reconcile, controller="fleetmigration", workers=_FLEETS)
        )
        group.create_task(
            work(request_queue, requests.reconcile, controller="migrationrequest", workers=1)
        )
        group.create_task(work(preview_queue, previews.reconcile, controller="preview", workers=1))
        for other in others:
            group.create_task(other())


def _subscribe(informers: Informers, migrations: WorkQueue[Key], fleets: WorkQueue[Key]) -> None:
    """Have each change of an object looked at by those it concerns."""
    known = informers[INSTALLATION_MIGRATION]

    def look(keys_of: Callable[[JsonObject], Iterable[Key]]) -> Handler:
        """Have the migrations looked at whose installation an object belongs to."""

        def changed(before: JsonObject | None, after: JsonObject | None) -> None:
            for key in keys_of(after or before or {}):
                if known.get(*key) is not None:
                    migrations.add(key)

        return changed

    def migration_changed(before: JsonObject | None, after: JsonObject | None) -> None:
        _look_at_news(migrations, before, after)
        # One that was relabelled is missed by the fleet that it has left.
        for fleet in {*fleets_of(before or {}), *fleets_of(after or {})}:
            fleets.add(("", fleet))

    def fleet_changed(before: JsonObject | None, after: JsonObject | None) -> None:
        _look_at_news(fleets, before, after)

    informers[INSTALLATION_MIGRATION].subscribe(migration_changed)
    informers[FLEET_MIGRATION].subscribe(fleet_changed)
    for resource in (CLUSTER_INSTALLATION, MATTERMOST, DEPLOYMENT):
        informers[resource].subscribe(look(lambda obj: (key_of(obj),)))
    for resource in (REPLICA_SET, POD):
        informers[resource].subscribe(look(_installations))


def _look_at_news(
    queue: WorkQueue[Key], before: JsonObject | None, after: JsonObject | None
) -> None:
    """Have an object of our own looked at after a change, unless it was but told in other words.

    Who told it so has chosen when to look again, and at once would only word it anew.
    """
    if not (before and after and reworded(before, after)):
        queue.add(key_of(after or before or {}))


def _subscribe_requests(informers: Informers, requests: WorkQueue[Key]) -> None:
    """Have each ClusterInstallation looked at that asks for a migration, or has lost its own."""

    def asks(_: JsonObject | None, after: JsonObject | None) -> None:
        if after is not None and asked(after):
            requests.add(key_of(after))

    def gone(before: JsonObject | None, after: JsonObject | None) -> None:
        if after is None and before is not None:
            requests.add(key_of(before))

    informers[CLUSTER_INSTALLATION].subscribe(asks)
    informers[INSTALLATION_MIGRATION].subscribe(gone)


def _subscribe_previews(informers: Informers, previews: WorkQueue[Key]) -> None:
    """Have each ClusterInstallation looked at that was written through its preview version."""
    installations = informers[CLUSTER_INSTALLATION]

    def written(_: JsonObject | None, after: JsonObject | None) -> None:
        if after is not None and key_of(after) in installations.marked:
            previews.add(key_of(after))

    installations.subscribe(written)


def _installations(obj: JsonObject) -> Iterator[Key]:
    for installation in installations_of(obj):
        namespace, _, name = installation.partition("/")
        yield namespace, name
