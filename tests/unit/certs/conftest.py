"""A cluster of plain objects for the keeper, and handshakes with processes that are not there."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import jsonpatch
import pytest

from certs.called import Address
from certs.injection import VALIDATING
from certs.ladder import Replica
from mattermost_migrate.domain.errors import StaleError
from mattermost_migrate.domain.names import Resource
from mattermost_migrate.domain.objects import JsonObject, name_of
from mattermost_migrate.kube import Listing

NAMESPACE, SERVICE = "mattermost-migrate", "mattermost-migrate-webhook"


@dataclass
class ApiServer:
    """Keeps objects by kind and name, and refuses a write that was made from another state."""

    objects: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    versions: itertools.count[int] = field(default_factory=itertools.count)

    async def find(self, resource: Resource, _: str | None, name: str) -> JsonObject | None:
        return self.objects.get((resource.kind, name))

    async def list(self, *_: Any, **__: Any) -> Listing:
        return Listing((), "1")

    async def create(self, resource: Resource, obj: JsonObject) -> JsonObject:
        metadata = {**obj["metadata"], "resourceVersion": str(next(self.versions))}
        created = {**obj, "metadata": metadata}
        self.objects[resource.kind, name_of(obj)] = created
        return created

    async def replace(self, resource: Resource, obj: JsonObject) -> JsonObject:
        held = self.objects[resource.kind, name_of(obj)]
        if held["metadata"]["resourceVersion"] != obj["metadata"]["resourceVersion"]:
            raise StaleError(name_of(obj))
        return await self.create(resource, obj)

    async def patch(
        self, resource: Resource, _: str | None, name: str, operations: Any, **__: Any
    ) -> JsonObject:
        held = self.objects[resource.kind, name]
        return await self.create(resource, jsonpatch.apply_patch(held, operations))

    async def raw(self, *_: Any, **__: Any) -> Any:
        return {"metadata": {"creationTimestamp": self.now.isoformat()}}


@pytest.fixture
def server() -> ApiServer:
    return ApiServer()


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What is served, by address; where nothing is, nobody answers."""
    by_address: dict[str, bytes] = {}

    async def observe(address: Address, _: str) -> Replica:
        certificate = by_address.get(str(address))
        return Replica(str(address), certificate, "" if certificate else "nobody answers")

    monkeypatch.setattr("certs.site.observe", observe)
    return by_address


def called_by(server: ApiServer, *client_configs: dict[str, Any]) -> None:
    """Have our ValidatingWebhookConfiguration call these."""
    server.objects[VALIDATING.kind, "mattermost-migrate"] = {
        "metadata": {"name": "mattermost-migrate", "resourceVersion": "1"},
        "webhooks": [
            {"name": f"w{index}.example.com", "clientConfig": config}
            for index, config in enumerate(client_configs)
        ],
    }
