"""The FleetMigration that a run asks for; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from helm_mattermost_migrate.durations import parse_seconds
from helm_mattermost_migrate.selection import Key, Selection
from mattermost_migrate.domain.names import FLEET_MIGRATION, MATTERMOST, Strategy

__all__ = ["MAX_CONCURRENT", "Wishes", "fleet_request", "parse_amount", "parse_wave"]

#: How many at once, where nobody says: what the API server fills in.
MAX_CONCURRENT: Final = 15
#: generateName adds five letters, and a label value, which the name becomes, holds 63.
_LONGEST_PREFIX: Final = 50
_WAVE: Final = re.compile(r"(?:(?P<name>[^=:]+)=)?(?P<size>[^:]+)(?P<rest>(?::[^:]+)*)")
_APPROVE: Final = "approve"
#: Fields of the spec that have a wish of their own, or that are none.
_NAMED: Final = frozenset(
    {"desiredKind", "maxConcurrent", "pinPodTemplate", "strategy", "maxSurge", "selector"}
)


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a run shall go.

    Attributes:
        desired: the kind the installations shall be.
        max_concurrent: how many at once, by number or percentage; None leaves it to the cluster.
        pin: the pod template stays as it is.
        strategy: the pods stay, or new ones replace them.
        max_surge: for Recreate, pods beyond those wanted; None leaves it to the cluster.
        more: other fields of a FleetMigration's spec, as they stand there.
    """

    desired: str = MATTERMOST.kind
    max_concurrent: int | str | None = None
    pin: bool = True
    strategy: Strategy = Strategy.ADOPT
    max_surge: int | str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    def spec(self) -> dict[str, Any]:
        """All of it as the spec of a FleetMigration, without its selector."""
        told: dict[str, Any] = {
            **self.more,
            "desiredKind": self.desired,
            "pinPodTemplate": self.pin,
        }
        if self.max_concurrent is not None:
            told["maxConcurrent"] = self.max_concurrent
        if self.strategy is not Strategy.ADOPT:
            told["strategy"] = str(self.strategy)
        if self.max_surge is not None:
            told["maxSurge"] = self.max_surge
        return told

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> Wishes:
        """The wishes that ``spec()`` was made from; ValueError for a strategy that is none.

        Nothing but that is made to fit: what is no boolean is for the API server to refuse.
        """
        pin = spec.get("pinPodTemplate")
        return cls(
            desired=str(spec.get("desiredKind") or MATTERMOST.kind),
            max_concurrent=spec.get("maxConcurrent"),
            pin=True if pin is None else pin,
            strategy=Strategy(spec.get("strategy") or Strategy.ADOPT),
            max_surge=spec.get("maxSurge"),
            more={key: value for key, value in spec.items() if key not in _NAMED},
        )


def fleet_request(selection: Selection, keys: Sequence[Key], wishes: Wishes) -> dict[str, Any]:
    """The object to create; the API server completes its name.

    Args:
        selection: what was asked for.
        keys: the installations that were found for it and agreed to.
        wishes: how it shall go.
    """
    stem = keys[0][1] if len(keys) == 1 else "fleet"
    return {
        "apiVersion": FLEET_MIGRATION.api_version,
        "kind": FLEET_MIGRATION.kind,
        "metadata": {"generateName": f"{stem[:_LONGEST_PREFIX]}-"},
        "spec": {"selector": selection.fleet_selector(keys), **wishes.spec()},
    }


def parse_amount(text: str, what: str = "installations", *, least: int = 1) -> int | str:
    """``20`` or ``10%`` of what is counted.

    Args:
        text: to read.
        what: is counted, for the message.
        least: the smallest one that has a meaning.

    Raises:
        ValueError: it is neither a number nor a percentage.
    """
    number = text.removesuffix("%")
    percent = text.endswith("%")
    if not number.isdecimal() or int(number) < least or (percent and int(number) > 100):  # noqa: PLR2004 - per cent
        raise ValueError(f"{text!r} is no number of {what}; write 20 or 10%")
    return f"{int(number)}%" if percent else int(number)


def parse_wave(text: str) -> dict[str, Any]:
    """A wave, from ``[NAME=]SIZE[:SOAK][:approve]`` as in ``canary=1:10m:approve``.

    Raises:
        ValueError: it cannot be read; says how to write one.
    """
    found = _WAVE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no wave; write canary=1:10m:approve, 10%:1h or 50")
    wave: dict[str, Any] = {"size": parse_amount(found["size"])}
    if found["name"]:
        wave = {"name": found["name"], **wave}
    for part in found["rest"].split(":")[1:]:
        if part == _APPROVE:
            wave["requiresApproval"] = True
        else:
            wave["soakSeconds"] = round(parse_seconds(part))
    return wave
