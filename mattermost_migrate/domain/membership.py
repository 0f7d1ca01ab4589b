"""What a member of a fleet carries: which fleet it is of, and what that fleet last gave it.

Apart from the fleet, because ``status`` of the command line reads it too, and must answer at once.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from mattermost_migrate.domain.names import MEMBER_ANNOTATION
from mattermost_migrate.domain.objects import JsonObject, annotations_of

__all__ = ["Enlistment", "retry_of"]


def retry_of(obj: JsonObject) -> int:
    """How often somebody has asked a migration or a fleet to try again: ``retryGeneration``."""
    return int(obj["spec"].get("retryGeneration") or 0)


@dataclass(frozen=True, slots=True)
class Enlistment:
    """What a member knows of its fleet.

    Attributes:
        fleet: the UID of the FleetMigration.
        place: its position in the order, from 0; no other member has it.
        desired_kind: the kind its fleet last gave it.
        retry: the fleet's ``retryGeneration`` it was last started for.
        attempt: how often it has been tried again for that, by the fleet itself.
    """

    fleet: str
    place: int
    desired_kind: str
    retry: int = 0
    attempt: int = 0

    @classmethod
    def read(cls, migration: JsonObject) -> Self | None:
        """What the annotation says; None where there is none, or none that we wrote."""
        text = annotations_of(migration).get(MEMBER_ANNOTATION)
        return cls._parsed(text) if text else None

    @classmethod
    @lru_cache(maxsize=8192)
    def _parsed(cls, text: str) -> Self | None:
        """The same text is read at every change of its member."""
        try:
            fleet, place, kind, retry, attempt = json.loads(text)
            return cls(str(fleet), int(place), str(kind), int(retry), int(attempt))
        except (ValueError, TypeError):
            return None

    def written(self) -> dict[str, str]:
        """The annotation."""
        values = [self.fleet, self.place, self.desired_kind, self.retry, self.attempt]
        return {MEMBER_ANNOTATION: json.dumps(values, separators=(",", ":"))}

    def edited(self, migration: JsonObject) -> bool:
        """Whether another hand has set the wanted kind of the member since its fleet did."""
        return bool(migration["spec"].get("desiredKind") != self.desired_kind)
