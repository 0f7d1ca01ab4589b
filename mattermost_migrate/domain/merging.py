"""A three-way merge that knows which lists Kubernetes merges by key (operator facts 0.4).

Deletions come from what was written before and is wanted no more; everything wanted is set; the
rest of the live object stays. What was written before says nothing of empty texts (that is how the
operator records it), so a label with an empty value stays when it is wanted no more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

__all__ = ["merged"]

_KEYS: Final = {
    "containers": "name",
    "initContainers": "name",
    "env": "name",
    "hostAliases": "ip",
    "imagePullSecrets": "name",
    "ownerReferences": "uid",
    "secrets": "name",
    "volumeDevices": "devicePath",
    "volumeMounts": "mountPath",
    "volumes": "name",
}
#: Maps of texts under names that users choose.
_TEXTS: Final = frozenset({"annotations", "data", "labels", "matchLabels", "nodeSelector"})
#: Sections whose set of keys is ours alone: a leftover source, strategy or label would break them.
_RETAIN_KEYS: Final = frozenset({"nodeSelector", "selector", "strategy", "volumes"})
#: Ours even where no record says so: a selector of empty texts leaves none.
_OURS: Final = ("nodeSelector",)
#: Fields of which an object has one at a time.
_EXCLUSIVE: Final = (
    frozenset({"exec", "grpc", "httpGet", "tcpSocket"}),
    frozenset({"value", "valueFrom"}),
    frozenset({"configMapKeyRef", "fieldRef", "resourceFieldRef", "secretKeyRef"}),
)


def merged(
    original: Mapping[str, Any], live: Mapping[str, Any], desired: Mapping[str, Any]
) -> dict[str, Any]:
    """The live object with what is wanted, without what is wanted no more.

    Args:
        original: as we wrote it last; empty when unknown.
        live: as it is.
        desired: as it should be; null, empty text and maps of nothing else say nothing.
    """
    wanted = {key: value for key, value in desired.items() if not _silent(key, value)}
    dropped = {key for key in (*original, *_OURS) if key not in wanted} | _driven_out(live, wanted)
    out = {key: value for key, value in live.items() if key not in dropped}
    for key, value in wanted.items():
        result = _value(key, original.get(key), live.get(key), value)
        if key in live or result != []:
            out[key] = result
    for key in dropped & live.keys():
        if left := _left(key, original.get(key), live[key]):
            out[key] = left
    return out


def _left(key: str, original: Any, live: Any) -> Any:
    """Of a section that is wanted no more, what others have put there."""
    if key in _TEXTS - _RETAIN_KEYS:
        return _texts(_mapping(original), _mapping(live), {})
    before, now = _sequence(original), _sequence(live)
    if (by := _merge_key(key, before)) is None:
        return None
    ours = {item.get(by) for item in before}
    return [item for item in now if item.get(by) not in ours]


def _silent(key: str, value: Any) -> bool:
    """Whether the operator's comparison drops it: nothing, or a map that comes to nothing."""
    if isinstance(value, Mapping):
        return bool(value) and key not in _TEXTS and all(_silent(*item) for item in value.items())
    return value is None or value == ""


def _driven_out(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> set[str]:
    return {
        key
        for rivals in _EXCLUSIVE
        if rivals & wanted.keys()
        for key in rivals & live.keys()
        if key not in wanted
    }


def _value(key: str, original: Any, live: Any, desired: Any) -> Any:
    if isinstance(desired, Mapping):
        return _section(key, _mapping(original), _mapping(live), desired)
    if isinstance(desired, list):
        return _list(key, _sequence(original), _sequence(live), desired)
    return desired


def _section(
    key: str, original: Mapping[str, Any], live: Mapping[str, Any], desired: Mapping[str, Any]
) -> dict[str, Any]:
    if key in _RETAIN_KEYS:
        live = {name: value for name, value in live.items() if name in desired}
    if key in _TEXTS:
        return _texts(original, live, desired)
    return merged(original, live, desired)


def _texts(
    original: Mapping[str, Any], live: Mapping[str, Any], desired: Mapping[str, Any]
) -> dict[str, Any]:
    """Labels and their like: here an empty text is a value."""
    kept = {key: value for key, value in live.items() if key in desired or key not in original}
    return {**kept, **desired}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _sequence(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _list(key: str, original: Sequence[Any], live: Sequence[Any], desired: list[Any]) -> list[Any]:
    by = _merge_key(key, desired)
    if by is not None:
        indexed = [_indexed(items, by) for items in (original, live, desired)]
        if None not in indexed:
            return _by_key(key, *(index or {} for index in indexed))
    return _atomic(key, original, live, desired)


def _merge_key(key: str, desired: Sequence[Any]) -> str | None:
    if key == "ports":
        first = desired[0] if desired and isinstance(desired[0], Mapping) else {}
        return "containerPort" if "containerPort" in first else "port"
    return _KEYS.get(key)


def _indexed(items: Sequence[Any], by: str) -> dict[Any, Mapping[str, Any]] | None:
    """The items by their key; None when one has none, or two have the same."""
    index = {item.get(by): item for item in items if isinstance(item, Mapping)}
    return None if None in index or len(index) != len(items) else index


def _by_key(
    key: str,
    original: Mapping[Any, Mapping[str, Any]],
    live: Mapping[Any, Mapping[str, Any]],
    desired: Mapping[Any, Mapping[str, Any]],
) -> list[Any]:
    """Wanted entries in the wanted order; those of others where they were, or last."""
    results = {
        name: _section(key, original.get(name, {}), live.get(name, {}), item)
        for name, item in desired.items()
    }
    others = {
        name: item for name, item in live.items() if name not in desired and name not in original
    }
    present = [name for name in live if name in desired]
    if present == list(desired):
        kept = [name for name in live if name in desired or name in others]
        return [results.get(name) or others[name] for name in kept]
    return [*results.values(), *others.values()]


def _atomic(
    key: str, original: Sequence[Any], live: Sequence[Any], desired: list[Any]
) -> list[Any]:
    """The live list where it is the wanted one plus the API server's defaults; else the wanted."""
    if len(live) != len(desired):
        return desired
    before = original if len(original) == len(desired) else [None] * len(desired)
    results = [
        _value(key, old, now, new) for old, now, new in zip(before, live, desired, strict=True)
    ]
    return list(live) if results == list(live) else desired
