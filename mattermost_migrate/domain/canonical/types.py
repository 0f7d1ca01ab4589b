"""The trip through Go's types: what is left of a JSON object, and what joins it (facts 0.5).

The operator decodes every object into structs and encodes it again. On the way unknown fields are
lost, optional zero values vanish, and structs that are no pointers appear even when empty. Which
field is which is data (``go_types.txt``); this module compiles that data into functions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Final, TypeAlias

from mattermost_migrate.domain.canonical import durations, integers, quantities
from mattermost_migrate.domain.objects import MAPPING

__all__ = ["MismatchError", "Trip", "compared", "fields_of", "known", "written"]

Write: TypeAlias = Callable[[Any], Any]
Trip: TypeAlias = Callable[[Mapping[str, Any]], dict[str, Any]]

_LINE: Final = re.compile(r"^(?P<type>[\w.]+):(?P<fields>.*)$")
_SCALARS: Final[Mapping[str, tuple[type, str]]] = {
    "str": (str, "string"),
    "bytes": (str, "[]uint8"),
    "bool": (bool, "bool"),
    "int32": (int, "int32"),
    "int64": (int, "int64"),
}
_ZERO: Final[Mapping[str, Any]] = {"str": "", "bytes": "", "bool": False, "int32": 0, "int64": 0}


class MismatchError(ValueError):
    """A value that Go could not decode into the field's type; the text is Go's."""

    def __init__(self, value: object, go_type: str) -> None:
        self.value = _json_kind(value, go_type)
        self.go_type = go_type
        self.struct = ""
        self.path: list[str] = []
        super().__init__(value, go_type)

    def within(self, struct: str, key: str) -> None:
        """Note one more step of the way out to the object's root."""
        self.struct = self.struct or struct
        self.path.insert(0, key)

    def __str__(self) -> str:
        place = f"Go struct field {self.struct}.{'.'.join(self.path)}" if self.path else "Go value"
        return f"json: cannot unmarshal {self.value} into {place} of type {self.go_type}"


def _json_kind(value: object, go_type: str) -> str:
    match value:
        case bool():
            return "bool"
        case int() | float():
            return f"number {value}" if go_type.startswith("int") else "number"
        case str():
            return "string"
        case Mapping():
            return "object"
        case _:
            return "array"


@dataclass(frozen=True, slots=True)
class _Field:
    """How one field of a struct is written.

    Attributes:
        write: from the value given to the value written.
        keeps_zero: whether a zero value is written when it was given.
        absent: makes what is written when nothing was given; None: nothing is.
    """

    write: Write
    keeps_zero: bool
    absent: Callable[[], Any] | None = None


@dataclass(slots=True)
class _Types:
    """The table, compiled on demand: one function a type.

    Attributes:
        port: how an IntOrString is written.
        no_time: what stands for a time that is not set; None: nothing does.
    """

    port: Write
    no_time: Callable[[], Any] | None
    trips: dict[str, Trip] = field(default_factory=dict)

    def trip(self, name: str) -> Trip:
        """The function for a struct, whole; any number of threads may ask at the same time."""
        if name not in self.trips:
            fresh = _Types(self.port, self.no_time, dict(self.trips))
            fresh._trip(name)
            self.trips.update(fresh.trips)
        return self.trips[name]

    def _trip(self, name: str) -> Trip:
        """The same, while it is made: types may contain one another."""
        if name not in self.trips:
            fields: dict[str, _Field] = {}
            always: list[tuple[str, Callable[[], Any]]] = []
            self.trips[name] = _struct(name.rpartition(".")[2], fields, always)
            for key, kind in _TABLE[name]:
                fields[key] = made = self._field(kind)
                if made.absent is not None:
                    always.append((key, made.absent))
        return self.trips[name]

    def _port(self, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise MismatchError(value, "int32")
        return self.port(value)

    def _field(self, kind: str) -> _Field:
        marked, kind = kind.endswith("!"), kind.removesuffix("!")
        null = _null if marked else None
        if kind.startswith("*"):
            return _Field(self._value(kind[1:]), keeps_zero=True, absent=null)
        write = self._value(kind)
        if kind.startswith(("[]", "{}")):
            return _Field(write, keeps_zero=marked, absent=null)
        if kind in _ZERO:
            zero = _ZERO[kind]
            return _Field(write, keeps_zero=marked, absent=(lambda: zero) if marked else None)
        absent = {
            **dict.fromkeys(("any", "duration")),
            "time": self.no_time,
            "quantity": lambda: "0",
            "port": lambda: self.port(0),
        }
        return _Field(write, keeps_zero=True, absent=absent.get(kind, lambda: write({})))

    def _value(self, kind: str) -> Write:
        if kind.startswith("[]"):
            return _list(self._value(kind[2:]), _go_type(kind))
        if kind.startswith("{}"):
            return _map(self._value(kind[2:]), _go_type(kind))
        if kind in _SCALARS:
            return _scalar(*_SCALARS[kind])
        known: dict[str, Write] = {
            "quantity": quantities.canonical,
            "duration": durations.canonical,
            "port": self._port,
            "time": _scalar(str, "string"),
            "any": _same,
        }
        return known.get(kind) or self._trip(kind)


def _struct(
    name: str, fields: Mapping[str, _Field], always: list[tuple[str, Callable[[], Any]]]
) -> Trip:
    def write(value: Mapping[str, Any]) -> dict[str, Any]:
        if not isinstance(value, MAPPING):
            raise MismatchError(value, f"v1.{name}")
        out: dict[str, Any] = {}
        for key, raw in value.items():
            known = fields.get(key)
            if known is None or raw is None:
                continue
            try:
                result = known.write(raw)
            except MismatchError as error:
                error.within(name, key)
                raise
            if result or known.keeps_zero:
                out[key] = result
        for key, make in always:
            if key not in out:
                out[key] = make()
        return out

    return write


def _go_type(kind: str) -> str:
    """A kind of the table in Go's spelling, as far as the table knows it."""
    if kind.startswith("[]"):
        return f"[]{_go_type(kind[2:])}"
    if kind.startswith("{}"):
        return f"map[string]{_go_type(kind[2:])}"
    return _SCALARS[kind][1] if kind in _SCALARS else f"v1.{kind}"


def _list(write: Write, go_type: str) -> Write:
    def all_of(value: Any) -> list[Any]:
        if not isinstance(value, list | tuple):
            raise MismatchError(value, go_type)
        return [write({} if item is None else item) for item in value]

    return all_of


def _map(write: Write, go_type: str) -> Write:
    def all_of(value: Any) -> dict[str, Any]:
        if not isinstance(value, MAPPING):
            raise MismatchError(value, go_type)
        return {key: write("" if item is None else item) for key, item in value.items()}

    return all_of


def _scalar(python: type, go: str) -> Write:
    def checked(value: Any) -> Any:
        if not isinstance(value, python) or (python is int and isinstance(value, bool)):
            raise MismatchError(value, go)
        return value

    return checked


def _same(value: Any) -> Any:
    return value


def _null() -> None:
    return None


def _compared_port(value: int | str) -> int | str | None:
    """As the annotation has it: zero is nothing, digits are a number (operator facts 0.4)."""
    number = value if isinstance(value, int) else integers.bounded(value)
    if number:
        return number
    return value if isinstance(value, str) and value not in {"", "0"} else None


def _read_table() -> dict[str, list[tuple[str, str]]]:
    text = resources.files(__package__).joinpath("go_types.txt").read_text(encoding="utf-8")
    joined = text.replace("\n  ", " ")
    table: dict[str, list[tuple[str, str]]] = {}
    for line in joined.splitlines():
        if (match := _LINE.match(line)) and not line.startswith("#"):
            pairs = (pair.partition("=") for pair in match["fields"].split())
            table[match["type"]] = [(key, kind) for key, _, kind in pairs]
    return table


_TABLE: Final = _read_table()
_WRITTEN: Final = _Types(_same, no_time=None)
_COMPARED: Final = _Types(_compared_port, no_time=_null)


def fields_of(go_type: str) -> tuple[tuple[str, str], ...]:
    """Names and kinds of a struct's fields, in the words of ``go_types.txt``."""
    return tuple(_TABLE[go_type])


def written(go_type: str) -> Trip:
    """The trip of a type as an object is sent: ``written("Deployment")(obj)``."""
    return _WRITTEN.trip(go_type)


def compared(go_type: str) -> Trip:
    """The trip of a type as the last-applied annotation writes it."""
    return _COMPARED.trip(go_type)


def known(go_type: str) -> bool:
    """Whether the table has the type."""
    return go_type in _TABLE
