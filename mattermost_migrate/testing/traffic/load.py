"""People who chat: requests at a steady rate, WebSockets that stay open, and what went wrong.

A request is a connection of its own, so that each one goes where the proxy sends it at that moment.
One that is not answered with 200 failed, for whatever reason; none is tried again. A WebSocket
sends a message a second and demands the answer to it, in order and by the session it began with.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp

from mattermost_migrate.kube import Client, connect
from mattermost_migrate.percentile import percentile_of_counts
from mattermost_migrate.testing.traffic import PORT
from mattermost_migrate.testing.traffic.proxy import Proxy

__all__ = ["Tally", "main"]

_REQUEST: Final = b"GET /api/v4/system/ping HTTP/1.1\r\nHost: chat\r\nConnection: close\r\n\r\n"
_PATIENCE: Final = 30.0
_AGAIN_SECONDS: Final = 0.2
_MESSAGE_SECONDS: Final = 1.0


@dataclass(slots=True)
class Tally:
    """What was asked, and what went wrong.

    Attributes:
        requests: sent and answered, or failed.
        failures: by reason.
        latencies: of requests, counted by the millisecond: a report has to stay cheap.
        messages: sent over WebSockets.
        lost: messages that were not answered in order by the same session.
        dropped: WebSockets that were closed by somebody else.
        open: WebSockets that are open.
        timeline: after each second, requests, failures, drops and losses so far.
    """

    requests: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    latencies: Counter[int] = field(default_factory=Counter)
    messages: int = 0
    lost: int = 0
    dropped: int = 0
    open: int = 0
    timeline: list[tuple[int, int, int, int]] = field(default_factory=list)

    def tick(self, seconds: float) -> None:
        """Keep how things stand, once for each second that has passed."""
        now = (self.requests, self.failures.total(), self.dropped, self.lost)
        self.timeline += [now] * (int(seconds) - len(self.timeline))

    def summary(self, seconds: float) -> dict[str, Any]:
        """As it goes to a file."""
        return {
            "seconds": round(seconds, 1),
            "requests": self.requests,
            "requestsPerSecond": round(self.requests / seconds, 1),
            "failed": sum(self.failures.values()),
            "failures": dict(self.failures),
            "latencyMilliseconds": {
                name: percentile_of_counts(self.latencies, share) if self.latencies else None
                for name, share in (("median", 0.5), ("p99", 0.99), ("worst", 1.0))
            },
            "sockets": self.open,
            "dropped": self.dropped,
            "messages": self.messages,
            "lost": self.lost,
            "timeline": self.timeline,
        }


async def _ask(proxy: Proxy, service: tuple[str, str], tally: Tally) -> None:
    began = time.monotonic()
    try:
        async with asyncio.timeout(_PATIENCE):
            reader, writer = await asyncio.open_connection(proxy.choose(*service), PORT)
            try:
                writer.write(_REQUEST)
                answer = await reader.read()
            finally:
                writer.close()
        if not answer.startswith(b"HTTP/1.1 200 "):
            tally.failures[answer[:20].decode(errors="replace") or "no answer"] += 1
    except (OSError, TimeoutError) as error:
        tally.failures[type(error).__name__] += 1
    tally.requests += 1
    tally.latencies[int(1000 * (time.monotonic() - began))] += 1


async def _request_steadily(
    proxy: Proxy, services: list[tuple[str, str]], rate: float, tally: Tally
) -> None:
    """At this rate whatever becomes of them: a slow answer delays no other request."""
    began, sent = time.monotonic(), 0
    async with asyncio.TaskGroup() as group:
        while True:
            due = int((time.monotonic() - began) * rate)
            for number in range(sent, due):
                group.create_task(_ask(proxy, services[number % len(services)], tally))
            sent = max(sent, due)
            await asyncio.sleep(0.01)


async def _chat(
    session: aiohttp.ClientSession, proxy: Proxy, service: tuple[str, str], tally: Tally
) -> None:
    """One person: connects, stays, and connects again when sent away."""
    while True:
        with contextlib.suppress(aiohttp.ClientError, OSError):
            host = proxy.choose(*service)
            async with session.ws_connect(f"http://{host}:{PORT}/api/v4/websocket") as socket:
                if (await socket.receive()).type is aiohttp.WSMsgType.TEXT:  # it says hello
                    tally.open += 1
                    try:
                        await _converse(socket, tally)
                    finally:
                        tally.open -= 1
                tally.dropped += 1
        await asyncio.sleep(_AGAIN_SECONDS)


async def _converse(socket: aiohttp.ClientWebSocketResponse, tally: Tally) -> None:
    """Until the other side ends it."""
    number = 0
    while True:
        number += 1
        try:
            await socket.send_json({"seq": number})
            tally.messages += 1
            answer = await socket.receive(timeout=_PATIENCE)
        except (aiohttp.ClientError, OSError, TimeoutError):
            tally.lost += 1
            return
        if answer.type is not aiohttp.WSMsgType.TEXT:
            tally.lost += 1
            return
        if answer.json() != {"reply": number, "count": number}:
            tally.lost += 1
        if await _ended_within(socket, _MESSAGE_SECONDS):
            return


async def _ended_within(socket: aiohttp.ClientWebSocketResponse, seconds: float) -> bool:
    """Whether the other side says something unasked, which is its farewell."""
    try:
        await socket.receive(timeout=seconds)
    except TimeoutError:
        return False
    return True


async def _run(arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    connection = await connect()
    connector = aiohttp.TCPConnector(limit=0)
    async with Client(connection) as client, aiohttp.ClientSession(connector=connector) as session:
        proxy = Proxy(client)
        following = asyncio.create_task(proxy.run())
        await _until_routed(proxy, arguments.service)
        tasks = _begin(arguments, session, proxy, tally := Tally())
        began = time.monotonic()
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 0.5)
            passed = time.monotonic() - began
            tally.tick(passed)
            _write(arguments.report, tally.summary(passed))
            for task in (*tasks, following):
                if task.done():  # who does not ask meets no failure, and a proof would pass
                    task.result()
        for task in (*tasks, following):
            task.cancel()
        await asyncio.gather(*tasks, following, return_exceptions=True)


async def _until_routed(proxy: Proxy, services: list[tuple[str, str]]) -> None:
    """Nobody asks before it is known where to."""
    for service in services:
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                proxy.choose(*service)
                break
            await asyncio.sleep(_AGAIN_SECONDS)


def _begin(
    arguments: argparse.Namespace, session: aiohttp.ClientSession, proxy: Proxy, tally: Tally
) -> list[asyncio.Task[None]]:
    services = arguments.service
    people = (
        _chat(session, proxy, services[number % len(services)], tally)
        for number in range(arguments.sockets)
    )
    asking = _request_steadily(proxy, services, arguments.rate, tally)
    return [asyncio.create_task(each) for each in (asking, *people)]


def _service(text: str) -> tuple[str, str]:
    namespace, _, name = text.partition("/")
    return namespace, name


def _write(report: Path, summary: dict[str, Any]) -> None:
    """Whole or not at all: somebody may be reading it."""
    fresh = report.with_suffix(".new")
    fresh.write_text(json.dumps(summary))
    fresh.replace(report)


def main() -> None:
    """Ask and chat until told to end; the report is renewed twice a second."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--service", action="append", required=True, type=_service)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--sockets", type=int, required=True)
    parser.add_argument("--report", type=Path, required=True)
    asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
