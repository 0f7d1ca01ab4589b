"""Who is taken for alive: the very owner that was just read, and nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import pytest

from mattermost_migrate.domain.errors import (
    ForbiddenError,
    MigrateError,
    NotFoundError,
    NotServedError,
    RejectedError,
    TransientError,
)
from mattermost_migrate.domain.names import Resource
from mattermost_migrate.domain.owners import Owner
from mattermost_migrate.kube import Client
from mattermost_migrate.kube.owners import living

TEAM = Owner("example.com/v1", "Team", "chat", "uid")
SERVED: Mapping[str, Any] = {
    "resources": [
        {"name": "teams/status", "kind": "Team", "namespaced": True},
        {"name": "people", "kind": "Person", "namespaced": False},
        {"name": "teams", "kind": "Team", "namespaced": True},
    ]
}


class Server:
    """Serves these kinds under any version, and has one object, or an error, under any name."""

    def __init__(self, found: Any, served: Any = SERVED) -> None:
        self.found, self.served = found, served
        self.asked: list[str] = []

    async def raw(self, _: str, path: str) -> Any:
        return self._answered(path, self.served)

    async def get(self, resource: Resource, namespace: str, name: str) -> Any:
        return self._answered(resource.path(namespace, name), self.found)

    def _answered(self, path: str, answer: Any) -> Any:
        self.asked.append(path)
        if isinstance(answer, MigrateError):
            raise answer
        return answer


def lives(server: Server, *owners: Owner) -> frozenset[str]:
    return asyncio.run(living(cast("Client", server), "ns", owners))


def obj(uid: str, **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"uid": uid, **metadata}}


@pytest.mark.parametrize(
    ("owner", "paths"),
    [
        pytest.param(
            TEAM,
            ["/apis/example.com/v1", "/apis/example.com/v1/namespaces/ns/teams/chat"],
            id="in its namespace",
        ),
        pytest.param(
            Owner("v1", "Person", "ann", "uid"), ["/api/v1", "/api/v1/people/ann"], id="in none"
        ),
    ],
)
def test_it_is_read_where_discovery_says(owner: Owner, paths: list[str]) -> None:
    server = Server(obj("uid"))

    assert lives(server, owner) == {"uid"}
    assert server.asked == paths


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(obj("another"), id="of that name is another"),
        pytest.param(obj("uid", deletionTimestamp="2026-01-01T00:00:00Z"), id="being deleted"),
        pytest.param(NotFoundError("gone"), id="gone"),
        pytest.param(ForbiddenError("you may not"), id="may not be read"),
        pytest.param(RejectedError("not allowed"), id="cannot be read"),
    ],
)
def test_nobody_else_is_taken_for_it(found: Any) -> None:
    assert lives(Server(found), TEAM) == frozenset()


@pytest.mark.parametrize("served", [NotServedError("no such group"), {"resources": []}])
def test_a_kind_that_is_not_served_has_nobody_alive(served: Any) -> None:
    assert lives(Server(obj("uid"), served), TEAM) == frozenset()


def test_what_names_nobody_is_not_asked_for() -> None:
    server = Server(obj(""))

    assert lives(server, Owner("", "", "", "")) == frozenset()
    assert server.asked == []


@pytest.mark.parametrize(("found", "served"), [(obj("uid"), False), (False, SERVED)])
def test_no_answer_is_no_verdict(found: Any, served: Any) -> None:
    late = TransientError("later")

    with pytest.raises(TransientError):
        lives(Server(found or late, served or late), TEAM)
