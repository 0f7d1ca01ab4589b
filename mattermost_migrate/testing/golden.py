"""The golden cases: what the Go operator rendered, as recorded in tests/data/golden.

The README beside the data says how it was made and what was normalised.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from mattermost_migrate.domain import last_applied
from mattermost_migrate.domain.names import LAST_APPLIED
from mattermost_migrate.domain.objects import JsonObject, name_of

__all__ = [
    "Case",
    "cases",
    "entries",
    "identified",
    "key_of",
    "objects_of",
    "placeholder",
    "recorded",
]

_DATA: Final = Path(__file__).parents[2] / "tests" / "data" / "golden"
_FILES: Final = ("hand-designed.jsonl.gz", "random.jsonl.gz")
_UIDS: Final = {"ClusterInstallation": "ci-uid", "Mattermost": "mm-uid"}


@dataclass(frozen=True, slots=True)
class Case:
    """One recorded case."""

    name: str
    input: Mapping[str, Any]
    output: Mapping[str, Any]

    def __str__(self) -> str:
        return self.name

    @property
    def world(self) -> list[JsonObject]:
        """What exists before the installation does."""
        return [*self.input.get("secrets", ()), *self.input.get("objects", ())]

    def resource(self, key: str) -> dict[str, Any]:
        """An installation of the input (``clusterInstallation``, ``thenMattermost``, …)."""
        return identified(self.input[key])

    def error(self, step: str) -> str | None:
        """The error text of a step, if it failed."""
        found: str | None = self.output.get("error", {}).get(step)
        return found


@cache
def cases() -> tuple[Case, ...]:
    """Every recorded case."""
    found = []
    for name in _FILES:
        with gzip.open(_DATA / name, "rt", encoding="utf-8") as lines:
            found += [Case(**json.loads(line)) for line in lines]
    return tuple(found)


def identified(obj: JsonObject) -> dict[str, Any]:
    """The installation with the UID that the recording wrote into owner references."""
    return {**obj, "metadata": {**obj["metadata"], "uid": _UIDS[obj["kind"]]}}


def placeholder(purpose: str, length: int) -> str:
    """The recording's stand-in for random text."""
    del purpose
    return f"<random:{length}>"


def key_of(obj: JsonObject) -> str:
    """``Kind/name``, as the lists of writes have it."""
    return f"{obj['kind']}/{name_of(obj)}"


def entries(objects: Iterable[JsonObject]) -> dict[str, dict[str, Any]]:
    """Objects as the recording lists them: without the annotation, and what it says."""
    return {key_of(obj): _entry(obj) for obj in objects}


def _entry(obj: JsonObject) -> dict[str, Any]:
    metadata = dict(obj["metadata"])
    annotations = dict(metadata.pop("annotations", None) or {})
    recorded = annotations.pop(LAST_APPLIED, None)
    if annotations:
        metadata["annotations"] = annotations
    document = last_applied.decode(recorded) if recorded else None
    return {"object": {**obj, "metadata": metadata}, "lastApplied": document}


def recorded(children: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Child entries of a case, by ``Kind/name``."""
    return {key_of(entry["object"]): entry for entry in children}


def objects_of(children: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The objects behind child entries, their annotation put back."""
    return [_restored(entry) for entry in children]


def _restored(entry: Mapping[str, Any]) -> dict[str, Any]:
    obj = dict(entry["object"])
    if entry["lastApplied"] is None:
        return obj
    annotations = dict(obj["metadata"].get("annotations") or {})
    annotations[LAST_APPLIED] = json.dumps(entry["lastApplied"])
    return {**obj, "metadata": {**obj["metadata"], "annotations": annotations}}
