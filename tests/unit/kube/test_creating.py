"""What the server is told beside the object it is to make."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from kubernetes.aio.client import Configuration

from mattermost_migrate.domain.names import CONFIG_MAP
from mattermost_migrate.kube import Client, Connection
from mattermost_migrate.kube.transport import Call, Transport


@pytest.mark.parametrize(
    ("asked", "query"),
    [
        ({}, {}),
        ({"strict": True}, {"fieldValidation": "Strict"}),
        ({"strict": True, "dry_run": True}, {"fieldValidation": "Strict", "dryRun": "All"}),
    ],
)
def test_a_strict_one_has_unknown_fields_refused(
    asked: dict[str, bool], query: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Call] = []

    async def send(_: Transport, call: Call) -> Any:
        sent.append(call)

    async def main() -> None:
        connection = Connection("http://127.0.0.1:1", "acme", "a test", (), Configuration())
        async with Client(connection, plain=True) as client:
            await client.create(CONFIG_MAP, {"metadata": {"namespace": "acme"}}, **asked)

    monkeypatch.setattr(Transport, "send", send)
    asyncio.run(main())

    (call,) = sent
    told = {key: value for key, value in call.query.items() if value is not None}
    assert told == {"fieldManager": "mattermost-migrate", **query}
