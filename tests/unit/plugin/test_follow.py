"""What following costs the API server: requests before the first view, watches at the same time."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from kubernetes.aio.client import Configuration

from helm_mattermost_migrate.feed import feed
from helm_mattermost_migrate.follow import follow_selection
from helm_mattermost_migrate.selection import Selection
from mattermost_migrate.domain.names import CLUSTER_INSTALLATION, INSTALLATION_MIGRATION
from mattermost_migrate.kube import Client, Connection


class Server(ThreadingHTTPServer):
    """Has an installation in each of many namespaces, and keeps every watch open.

    In the last one somebody else's migration is under way.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.over = threading.Event()
        self.number = 40
        self.everywhere = True

    @property
    def followed(self) -> set[str]:
        """What was listed to be watched from there on, not just to see whether one may."""
        return {
            path for path, query in self.asked if "watch" not in query and query.get("limit") != "1"
        }


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {key: value for key, (value, *_) in parse_qs(url.query).items()}
        self.server.asked.append((url.path, query))
        if not self.server.everywhere and "/namespaces/" not in url.path:
            self._answer(403, {"kind": "Status", "message": 'User "ann" cannot list it'})
        elif "watch" in query:
            self.send_response(200)
            self.end_headers()
            self.server.over.wait()
        else:
            self._answer(200, self._page(url.path, query))

    def _page(self, path: str, query: dict[str, str]) -> object:
        migrations = path.endswith(INSTALLATION_MIGRATION.plural)
        keys = [
            (f"ns-{number}", "chat")
            for number in range(self.server.number)[-1 if migrations else 0 :]
            if "/namespaces/" not in path or f"/namespaces/ns-{number}/" in path
        ]
        begin = int(query.get("continue", 0))
        end = begin + int(query["limit"])
        following = str(end) if end < len(keys) else ""
        items = [
            {"metadata": {"namespace": namespace, "name": name}}
            for namespace, name in keys[begin:end]
        ]
        return {"metadata": {"resourceVersion": "1", "continue": following}, "items": items}

    def _answer(self, code: int, body: object) -> None:
        content = json.dumps(body).encode()
        with suppress(BrokenPipeError):
            self.send_response(code)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.over.set()
        running.shutdown()


def client(server: Server) -> Client:
    url = f"http://127.0.0.1:{server.server_port}"
    return Client(Connection(url, "default", "a test", (), Configuration()))


def test_whether_one_may_look_is_asked_once_however_many_there_are(server: Server) -> None:
    async def main() -> int:
        async with (
            client(server) as asking,
            feed(asking, (CLUSTER_INSTALLATION, None, None, None)) as told,
        ):
            return len(told.objects(CLUSTER_INSTALLATION))

    assert asyncio.run(main()) == server.number
    assert sum(query.get("limit") == "1" for _, query in server.asked) == 1


NAMES = Selection(names=tuple((f"ns-{number}", "chat") for number in range(9)))


@pytest.mark.parametrize(
    ("selection", "everywhere", "watches"),
    [
        pytest.param(NAMES, True, 3, id="many are watched all at once"),
        pytest.param(NAMES, False, 27, id="unless that is forbidden"),
        pytest.param(
            Selection(namespaces=tuple(f"ns-{number}" for number in range(9))),
            True,
            3,
            id="by namespace",
        ),
        pytest.param(
            Selection(names=NAMES.names[:2]), True, 6, id="a few namespaces are nobody else's"
        ),
    ],
)
def test_the_number_of_watches_does_not_grow_with_the_namespaces(
    server: Server, selection: Selection, watches: int, *, everywhere: bool
) -> None:
    server.everywhere = everywhere

    async def main() -> list[str]:
        async with client(server) as asking:
            progress = await follow_selection(asking, selection, within=10.0)
            return [namespace for namespace, _ in (member.key for member in progress.members)]

    assert asyncio.run(main()) == list(selection.searched)
    assert len(server.followed) == watches
