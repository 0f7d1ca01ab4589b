"""Where kube-proxy would send a new connection to a Service.

To one of the ready endpoints, chosen at random. Ready is what the EndpointSlice calls so: with
``publishNotReadyAddresses`` that is every address in it. A change takes effect a moment after it
was seen, as rules are not written at once. kube-proxy rewrites the address of a connection and is
not in its way afterwards; so whoever connects asks here for an address, and connects to that.
"""

from __future__ import annotations

import asyncio
import random
from typing import Final

from mattermost_migrate.domain.names import ENDPOINT_SLICE, SERVICE_NAME_LABEL
from mattermost_migrate.domain.objects import JsonObject, labels_of, namespace_of
from mattermost_migrate.kube import Client, Informer
from mattermost_migrate.testing.traffic import loopback

__all__ = ["Proxy"]

_LAG_SECONDS: Final = 0.5


class Proxy:
    """Follows the EndpointSlices of every Service.

    Args:
        client: to watch by.
        lag_seconds: from seeing a change until connections go by it.
    """

    def __init__(self, client: Client, *, lag_seconds: float = _LAG_SECONDS) -> None:
        self._lag = lag_seconds
        self._slices: dict[tuple[str, str], JsonObject] = {}
        self._hosts: dict[tuple[str, str], list[str]] = {}
        self._informer = Informer(client, ENDPOINT_SLICE)
        self._informer.subscribe(self._changed)

    async def run(self) -> None:
        """Follow until cancelled."""
        await self._informer.run()

    def choose(self, namespace: str, service: str) -> str:
        """Where to connect to, this time.

        Raises:
            ConnectionRefusedError: the Service has no ready endpoint.
        """
        hosts = self._hosts.get((namespace, service))
        if not hosts:
            raise ConnectionRefusedError(f"Service {namespace}/{service} has no endpoint")
        return random.choice(hosts)  # noqa: S311 - no secret

    def _changed(self, before: JsonObject | None, after: JsonObject | None) -> None:
        asyncio.get_running_loop().call_later(self._lag, self._apply, before, after)

    def _apply(self, before: JsonObject | None, after: JsonObject | None) -> None:
        obj = after or before or {}
        key = (namespace_of(obj), str(obj["metadata"]["name"]))
        if after is None:
            self._slices.pop(key, None)
        else:
            self._slices[key] = after
        service = (namespace_of(obj), labels_of(obj).get(SERVICE_NAME_LABEL, ""))
        self._hosts[service] = list(self._endpoints(*service))

    def _endpoints(self, namespace: str, service: str) -> list[str]:
        return [
            loopback(address)
            for (where, _), each in self._slices.items()
            if where == namespace and labels_of(each).get(SERVICE_NAME_LABEL) == service
            for endpoint in each.get("endpoints") or ()
            if (endpoint.get("conditions") or {}).get("ready") is not False
            for address in endpoint["addresses"]
        ]
