"""What the webhook knows when its watch has ended; the API server is played by a script."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any, cast

import pytest

from mattermost_migrate.domain.editlock import Exempt
from mattermost_migrate.kube import Client, Event, Listing
from webhook.app import create_app
from webhook.knowledge import ClusterMigrations, InMemory, MustWaitError, _Background

LOCKED = {"metadata": {"name": "chat", "namespace": "acme", "labels": {"lock": "frozen"}}}


class Server:
    """Lists nothing; the watch ends in an error that no informer foresees."""

    async def pages(self, *_: Any, **__: Any) -> AsyncGenerator[Listing, None]:
        yield Listing((), "7")

    async def watch(self, *_: Any, **__: Any) -> AsyncGenerator[Event, None]:
        raise KeyError("surprise")
        yield

    async def find(self, *_: Any) -> Any:
        return LOCKED

    async def __aexit__(self, *_: object) -> None:
        pass


@pytest.fixture
def migrations() -> Iterator[ClusterMigrations]:
    running = ClusterMigrations(cast("Client", Server()), _Background())
    until(running._informer.synced.is_set)
    yield running
    running.stop()


def until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_a_memory_that_follows_no_more_is_not_relied_on(migrations: ClusterMigrations) -> None:
    until(lambda: not migrations.synced)

    assert migrations.known("acme", "chat") == LOCKED
    with pytest.raises(MustWaitError):
        InMemory(migrations).known("acme", "chat")


def test_nor_is_the_process_ready(migrations: ClusterMigrations) -> None:
    until(lambda: not migrations.synced)

    answer = create_app(migrations, exempt=Exempt()).test_client().get("/readyz")

    assert answer.status_code == 503
    assert answer.json is not None
    assert "not watched any more" in answer.json["problems"]["migrations"]
