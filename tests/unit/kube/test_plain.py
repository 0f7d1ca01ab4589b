"""A plain client: the same answers and errors, from the standard library alone."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from kubernetes.aio.client import Configuration

from mattermost_migrate.domain.errors import NotFoundError, TransientError
from mattermost_migrate.domain.names import POD
from mattermost_migrate.kube import Client, Connection, Patience


class _Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        found = self.path.startswith("/api/v1/namespaces/acme/pods")
        body = {"items": [{"metadata": {"name": self.headers["Impersonate-User"]}}]}
        if not found:
            body = {"kind": "Status", "message": "not there"}  # type: ignore[dict-item]
        content = json.dumps(body).encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Server) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def names(server: str, namespace: str) -> list[str]:
    connection = Connection(
        server, "acme", "a test", (("Impersonate-User", "eve"),), Configuration()
    )

    async def main() -> list[str]:
        async with Client(connection, plain=True, patience=Patience(total=0.0)) as client:
            listings = await asyncio.gather(*(client.list(POD, namespace) for _ in range(3)))
            return [item["metadata"]["name"] for each in listings for item in each.items]

    return asyncio.run(main())


def test_many_are_asked_at_once_with_every_header(server: str) -> None:
    assert names(server, "acme") == ["eve", "eve", "eve"]


def test_what_the_server_refuses_has_the_same_name(server: str) -> None:
    with pytest.raises(NotFoundError, match="not there"):
        names(server, "elsewhere")


def test_nobody_there_is_a_passing_failure() -> None:
    with pytest.raises(TransientError, match="refused"):
        names("http://127.0.0.1:1", "acme")
