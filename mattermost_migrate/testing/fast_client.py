"""A fast client for load: one thread, one process, kept TLS connections, requests made before.

The API server keeps its connections to a webhook, so what is measured is requests, not handshakes.
With a rate, each request has a moment at which it is due, and its latency counts from there: a
server that stalls makes those behind it late, as it would with real callers, and what was due and
never sent is told as a failure.
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import socket
import ssl
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from mattermost_migrate.percentile import percentile

__all__ = ["main"]

_CHUNK: Final = 64 * 1024
_LENGTH: Final = b"content-length: "
#: Beyond the end, for answers under way.
_GRACE: Final = 10.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send, and how.

    Attributes:
        port: on loopback.
        name: under which the server's certificate is verified.
        authority: file with the CA.
        requests: whole HTTP requests, sent in turn.
        connections: kept open at the same time.
        seconds: how long.
        rate: requests a second; None is as fast as answers come.
    """

    port: int
    name: str
    authority: Path
    requests: Sequence[bytes]
    connections: int
    seconds: float
    rate: float | None = None


@dataclass(slots=True)
class Result:
    """What came of it.

    Attributes:
        seconds: how long it took.
        latencies: of each answer, in seconds.
        statuses: answers by HTTP status.
        failures: requests without an answer, by reason.
    """

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)

    def report(self) -> dict[str, Any]:
        """As it is recorded: throughput, and latency in milliseconds."""
        found = sorted(self.latencies)
        return {
            "answers": len(found),
            "perSecond": round(len(found) / self.seconds, 1),
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "failures": dict(self.failures),
            "milliseconds": {
                name: round(percentile(found, share) * 1000, 2) if found else None
                for name, share in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999), ("max", 1.0))
            },
        }


def post(path: str, body: bytes) -> bytes:
    """A whole request."""
    head = f"POST {path} HTTP/1.1\r\nHost: webhook\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class _Lane:
    """One connection with at most one request under way."""

    def __init__(self, plan: Plan, context: ssl.SSLContext) -> None:
        plain = socket.create_connection(("127.0.0.1", plan.port), timeout=_GRACE)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = context.wrap_socket(plain, server_hostname=plan.name)
        self.sock.settimeout(0.0)
        self.due = 0.0
        self._answer = b""
        self._wanted = -1

    def send(self, request: bytes, due: float) -> None:
        self.due = due
        self._answer, self._wanted = b"", -1
        self.sock.settimeout(_GRACE)  # the answer before was read, so the buffer is empty
        self.sock.sendall(request)
        self.sock.settimeout(0.0)

    def receive(self) -> int | None:
        """The status once the answer is whole, else None."""
        try:
            while len(self._answer) < self._wanted or self._wanted < 0:
                chunk = self.sock.recv(_CHUNK)
                if not chunk:
                    raise ConnectionResetError("closed before the answer was whole")
                self._answer += chunk
                if self._wanted < 0:
                    self._wanted = _whole(self._answer)
        except ssl.SSLWantReadError:
            return None
        return int(self._answer[9:12])


def _whole(answer: bytes) -> int:
    """The length of the whole answer, or -1 while its head is not complete."""
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return -1
    head = answer[: end + 2].lower()
    start = head.index(_LENGTH) + len(_LENGTH)
    return end + 4 + int(head[start : head.index(b"\r\n", start)])


def load(plan: Plan) -> Result:
    """Send requests until the time is over, then wait for the answers under way."""
    context = ssl.create_default_context(cafile=str(plan.authority))
    result = Result()
    with selectors.DefaultSelector() as ready:
        _Run(plan, result, context, ready).through()
        for key in list(ready.get_map().values()):
            key.data.sock.close()
    return result


class _Run:
    """The loop of ``load``."""

    def __init__(
        self, plan: Plan, result: Result, context: ssl.SSLContext, ready: selectors.BaseSelector
    ) -> None:
        self._plan, self._result, self._context, self._ready = plan, result, context, ready
        self._idle: deque[_Lane] = deque()
        self._busy = self._sent = 0
        for _ in range(plan.connections):
            self._open()
        self._start = time.perf_counter()
        self._ends = self._start + plan.seconds

    def through(self) -> None:
        while self._more(now := time.perf_counter()) or self._busy:
            if now > self._ends + _GRACE:
                self._result.failures["no answer"] += self._busy
                break
            self._send(now)
            for key, _ in self._ready.select(self._pause(now)):
                self._receive(key.data)
        if self._plan.rate:
            wanted = int(self._plan.rate * self._plan.seconds)
            self._result.failures["not sent"] += max(0, wanted - self._sent)
        self._result.failures = +self._result.failures
        self._result.seconds = time.perf_counter() - self._start

    def _open(self) -> None:
        try:
            lane = _Lane(self._plan, self._context)
        except OSError as error:
            self._result.failures[f"no connection: {type(error).__name__}"] += 1
            return
        self._ready.register(lane.sock, selectors.EVENT_READ, lane)
        self._idle.append(lane)

    def _more(self, now: float) -> bool:
        """Whether a request is yet to be sent: with a rate also one that is late."""
        return (self._due() or now) < self._ends

    def _due(self) -> float:
        """When the next request is due: the past, when there is no rate."""
        rate = self._plan.rate
        return self._start + self._sent / rate if rate else 0.0

    def _pause(self, now: float) -> float:
        if not self._idle or not self._more(now):
            return 0.05
        return min(0.05, max(0.0, self._due() - now))

    def _send(self, now: float) -> None:
        while self._idle and self._more(now) and self._due() <= now:
            lane = self._idle.popleft()  # in turn: a server drops a connection that says nothing
            request = self._plan.requests[self._sent % len(self._plan.requests)]
            due = self._due() or now
            self._sent += 1
            try:
                lane.send(request, due)
            except OSError as error:
                self._lose(lane, error)
            else:
                self._busy += 1
            now = time.perf_counter()

    def _receive(self, lane: _Lane) -> None:
        try:
            status = lane.receive()
        except (OSError, ValueError) as error:
            if lane in self._idle:
                self._idle.remove(lane)  # nothing was asked on it, so nothing failed
                self._ready.unregister(lane.sock)
                lane.sock.close()
                self._open()
                return
            self._busy -= 1
            self._lose(lane, error)
            return
        if status is not None:
            self._busy -= 1
            self._result.latencies.append(time.perf_counter() - lane.due)
            self._result.statuses[status] += 1
            self._idle.append(lane)

    def _lose(self, lane: _Lane, error: Exception) -> None:
        self._ready.unregister(lane.sock)
        lane.sock.close()
        self._result.failures[type(error).__name__] += 1


def main() -> None:
    """Load as a process of its own, pinned to a core; prints the result as JSON."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--core", type=int)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--name", default="localhost")
    parser.add_argument("--authority", type=Path, required=True)
    parser.add_argument("--requests", type=Path, required=True, help="JSON: [[path, body], …]")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rate", type=float)
    given = parser.parse_args()
    if given.core is not None:
        os.sched_setaffinity(0, {given.core})
    requests = [
        post(path, json.dumps(body).encode())
        for path, body in json.loads(given.requests.read_text())
    ]
    plan = Plan(
        given.port,
        given.name,
        given.authority,
        requests,
        given.connections,
        given.seconds,
        given.rate,
    )
    result = load(plan)
    used = time.process_time()
    report = result.report() | {"clientCpuSeconds": round(used, 2)}
    json.dump(report, sys.stdout)


if __name__ == "__main__":
    main()
