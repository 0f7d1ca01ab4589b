"""From which version the witness goes on when a watch of its own breaks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from mattermost_migrate.domain.names import SERVICE, Resource
from mattermost_migrate.domain.objects import uid_of
from mattermost_migrate.testing.cluster import ApiError
from mattermost_migrate.testing.witness import Witness


def service(version: str, uid: str = "u") -> dict[str, Any]:
    metadata = {"name": "acme", "namespace": "ns", "uid": uid, "resourceVersion": version}
    return {"metadata": metadata}


class Server:
    """Has one Service; its first watch breaks with an error, and it keeps who asked for what."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.asked: list[str | None] = []
        self.enough = threading.Event()

    def request(self, _method: str, _path: str) -> dict[str, Any]:
        return {"items": [service("5")], "metadata": {"resourceVersion": "5"}}

    def watch(
        self,
        _: Resource,
        *,
        since: str | None,
        marked: bool,
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        assert marked == (since is None)
        self.asked.append(since)
        if len(self.asked) == 1:
            yield "MODIFIED", service("6")
            raise self.error
        self.enough.set()
        if marked:
            yield "ADDED", service("7")
            yield "BOOKMARK", {"metadata": {"resourceVersion": "8"}}
        threading.Event().wait(60.0)

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("error", "since"),
    [
        pytest.param(ApiError(504, "Timeout", "busy"), "6", id="the server is busy"),
        pytest.param(requests.ConnectionError("broken"), "6", id="the connection broke"),
        pytest.param(ApiError(410, "Expired", "too old"), None, id="it is history"),
    ],
)
def test_nothing_is_passed_over_that_can_be_told_still(error: Exception, since: str | None) -> None:
    server = Server(error)
    with Witness(server, (SERVICE,)) as witness:  # type: ignore[arg-type] # all it needs
        assert server.enough.wait(10.0)
        witness.until_watching()
        heard = [(each.version, each.listed_after) for each in witness._journal]

    assert server.asked == ["5", since]
    listed = [(7, 6)] if since is None else []
    assert heard == [(5, None), (6, None), *listed]


class Past:
    """Lists one Service and watches three, of which one goes and one changes."""

    def __init__(self) -> None:
        self.told = threading.Event()

    def request(self, _method: str, _path: str) -> dict[str, Any]:
        return {"items": [service("5", "a")], "metadata": {"resourceVersion": "5"}}

    def watch(self, _: Resource, **__: object) -> Iterator[tuple[str, dict[str, Any]]]:
        yield "ADDED", service("6", "b")
        yield "MODIFIED", service("7", "a")
        yield "DELETED", service("8", "b")
        yield "ADDED", service("9", "c")
        yield "MODIFIED", service("10", "a")
        yield "BOOKMARK", {"metadata": {"resourceVersion": "11"}}
        self.told.set()
        threading.Event().wait(60.0)

    def close(self) -> None:
        pass


def test_of_what_is_forgotten_only_what_was_there_then_is_kept() -> None:
    server = Past()
    with Witness(server, (SERVICE,)) as witness:  # type: ignore[arg-type] # all it needs
        assert server.told.wait(10.0)
        witness.forget(8)

    kept = [(uid_of(each.obj), each.version) for each in witness._journal]
    assert kept == [("a", 7), ("c", 9), ("a", 10)]
    assert witness._places["ns"] == witness._journal


def test_asked_to_it_begins_anew() -> None:
    server = Server(requests.ConnectionError("the server is gone"))
    with Witness(server, (SERVICE,)) as witness:  # type: ignore[arg-type] # all it needs
        witness.begin_anew()
        witness.until_watching()

    assert server.asked[-1] is None
