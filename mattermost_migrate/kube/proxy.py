"""Which proxy stands before a server, by the rules of Go, and so of Helm and kubectl.

What Python's own ``getproxies`` and ``proxy_bypass`` make of the same environment is another way to
the cluster than theirs: they know no networks, and send loopback addresses to the proxy.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

__all__ = ["checked", "named_by_environment"]

_PORTS: Final = {"http": "80", "https": "443"}


def named_by_environment(server: str, environ: Mapping[str, str]) -> str | None:
    """The URL of the proxy that the environment names for this server, if any.

    As golang.org/x/net/http/httpproxy has it, without its names beyond ASCII.

    Raises:
        ValueError: the server is no URL.
    """
    parts = urlsplit(server)
    port = str(parts.port or _PORTS.get(parts.scheme, ""))
    proxy = _variable(environ, f"{parts.scheme}_proxy") if parts.scheme in _PORTS else ""
    if not proxy or _is_direct(parts.hostname or "", port, _variable(environ, "no_proxy")):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def checked(url: str) -> str:
    """The URL of a proxy, if it is one that we can speak to.

    Raises:
        ValueError: it is none; the message names no credentials.
    """
    parts = urlsplit(url)
    if parts.scheme not in _PORTS:
        raise ValueError(f"{parts.scheme!r} is not supported; name an http proxy, or none")
    if not parts.hostname or parts.port == 0:  # to ask for the port is to check it
        raise ValueError("it names no host")
    return url


def _variable(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name) or environ.get(name.upper()) or ""


def _is_direct(host: str, port: str, no_proxy: str) -> bool:
    ip = _ip(host.partition("%")[0])
    if host == "localhost" or (ip is not None and ip.is_loopback):
        return True
    entries = (entry.strip().lower() for entry in no_proxy.split(","))
    return any(_matches(entry, host, port, ip) for entry in entries if entry)


def _matches(entry: str, host: str, port: str, ip: IPv4Address | IPv6Address | None) -> bool:
    if entry == "*":
        return True
    if "/" in entry:
        _, _, length = entry.partition("/")
        try:
            return ip is not None and length.isdigit() and ip in ip_network(entry, strict=False)
        except ValueError:
            return False
    named, its_port = _split(entry)
    if not named or its_port not in {"", port}:
        return False
    if ip is not None:
        return ip == _ip(named)
    named = named[1:] if named.startswith("*.") else named
    return host.endswith(f".{named.removeprefix('.')}") or host == named


def _split(entry: str) -> tuple[str, str]:
    """Host and port of an entry; an IPv6 address without brackets has none."""
    host, colon, port = entry.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        return host[1:-1], port
    return (host, port) if colon and ":" not in host else (entry, "")


def _ip(text: str) -> IPv4Address | IPv6Address | None:
    try:
        ip = ip_address(text)
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip
