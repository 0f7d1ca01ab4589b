"""Which backup goes with an InstallationMigration that was deleted."""

from __future__ import annotations

import asyncio
from typing import Any

from controller.departed import Departed
from mattermost_migrate.domain.backup import DIGEST
from mattermost_migrate.domain.names import BACKUP_LABEL, LOCK_LABEL
from mattermost_migrate.domain.objects import JsonObject
from mattermost_migrate.testing.builders import migration

KEY = ("ns", "acme")
BACKUP: JsonObject = {
    "metadata": {
        "namespace": "ns",
        "name": "acme-migration-backup",
        "uid": "1",
        "resourceVersion": "7",
        "labels": {BACKUP_LABEL: "acme"},
        "annotations": {DIGEST: "sha256:1"},
    }
}


class Server:
    """An API server with a backup, and what was deleted."""

    def __init__(self) -> None:
        self.deleted: list[str] = []

    async def find(self, *_: Any) -> JsonObject:
        return BACKUP

    async def delete(self, _: Any, __: str, name: str, **___: Any) -> None:
        self.deleted.append(name)


def finished(*, locked: bool = False) -> JsonObject:
    made = {**migration(), "status": {"backup": {"digest": "sha256:1"}}}
    made["metadata"]["labels"] = {LOCK_LABEL: "migrating"} if locked else {}
    return made


def deleted(*changes: tuple[JsonObject | None, JsonObject | None]) -> list[str]:
    """What is deleted after these changes, before and after each."""
    server: Any = Server()
    departed = Departed(server)
    for change in changes:
        departed.note(*change)
    asyncio.run(departed.clear(KEY))
    return list(server.deleted)


def test_the_backup_of_one_that_is_over_goes_with_it() -> None:
    assert deleted((None, finished()), (finished(), None)) == ["acme-migration-backup"]


def test_one_that_holds_the_lock_leaves_its_backup_behind() -> None:
    held = finished(locked=True)
    assert deleted((None, held), (held, None)) == []


def test_of_one_that_was_made_anew_only_the_last_counts() -> None:
    held = finished(locked=True)
    assert deleted((finished(), None), (None, held), (held, None)) == []
