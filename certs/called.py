"""Whom the API server calls, read as it reads it: client configuration, Service, EndpointSlices.

Pure: plain API objects in, addresses out.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from mattermost_migrate.domain.objects import JsonObject

__all__ = [
    "Address",
    "ServicePort",
    "address_of_url",
    "addresses",
    "dns_name_of_url",
    "service_port_of",
]

_HTTPS: Final = 443


@dataclass(frozen=True, slots=True, order=True)
class ServicePort:
    """A port of a Service, as a client configuration names it."""

    namespace: str
    service: str
    port: int


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """Where a process listens."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def service_port_of(config: JsonObject) -> ServicePort | None:
    """The Service that a client configuration names, or None where it has a URL."""
    service = config.get("service")
    if not service:
        return None
    return ServicePort(service["namespace"], service["name"], int(service.get("port") or _HTTPS))


def address_of_url(config: JsonObject) -> Address | None:
    """Where a client configuration with a URL leads, or None where it has a Service."""
    url = urlsplit(str(config.get("url") or ""))
    return Address(url.hostname, url.port or _HTTPS) if url.hostname else None


def dns_name_of_url(config: JsonObject) -> str | None:
    """The name by which the API server verifies whom it calls by a URL; None for an IP address.

    A name that is not ASCII stands in no certificate, and the API server finds it in none.
    """
    address = address_of_url(config)
    if address is None or not address.host.isascii():
        return None
    try:
        ipaddress.ip_address(address.host)
    except ValueError:
        return address.host.removesuffix(".")
    return None


def addresses(service: JsonObject, port: int, slices: Iterable[JsonObject]) -> Iterator[Address]:
    """All processes behind one port of a Service: ready or not, but not those that are leaving.

    A replica that is not ready yet may be in a moment, with the certificate it has now.
    """
    spec = service.get("spec") or {}
    if spec.get("type") == "ExternalName":
        yield Address(str(spec["externalName"]), port)
        return
    named = next((p for p in spec.get("ports") or () if p.get("port") == port), None)
    if named is None:
        return
    for found in slices:
        for number in _numbers(found, named.get("name") or ""):
            for endpoint in found.get("endpoints") or ():
                if not _left(endpoint.get("conditions") or {}):
                    yield from (Address(host, number) for host in endpoint["addresses"])


def _numbers(found: JsonObject, name: str) -> Iterator[int]:
    for port in found.get("ports") or ():
        if (port.get("name") or "") == name and port.get("port"):
            yield int(port["port"])


def _left(conditions: Any) -> bool:
    """Whether it is terminating and takes no new connections any more."""
    return bool(conditions.get("terminating")) and conditions.get("serving") is False
