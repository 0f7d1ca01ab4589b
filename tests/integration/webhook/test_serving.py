"""The process as shipped, over TLS: what slow, broken and rude clients cannot do to it.

No cluster is needed here: reviews of InstallationMigrations are judged by what they carry.
"""

from __future__ import annotations

import http.client
import json
import os
import select
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mattermost_migrate.addresses import EVERY, address_of
from mattermost_migrate.testing.cluster.certificates import Authority, Pair

PATH = "/validate/installationmigration"
HEADERS = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Server:
    process: subprocess.Popen[bytes]
    port: int
    folder: Path

    @property
    def certificates(self) -> Path:
        return self.folder / "mattermost-migrate-webhook-tls"

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificates / "ca.crt"))

    def connect(self, *, context: ssl.SSLContext | None = None) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(
            "localhost", self.port, timeout=10, context=context or self.context()
        )

    def plain(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def secure(self) -> ssl.SSLSocket:
        return self.context().wrap_socket(self.plain(), server_hostname="localhost")

    def serial(self) -> str:
        """Of the certificate that a new connection gets."""
        with self.secure() as connection:
            return str((connection.getpeercert() or {})["serialNumber"])

    def metric(self, line: str) -> float:
        """The value of one line of ``/metrics``; 0 when it is not there."""
        with closing(self.connect()) as connection:
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        found = [row for row in text.splitlines() if row.startswith(f"{line} ")]
        return float(found[0].rpartition(" ")[2]) if found else 0.0


def review(**changes: Any) -> dict[str, Any]:
    request = {
        "uid": "705ab4f5",
        "kind": {"group": "migration.mattermost.com", "version": "v1alpha1"}
        | {"kind": "InstallationMigration"},
        "operation": "CREATE",
        "namespace": "acme",
        "name": "chat",
        "userInfo": {"username": "gitops"},
        "object": {"metadata": {"name": "chat"}, "spec": {"desiredKind": "Mattermost"}},
        **changes,
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


BODY = json.dumps(review()).encode()


def ask(connection: http.client.HTTPSConnection, body: bytes = BODY) -> tuple[int, dict[str, Any]]:
    connection.request("POST", PATH, body=body, headers=HEADERS)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def issue(folder: Path) -> None:
    command = [sys.executable, "-m", "certs", "issue", "--directory", str(folder)]
    command += ["--dns-name", "localhost"]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own program


def free_port() -> int:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        return int(holder.getsockname()[1])


@contextmanager
def launched(
    folder: Path, *options: str, cluster: int = 9, host: str = "127.0.0.1"
) -> Iterator[Server]:
    """The webhook as a process of its own, with certificates in ``folder``; stopped in the end.

    ``cluster`` is the port of its API server, which answers nobody; ``host`` is where it listens.
    """
    issue(folder / "certs")
    (folder / "kubeconfig").write_text(json.dumps(nowhere(cluster)))
    port = free_port()
    certificates = folder / "certs" / "mattermost-migrate-webhook-tls"
    command = [sys.executable, "-m", "webhook", f"--bind={host}:{port}", *options]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [*command, f"--cert-dir={certificates}"],
            env=os.environ | {"KUBECONFIG": str(folder / "kubeconfig")},
            stderr=log,
        )
        try:
            server = Server(process, port, folder / "certs")
            _until_alive(server, folder / "log")
            yield server
        finally:
            _stop(process)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts the webhook with options."""
    with ExitStack() as stack:
        yield lambda *options: stack.enter_context(launched(tmp_path, *options))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server of the test's own."""
    with launched(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the tests that leave it as it was."""
    with launched(tmp_path_factory.mktemp("shared")) as running:
        yield running


def nowhere(port: int) -> dict[str, Any]:
    """How to reach a cluster that is none."""
    return {
        "clusters": [{"name": "c", "cluster": {"server": f"https://127.0.0.1:{port}"}}],
        "users": [{"name": "u", "user": {"token": "none"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }


def _until_alive(server: Server, log: Path) -> None:
    for _ in range(200):
        try:
            with closing(server.connect()) as connection:
                connection.request("GET", "/healthz")
                if connection.getresponse().status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"the webhook did not start:\n{log.read_text()}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.mark.skipif(address_of(EVERY) != "::", reason="no IPv6 here")
def test_on_every_address_it_serves_either_family(tmp_path: Path) -> None:
    with launched(tmp_path, host=EVERY) as server:
        for host in ("127.0.0.1", "::1"):
            plain = socket.create_connection((host, server.port), timeout=10)
            with server.context().wrap_socket(plain, server_hostname="localhost") as secure:
                assert secure.getpeercert()


def test_a_good_review_is_answered(shared: Server) -> None:
    with closing(shared.connect()) as connection:
        status, answer = ask(connection)

    assert status == 200
    assert answer["response"] == {"uid": "705ab4f5", "allowed": True}


@pytest.mark.parametrize(
    ("body", "headers", "status", "message"),
    [
        pytest.param(b"", {}, 400, "the body is not JSON", id="empty"),
        pytest.param(b"{", {}, 400, "the body is not JSON", id="cut off"),
        pytest.param(b"\xff\xfe", {}, 400, "the body is not JSON", id="not UTF-8"),
        pytest.param(b"[" * 100_000, {}, 400, "the body is not JSON", id="nested without end"),
        pytest.param(b"9" * 5000, {}, 400, "the body is not JSON", id="a number without end"),
        pytest.param(b"[]", {}, 400, "not a JSON object", id="a list"),
        pytest.param(b"{}", {}, 400, "apiVersion and kind must be", id="not a review"),
        pytest.param(
            BODY.replace(b"705ab4f5", b""), {}, 400, "request.uid must be", id="without uid"
        ),
        pytest.param(
            json.dumps(review(operation="CONNECT")).encode(),
            {},
            400,
            "request.operation must be one of CREATE, UPDATE, DELETE",
            id="another operation",
        ),
        pytest.param(
            json.dumps(review(operation="UPDATE")).encode(),
            {},
            400,
            "request.oldObject is missing",
            id="an update without the old object",
        ),
        pytest.param(
            json.dumps(review(object={"metadata": {"labels": [1]}})).encode(),
            {},
            400,
            "request.object.metadata.labels must be an object",
            id="labels that are a list",
        ),
        pytest.param(
            json.dumps(review(kind={"kind": "Mattermost"})).encode(),
            {},
            400,
            "this path reviews InstallationMigration, not Mattermost",
            id="another kind",
        ),
        pytest.param(BODY, {"Content-Type": "text/plain"}, 415, "application/json", id="text"),
        pytest.param(
            BODY,
            {"Transfer-Encoding": "chunked"},
            411,
            "Content-Length",
            id="chunked, of no announced length",
        ),
        pytest.param(b" " * (7 * 1024 * 1024 + 1), {}, 413, "capacity limit", id="too long"),
    ],
)
def test_a_bad_body_is_the_clients_fault_and_says_why(
    shared: Server, body: bytes, headers: dict[str, str], status: int, message: str
) -> None:
    with closing(shared.connect()) as connection:
        chunked = "Transfer-Encoding" in headers
        connection.request(
            "POST",
            PATH,
            body=iter([body]) if chunked else body,
            headers=HEADERS | headers,
            encode_chunked=chunked,
        )
        response = connection.getresponse()
        answer = json.loads(response.read())

    assert response.status == status
    assert message in answer["message"]


@pytest.mark.parametrize("path", ["/", "/validate/pod", "/healthz/"])
def test_other_paths_are_not_found_in_json(shared: Server, path: str) -> None:
    with closing(shared.connect()) as connection:
        connection.request("GET", path)
        response = connection.getresponse()

        assert response.status == 404
        assert json.loads(response.read())["error"] == "Not Found"


def test_not_ready_while_the_migrations_are_unknown(shared: Server) -> None:
    with closing(shared.connect()) as connection:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        answer = json.loads(response.read())

    assert response.status == 503
    assert "are not listed yet" in answer["problems"]["migrations"]


_POST = f"POST {PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n".encode()
_DROPPED = "mattermost_migrate_webhook_connections_dropped_total"
STALLS: dict[str, Callable[[Server], socket.socket]] = {
    "connected and silent": lambda server: server.plain(),
    "half a handshake": lambda server: _sent(server.plain(), b"\x16\x03\x01\x02\x00\x01"),
    "silent after the handshake": lambda server: server.secure(),
    "half a head": lambda server: _sent(server.secure(), _POST[:40]),
    "half a body": lambda server: _sent(server.secure(), _POST + b"Content-Length: 9999\r\n\r\n{"),
    "100 MB announced and not sent": lambda server: _sent(
        server.secure(), _POST + b"Content-Length: 99999999\r\n\r\n{"
    ),
    "a chunk that never comes": lambda server: _sent(
        server.secure(), _POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\n"
    ),
}


def _sent(connection: socket.socket, data: bytes) -> socket.socket:
    connection.sendall(data)
    return connection


def test_stalled_clients_do_not_stop_the_worker(start: Callable[..., Server]) -> None:
    server = start("--threads=2")
    stalled = [(kind, stall(server)) for kind, stall in STALLS.items() for _ in range(12)]

    with closing(server.connect()) as connection:
        began = time.monotonic()
        answers = [ask(connection)[0] for _ in range(20)]
        took = time.monotonic() - began

    assert answers == [200] * 20
    assert took < 4.5  # before the first of the stalled is cut off
    assert [kind for kind, connection in stalled if not _ended(connection)] == []


def _ended(connection: socket.socket) -> bool:
    """Whether the server closes the connection in time, with or without an answer before."""
    connection.settimeout(30)
    try:
        while connection.recv(65536):
            pass
    except ConnectionError:
        pass
    except TimeoutError:
        return False
    finally:
        connection.close()
    return True


def test_a_body_that_drips_in_is_cut_off_after_five_seconds(shared: Server) -> None:
    began = time.monotonic()
    with shared.secure() as connection, suppress(OSError):
        connection.sendall(_POST + b"Content-Length: 9999\r\n\r\n")
        while time.monotonic() - began < 15:
            connection.sendall(b" ")
            time.sleep(0.25)

    assert 4.0 < time.monotonic() - began < 15.0


def test_who_goes_on_after_the_refusal_of_his_body_is_soon_heard_no_more(shared: Server) -> None:
    megabyte, sent = b" " * 2**20, 0
    with shared.secure() as connection, suppress(OSError):
        connection.sendall(_POST + b"Content-Length: 104857600\r\n\r\n")
        while sent < 100:
            connection.sendall(megabyte)
            sent += 1

    assert 14 <= sent < 50  # twice the limit of a body, and what lies in the system's buffers


def test_bodies_that_lack_their_end_have_64_mib_together(server: Server) -> None:
    body = b" " * 6_900_000

    def lacks_its_end() -> None:
        with server.secure() as connection, suppress(OSError):
            connection.sendall(_POST + b"Content-Length: 7000000\r\n\r\n" + body)
            connection.recv(1)

    clients = [threading.Thread(target=lacks_its_end) for _ in range(20)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()

    # Whoever was left had 5 s, and there was room for nine of them.
    assert server.metric(f'{_DROPPED}{{reason="memory"}}') >= 1
    assert server.metric(f'{_DROPPED}{{reason="slow"}}') <= 9


def test_a_connection_is_kept_for_longer_than_the_api_server_keeps_it(shared: Server) -> None:
    with closing(shared.connect()) as connection:
        connection.request("POST", PATH, body=BODY, headers=HEADERS)
        response = connection.getresponse()
        response.read()
        before = connection.sock.getsockname()
        time.sleep(7.0)  # beyond gunicorn's default, and beyond our own limit for a request

        assert ask(connection)[0] == 200
        assert connection.sock.getsockname() == before


def test_requests_sent_ahead_are_answered_in_turn(shared: Server) -> None:
    request = _POST + f"Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY
    with shared.secure() as connection:
        connection.sendall(request * 3 + request[:40])
        time.sleep(0.3)
        connection.sendall(request[40:])
        connection.settimeout(30)
        seen = b""
        while seen.count(b"HTTP/1.1 200 OK") < 4:
            chunk = connection.recv(65536)
            assert chunk, f"closed after {seen.count(b'200 OK')} answers"
            seen += chunk


def test_a_review_that_waits_for_the_api_server_holds_up_no_other(tmp_path: Path) -> None:
    """Not even with its one thread: what memory settles is answered without."""
    kind = {"group": "mattermost.com", "version": "v1alpha1", "kind": "ClusterInstallation"}
    spec = {"ingressName": "chat.example.com"}
    waits = review(kind=kind, object={"metadata": {"name": "chat"}, "spec": spec})
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with (
            launched(tmp_path, "--threads=1", cluster=port) as server,
            closing(server.connect()) as waiting,
            closing(server.connect()) as other,
        ):
            other.connect()
            path = "/validate/clusterinstallation"
            waiting.request("POST", path, body=json.dumps(waits).encode(), headers=HEADERS)

            assert [ask(other)[0] for _ in range(5)] == [200] * 5
            waiting.sock.settimeout(0.0)
            with pytest.raises(ssl.SSLWantReadError):
                waiting.sock.recv(1)
            waiting.sock.settimeout(10)
            answer = json.loads(waiting.getresponse().read())["response"]

    assert answer["allowed"] is True
    assert "could not check" in answer["warnings"][0]


def test_whoever_does_not_read_gets_all_answers_later_and_holds_up_nobody(server: Server) -> None:
    """Answers of 60 KB each, many more than the kernel buffers."""
    bodies = [json.dumps(review(uid=f"{n:06d}" * 10_000)).encode() for n in range(300)]
    requests = [_POST + f"Content-Length: {len(b)}\r\n\r\n".encode() + b for b in bodies]
    with server.secure() as silent, closing(server.connect()) as other:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 256 * 1024)
        silent.settimeout(0.0)
        left = [memoryview(each) for each in requests]
        while left and _writable(silent):
            _send_some(silent, left)
        assert left, "it was never held back"

        assert ask(other)[0] == 200

        answered, tail = 0, b""
        while answered < len(requests):
            silent.settimeout(10)
            chunk = silent.recv(65536)
            assert chunk, f"closed after {answered} answers"
            answered += (tail + chunk).count(_END)
            tail = chunk[-len(_END) + 1 :]
            silent.settimeout(0.0)
            while left and select.select([], [silent], [], 0)[1] and _send_some(silent, left):
                pass


_END = b'"allowed":true}}'


def _writable(connection: socket.socket) -> bool:
    return bool(select.select([], [connection], [], 0.5)[1])


def _send_some(connection: ssl.SSLSocket, left: list[memoryview]) -> bool:
    """Send of the first one, so that no record holds parts of two."""
    try:
        sent = connection.send(left[0])
    except ssl.SSLWantWriteError:
        return False
    left[0] = left[0][sent:]
    if not left[0]:
        del left[0]
    return True


def test_a_new_certificate_is_served_at_once_and_old_connections_go_on(server: Server) -> None:
    before = server.serial()
    with closing(server.connect()) as kept:
        assert ask(kept)[0] == 200
        shutil.rmtree((server.folder / "mattermost-migrate-webhook-tls").resolve())
        (server.folder / "mattermost-migrate-webhook-tls").unlink()
        issue(server.folder)

        assert server.serial() != before
        assert ask(kept)[0] == 200


def test_a_half_swapped_pair_keeps_the_last_good_one(server: Server, tmp_path: Path) -> None:
    before = server.serial()
    issue(tmp_path / "other")
    other = tmp_path / "other" / "mattermost-migrate-webhook-tls"
    (server.certificates / "tls.crt").write_bytes((other / "tls.crt").read_bytes())

    assert server.serial() == before
    assert (
        server.metric('mattermost_migrate_webhook_certificate_reloads_total{outcome="refused"}')
        == 1
    )

    (server.certificates / "tls.key").write_bytes((other / "tls.key").read_bytes())
    (server.certificates / "ca.crt").write_bytes((other / "ca.crt").read_bytes())
    assert server.serial() != before


def test_certificate_files_that_vanish_keep_the_last_good_one(server: Server) -> None:
    before, context = server.serial(), server.context()
    for name in ("tls.crt", "tls.key"):
        (server.certificates / name).unlink()

    with closing(server.connect(context=context)) as connection:
        assert ask(connection)[0] == 200
    assert server.serial() == before


def test_only_tls_1_3_is_spoken_unless_told_otherwise(
    start: Callable[..., Server],
) -> None:
    server = start()
    old = server.context()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with closing(server.connect(context=old)) as connection, pytest.raises(OSError):  # noqa: PT011
        ask(connection)


def test_tls_1_2_is_an_option(start: Callable[..., Server]) -> None:
    server = start("--tls-min-version=1.2")
    old = server.context()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with closing(server.connect(context=old)) as connection:
        assert ask(connection)[0] == 200


def test_plain_text_on_the_tls_port_gets_nothing_and_harms_nobody(shared: Server) -> None:
    with shared.plain() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        connection.settimeout(7)
        with suppress(ConnectionResetError):
            assert b"ok" not in connection.recv(65536)

    with closing(shared.connect()) as connection:
        assert ask(connection)[0] == 200


def test_sigterm_answers_what_is_under_way_and_then_ends(server: Server) -> None:
    """Also after a bare TCP connect, which makes gunicorn's own worker lose count."""
    for _ in range(5):
        server.plain().close()
    with closing(server.connect()) as kept, server.secure() as halfway:
        assert ask(kept)[0] == 200
        request = _POST + f"Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY
        halfway.sendall(request[:-10])
        time.sleep(0.2)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)

        assert ask(kept)[0] == 200  # the API server may have sent it before it heard
        halfway.sendall(request[-10:])
        assert b"200 OK" in halfway.recv(65536)
        assert server.process.wait(60) == 0


def test_many_connections_at_once_are_all_answered(shared: Server) -> None:
    results: list[int] = []

    def client() -> None:
        with closing(shared.connect()) as connection:
            results.extend(ask(connection)[0] for _ in range(10))

    threads = [threading.Thread(target=client) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert results == [200] * 500


def test_with_a_client_ca_only_its_clients_are_answered(
    start: Callable[..., Server], tmp_path: Path
) -> None:
    ours, theirs = (_clients(tmp_path / name) for name in ("ours", "theirs"))
    server = start(f"--client-ca={ours.bundle}", "--client-name=kube-apiserver")

    def asked(pair: Pair | None) -> int:
        context = server.context()
        if pair is not None:
            context.load_cert_chain(pair.certificate, pair.key)
        with closing(server.connect(context=context)) as connection:
            return ask(connection)[0]

    assert asked(ours.issue("kube-apiserver")) == 200
    assert asked(ours.issue("somebody")) == 403
    assert asked(None) == 403
    with pytest.raises((ssl.SSLError, ConnectionError)):
        asked(theirs.issue("kube-apiserver"))
    with closing(server.connect()) as connection:
        connection.request("GET", "/healthz")
        assert connection.getresponse().status == 200


def _clients(folder: Path) -> Authority:
    folder.mkdir()
    return Authority.create(folder)
