"""Kept connections for many requests and for watches: the official client's transport."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from kubernetes.aio.client.rest import RESTClientObject

if TYPE_CHECKING:
    from mattermost_migrate.kube.connect import Connection
    from mattermost_migrate.kube.plain import Limits

__all__ = ["Pool"]

#: Seconds an idle connection is kept: less than the API server's 90, so it is never the first.
_KEEP_ALIVE: Final = 75.0


class Pool(RESTClientObject):
    """The official client's transport, with connections that outlive a pause.

    Args:
        connection: where to.
        size: connections at the same time; 0 is no bound.
    """

    def __init__(self, connection: Connection, *, size: int) -> None:
        configuration = copy.copy(connection.configuration)
        configuration.connection_pool_maxsize = size
        # Else a thread looks for proxies in the environment, by other rules than ours, and another
        # one for passwords in ~/.netrc, before every single request.
        configuration.client_session_kwargs = {"trust_env": False}
        super().__init__(configuration)

    async def ask(
        self, method: str, url: str, *, headers: Any, body: Any, limits: Limits
    ) -> aiohttp.ClientResponse:
        """Send a request within these limits; the answer is not read yet."""
        seconds = aiohttp.ClientTimeout(
            total=limits.total, sock_connect=limits.connect, sock_read=limits.silence
        )
        answer: Any = await self.request(  # type: ignore[no-untyped-call]  # the official client's
            method, url, headers=headers, body=body, _request_timeout=seconds
        )
        response: aiohttp.ClientResponse = answer.response
        return response

    def _create_connector(self) -> aiohttp.TCPConnector:
        return aiohttp.TCPConnector(
            limit=self.maxsize, ssl=self.ssl_context, keepalive_timeout=_KEEP_ALIVE
        )
