"""Counting what is sent to the API server: by verb and resource, and for one installation.

Writes are this project's price, so each of them can be counted where it is made: a worker names the
installation it works on in ``current_installation``, and whoever wants to know gives the client an
``on_request``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, TypeAlias

__all__ = ["READS", "OnRequest", "Request", "current_installation"]

#: The verbs, in the API server's own words, that change nothing.
READS: Final = frozenset({"get", "list", "watch"})

#: The installation (``namespace/name``) that the running task works on, if on one.
current_installation: ContextVar[str | None] = ContextVar("current_installation", default=None)


@dataclass(frozen=True, slots=True)
class Request:
    """One answered attempt.

    Attributes:
        verb: in the API server's words: get, list, watch, create, update, patch, delete.
        resource: plural, with the subresource: ``deployments``, ``mattermosts/status``.
        namespace: its namespace, or None.
        name: the object's name, or None for a collection.
        code: the HTTP status, or 0 when none came.
        seconds: from sending to the whole answer.
        dry_run: nothing was stored.
        installation: what the sending task worked on.
    """

    verb: str
    resource: str
    namespace: str | None
    name: str | None
    code: int
    seconds: float
    dry_run: bool
    installation: str | None

    @property
    def wrote(self) -> bool:
        """Whether this attempt could have changed the cluster."""
        return self.verb not in READS and not self.dry_run


OnRequest: TypeAlias = Callable[[Request], None]
