"""The two kinds as the two sides of a migration: one engine goes either way between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mattermost_migrate.domain.names import (
    CLUSTER_INSTALLATION,
    MATTERMOST,
    V1ALPHA1,
    V1BETA1,
    Labels,
    Resource,
)

__all__ = ["NEW", "OLD", "Side", "other", "side"]


@dataclass(frozen=True, slots=True)
class Side:
    """One kind of installation, with the labels by which it knows its children."""

    resource: Resource
    labels: Labels

    @property
    def kind(self) -> str:
        """The kind's name, as in ``spec.desiredKind``."""
        return self.resource.kind


OLD: Final = Side(CLUSTER_INSTALLATION, V1ALPHA1)
NEW: Final = Side(MATTERMOST, V1BETA1)


def side(kind: str) -> Side:
    """The side of that kind; raises ValueError for any other word."""
    for candidate in (OLD, NEW):
        if candidate.kind == kind:
            return candidate
    raise ValueError(f"{kind!r} is neither {OLD.kind} nor {NEW.kind}")


def other(this: Side) -> Side:
    """The side across."""
    return NEW if this is OLD else OLD
