"""Good calls stay fast while others misbehave: `make proof-abuse`.

200 clients stall at every point of a handshake and a request, others send garbage, bodies of 100 MB
and JSON without an end, all at once and again and again. Meanwhile good calls come at a steady
rate; their 99th percentile must stay below 50 ms and the server's memory bounded. Prints one JSON
document; exits with 1 if not. ``--plain`` serves by gunicorn's own worker, to show that this is
noticed.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from origin import origin
from replicas import webhook
from spent import family, processor_seconds, waited_seconds
from webhook_rows import abuse_rows, missed

from mattermost_migrate.testing.cluster import Cluster, LocalCluster, Options, Process
from mattermost_migrate.testing.reviews import calls
from mattermost_migrate.testing.tools import ready
from mattermost_migrate.testing.webhook import RunningWebhook, called_webhook

ROOT: Final = Path(__file__).parents[1]
_CLIENTS: Final = 200
_RATE: Final = 100.0
_PATH: Final = "/validate/mattermost"
_HEAD: Final = f"POST {_PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n".encode()
_CHUNK: Final = b" " * 65536
#: Gunicorn's threaded worker as it comes, with the standard library's sockets, instead of ours.
PLAIN: Final = """
import ssl
import webhook.launch
from gunicorn.workers.gthread import ThreadWorker
from webhook import __main__, worker
class Plain(ThreadWorker):
    body_limit = worker.Worker.body_limit
__main__.Worker = Plain
webhook.launch.bounded_context = lambda _authority: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
__main__.main()
"""


class Rude:
    """Ways to misbehave, each on a connection of its own, until it is ended."""

    def __init__(self, running: RunningWebhook) -> None:
        self._port = running.port
        self._context = ssl.create_default_context(cafile=str(running.authority))

    def plain(self) -> socket.socket:
        """A bare connection."""
        return socket.create_connection(("127.0.0.1", self._port), timeout=10)

    def secure(self) -> ssl.SSLSocket:
        """A connection after its handshake."""
        return self._context.wrap_socket(self.plain(), server_hostname="localhost")

    def silent(self) -> None:
        """Connected, and nothing more."""
        self._until_dropped(self.plain())

    def half_a_handshake(self) -> None:
        """Six bytes of a handshake."""
        self._say(self.plain(), b"\x16\x03\x01\x02\x00\x01")

    def silent_after_the_handshake(self) -> None:
        """A handshake, and nothing more."""
        self._until_dropped(self.secure())

    def half_a_head(self) -> None:
        """The beginning of a request line."""
        self._say(self.secure(), _HEAD[:40])

    def half_a_body(self) -> None:
        """One byte of ten thousand."""
        self._say(self.secure(), _HEAD + b"Content-Length: 9999\r\n\r\n{")

    def garbage(self) -> None:
        """Random bytes for a handshake."""
        self._say(self.plain(), os.urandom(4096))

    def garbage_within_tls(self) -> None:
        """Random bytes for a request."""
        self._say(self.secure(), os.urandom(4096) + b"\r\n\r\n")

    def plain_text(self) -> None:
        """HTTP where TLS is spoken."""
        self._say(self.plain(), b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")

    def huge_body(self) -> None:
        """100 MB, sent for as long as anybody takes it."""
        with self.secure() as connection:
            connection.sendall(_HEAD + b"Content-Length: 104857600\r\n\r\n")
            for _ in range(1600):
                connection.sendall(_CHUNK)

    def nested(self) -> None:
        """A million brackets: within the limit for a body."""
        body = b'{"a":' * 200_000
        self._say(self.secure(), _HEAD + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)

    def _say(self, connection: socket.socket, data: bytes) -> None:
        connection.sendall(data)
        self._until_dropped(connection)

    def _until_dropped(self, connection: socket.socket) -> None:
        with connection:
            while connection.recv(65536):
                pass

    def ways(self) -> list[Callable[[], None]]:
        """All of them; those that stall oftener than those that work."""
        stalls = [
            self.silent,
            self.half_a_handshake,
            self.silent_after_the_handshake,
            self.half_a_head,
            self.half_a_body,
        ]
        return stalls * 7 + [
            self.garbage,
            self.garbage_within_tls,
            self.plain_text,
            self.huge_body,
            self.nested,
        ]


@contextmanager
def misbehaving(running: RunningWebhook, clients: int) -> Iterator[dict[str, int]]:
    """So many rude clients at a time; counts what they did."""
    ways, ended = Rude(running).ways(), threading.Event()
    done: dict[str, int] = {}
    lock = threading.Lock()

    def client(number: int) -> None:
        way = ways[number % len(ways)]
        while not ended.is_set():
            with suppress(OSError):
                way()
            with lock:
                done[way.__name__] = done.get(way.__name__, 0) + 1
            ended.wait(0.5)

    threads = [threading.Thread(target=client, args=(n,), daemon=True) for n in range(clients)]
    for thread in threads:
        thread.start()
    time.sleep(1.0)  # until all of them stand there
    try:
        yield done
    finally:
        ended.set()


class Memory(threading.Thread):
    """The most memory that a process and its children had together, in MiB."""

    def __init__(self, process: Process) -> None:
        super().__init__(daemon=True)
        self._process = process
        self.most = 0.0
        self.ended = threading.Event()

    def run(self) -> None:
        """Look five times a second."""
        while not self.ended.wait(0.2):
            self.most = max(self.most, sum(map(_resident, family(self._process.pid))))


def _resident(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@contextmanager
def shares(server: Process) -> Iterator[dict[str, float]]:
    """Who was at work how much of the time, and how much of it the server waited for a core.

    What the server waits in the machine's queue no server can mend; what it works, its event loop
    may be busy with when a good call comes.
    """
    began, rude = time.monotonic(), time.process_time()
    used, waited = processor_seconds(server), waited_seconds(server)
    found: dict[str, float] = {}
    yield found
    seconds = time.monotonic() - began
    found["server"] = round((processor_seconds(server) - used) / seconds, 3)
    found["serverWaitedForCore"] = round((waited_seconds(server) - waited) / seconds, 3)
    found["rudeClients"] = round((time.process_time() - rude) / seconds, 3)


def good_calls(running: RunningWebhook, folder: Path, seconds: float) -> dict[str, Any]:
    """Calls at a steady rate, from a process of their own."""
    requests = folder / "requests.json"
    requests.write_text(json.dumps(list(calls())))
    command = [sys.executable, "-m", "mattermost_migrate.testing.fast_client", "--port"]
    command += [str(running.port), "--authority", str(running.authority), "--requests"]
    command += [str(requests), "--connections=8", f"--seconds={seconds}", f"--rate={_RATE}"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 - ours
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measure(cluster: Cluster, helm: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Good calls alone, then among rude clients."""
    program = (sys.executable, "-c", PLAIN) if given.plain else webhook()
    with called_webhook(cluster, helm, program=program) as running:
        alone = good_calls(running, cluster.folder, given.seconds / 2)
        memory = Memory(running.process)
        memory.start()
        with misbehaving(running, given.clients) as rude, shares(running.process) as spent:
            among = good_calls(running, cluster.folder, given.seconds)
        memory.ended.set()
    return {
        "goodCallsAlone": alone,
        "goodCallsAmongRude": among,
        "amongRudeOfOneCore": spent,
        "rudeClients": given.clients,
        "rudeConnections": dict(sorted(rude.items())),
        "mostMemoryMiB": round(memory.most, 1),
    }


def main() -> int:
    """Run, report, and say by the exit code whether good calls stayed good."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--clients", type=int, default=_CLIENTS)
    parser.add_argument("--plain", action="store_true")
    given = parser.parse_args()
    tools = ready()
    found = {**origin(), "plainWorker": given.plain, "goodCallsPerSecond": _RATE}
    with LocalCluster(tools, Options(crds=(ROOT / "deploy" / "crds",))) as cluster:
        found |= measure(cluster, tools["helm3"], given)
    found["missed"] = missed(abuse_rows(found))
    print(json.dumps(found, indent=2))
    return 1 if found["missed"] else 0


if __name__ == "__main__":
    sys.exit(main())
