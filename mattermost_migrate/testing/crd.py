"""Objects made after a CRD's own schema: by hypothesis, and faster by seed."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml
from hypothesis import strategies as st

__all__ = ["Generator", "objects", "schema"]

_CRDS: Final = Path(__file__).parents[2] / "deploy" / "crds" / "operator"
_FILES: Final = {
    "ClusterInstallation": "mattermost.com_clusterinstallations.yaml",
    "Mattermost": "installation.mattermost.com_mattermosts.yaml",
}
_QUANTITY_HINT: Final = "[KMGTPE]i"
_SPARSE: Final = 5
_FEW: Final = 2
_INT32: Final = (1 << 31) - 1
_QUANTITIES: Final = (
    "0", "1", "500m", "0.5", "1.5", "1024Mi", "1.5Gi", "1000M", "2048Ki", "0.0015", "0.1Gi",
    "1e1", "1E3", "12e6", "-1", "+5", ".5", "5.", "100000000000000000000", "9223372036854775807",
    "0.000000001", "1n", "1e-3", "3.14159Ti", "1.500",
)  # fmt: skip
_STORAGE: Final = ("50Gi", "10G", "1.5Ti", "100", "0")
_TEXTS: Final = (
    "", "a", "a b", "ü", "🚀", "0", "true", "null", "line\nbreak", "tab\t", "\x7f", "$(X)", "{}",
    "\u2028", "a" * 300, "<&>", "~1/", '"',
)  # fmt: skip
#: Strategies by the identity of their node, which they keep alive.
_MADE: Final[dict[int, tuple[Mapping[str, Any], st.SearchStrategy[Any]]]] = {}
#: Seldom worth a case each: what is refused when it is said, and so hides everything else.
_RARE: Final = {"enable"}


@cache
def schema(kind: str) -> Mapping[str, Any]:
    """The schema of ``spec`` in the CRD of that kind."""
    crd = yaml.load((_CRDS / _FILES[kind]).read_text("utf-8"), yaml.CSafeLoader)
    root: Mapping[str, Any] = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    spec: Mapping[str, Any] = root["properties"]["spec"]
    return spec


def _kind(node: Mapping[str, Any]) -> str:
    if node.get("x-kubernetes-int-or-string"):
        return "int-or-string"
    return "enum" if "enum" in node else str(node["type"])


def objects(node: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """A strategy for values that a schema allows; objects get a few of their fields.

    There is one a node for good: checking a new one costs hypothesis more than drawing from it.
    """
    made = _MADE.get(id(node))
    if made is None:
        made = _MADE[id(node)] = (node, _STRATEGIES[_kind(node)](node))
    return made[1]


def _enum(node: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    return st.sampled_from(node["enum"])


def _array(node: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    return st.lists(st.deferred(lambda: objects(node["items"])), max_size=_FEW)


def _integer(node: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    limit = _INT32 if node.get("format") == "int32" else (1 << 63) - 1
    return st.sampled_from([0, 1, 3, -1]) | st.integers(-limit - 1, limit)


def _boolean(_node: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    return st.booleans()


def _text(node: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if "pattern" in node:
        return st.sampled_from(_STORAGE)
    return st.sampled_from(_TEXTS) | st.text(st.characters(codec="utf-8"), max_size=20)


def _int_or_string(node: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if _QUANTITY_HINT in node.get("pattern", ""):
        return st.sampled_from(_QUANTITIES) | st.integers(0, 1 << 40)
    return st.integers(0, 65535) | st.sampled_from(["http", "8065", ""])


def _object(node: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    if "properties" not in node:
        values = node.get("additionalProperties")
        item = objects(values) if isinstance(values, Mapping) else st.just("x")
        keys = st.text("abz./-", min_size=1, max_size=8) | st.sampled_from(_TEXTS)
        return st.dictionaries(keys, item, max_size=_FEW)
    properties = node["properties"]
    required = {name: objects(properties[name]) for name in node.get("required", ())}
    others = sorted(set(properties) - set(required))
    if not others:
        return st.fixed_dictionaries(required)
    chosen = st.lists(st.sampled_from(others), unique=True, max_size=_SPARSE)
    return chosen.flatmap(
        lambda names: st.fixed_dictionaries(
            {**required, **{name: objects(properties[name]) for name in names}}
        )
    )


_STRATEGIES: Final[Mapping[str, Callable[[Mapping[str, Any]], st.SearchStrategy[Any]]]] = {
    "int-or-string": _int_or_string,
    "enum": _enum,
    "object": _object,
    "array": _array,
    "string": _text,
    "integer": _integer,
    "boolean": _boolean,
}


class Generator:
    """The same, from a seed: some 50 times as fast, and nothing shrinks."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - cases, not secrets

    def make(self, node: Mapping[str, Any]) -> Any:
        """A value that the schema allows."""
        make: Callable[[Mapping[str, Any]], Any] = getattr(self, _METHODS[_kind(node)])
        return make(node)

    def _enum(self, node: Mapping[str, Any]) -> Any:
        return self._random.choice(node["enum"])

    def _array(self, node: Mapping[str, Any]) -> list[Any]:
        return [self.make(node["items"]) for _ in range(self._random.randrange(_FEW + 1))]

    def _integer(self, _node: Mapping[str, Any]) -> int:
        return self._random.choice((0, 1, 3, -1, self._random.randint(-_INT32, _INT32)))

    def _boolean(self, _node: Mapping[str, Any]) -> bool:
        return self._random.random() < 1 / 2

    def _text(self, node: Mapping[str, Any]) -> str:
        if "pattern" in node:
            return self._random.choice(_STORAGE)
        return self._random.choice(_TEXTS) + self._random.choice(_TEXTS)

    def _int_or_string(self, node: Mapping[str, Any]) -> int | str:
        if _QUANTITY_HINT in node.get("pattern", ""):
            return self._random.choice((*_QUANTITIES, self._random.randrange(1 << 40)))
        return self._random.choice((self._random.randrange(65536), "http", "8065", ""))

    def _object(self, node: Mapping[str, Any]) -> dict[str, Any]:
        if "properties" not in node:
            values = node.get("additionalProperties") or {"type": "string"}
            return {
                re.sub(r"\s", "", self._random.choice(_TEXTS)) + "/k": self.make(values)
                for _ in range(self._random.randrange(_FEW + 1))
            }
        properties = node["properties"]
        few = self._random.randrange(min(len(properties), _SPARSE) + 1)
        names = [*node.get("required", ()), *self._random.sample(sorted(properties), few)]
        return {
            name: self.make(properties[name])
            for name in names
            if name not in _RARE or self._random.random() < 1 / 10
        }


_METHODS: Final = {
    "int-or-string": "_int_or_string",
    "enum": "_enum",
    "object": "_object",
    "array": "_array",
    "string": "_text",
    "integer": "_integer",
    "boolean": "_boolean",
}
