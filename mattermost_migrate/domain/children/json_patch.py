"""JSON Patch as the operator's library does it (operator facts 3.6).

It differs from RFC 6902 where the library does: ``replace`` of an absent key adds it, ``copy`` of
one copies null, and indices may be negative.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, MutableMapping
from typing import Any, Final, TypeAlias

from mattermost_migrate.domain.canonical.integers import AtoiError, atoi

__all__ = ["PatchError", "applied"]

_MISSING: Final = "missing value"
_Container: TypeAlias = "MutableMapping[str, Any] | list[Any]"


class PatchError(Exception):
    """An operation that does not apply; the text is the library's."""


def applied(document: Mapping[str, Any], operations: list[Mapping[str, Any]]) -> dict[str, Any]:
    """The document after every operation, in order; the one given is not touched.

    Raises:
        PatchError: an operation does not apply.
    """
    out: dict[str, Any] = copy.deepcopy(dict(document))
    for operation in operations:
        kind = operation.get("op")
        run = _OPERATIONS.get(kind) if isinstance(kind, str) else None
        if run is None:
            raise PatchError(f"Unexpected kind: {kind if isinstance(kind, str) else 'unknown'}")
        run(out, operation)
    return out


def _pointer(operation: Mapping[str, Any], key: str, failure: str) -> str:
    found = operation.get(key)
    if not isinstance(found, str):
        raise PatchError(failure)
    return found


def _parent(document: dict[str, Any], path: str, failure: str) -> tuple[_Container, str]:
    """The container a path ends in, and the last key."""
    tokens = [token.replace("~1", "/").replace("~0", "~") for token in path.split("/")[1:]]
    if not tokens:
        raise PatchError(failure)
    at: Any = document
    for token in tokens[:-1]:
        try:
            at = _get(at, token)
        except PatchError:
            at = None
        if not isinstance(at, dict | list):
            raise PatchError(failure)
    return at, tokens[-1]


def _index(key: str, size: int, words: str = "") -> int:
    """The place in a list; the words go before what Go says of a key that is no number."""
    try:
        index = atoi(key)
    except AtoiError as error:
        raise PatchError(f"{words}{error}") from None
    if not -size <= index < size:
        raise PatchError(f"Unable to access invalid index: {index}: invalid index referenced")
    return index + size if index < 0 else index


def _get(container: _Container, key: str) -> Any:
    if isinstance(container, list):
        return container[_index(key, len(container))]
    return container.get(key)


def _insert(container: _Container, key: str, value: Any) -> None:
    if not isinstance(container, list):
        container[key] = value
    elif key == "-":
        container.append(value)
    else:
        words = f"value was not a proper array index: '{key}': "
        container.insert(_index(key, len(container) + 1, words), value)


def _delete(container: _Container, key: str) -> None:
    if isinstance(container, list):
        del container[_index(key, len(container))]
    elif key not in container:
        raise PatchError(f"Unable to remove nonexistent key: {key}: {_MISSING}")
    else:
        del container[key]


def _add(document: dict[str, Any], operation: Mapping[str, Any]) -> None:
    path = _pointer(operation, "path", f"add operation failed to decode path: {_MISSING}")
    failure = f'add operation does not apply: doc is missing path: "{path}": {_MISSING}'
    container, key = _parent(document, path, failure)
    try:
        _insert(container, key, copy.deepcopy(operation.get("value")))
    except PatchError as error:
        raise PatchError(f"error in add for path: '{path}': {error}") from None


def _remove(document: dict[str, Any], operation: Mapping[str, Any]) -> None:
    path = _pointer(operation, "path", f"remove operation failed to decode path: {_MISSING}")
    failure = f'remove operation does not apply: doc is missing path: "{path}": {_MISSING}'
    container, key = _parent(document, path, failure)
    try:
        _delete(container, key)
    except PatchError as error:
        raise PatchError(f"error in remove for path: '{path}': {error}") from None


def _replace(document: dict[str, Any], operation: Mapping[str, Any]) -> None:
    words = "replace operation failed to decode path: operation missing path field"
    path = _pointer(operation, "path", f"{words}: {_MISSING}")
    failure = f"replace operation does not apply: doc is missing path: {path}: {_MISSING}"
    container, key = _parent(document, path, failure)
    value = copy.deepcopy(operation.get("value"))
    if not isinstance(container, list):
        container[key] = value
        return
    try:
        container[_index(key, len(container))] = value
    except PatchError:
        raise PatchError(
            f"replace operation does not apply: doc is missing key: {path}: {_MISSING}"
        ) from None


def _source(
    document: dict[str, Any], operation: Mapping[str, Any], verb: str
) -> tuple[_Container, str, str]:
    words = f"{verb} operation failed to decode from: operation, missing from field"
    path = _pointer(operation, "from", f"{words}: {_MISSING}")
    failure = f"{verb} operation does not apply: doc is missing from path: {path}: {_MISSING}"
    return *_parent(document, path, failure), path


def _target(
    document: dict[str, Any], operation: Mapping[str, Any], verb: str, undecoded: str
) -> tuple[_Container, str, str]:
    path = _pointer(operation, "path", undecoded)
    failure = f"{verb} operation does not apply: doc is missing destination path: {path}"
    return *_parent(document, path, f"{failure}: {_MISSING}"), path


def _move(document: dict[str, Any], operation: Mapping[str, Any]) -> None:
    container, key, _ = _source(document, operation, "move")
    try:
        value = _get(container, key)
        _delete(container, key)
    except PatchError as error:
        raise PatchError(f"error in move for path: '{key}': {error}") from None
    undecoded = "move operation failed to decode path: operation missing path field"
    container, key, path = _target(document, operation, "move", f"{undecoded}: {_MISSING}")
    try:
        _insert(container, key, value)
    except PatchError as error:
        raise PatchError(f"error in move for path: '{path}': {error}") from None


def _copy(document: dict[str, Any], operation: Mapping[str, Any]) -> None:
    container, key, source = _source(document, operation, "copy")
    try:
        value = copy.deepcopy(_get(container, key))
    except PatchError as error:
        raise PatchError(f"error in copy for from: '{source}': {error}") from None
    undecoded = f"copy operation failed to decode path: {_MISSING}"
    container, key, _ = _target(document, operation, "copy", undecoded)
    try:
        _insert(container, key, value)
    except PatchError as error:
        raise PatchError(f"error while adding value during copy: {error}") from None


def _test(document: dict[str, Any], operation: Mapping[str, Any]) -> None:
    words = "test operation failed to decode path: operation missing path field"
    path = _pointer(operation, "path", f"{words}: {_MISSING}")
    failure = f"test operation does not apply: is missing path: {path}: {_MISSING}"
    container, key = _parent(document, path, failure)
    try:
        value = _get(container, key)
    except PatchError as error:
        raise PatchError(f"error in test for path: '{path}': {error}") from None
    if "value" not in operation or not _equal(value, operation["value"]):
        raise PatchError(f"testing value {path} failed: test failed")


def _equal(left: Any, right: Any) -> bool:
    """JSON equality: unlike Python's, ``1`` is not ``True``."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(_equal(left[k], right[k]) for k in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


_OPERATIONS: Final = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}
