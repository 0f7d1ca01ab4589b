"""Manifests as people keep them: files of many documents, YAML or JSON, with mistakes.

Every document is read for itself, so one that does not parse hides no fault of the others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from mattermost_migrate.domain.errors import Fault
from mattermost_migrate.domain.objects import JsonObject, name_of, namespace_of
from mattermost_migrate.domain.yaml_reader import MAX_DEPTH, Parsed, Place, parse

__all__ = ["Document", "Manifests", "read"]

_MARKER: Final = re.compile(r"^---(?=[ \t\r\n]|\Z)", re.MULTILINE)
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_DIRECTIVES: Final = re.compile(r"(?:[ \t]*(?:[%#].*)?(?:\r?\n|\Z))*")
_JSON_BRACKETS: Final = re.compile(r"[\[\]{}]")


@dataclass(frozen=True, slots=True)
class Document:
    """One object of a manifest.

    Attributes:
        obj: the object; it has an ``apiVersion`` and a ``kind``.
        source: the file's name as it was given.
        line: where the document begins; items of a list share their list's.
    """

    obj: JsonObject
    source: str
    line: int

    @property
    def kind(self) -> str:
        """The object's kind."""
        return str(self.obj["kind"])

    @property
    def api_version(self) -> str:
        """The object's group and version."""
        return str(self.obj["apiVersion"])

    def __str__(self) -> str:
        name = "/".join(filter(None, (namespace_of(self.obj), name_of(self.obj))))
        return f"{self.source}:{self.line}: {self.kind} {name}".rstrip()


@dataclass(frozen=True, slots=True)
class Manifests:
    """What was read.

    Attributes:
        documents: all whole objects, in the order given, lists resolved into their items.
        faults: what could not be read; ``field`` is ``file:line:column``.
    """

    documents: tuple[Document, ...]
    faults: tuple[Fault, ...]


def read(sources: Iterable[tuple[str, str | bytes]]) -> Manifests:
    """Read files of any number of documents.

    Args:
        sources: pairs of a name, for faults, and the content.
    """
    documents: list[Document] = []
    faults: list[Fault] = []
    for source, content in sources:
        for item in _read_source(source, content):
            if isinstance(item, Fault):
                faults.append(item)
            else:
                documents.append(item)
    return Manifests(tuple(documents), tuple(faults))


def _read_source(source: str, content: str | bytes) -> Iterator[Document | Fault]:
    try:
        text = content if isinstance(content, str) else content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
        yield Fault(f"{source}:{line}:{column}", "is not UTF-8", "Unreadable")
        return
    for part, line in _parts(text.removeprefix("\ufeff")):
        parsed = _parse_json(part, line) or parse(part, first_line=line)
        for misread in parsed.misread:
            where = f"{source}:{misread.place.line}:{misread.place.column}"
            yield Fault(where, misread.message, "Unreadable")
        for value, place in parsed.documents:
            yield from _objects(value, source, place)


def _parts(text: str) -> Iterator[tuple[str, int]]:
    """The text between document markers, with its first line's number.

    In YAML nothing else can begin a line with three dashes.
    """
    starts = [0, *(match.start() for match in _MARKER.finditer(text)), len(text)]
    line = 1
    for start, end in pairwise(starts):
        part = text[start:end]
        if not _DIRECTIVES.fullmatch(part):
            yield part, line
        line += part.count("\n")


def _parse_json(part: str, first_line: int) -> Parsed | None:
    """The fast way for JSON, one value after another; None when it is YAML.

    From where it cannot go on the slow way does, which knows places and more mistakes.
    """
    start = _begin(part, 3 if part.startswith("---") else 0)
    if part[start : start + 1] not in ("{", "["):
        return None
    parsed = Parsed()
    while start < len(part):
        line = first_line + part.count("\n", 0, start)
        try:
            value, end = _DECODER.raw_decode(part, start)
        except (ValueError, RecursionError):
            end = 0
        if not end or _too_deep(part, start, end):
            rest = parse(part[start:], first_line=line)
            return Parsed(parsed.documents + rest.documents, rest.misread)
        column = start - part.rfind("\n", 0, start)
        parsed.documents.append((value, Place(line, column)))
        start = _begin(part, end)
    return parsed


def _begin(text: str, start: int) -> int:
    match = _SPACE.match(text, start)
    return match.end() if match else start


def _too_deep(part: str, start: int, end: int) -> bool:
    """Whether it may be nested deeper than is read; brackets inside of texts count, too."""
    depth = deepest = 0
    for bracket in _JSON_BRACKETS.finditer(part, start, end):
        depth += 1 if bracket[0] in "{[" else -1
        deepest = max(deepest, depth)
    return deepest > MAX_DEPTH


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a key is repeated")
    return members


def _finite(text: str) -> float:
    raise ValueError(f"{text} is no JSON")


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_unrepeated, parse_constant=_finite)


def _objects(value: Any, source: str, place: Place) -> Iterator[Document | Fault]:
    """The object, or the items of a list of objects."""
    where = f"{source}:{place.line}:{place.column}"
    if not isinstance(value, Mapping):
        yield Fault(where, "is no object of Kubernetes: it has no fields", "Unreadable")
        return
    lacking = [key for key in ("apiVersion", "kind") if not _is_text(value.get(key))]
    if lacking:
        missing = " and no ".join(lacking)
        yield Fault(where, f"is no object of Kubernetes: it has no {missing}", "Unreadable")
    elif value["kind"].endswith("List") and isinstance(value.get("items"), list):
        yield from _items(value, source, place)
    elif not _is_named(value):
        yield Fault(where, f"{value['kind']}: metadata is no object, or no name in it is a text")
    else:
        yield Document(value, source, place.line)


def _items(value: JsonObject, source: str, place: Place) -> Iterator[Document | Fault]:
    """A server's typed list leaves out what all its items have in common."""
    common: dict[str, Any] = {}
    if value["kind"] != "List":
        common = {"apiVersion": value["apiVersion"], "kind": value["kind"].removesuffix("List")}
    for item in value["items"]:
        yield from _objects(
            {**common, **item} if isinstance(item, Mapping) else item, source, place
        )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _is_named(value: JsonObject) -> bool:
    metadata = value.get("metadata") or {}
    return isinstance(metadata, Mapping) and all(
        isinstance(metadata.get(key) or "", str) for key in ("name", "namespace")
    )
