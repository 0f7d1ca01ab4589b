"""What the builtin operator and the engine beside it say to each other, in one process, by memory.

The Go operator acknowledges a freeze by a status. Ours would write one for the engine of the same
process to read, and nobody else: a write of each migration that this saves. It is told in the round
that sees the freeze; rounds over one installation follow one another, so none that began before is
under way, and the next one sees it, too. A process that takes over knows of nothing, and waits for
its own operator's first round.

What one of them has just read or written, the other one reads a moment later. That is handed over
as well: an installation's move asks the API server for a fifth less.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Final

from controller.worker import Key
from mattermost_migrate.domain.freeze import edited_generation
from mattermost_migrate.domain.names import (
    INGRESS,
    ROLE,
    ROLE_BINDING,
    SERVICE,
    SERVICE_ACCOUNT,
    Resource,
)
from mattermost_migrate.domain.objects import JsonObject, key_of, uid_of
from mattermost_migrate.kube import Informer

__all__ = ["HANDED", "Handed", "Heard"]

#: The kinds of which objects are handed over: children without secrets or pods.
HANDED: Final = frozenset({SERVICE, INGRESS, SERVICE_ACCOUNT, ROLE, ROLE_BINDING})
#: Seconds after which a thing handed over is too old to be used, and how many there are at most.
_FRESH: Final = 60.0
_MOST: Final = 1024


class Handed:
    """Objects as the API server had them a moment ago, each for one use.

    Args:
        clock: gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._objects: OrderedDict[tuple[Resource, Key], tuple[float, JsonObject]] = OrderedDict()

    def put(self, resource: Resource, obj: JsonObject) -> None:
        """Hand an object over, in the place of what there was of it."""
        self._objects[resource, key_of(obj)] = (self._clock(), obj)
        self._objects.move_to_end((resource, key_of(obj)))
        if len(self._objects) > _MOST:
            self._objects.popitem(last=False)

    def take(self, resource: Resource, key: Key) -> JsonObject | None:
        """The object, once; None when nobody has handed it over of late."""
        at, obj = self._objects.pop((resource, key), (0.0, None))
        return obj if obj is not None and self._clock() - at < _FRESH else None


class Heard:
    """Which ClusterInstallations the operator in this process has seen frozen, and what is fresh.

    Attributes:
        told: called with the key of each; whoever waits for it sets it.
        read: children as the engine has read them, for the operator's round of the other kind.
        written: children as the operator has written them, for the engine.
        memory: the operator's informers, once they have listed what there is.
    """

    def __init__(self) -> None:
        self.told: Callable[[Key], None] = _nobody
        self.read = Handed()
        self.written = Handed()
        self.memory: Mapping[Resource, Informer] = {}
        self._seen: dict[str, int | None] = {}

    def tell(self, installation: JsonObject) -> None:
        """A round saw it frozen, and touches nothing."""
        if self.of(installation):
            return
        self._seen[uid_of(installation)] = edited_generation(installation)
        self.told(key_of(installation))

    def of(self, installation: JsonObject | None) -> bool:
        """Whether this very state of it was seen; after any edit it has to be seen again."""
        if installation is None:
            return False
        seen = self._seen.get(uid_of(installation))
        return seen is not None and seen == edited_generation(installation)

    def forget(self, installation: JsonObject) -> None:
        """It is gone."""
        self._seen.pop(uid_of(installation), None)


def _nobody(_: Key) -> None:
    """Nobody waits yet."""
