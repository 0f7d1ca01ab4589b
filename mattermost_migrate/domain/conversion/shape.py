"""Has every value the type its field asks for? All that have not, with their paths.

An API server has checked what it stores. What a person wrote into a file nobody has; and a
misspelt field must not vanish in a conversion without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Final, TypeAlias

from mattermost_migrate.domain.canonical import durations, quantities, types
from mattermost_migrate.domain.errors import Fault, RefusedError
from mattermost_migrate.domain.names import MATTERMOST
from mattermost_migrate.domain.objects import JsonObject

__all__ = ["faults", "require_shape"]

#: Yields the faults of a value at a path.
Check: TypeAlias = Callable[[Any, str], Iterator[Fault]]

_BITS: Final = {"int32": 31, "int64": 63}
_NAMES: Final = {
    "str": "a string",
    "bytes": "a string",
    "bool": "true or false",
    "int32": "an integer",
    "int64": "an integer",
    "port": "a number or a name",
}


def require_shape(installation: JsonObject) -> None:
    """Refuse what no API server would store as a ClusterInstallation or a Mattermost.

    Raises:
        RefusedError: with every value of the wrong type, and every field that there is not.
    """
    metadata, spec = installation.get("metadata"), installation.get("spec")
    go_type = "ClusterInstallationSpec"
    if installation.get("kind") == MATTERMOST.kind:
        go_type, spec = "MattermostSpec", {} if spec is None else spec
    found = (
        *faults("ObjectMeta", {} if metadata is None else metadata, "metadata", strict=False),
        *faults(go_type, spec, "spec"),
    )
    if found:
        raise RefusedError(found)


def faults(go_type: str, value: Any, path: str, *, strict: bool = True) -> Iterator[Fault]:
    """What is wrong with a value.

    Args:
        go_type: a type of ``canonical/go_types.txt``.
        value: as it came out of JSON or YAML.
        path: where it stands.
        strict: whether a field that the type does not know is a fault.
    """
    return _struct(go_type, strict=strict)(value, path)


@cache
def _struct(go_type: str, *, strict: bool) -> Check:
    kinds = {name: kind.removesuffix("!") for name, kind in types.fields_of(go_type)}

    def check(value: Any, path: str) -> Iterator[Fault]:
        if not isinstance(value, Mapping):
            yield _mismatch(value, path, "an object")
            return
        for name, item in value.items():
            kind = kinds.get(name)
            if kind is not None:
                if item is not None:
                    yield from _check(kind, strict)(item, f"{path}.{name}")
            elif strict:
                yield Fault(f"{path}.{name}", "there is no such field", "UnknownField")

    return check


@cache
def _check(kind: str, strict: bool) -> Check:  # noqa: FBT001 - positional for the cache's sake
    kind = kind.removeprefix("*")
    if kind.startswith("[]"):
        return _list(_check(kind[2:], strict))
    if kind.startswith("{}"):
        return _map(_check(kind[2:], strict))
    return _LEAVES.get(kind) or _struct(kind, strict=strict)


def _list(check_item: Check) -> Check:
    def check(value: Any, path: str) -> Iterator[Fault]:
        if not isinstance(value, list | tuple):
            yield _mismatch(value, path, "a list")
            return
        for index, item in enumerate(value):
            if item is not None:
                yield from check_item(item, f"{path}[{index}]")

    return check


def _map(check_item: Check) -> Check:
    def check(value: Any, path: str) -> Iterator[Fault]:
        if not isinstance(value, Mapping):
            yield _mismatch(value, path, "an object")
            return
        for key, item in value.items():
            here = f"{path}[{key}]"
            yield from _text_faults(key, here)
            if item is not None:
                yield from check_item(item, here)

    return check


def _scalar(kind: str) -> Check:
    def check(value: Any, path: str) -> Iterator[Fault]:
        match value:
            case bool():
                wrong = kind != "bool"
            case int():
                wrong = not (kind in _BITS or kind == "port")
                if not wrong and not _fits(value, _BITS.get(kind, 31)):
                    yield Fault(path, f"is out of range for {kind}")
            case str():
                wrong = kind not in ("str", "bytes", "port")
                if not wrong:
                    yield from _text_faults(value, path)
            case _:
                wrong = True
        if wrong:
            yield _mismatch(value, path, _NAMES[kind])

    return check


def _fits(value: int, bits: int) -> bool:
    return -(1 << bits) <= value < 1 << bits


def _text_faults(value: object, path: str) -> Iterator[Fault]:
    if not isinstance(value, str):
        yield _mismatch(value, path, "a string")
    elif not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        yield Fault(ascii(path)[1:-1], "holds half of a surrogate pair, which is no character")


def _readable(canonical: Callable[[Any], object], kind: str) -> Check:
    def check(value: Any, path: str) -> Iterator[Fault]:
        try:
            canonical(value)
        except (ValueError, TypeError, AttributeError, ArithmeticError):
            if isinstance(value, str):
                yield Fault(path, f"is no {kind}", "TypeInvalid")
            else:
                yield _mismatch(value, path, f"a {kind}")

    return check


def _anything(_value: Any, _path: str) -> Iterator[Fault]:
    return iter(())


def _mismatch(value: object, path: str, wanted: str) -> Fault:
    """Names the kind of value found, not the value: it may be a password in the wrong place."""
    return Fault(path, f"must be {wanted}, not {_kind(value)}", "TypeInvalid")


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case Mapping():
            return "an object"
        case _:
            return "a list"


_LEAVES: Final[Mapping[str, Check]] = {
    **{kind: _scalar(kind) for kind in _NAMES},
    "time": _anything,
    "any": _anything,
    "quantity": _readable(quantities.canonical, "quantity"),
    "duration": _readable(durations.canonical, "duration"),
}
