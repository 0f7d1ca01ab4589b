"""ClusterInstallations as nobody should have stored them, by seed: nulls, wrong types, huge ones.

An API server keeps what was valid once; CRDs change, and etcd has seen worse. A conversion must
answer for all of it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any, Final

from mattermost_migrate.domain.conversion.versions import EDITS, RECORD
from mattermost_migrate.testing import crd

__all__ = ["Spoiler"]

_WRONG: Final[tuple[Callable[[], Any], ...]] = (
    lambda: None,
    lambda: True,
    lambda: -1,
    lambda: 1 << 70,
    lambda: 0.5,
    lambda: "",
    lambda: "x",
    lambda: "\u2028\x00ü🚀",
    list,
    dict,
    lambda: [None],
    lambda: {"": None},
    lambda: [[[{}]]],
    lambda: {"a": {"b": [1, "c", None]}},
)
_NAMES: Final = ("chat", "a-1", "0", "x" * 63)
_JUNK: Final = (
    "",
    "null",
    "{",
    "[]",
    '{"changes":1}',
    '{"whole":[]}',
    '{"changes":[{"path":["spec"]}]}',
)


class Spoiler:
    """Makes one object after another.

    Args:
        seed: the same seed, the same objects.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - cases, not secrets
        self._generator = crd.Generator(seed)
        self._schema = crd.schema("ClusterInstallation")

    def make(self) -> dict[str, Any]:
        """The next one: half of them as the CRD's schema has it, the others worse."""
        stored = {
            "apiVersion": "mattermost.com/v1alpha1",
            "kind": "ClusterInstallation",
            "metadata": self._metadata(),
            "spec": {"ingressName": "chat.example.com", **self._generator.make(self._schema)},
            "status": {"state": "stable", "replicas": 2},
        }
        if self._chance(1 / 2):
            self._spoil(stored)
        return stored

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _metadata(self) -> dict[str, Any]:
        metadata: dict[str, Any] = {
            "name": self._random.choice(_NAMES),
            "namespace": "acme",
            "uid": f"{self._random.getrandbits(64):x}",
            "resourceVersion": str(self._random.getrandbits(32)),
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "managedFields": [{"manager": "kubectl", "apiVersion": "mattermost.com/v1alpha1"}],
        }
        if self._chance(1 / 2):
            metadata["labels"] = {"team": "a", "app.kubernetes.io/managed-by": "Helm"}
        if self._chance(1 / 2):
            metadata["annotations"] = {"note": self._random.choice(("", "ü", "x" * 1000))}
        if self._chance(1 / 20):
            ours = self._random.choice((EDITS, RECORD))
            metadata.setdefault("annotations", {})[ours] = self._random.choice(_JUNK)
        return metadata

    def _spoil(self, stored: dict[str, Any]) -> None:
        spec = stored["spec"]
        match self._random.randrange(8):
            case 0:
                stored["spec"] = self._wrong()
            case 1:
                del stored["spec"]
            case 2:
                spec["mattermostEnv"] = [{"name": "HUGE", "value": "x" * 300_000}]
                spec["replicas"] = self._random.choice((2, "two"))
            case 3:
                spec["notInTheSchema"] = self._deep(self._random.choice((10, 400)))
            case _:
                places = list(_places(spec))
                for _ in range(self._random.randint(1, 3)):
                    holder, key = self._random.choice(places)
                    holder[key] = self._wrong()

    def _wrong(self) -> Any:
        return self._random.choice(_WRONG)()

    def _deep(self, depth: int) -> Any:
        value: Any = "deep"
        for _ in range(depth):
            value = {"a": value} if self._chance(1 / 2) else [value]
        return value


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every key and every index there is, at any depth."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield value, key
            yield from _places(item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield value, index
            yield from _places(item)
