from __future__ import annotations

import asyncio
from typing import Any

from controller.builtin.children import Children
from controller.builtin.operator import BuiltinOperator
from mattermost_migrate.domain.children import Removal
from mattermost_migrate.domain.names import DEPLOYMENT, MATTERMOST, Resource
from mattermost_migrate.domain.objects import JsonObject, owner_reference
from mattermost_migrate.kube import Informer

OWNER: JsonObject = {"metadata": {"namespace": "ns", "name": "acme", "uid": "1"}, "spec": {}}


class Server:
    """An API server that has the installation, and says what it was told to delete."""

    def __init__(self) -> None:
        self.deleted: list[str] = []

    async def find(self, *_: Any) -> JsonObject | None:
        return OWNER

    async def delete(self, resource: Resource, _: str | None, name: str, **__: Any) -> None:
        self.deleted.append(f"{resource.kind} {name}")


def test_a_job_server_with_labels_of_its_own_goes_when_it_is_switched_off() -> None:
    server: Any = Server()
    operator = BuiltinOperator(server, {DEPLOYMENT: Informer(server, DEPLOYMENT)})
    operator._job_servers.note(
        {
            "metadata": {
                "namespace": "ns",
                "name": "acme-jobserver",
                "uid": "2",
                "resourceVersion": "7",
                "labels": {"app": "mattermost-jobserver", "team": "chat"},
                "ownerReferences": [owner_reference(OWNER, MATTERMOST)],
            }
        }
    )
    children = Children(server, operator._known, MATTERMOST, OWNER)
    asyncio.run(children.remove(Removal(DEPLOYMENT, "acme-jobserver")))
    assert server.deleted == ["Deployment acme-jobserver"]
