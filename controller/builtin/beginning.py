"""In which order a leader looks at the installations that were there before it.

A whole look asks for half a dozen objects. Of thousands all at once, after each change of leader,
nothing would be left for minutes for the migrations under way. So what is at rest by its own word
is looked at in time, the last changed first: an edit that nobody led to see is among those.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Final

from mattermost_migrate.domain.names import MATTERMOST
from mattermost_migrate.domain.objects import JsonObject

__all__ = ["at_rest", "in_time", "last_changed_first"]

#: Installations at rest that are looked at at once, and how many a second after those.
_AT_ONCE: Final = 50
_RATE: Final = 10.0


def at_rest(installation: JsonObject, *, locked: bool) -> bool:
    """Whether its operator called it stable as it is, and no migration holds it.

    A ClusterInstallation does not say which edit its status is of.
    """
    status = installation.get("status") or {}
    if locked or status.get("state") != "stable":
        return False
    if installation["kind"] != MATTERMOST.kind:
        return True
    return bool(status.get("observedGeneration") == installation["metadata"].get("generation"))


def last_changed_first(installations: Iterable[JsonObject]) -> list[JsonObject]:
    """By resourceVersion, which counts the writes of the whole cluster."""
    return sorted(
        installations, key=lambda each: int(each["metadata"]["resourceVersion"]), reverse=True
    )


async def in_time(
    installations: Iterable[JsonObject],
    *,
    at_once: int = _AT_ONCE,
    rate: float = _RATE,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncIterator[JsonObject]:
    """The same, some at once and the others at a steady rate.

    Args:
        installations: in their order.
        at_once: how many come without a pause.
        rate: how many a second come after those.
        pause: waits so many seconds.
    """
    for number, each in enumerate(installations):
        if number >= at_once:
            await pause(1.0 / rate)
        yield each
