"""The way to a server: by which proxy, and what passes by it."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from mattermost_migrate.domain.errors import ConfigurationError, KubeconfigError, TransientError
from mattermost_migrate.domain.names import POD
from mattermost_migrate.kube import Client, Connection, Patience, connect
from mattermost_migrate.kube.proxy import named_by_environment

#: The entries of Go's own test, and what it expects of them.
GO = (
    "foobar.com, .barbaz.net, *.wildcard.io, 192.168.1.1, 192.168.1.2:81, 192.168.1.3:80, "
    "10.0.0.0/30, 2001:db8::52:0:1, [2001:db8::52:0:2]:443, [2001:db8::52:0:3]:80, "
    "2002:db8:a::45/64"
)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "127.0.0.1",
        "127.0.0.2",
        "[::1]",
        "192.168.1.1",
        "192.168.1.3",
        "10.0.0.2",
        "[2001:db8::52:0:1]",
        "[2001:db8::52:0:3]",
        "[2002:db8:a::123]",
        "www.barbaz.net",
        "foobar.com",
        "www.foobar.com",
        "nested.wildcard.io",
        "[::ffff:10.0.0.2]",
        "FooBar.com",
    ],
)
def test_what_no_proxy_names_and_loopback_are_asked_directly(host: str) -> None:
    environ = {"https_proxy": "proxy", "no_proxy": GO}
    assert named_by_environment(f"https://{host}:80", environ) is None


@pytest.mark.parametrize(
    "host",
    [
        "[::2]",
        "192.168.1.2",
        "192.168.1.4",
        "[2001:db8::52:0:2]",
        "[fe80::424b:c8be:1643:a1b6]",
        "barbaz.net",
        "foofoobar.com",
        "baz.com",
        "localhost.net",
        "local.localhost",
        "barbarbaz.net",
        "wildcard.io",
        "awildcard.io",
        "[1000::%25.foobar.com]",
    ],
)
def test_all_else_goes_by_the_proxy(host: str) -> None:
    environ = {"https_proxy": "proxy", "no_proxy": GO}
    assert named_by_environment(f"https://{host}:80", environ) == "http://proxy"


_PROXY = "http://proxy:3128"


@pytest.mark.parametrize(
    ("no_proxy", "server", "found"),
    [
        ("10.0.0.0/8", "https://10.1.2.3:6443", None),
        ("10.9.9.9/8", "https://10.1.2.3:6443", None),
        ("fd00::/8", "https://10.1.2.3:6443", _PROXY),
        ("10.0.0.0/255.0.0.0", "https://10.1.2.3:6443", _PROXY),
        ("*example", "https://api.example", _PROXY),
        ("10.0.0.0/99", "https://10.1.2.3:6443", _PROXY),
        ("10.0.0.0/8", "https://api.example", _PROXY),
        ("*", "https://api.example", None),
        ("other,*", "https://[fd00::1]", None),
        ("api.example:443", "https://api.example", None),
        ("api.example:443", "https://api.example:6443", _PROXY),
        ("api.example:", "https://api.example:6443", None),
        (" ,:1,", "https://api.example", _PROXY),
        ("1.2.3.4", "https://x.1.2.3.4.example", _PROXY),
    ],
)
def test_an_entry_may_be_a_network_all_or_bound_to_a_port(
    no_proxy: str, server: str, found: str | None
) -> None:
    environ = {"HTTPS_PROXY": _PROXY, "NO_PROXY": no_proxy}
    assert named_by_environment(server, environ) == found


@pytest.mark.parametrize(
    ("environ", "server", "proxy"),
    [
        ({"HTTPS_PROXY": "a:1"}, "https://api.example", "http://a:1"),
        ({"HTTPS_PROXY": "a:1"}, "http://api.example", None),
        ({"HTTP_PROXY": "a:1"}, "https://api.example", None),
        ({"HTTP_PROXY": "https://a:1"}, "http://api.example", "https://a:1"),
        ({"HTTPS_PROXY": "A", "https_proxy": "a"}, "https://api.example", "http://a"),
        ({"HTTPS_PROXY": "A", "https_proxy": ""}, "https://api.example", "http://A"),
        ({"ALL_PROXY": "a"}, "https://api.example", None),
        ({"HTTPS_PROXY": ""}, "https://api.example", None),
    ],
)
def test_the_scheme_of_the_server_names_the_variable(
    environ: dict[str, str], server: str, proxy: str | None
) -> None:
    assert named_by_environment(server, environ) == proxy


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Our environment, in which no proxy is named yet."""
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    return monkeypatch


def connection(folder: Path, server: str, **cluster: str) -> Connection:
    """What is found in our environment for a kubeconfig of this cluster."""
    config = {
        "clusters": [{"name": "x", "cluster": {"server": server, **cluster}}],
        "contexts": [{"name": "x", "context": {"cluster": "x"}}],
        "current-context": "x",
    }
    (folder / "config").write_text(yaml.safe_dump(config))
    return asyncio.run(connect({**os.environ, "KUBECONFIG": str(folder / "config")}))


@pytest.mark.parametrize("server", ["https://10.1.2.3:6443", "https://127.0.0.1:1"])
def test_nobody_is_asked_by_a_proxy_that_helm_would_pass_by(
    tmp_path: Path, environ: pytest.MonkeyPatch, server: str
) -> None:
    environ.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    environ.setenv("NO_PROXY", "10.0.0.0/8")
    assert not connection(tmp_path, server).by_proxy


def test_the_kubeconfigs_proxy_comes_before_the_environments(
    tmp_path: Path, environ: pytest.MonkeyPatch
) -> None:
    environ.setenv("HTTPS_PROXY", "socks5://proxy.example:1080")
    found = connection(tmp_path, "https://127.0.0.1:1", **{"proxy-url": "http://near:3128"})
    assert found.by_proxy
    assert found.configuration.proxy == "http://near:3128"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("socks5://eve:secret@near:1080", "'socks5' is not supported; name an http proxy, or none"),
        ("near:3128", "'near' is not supported"),
        ("http://", "it names no host"),
        ("http://near:high", "Port could not be cast"),
        ("http://[near", "Invalid IPv6 URL"),
    ],
)
def test_a_proxy_of_another_kind_is_refused_with_its_place(
    tmp_path: Path, environ: pytest.MonkeyPatch, url: str, reason: str
) -> None:
    del environ
    with pytest.raises(KubeconfigError, match=f"cluster: proxy-url: {reason}") as refused:
        connection(tmp_path, "https://api.example", **{"proxy-url": url})
    assert str(tmp_path / "config") in str(refused.value)
    assert "context 'x'" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_proxy_of_another_kind_in_the_environment_is_refused_with_its_variable(
    tmp_path: Path, environ: pytest.MonkeyPatch
) -> None:
    environ.setenv("HTTPS_PROXY", "socks5://proxy.example:1080")
    with pytest.raises(ConfigurationError, match="HTTPS_PROXY: 'socks5' is not supported"):
        connection(tmp_path, "https://api.example")


def test_a_server_that_is_no_url_is_refused(tmp_path: Path, environ: pytest.MonkeyPatch) -> None:
    del environ
    with pytest.raises(KubeconfigError, match="cluster: server: Port could not be cast"):
        connection(tmp_path, "https://api.example:high")


class _Proxy(BaseHTTPRequestHandler):
    """Answers for every http server, and lets nobody through to an https server."""

    asked: list[tuple[str, str | None]]

    def do_GET(self) -> None:
        self.asked.append((self.path.partition("?")[0], self.headers["Proxy-Authorization"]))
        content = json.dumps({"items": [{"metadata": {"name": "by-proxy"}}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_CONNECT(self) -> None:
        self.asked.append((f"CONNECT {self.path}", self.headers["Proxy-Authorization"]))
        self.send_error(403, "not to there")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def proxy() -> Iterator[ThreadingHTTPServer]:
    _Proxy.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), _Proxy) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def names(found: Connection, *, plain: bool) -> list[str]:
    async def main() -> list[str]:
        async with Client(found, plain=plain, patience=Patience(total=0.0)) as client:
            return [item["metadata"]["name"] for item in (await client.list(POD, "acme")).items]

    return asyncio.run(main())


@pytest.mark.parametrize("plain", [True, False], ids=["plain", "kept connections"])
def test_a_proxy_of_the_environment_is_asked(
    tmp_path: Path, environ: pytest.MonkeyPatch, proxy: ThreadingHTTPServer, *, plain: bool
) -> None:
    url = f"eve:secret@127.0.0.1:{proxy.server_port}"
    environ.setenv("HTTP_PROXY", url)
    environ.setenv("HTTPS_PROXY", url)
    token = "Basic ZXZlOnNlY3JldA=="

    assert names(connection(tmp_path, "http://api.example"), plain=plain) == ["by-proxy"]
    with pytest.raises(TransientError, match="not to there"):
        names(connection(tmp_path, "https://10.1.2.3:6443"), plain=plain)

    assert _Proxy.asked == [
        ("http://api.example/api/v1/namespaces/acme/pods", token),
        ("CONNECT 10.1.2.3:6443", token),
    ]


@pytest.mark.parametrize("plain", [True, False], ids=["plain", "kept connections"])
def test_what_no_proxy_names_is_asked_without_it(
    tmp_path: Path, environ: pytest.MonkeyPatch, proxy: ThreadingHTTPServer, *, plain: bool
) -> None:
    environ.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    server = f"http://127.0.0.1:{proxy.server_port}"
    assert names(connection(tmp_path, server), plain=plain) == ["by-proxy"]
    assert [path for path, _ in _Proxy.asked] == ["/api/v1/namespaces/acme/pods"]
