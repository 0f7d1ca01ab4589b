"""What kube-proxy does for a Service, at the level of connections.

Each new connection goes to one of the ready endpoints, chosen at random; one that stands goes on as
long as both ends live, whatever becomes of the endpoint. Ready is what the EndpointSlice calls so:
with ``publishNotReadyAddresses`` that is every address in it. A change takes effect a moment after
it was seen, as rules are not written at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import Final

from mattermost_migrate.domain.names import ENDPOINT_SLICE, SERVICE_NAME_LABEL
from mattermost_migrate.domain.objects import JsonObject, labels_of, namespace_of
from mattermost_migrate.kube import Client, Informer
from mattermost_migrate.testing.traffic import PORT, loopback

__all__ = ["Proxy"]

_CHUNK: Final = 65_536


class Proxy:
    """Follows every Service's EndpointSlices, and listens for some.

    Args:
        client: to watch by.
        lag_seconds: from seeing a change until connections go by it.
    """

    def __init__(self, client: Client, *, lag_seconds: float = 0.5) -> None:
        self._lag = lag_seconds
        self._slices: dict[tuple[str, str], JsonObject] = {}
        self._informer = Informer(client, ENDPOINT_SLICE)
        self._informer.subscribe(self._changed)

    async def run(self) -> None:
        """Follow until cancelled."""
        await self._informer.run()

    async def listen(self, namespace: str, service: str, host: str) -> None:
        """Take connections for a Service on a loopback address."""

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._carry(self._endpoints(namespace, service), reader, writer)

        await asyncio.start_server(connected, host, PORT, backlog=1024)

    def _changed(self, before: JsonObject | None, after: JsonObject | None) -> None:
        obj = after or before or {}
        key = (namespace_of(obj), obj["metadata"]["name"])
        loop = asyncio.get_running_loop()
        if after is None:
            loop.call_later(self._lag, self._slices.pop, key, None)
        else:
            loop.call_later(self._lag, self._slices.__setitem__, key, after)

    def _endpoints(self, namespace: str, service: str) -> list[str]:
        return [
            loopback(address)
            for (where, _), each in self._slices.items()
            if where == namespace and labels_of(each).get(SERVICE_NAME_LABEL) == service
            for endpoint in each.get("endpoints") or ()
            if (endpoint.get("conditions") or {}).get("ready") is not False
            for address in endpoint["addresses"]
        ]

    async def _carry(
        self, hosts: list[str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """One connection to its end; refused by the pod, it is refused to the client."""
        with contextlib.suppress(OSError, IndexError):
            there, back = await asyncio.open_connection(random.choice(hosts), PORT)  # noqa: S311 - no secret
            await asyncio.gather(_pipe(reader, back), _pipe(there, writer))
        writer.close()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()
