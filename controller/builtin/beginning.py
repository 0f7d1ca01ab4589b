"""In which order a leader looks at the installations that were there before it.

A whole look asks for half a dozen objects. Of thousands all at once, after each change of leader,
nothing would be left for minutes for the migrations under way. So what is at rest by its own word
is looked at in time, the last changed first: an edit that nobody led to see is among those.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Final, TypeVar

from mattermost_migrate.domain.names import MATTERMOST
from mattermost_migrate.domain.objects import JsonObject

__all__ = ["at_rest", "in_time"]

T = TypeVar("T")

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


async def in_time(
    resting: Iterable[tuple[int, T]],
    *,
    at_once: int = _AT_ONCE,
    rate: float = _RATE,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncIterator[T]:
    """The last changed first; some at once, and the others at a steady rate.

    Args:
        resting: with their resourceVersions, which count the writes of the whole cluster.
        at_once: how many come without a pause.
        rate: how many a second come after those.
        pause: waits so many seconds.
    """
    ordered = sorted(resting, key=lambda each: each[0], reverse=True)
    for number, (_, each) in enumerate(ordered):
        if number >= at_once:
            await pause(1.0 / rate)
        yield each
