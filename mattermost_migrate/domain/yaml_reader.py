"""YAML and JSON as Kubernetes means them: plain JSON values, and a place for every fault.

Built on parser events with a stack of its own, so a fault has line and column, a repeated key is
one, and neither depth nor aliases can exhaust anything. What a plain scalar means follows what
``kubectl`` makes of it; timestamps and base 60 are texts. ``y`` and ``n`` stay letters.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

__all__ = ["MAX_DEPTH", "MAX_VALUES", "Misread", "Parsed", "Place", "parse"]

#: No object of Kubernetes comes near.
MAX_DEPTH: Final = 100
#: Values of one document with every alias written out.
MAX_VALUES: Final = 5_000_000

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL: Final = {"", "~", "null", "Null", "NULL"}
_BOOL: Final = {
    **dict.fromkeys(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"), False),
}
_INT: Final = re.compile(
    r"(?P<sign>[-+]?)(?:0b(?P<two>[01_]+)|0o?(?P<eight>[0-7_]+)|0x(?P<sixteen>[0-9a-fA-F_]+)"
    r"|(?P<ten>0|[1-9][0-9_]*))"
)
_BASES: Final = {"two": 2, "eight": 8, "sixteen": 16, "ten": 10}
_FLOAT: Final = re.compile(r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?")
_NOT_JSON: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_MAX_DIGITS: Final = 4000
_TAG: Final = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands; lines and columns count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Misread:
    """Something wrong with the text."""

    place: Place
    message: str


@dataclass(slots=True)
class Parsed:
    """What a text holds.

    Attributes:
        documents: the values with the place where each begins; null documents are left out.
        misread: what is wrong; a document with a fault is not among ``documents``.
    """

    documents: list[tuple[Any, Place]] = field(default_factory=list)
    misread: list[Misread] = field(default_factory=list)


class _Stopped(Exception):  # noqa: N818 - never leaves this module
    """The document cannot be read on."""

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(message)
        self.misread = Misread(place, message)


@dataclass(slots=True)
class _Open:
    """A mapping or sequence under construction.

    Attributes:
        value: what there is of it.
        anchor: its name for aliases.
        place: where it began.
        key: the key that waits for its value, in a mapping.
        merged: values that ``<<`` brings in, beneath the mapping's own.
        count: values in it, aliases written out.
    """

    value: dict[str, Any] | list[Any]
    anchor: str | None
    place: Place
    key: str | None = None
    merged: list[Any] = field(default_factory=list)
    count: int = 1


def parse(text: str, *, first_line: int = 1) -> Parsed:
    """Read all documents of a text.

    Args:
        text: YAML, of which JSON is nearly a part.
        first_line: the number of the text's first line in its file.
    """
    parsed = Parsed()
    builder = _Builder(first_line, parsed.misread)
    try:
        for document, place in builder.documents(text):
            parsed.documents.append((document, place))
    except _Stopped as stopped:
        parsed.misread.append(stopped.misread)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = builder.place(mark) if mark else Place(first_line, 1)
        parsed.misread.append(Misread(place, error.problem or error.context or "is no YAML"))
    except yaml.reader.ReaderError as error:
        parsed.misread.append(_unreadable(text, error, first_line))
    return parsed


def _unreadable(text: str, error: yaml.reader.ReaderError, first_line: int) -> Misread:
    before = text.encode("utf-8", "surrogatepass")[: int(error.position)].decode(errors="replace")
    line = before.count("\n")
    column = len(before) - before.rfind("\n")
    return Misread(Place(first_line + line, column), f"unreadable character: {error.reason}")


@dataclass(slots=True)
class _Builder:
    """Puts events together to values."""

    first_line: int
    misread: list[Misread]
    stack: list[_Open] = field(default_factory=list)
    anchors: dict[str, tuple[Any, int]] = field(default_factory=dict)

    def place(self, mark: Any) -> Place:
        return Place(self.first_line + mark.line, mark.column + 1)

    def documents(self, text: str) -> Iterator[tuple[Any, Place]]:
        """Yield each document that is whole and not null, with its place."""
        root: Any = None
        began, faults = Place(self.first_line, 1), 0
        for event in yaml.parse(text, Loader=_LOADER):
            if isinstance(event, yaml.DocumentStartEvent):
                self.anchors.clear()
                root, began, faults = None, Place(0, 0), len(self.misread)
            elif isinstance(event, yaml.DocumentEndEvent):
                if root is not None and faults == len(self.misread):
                    yield root, began
            elif isinstance(event, yaml.NodeEvent | yaml.CollectionEndEvent):
                began = began if began.line else self.place(event.start_mark)
                finished = self._take(event)
                root = finished[0] if finished else root

    def _take(self, event: yaml.Event) -> tuple[Any] | None:
        """Take one event; the document's value in a tuple once it is complete."""
        place = self.place(event.start_mark)
        match event:
            case yaml.MappingStartEvent():
                self._open({}, event.anchor, place)
            case yaml.SequenceStartEvent():
                self._open([], event.anchor, place)
            case yaml.CollectionEndEvent():
                return self._close()
            case yaml.AliasEvent():
                if event.anchor not in self.anchors:
                    raise _Stopped(place, f"alias {event.anchor!r} names nothing before it")
                value, count = self.anchors[event.anchor]
                return self._add(value, count, place)
            case yaml.ScalarEvent():
                return self._scalar(event, place)
        return None

    def _open(self, value: dict[str, Any] | list[Any], anchor: str | None, place: Place) -> None:
        if len(self.stack) >= MAX_DEPTH:
            raise _Stopped(place, f"is nested more than {MAX_DEPTH} deep")
        if self._expects_key():
            raise _Stopped(place, "a key must be a plain text")
        if anchor:
            self.anchors.pop(anchor, None)
        self.stack.append(_Open(value, anchor, place))

    def _close(self) -> tuple[Any] | None:
        closed = self.stack.pop()
        value = closed.value
        if closed.merged and isinstance(value, dict):
            for other in closed.merged:
                value = {**other, **value}
        if closed.anchor:
            self.anchors[closed.anchor] = (value, closed.count)
        return self._add(value, closed.count, closed.place)

    def _scalar(self, event: yaml.ScalarEvent, place: Place) -> tuple[Any] | None:
        if self._expects_key():
            self._key(event, place)
            return None
        value = _resolved(event, place)
        if event.anchor:
            self.anchors[event.anchor] = (value, 1)
        return self._add(value, 1, place)

    def _expects_key(self) -> bool:
        return bool(
            self.stack and isinstance(self.stack[-1].value, dict) and self.stack[-1].key is None
        )

    def _key(self, event: yaml.ScalarEvent, place: Place) -> None:
        """A key is its text, whatever the text would mean as a value."""
        top = self.stack[-1]
        top.key = event.value
        if event.anchor:
            self.anchors[event.anchor] = (event.value, 1)
        if top.key in top.value and not _is_merge(event):
            self.misread.append(Misread(place, f"key {top.key!r} is repeated"))

    def _add(self, value: Any, count: int, place: Place) -> tuple[Any] | None:
        if not self.stack:
            return (value,)
        top = self.stack[-1]
        top.count += count
        if top.count > MAX_VALUES:
            raise _Stopped(place, f"aliases make more than {MAX_VALUES} values of it")
        if isinstance(top.value, list):
            top.value.append(value)
        elif top.key is None:
            raise _Stopped(place, "a key must be a plain text")
        else:
            self._put(top, top.key, value, place)
        return None

    def _put(self, top: _Open, key: str, value: Any, place: Place) -> None:
        top.key = None
        if key != "<<":
            top.value[key] = value  # type: ignore[call-overload]  # only mappings have keys
            return
        others = value if isinstance(value, list) else [value]
        if not all(isinstance(other, dict) for other in others):
            raise _Stopped(place, "'<<' takes a mapping, or a list of them")
        top.merged.extend(others)


def _is_merge(event: yaml.ScalarEvent) -> bool:
    return bool(event.value == "<<" and event.implicit[0])


def _resolved(event: yaml.ScalarEvent, place: Place) -> Any:
    text, tag = event.value, event.tag
    if tag in (None, "!") or tag == _TAG + "str":
        plain = tag is None and event.implicit[0]
        return _plain(text, place) if plain else text
    if tag == _TAG + "binary":
        try:
            return base64.b64decode(text).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise _Stopped(place, "!!binary is no base64 of a text") from None
    if tag in (_TAG + "int", _TAG + "float", _TAG + "bool", _TAG + "null"):
        return _plain(text, place)
    raise _Stopped(place, f"tag {tag!r} means nothing here")


def _plain(text: str, place: Place) -> Any:
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if match := _INT.fullmatch(text):
        return _integer(match, place)
    if _FLOAT.fullmatch(text):
        number = float(text.replace("_", ""))
        if math.isfinite(number):
            return number
    if _NOT_JSON.fullmatch(text) or _FLOAT.fullmatch(text):
        raise _Stopped(place, f"{text} is no number in JSON")
    return text


def _integer(match: re.Match[str], place: Place) -> int | str:
    kind = match.lastgroup or "ten"
    digits = match[kind].replace("_", "")
    if len(digits) > _MAX_DIGITS:
        raise _Stopped(place, f"a number of {len(digits)} digits")
    return int(match["sign"] + digits, _BASES[kind]) if digits else match[0]
