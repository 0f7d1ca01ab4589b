"""Makes the InstallationMigration that somebody asked for on his ClusterInstallation.

Beside the Go operator the webhook has turned ``spec.migrate: true`` into an annotation before the
operator could see it; the annotation may be set by hand just as well. It stands for a wish as the
field does: as long as it is there and no InstallationMigration is, one is made.
"""

from __future__ import annotations

from controller.observe import Informers
from controller.worker import Key
from mattermost_migrate.domain.errors import AlreadyExistsError
from mattermost_migrate.domain.mutation import REQUESTED
from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    INSTALLATION_MIGRATION,
    MATTERMOST,
    REQUESTED_ANNOTATION,
)
from mattermost_migrate.domain.objects import (
    JsonObject,
    annotations_of,
    leaving,
    name_of,
    namespace_of,
    typed,
)
from mattermost_migrate.kube import Client, EventRecorder

__all__ = ["RequestReconciler", "asked", "request_migration"]


def asked(cluster_installation: JsonObject) -> bool:
    """Whether it bears the wish to be migrated, and is not on its way out."""
    wanted = annotations_of(cluster_installation).get(REQUESTED_ANNOTATION) == REQUESTED
    return wanted and not leaving(cluster_installation)


class RequestReconciler:
    """Looks at one ClusterInstallation.

    Args:
        client: to write by; fenced by the lease.
        informers: those of ClusterInstallations and InstallationMigrations count.
        events: tells the user what came of it.
    """

    def __init__(self, client: Client, informers: Informers, events: EventRecorder) -> None:
        self._client = client
        self._installations = informers[CLUSTER_INSTALLATION]
        self._migrations = informers[INSTALLATION_MIGRATION]
        self._events = events

    async def reconcile(self, key: Key) -> float | None:
        """Make the InstallationMigration if it is wanted and missing."""
        found = self._installations.get(*key)
        if found is None or not asked(found) or self._migrations.get(*key) is not None:
            return None
        why = f"the annotation {REQUESTED_ANNOTATION} asks for it"
        await request_migration(self._client, self._events, found, why)
        return None


async def request_migration(
    client: Client, events: EventRecorder, cluster_installation: JsonObject, why: str
) -> None:
    """Create the InstallationMigration of a ClusterInstallation; that there is one is no error."""
    name, namespace = name_of(cluster_installation), namespace_of(cluster_installation)
    request = {
        "apiVersion": INSTALLATION_MIGRATION.api_version,
        "kind": INSTALLATION_MIGRATION.kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"desiredKind": MATTERMOST.kind},
    }
    try:
        await client.create(INSTALLATION_MIGRATION, request)
    except AlreadyExistsError:
        return
    events.record(
        typed(CLUSTER_INSTALLATION, cluster_installation),
        "MigrationRequested",
        f"Created InstallationMigration {name}, because {why}",
        action="Migrate",
    )
