"""How long an informer waits before it watches again, on a simulated clock.

The API server is played by a script, for what counts here is time alone; that an informer tells the
truth after all this is tested on a real one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from itertools import pairwise
from typing import Any, cast

import pytest

from mattermost_migrate.domain.errors import ExpiredError, MigrateError, TransientError
from mattermost_migrate.domain.names import CONFIG_MAP
from mattermost_migrate.domain.objects import JsonObject
from mattermost_migrate.kube import Client, Event, EventType, Informer, Listing
from mattermost_migrate.testing import clock

BROKEN = TransientError("the connection broke")
EXPIRED = ExpiredError("history")


class Server:
    """Answers every list, and ends every watch in the same way.

    Args:
        error: how each watch ends.
        tells: it says something new before it ends.
    """

    def __init__(self, error: MigrateError | None, *, tells: bool) -> None:
        self.version = 1
        self.watched: list[float] = []
        self.lists = 0
        self.also: Informer | None = None
        self.enough: tuple[int, asyncio.Event] | None = None
        self._error, self._tells = error, tells

    async def pages(self, *_: Any, **__: Any) -> AsyncGenerator[Listing, None]:
        self.lists += 1
        version = str(self.version)
        if self.also is not None:  # while a list is on its way, a write of ours is answered
            self.also.note(config_map(self.version + 1))
        yield Listing((), version)

    async def watch(self, *_: Any, **__: Any) -> AsyncGenerator[Event, None]:
        self.watched.append(asyncio.get_running_loop().time())
        if self.enough is not None and len(self.watched) == self.enough[0]:
            self.enough[1].set()
        if self._tells:
            self.version += 1
            yield Event(EventType.MODIFIED, config_map(self.version))
        if self._error is not None:
            raise self._error


def config_map(version: int) -> JsonObject:
    metadata = {"namespace": "ns", "name": "acme", "resourceVersion": str(version)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


def watched(server: Server, times: int) -> list[float]:
    """How long after each watch the next one began."""

    async def main() -> None:
        server.enough = (times, asyncio.Event())
        informer = Informer(cast("Client", server), CONFIG_MAP)
        task = asyncio.create_task(informer.run())
        await server.enough[1].wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    clock.run(main())
    moments = server.watched
    return [after - before for before, after in pairwise(moments)]


@pytest.mark.parametrize("error", [BROKEN, EXPIRED, None], ids=repr)
def test_a_watch_that_told_something_is_taken_up_again_at_once(error: MigrateError | None) -> None:
    assert max(watched(Server(error, tells=True), 30)) <= 0.1


@pytest.mark.parametrize("error", [BROKEN, EXPIRED, None], ids=repr)
def test_one_that_ends_at_once_time_after_time_is_left_alone_longer_and_longer(
    error: MigrateError | None,
) -> None:
    pauses = watched(Server(error, tells=False), 10)

    assert pauses[0] <= 0.2
    assert max(pauses) <= 10
    assert min(pauses[7:]) >= 5


def test_after_410_it_lists_anew_and_else_it_goes_on_where_it_was() -> None:
    expired, broken = Server(EXPIRED, tells=True), Server(BROKEN, tells=True)
    watched(expired, 5)
    watched(broken, 5)

    assert (expired.lists, broken.lists) == (5, 1)


def test_what_was_created_during_a_list_is_not_taken_for_gone() -> None:
    server = Server(EXPIRED, tells=False)
    told: list[bool] = []

    async def main() -> None:
        informer = Informer(cast("Client", server), CONFIG_MAP)
        server.also = informer
        informer.subscribe(lambda _, new: told.append(new is None))
        task = asyncio.create_task(informer.run())
        await informer.synced.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    clock.run(main())
    assert told == [False]
