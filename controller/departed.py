"""A finished InstallationMigration that somebody deletes takes its backup along."""

from __future__ import annotations

import logging

from controller.worker import Key
from mattermost_migrate.domain.backup import DIGEST, backup_name
from mattermost_migrate.domain.names import BACKUP_LABEL, LOCK_LABEL, SECRET
from mattermost_migrate.domain.objects import (
    JsonObject,
    annotations_of,
    key_of,
    labels_of,
    name_of,
    uid_of,
)
from mattermost_migrate.kube import Client

__all__ = ["Departed"]

_log = logging.getLogger(__name__)


class Departed:
    """Knows the InstallationMigrations that went, until their backups are gone too.

    The backup has no owner, or deleting an InstallationMigration in the middle would take along
    what the way back needs; so this is not left to the garbage collector. One that still holds the
    lock, which only somebody without the locks can delete, leaves its backup behind.

    Args:
        client: to write by; fenced by the lease.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._left: dict[Key, JsonObject] = {}

    def note(self, before: JsonObject | None, after: JsonObject | None) -> None:
        """Told by the informer of each change of an InstallationMigration."""
        if after is not None:
            self._left.pop(key_of(after), None)  # made anew, and the backup may be its own by now
        elif before is not None and not labels_of(before).get(LOCK_LABEL):
            self._left[key_of(before)] = before

    async def clear(self, key: Key) -> None:
        """Delete the backup of the InstallationMigration that was there, and no other."""
        migration = self._left.get(key)
        if migration is None:
            return
        namespace, name = key
        recorded = ((migration.get("status") or {}).get("backup") or {}).get("digest")
        secret = await self._client.find(SECRET, namespace, backup_name(name)) if recorded else None
        if secret is not None and _is_backup(secret, name, recorded):
            await self._client.delete(
                SECRET,
                namespace,
                name_of(secret),
                uid=uid_of(secret),
                resource_version=secret["metadata"]["resourceVersion"],
            )
            _log.info("Deleted backup of a deleted InstallationMigration")
        self._left.pop(key, None)


def _is_backup(secret: JsonObject, name: str, digest: str | None) -> bool:
    labelled = labels_of(secret).get(BACKUP_LABEL) == name
    return labelled and annotations_of(secret).get(DIGEST) == digest
