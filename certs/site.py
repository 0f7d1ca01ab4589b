"""What stands around the certificates: who carries a caBundle, who serves, and what time it is.

Everything is read by name: the rights that the leader has are for these very objects.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol

from certs.authority import service_names
from certs.called import (
    Address,
    ServicePort,
    address_of_url,
    addresses,
    dns_name_of_url,
    service_port_of,
)
from certs.handshake import observe
from certs.injection import MUTATING, VALIDATING, bundles_in, client_configs, patch
from certs.ladder import Replica, Target
from mattermost_migrate.domain.conversion.served import CRD_NAME, converted_by_us
from mattermost_migrate.domain.errors import RejectedError
from mattermost_migrate.domain.names import (
    CRD,
    ENDPOINT_SLICE,
    SERVICE,
    SERVICE_NAME_LABEL,
    Resource,
)
from mattermost_migrate.domain.objects import JsonObject, annotations_of
from mattermost_migrate.kube import Client, PatchType

__all__ = ["CONVERSION", "Cluster", "Nowhere", "Site", "Surroundings"]

#: The Service of the preview version. Its pods serve the same certificate, and must be able to
#: before the CRD calls them.
CONVERSION: Final = "mattermost-migrate-conversion"
#: From a caBundle that is written and read back to its use by every API server.
_SPREAD: Final = timedelta(seconds=5)
_CERT_MANAGER: Final = "cert-manager.io/"
_CONFIGURATION: Final = "mattermost-migrate"
_PLACES: Final = (
    (VALIDATING, _CONFIGURATION),
    (MUTATING, _CONFIGURATION),
    (CRD, CRD_NAME),
)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """One look around; the fields are those of ``ladder.Seen``."""

    now: datetime
    names: tuple[str, ...]
    targets: tuple[Target, ...] = ()
    replicas: tuple[Replica, ...] = ()
    spread: timedelta = timedelta(0)


class Site(Protocol):
    """A place where certificates are used."""

    async def look(self) -> Surroundings:
        """Look around now."""

    async def inject(self, target: Target, ca_bundle: str) -> None:
        """Put the caBundle into a target of the last look.

        Raises:
            StaleError: it has moved since.
            MigrateError: it cannot be written.
        """


class Nowhere:
    """No cluster: nobody carries a caBundle, and the clock is this machine's."""

    def __init__(self, names: Iterable[str], clock: Callable[[], datetime] | None = None) -> None:
        self._names = tuple(names)
        self._clock = clock or _wall_clock

    async def look(self) -> Surroundings:
        """The time."""
        return Surroundings(self._clock(), self._names)

    async def inject(self, target: Target, ca_bundle: str) -> None:
        """Never asked for."""
        raise NotImplementedError(f"{target.name}: {len(ca_bundle)}")


class Cluster:
    """A Service of the cluster and all that calls it.

    Args:
        client: may read and patch the configurations by name.
        namespace: of the Service.
        service: its name.
        extra_names: DNS names to serve beside the Service's own.
        beside: addresses of replicas that the cluster does not know of.
        spread: how long a new CA is trusted everywhere before it signs.
    """

    def __init__(
        self,
        client: Client,
        namespace: str,
        service: str,
        *,
        extra_names: Iterable[str] = (),
        beside: Iterable[Address] = (),
        spread: timedelta = _SPREAD,
    ) -> None:
        self._client = client
        ours = (name for each in (service, CONVERSION) for name in service_names(each, namespace))
        self._names = tuple(dict.fromkeys((*ours, *extra_names)))
        self._beside = tuple(beside)
        self._spread = spread
        self._found: dict[str, tuple[Resource, JsonObject]] = {}

    async def look(self) -> Surroundings:
        """Read the targets, then ask every replica behind them for its certificate."""
        now = await self._time()
        found = await asyncio.gather(*(self._read(*place) for place in _PLACES))
        self._found = {f"{r.kind}/{name}": (r, obj) for r, name, obj in found if obj is not None}
        configs = [c for _, obj in self._found.values() for c in client_configs(obj)]
        ports = {port for config in configs if (port := service_port_of(config))}
        places = {place for config in configs if (place := address_of_url(config))}
        behind = await asyncio.gather(*(self._behind(port) for port in sorted(ports)))
        every = sorted(places.union(self._beside, *behind))
        called = (name for p in sorted(ports) for name in service_names(p.service, p.namespace))
        by_url = (name for config in configs if (name := dns_name_of_url(config)))
        return Surroundings(
            now,
            tuple(dict.fromkeys((*self._names, *called, *by_url))),
            tuple(Target(name, bundles_in(obj)) for name, (_, obj) in self._found.items()),
            tuple(await asyncio.gather(*(observe(each, self._names[0]) for each in every))),
            self._spread,
        )

    async def inject(self, target: Target, ca_bundle: str) -> None:
        """Patch one target, if it is still what was looked at."""
        resource, seen = self._found[target.name]
        if any(key.startswith(_CERT_MANAGER) for key in annotations_of(seen)):
            raise RejectedError(
                f"{target.name} asks cert-manager for its caBundle; nothing was written: "
                "set certificates.provider to cert-manager, or take the annotation away"
            )
        operations = patch(seen, ca_bundle)
        name = target.name.partition("/")[2]
        await self._client.patch(resource, None, name, operations, kind=PatchType.JSON)

    async def _read(self, resource: Resource, name: str) -> tuple[Resource, str, JsonObject | None]:
        obj = await self._client.find(resource, None, name)
        if obj is None:
            return resource, name, None
        obj = {**obj, "kind": resource.kind}
        # Somebody else may convert a CRD that is not our own.
        ours = resource is not CRD or converted_by_us(obj)
        return resource, name, obj if ours and client_configs(obj) else None

    async def _behind(self, port: ServicePort) -> tuple[Address, ...]:
        service = await self._client.find(SERVICE, port.namespace, port.service)
        if service is None:
            return ()
        selector = f"{SERVICE_NAME_LABEL}={port.service}"
        slices = await self._client.list(ENDPOINT_SLICE, port.namespace, label_selector=selector)
        return tuple(addresses(service, port.port, slices.items))

    async def _time(self) -> datetime:
        """The API server's clock: it is the one that judges what is issued by it."""
        asked: Any = await self._client.raw(
            "POST",
            "/apis/authentication.k8s.io/v1/selfsubjectreviews",
            body={"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"},
        )
        told = (asked.get("metadata") or {}).get("creationTimestamp")
        return datetime.fromisoformat(told) if told else _wall_clock()


def _wall_clock() -> datetime:
    return datetime.now(UTC)
