"""Which installations need no more than a look at their health.

Most events of an installation are progress: a ReplicaSet counts its pods, a Deployment its status.
They cannot have changed what the children should be, so a round that they cause reads nothing from
the API server and only compares the status.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from mattermost_migrate.domain.names import REVISION_ANNOTATION
from mattermost_migrate.domain.objects import JsonObject, annotations_of, uid_of

__all__ = ["SETTLED_SECONDS", "Resync", "Settled", "progressed"]

#: Whose children: kind, namespace, name.
Whose: TypeAlias = tuple[str, str, str]

#: What is read by name, and so tells of no change, is read again after this many seconds.
SETTLED_SECONDS: Final = 60.0
#: Parts of the metadata that the API server and its controllers keep for themselves.
_BOOKKEEPING: Final = frozenset({"annotations", "generation", "managedFields", "resourceVersion"})


@dataclass(frozen=True, slots=True)
class Resync:
    """When to look again at what is well, though no event came.

    ServiceAccounts, Roles, Secrets, claims and the stores have no informer: what becomes of them
    is seen when they are read. That costs reads alone, and never more than ``rate`` installations
    a second, however many there are: 1,000 are each looked at every ten minutes, 5,000 every 42.

    Attributes:
        soonest: seconds, however few installations there are.
        rate: installations a second.
        chance: between 0 and 1; spreads them by a fifth to either side.
    """

    soonest: float = 600.0
    rate: float = 2.0
    chance: Callable[[], float] = random.random

    def after(self, installations: int) -> float:
        """Seconds until the next look, for one of so many."""
        return max(self.soonest, installations / self.rate) * (0.8 + 0.4 * self.chance())


@dataclass(frozen=True, slots=True)
class _Found:
    """One installation whose children were as they should be."""

    uid: str
    generation: Any
    until: float
    patches: Mapping[str, Any]


class Settled:
    """Remembers whose children were found, or brought, as they should be.

    It is a shortcut only: forgetting everything costs reads and nothing else.

    Args:
        clock: gives seconds.
        lasts: for how many of them it is remembered, if nothing happens.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, *, lasts: float = SETTLED_SECONDS
    ) -> None:
        self._clock = clock
        self._lasts = lasts
        self._disturbances: dict[Whose, int] = {}
        self._found: dict[Whose, _Found] = {}

    def disturb(self, whose: Whose) -> None:
        """Something happened that may have changed what a child is, or should be."""
        self._disturbances[whose] = self._disturbances.get(whose, 0) + 1
        self._found.pop(whose, None)

    def begin(self, whose: Whose) -> int:
        """A round begins; gives what ``settle`` needs to know what happened in between."""
        return self._disturbances.get(whose, 0)

    def settle(
        self,
        whose: Whose,
        owner: JsonObject,
        *,
        began: int,
        patches: Mapping[str, Any] | None = None,
    ) -> None:
        """A round ended with all children as they should be.

        Args:
            whose: of which installation.
            owner: the installation as the round saw it.
            began: what ``begin`` gave.
            patches: what became of the resource patches, for the status of rounds to come.
        """
        if self._disturbances.get(whose, 0) == began:
            generation = owner["metadata"].get("generation")
            found = _Found(uid_of(owner), generation, self._clock() + self._lasts, patches or {})
            self._found[whose] = found

    def found(self, whose: Whose, owner: JsonObject) -> Mapping[str, Any] | None:
        """What became of the resource patches, of a settled one; None: its children need a look."""
        found = self._found.get(whose)
        if found is None or self._clock() >= found.until:
            return None
        same = (found.uid, found.generation) == (
            uid_of(owner),
            owner["metadata"].get("generation"),
        )
        return found.patches if same else None

    def forget(self, whose: Whose) -> None:
        """The installation is gone."""
        self._disturbances.pop(whose, None)
        self._found.pop(whose, None)


def progressed(before: JsonObject | None, after: JsonObject | None) -> bool:
    """Whether nothing but status and bookkeeping of an object changed."""
    return before is not None and after is not None and _substance(before) == _substance(after)


def _substance(obj: JsonObject) -> tuple[dict[str, Any], dict[str, Any], dict[str, str]]:
    rest = {key: value for key, value in obj.items() if key not in ("metadata", "status")}
    metadata = {key: value for key, value in obj["metadata"].items() if key not in _BOOKKEEPING}
    annotations = {
        key: value for key, value in annotations_of(obj).items() if key != REVISION_ANNOTATION
    }
    return rest, metadata, annotations
