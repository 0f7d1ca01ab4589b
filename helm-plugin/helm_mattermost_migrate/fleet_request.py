"""The FleetMigration that a run asks for; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from helm_mattermost_migrate.selection import Key, Selection
from mattermost_migrate.domain.names import FLEET_MIGRATION, MATTERMOST, Strategy

__all__ = ["Wishes", "fleet_request", "parse_amount"]

#: generateName adds five letters, and a label value, which the name becomes, holds 63.
_LONGEST_PREFIX: Final = 50


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a run shall go.

    Attributes:
        desired: the kind the installations shall be.
        max_concurrent: how many at once, by number or percentage; None leaves it to the cluster.
        pin: the pod template stays as it is.
        strategy: the pods stay, or new ones replace them.
        max_surge: for Recreate, pods beyond those wanted; None leaves it to the cluster.
    """

    desired: str = MATTERMOST.kind
    max_concurrent: int | str | None = None
    pin: bool = True
    strategy: Strategy = Strategy.ADOPT
    max_surge: int | str | None = None


def fleet_request(selection: Selection, keys: Sequence[Key], wishes: Wishes) -> dict[str, Any]:
    """The object to create; the API server completes its name.

    Args:
        selection: what was asked for.
        keys: the installations that were found for it and agreed to.
        wishes: how it shall go.
    """
    stem = keys[0][1] if len(keys) == 1 else "fleet"
    spec: dict[str, Any] = {
        "selector": selection.fleet_selector(keys),
        "desiredKind": wishes.desired,
        "pinPodTemplate": wishes.pin,
    }
    if wishes.max_concurrent is not None:
        spec["maxConcurrent"] = wishes.max_concurrent
    if wishes.strategy is not Strategy.ADOPT:
        spec["strategy"] = str(wishes.strategy)
    if wishes.max_surge is not None:
        spec["maxSurge"] = wishes.max_surge
    return {
        "apiVersion": FLEET_MIGRATION.api_version,
        "kind": FLEET_MIGRATION.kind,
        "metadata": {"generateName": f"{stem[:_LONGEST_PREFIX]}-"},
        "spec": spec,
    }


def parse_amount(text: str, what: str = "installations") -> int | str:
    """``20`` or ``10%`` of what is counted; ValueError for anything else."""
    number = text.removesuffix("%")
    if not number.isdecimal() or int(number) < 1 or (text.endswith("%") and int(number) > 100):  # noqa: PLR2004 - per cent
        raise ValueError(f"{text!r} is no number of {what}; write 20 or 10%")
    return f"{int(number)}%" if text.endswith("%") else int(number)
