from __future__ import annotations

import asyncio
from typing import Any

import pytest

from controller.builtin.known import Known
from controller.heard import Heard
from mattermost_migrate.domain.errors import StaleError
from mattermost_migrate.domain.names import (
    CONFIG_MAP,
    DEPLOYMENT,
    ROLE,
    SECRET,
    SERVICE,
    Resource,
)
from mattermost_migrate.domain.objects import JsonObject
from mattermost_migrate.kube import Informer


def service(version: str, name: str = "acme") -> dict[str, Any]:
    return {"metadata": {"namespace": "ns", "name": name, "resourceVersion": version}}


def knowing(client: Any = None, heard: Heard | None = None) -> Known:
    """One without informers but of job servers."""
    return Known(client, {}, job_servers=Informer(client, DEPLOYMENT), heard=heard)


class Ear:
    """A Known that talks to nobody, and what it says was missed."""

    def __init__(self) -> None:
        self.missed: list[tuple[Resource, JsonObject | None]] = []
        self.known = knowing()
        self.known.missed = lambda resource, _, after: self.missed.append((resource, after))

    def tell(self, version: str, kind: Resource = SERVICE, name: str = "acme") -> bool:
        return self.known.is_echo(kind.kind, None, service(version, name))


async def written(ear: Ear, *, told: tuple[str, ...], answer: str | None) -> None:
    """Write, and have the watch tell these versions before the answer is there."""

    async def request() -> JsonObject:
        for version in told:
            assert ear.tell(version)
        if answer is None:
            raise StaleError("moved")
        return service(answer)

    await ear.known.write(SERVICE, service("1"), request())


def test_the_echo_of_a_write_is_no_news() -> None:
    ear = Ear()
    asyncio.run(written(ear, told=("2",), answer="2"))
    assert ear.missed == []


def test_what_another_wrote_meanwhile_is_told_afterwards() -> None:
    ear = Ear()
    asyncio.run(written(ear, told=("2", "3"), answer="2"))
    assert ear.missed == [(SERVICE, service("3"))]


def test_what_another_wrote_before_a_write_that_failed_is_told() -> None:
    ear = Ear()
    with pytest.raises(StaleError):
        asyncio.run(written(ear, told=("2",), answer=None))
    assert ear.missed == [(SERVICE, service("2"))]


def test_two_write_one_object_at_a_time() -> None:
    ear = Ear()
    refused = asyncio.Event()

    async def first() -> JsonObject:
        await refused.wait()
        return service("2")

    async def second() -> JsonObject:
        assert ear.tell("2")
        raise StaleError("is there already")

    async def main() -> None:
        writing = asyncio.create_task(ear.known.write(SERVICE, service("1"), first()))
        await asyncio.sleep(0)
        with pytest.raises(StaleError):
            await ear.known.write(SERVICE, service("1"), second())
        assert ear.tell("3")
        refused.set()
        await writing
        assert not ear.tell("4")

    asyncio.run(main())
    # To the one it was the echo of its own write, to the other one it was news.
    assert ear.missed == [(SERVICE, service("2")), (SERVICE, service("3"))]


def test_other_objects_are_nobodys_echo() -> None:
    ear = Ear()

    async def request() -> JsonObject:
        assert not ear.tell("2", name="other")
        assert not ear.tell("2", kind=CONFIG_MAP)
        return service("2")

    asyncio.run(ear.known.write(SERVICE, service("1"), request()))
    assert not ear.tell("3")


class Asked:
    """A client that has nothing, and says what it was asked for."""

    def __init__(self) -> None:
        self.names: list[str] = []

    async def find(self, resource: Resource, _: str, name: str) -> JsonObject | None:
        self.names.append(f"{resource.kind} {name}")
        return None


def test_what_the_engine_has_just_read_is_taken_from_its_hand_once() -> None:
    heard, client = Heard(), Asked()
    known = knowing(client, heard)
    heard.read.put(ROLE, service("7"))

    async def found() -> list[JsonObject | None]:
        return [await known.find(ROLE, "ns", "acme") for _ in range(2)]

    first, second = asyncio.run(found())
    assert first is not None
    assert (first["kind"], first["metadata"]["resourceVersion"]) == ("Role", "7")
    assert second is None
    assert client.names == ["Role acme"]


def test_the_engine_is_handed_what_was_written_and_no_secret() -> None:
    heard = Heard()
    known = knowing(heard=heard)

    async def write() -> None:
        async def answer() -> JsonObject:
            return service("2")

        for each in (SERVICE, SECRET):
            await known.write(each, service("1"), answer())

    asyncio.run(write())
    assert heard.written.take(SERVICE, ("ns", "acme")) == service("2")
    assert heard.written.take(SECRET, ("ns", "acme")) is None


@pytest.mark.parametrize("app", ["mattermost", "mattermost-jobserver"])
def test_an_answer_is_kept_where_the_watch_tells_what_becomes_of_it(app: str) -> None:
    client: Any = None
    deployments, job_servers = (Informer(client, DEPLOYMENT) for _ in range(2))
    known = Known(client, {DEPLOYMENT: deployments}, job_servers=job_servers)
    written = service("2")
    written["metadata"]["labels"] = {"app": app}

    async def answer() -> JsonObject:
        return written

    asyncio.run(known.write(DEPLOYMENT, written, answer()))
    held = [each for each in (deployments, job_servers) if each.get("ns", "acme")]
    assert held == [job_servers if app == "mattermost-jobserver" else deployments]
    assert known.seen(DEPLOYMENT, "ns", "acme") == written
