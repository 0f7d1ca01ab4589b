"""Patches as Go's JSON decoder reads them, with its words for what is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["operations", "syntax_error"]

_SPACE: Final = " \t\r\n"
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?P<part>\.[0-9]+)?(?P<exponent>[eE][+-]?[0-9]+)?")
_LITERALS: Final = {"t": "true", "f": "false", "n": "null"}
#: Where Go looks for one more character before it sees the end: it takes a space for it.
_UNENDING: Final = (
    "in literal",
    "in numeric",
    "after decimal",
    "in exponent",
    "in string e",
    "in \\u",
)
_END: Final = "unexpected end of JSON input"


def operations(text: str) -> list[Mapping[str, Any]]:
    """The operations of a JSON Patch.

    Raises:
        ValueError: it is no JSON, or no list of operations.
    """
    if error := syntax_error(text):
        raise ValueError(error)
    found = json.loads(text)
    if found is None:
        return []
    if not isinstance(found, list):
        raise ValueError(  # noqa: TRY004 - the text is wrong, not our types
            f"json: cannot unmarshal {_kind(found)} into Go value of type []v1beta1.patchOperation"
        )
    return [_operation({} if item is None else item) for item in found]


def _operation(item: Any) -> Mapping[str, Any]:
    at = "of type v1beta1.patchOperation"
    if not isinstance(item, dict):
        raise ValueError(f"json: cannot unmarshal {_kind(item)} into Go value {at}")  # noqa: TRY004
    for key in ("op", "path"):
        value = item.get(key)
        if value is not None and not isinstance(value, str):
            field = f"Go struct field patchOperation.{key} of type string"
            raise ValueError(f"json: cannot unmarshal {_kind(value)} into {field}")
    return item


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    names: dict[type, str] = {dict: "object", list: "array", str: "string"}
    return names.get(type(value), "number")


class _SyntaxError(Exception):
    """Where and why Go's scanner gives up."""


def syntax_error(text: str) -> str | None:
    """What Go says of the text's syntax, or we of its depth; None when there is nothing wrong."""
    try:
        at = _skip(text, _value(text, _skip(text, 0)))
        if at < len(text):
            raise _unexpected(text, at, "after top-level value")
    except _SyntaxError as error:
        return str(error)
    except RecursionError:  # Go goes further down, and no patch that means something goes so far
        return "nested too deeply"
    return None


def _unexpected(text: str, at: int, where: str) -> _SyntaxError:
    ends = at >= len(text)
    if ends and not where.startswith(_UNENDING):
        return _SyntaxError(_END)
    byte = " " if ends else chr(text[at].encode()[0])
    quoted = {"'": "\\'", '"': '"'}.get(byte) or json.dumps(byte, ensure_ascii=False)[1:-1]
    return _SyntaxError(f"invalid character '{quoted}' {where}")


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at


def _value(text: str, at: int) -> int:
    """The position after the value that begins here."""
    if at >= len(text):
        raise _SyntaxError(_END)
    match text[at]:
        case "{":
            return _object(text, at)
        case "[":
            return _array(text, at)
        case '"':
            return _string(text, at)
        case "t" | "f" | "n":
            return _literal(text, at)
        case char if char == "-" or char in "0123456789":
            return _number(text, at)
        case _:
            raise _unexpected(text, at, "looking for beginning of value")


def _object(text: str, at: int) -> int:
    at = _skip(text, at + 1)
    if text[at : at + 1] == "}":
        return at + 1
    while True:
        if text[at : at + 1] != '"':
            raise _unexpected(text, at, "looking for beginning of object key string")
        at = _skip(text, _string(text, at))
        if text[at : at + 1] != ":":
            raise _unexpected(text, at, "after object key")
        at = _skip(text, _value(text, _skip(text, at + 1)))
        if text[at : at + 1] == "}":
            return at + 1
        if text[at : at + 1] != ",":
            raise _unexpected(text, at, "after object key:value pair")
        at = _skip(text, at + 1)


def _array(text: str, at: int) -> int:
    at = _skip(text, at + 1)
    if text[at : at + 1] == "]":
        return at + 1
    while True:
        at = _skip(text, _value(text, at))
        if text[at : at + 1] == "]":
            return at + 1
        if text[at : at + 1] != ",":
            raise _unexpected(text, at, "after array element")
        at = _skip(text, at + 1)


def _string(text: str, at: int) -> int:
    at += 1
    while at < len(text) and text[at] != '"':
        if text[at] < " ":
            raise _unexpected(text, at, "in string literal")
        at = _escape(text, at + 1) if text[at] == "\\" else at + 1
    if at >= len(text):
        raise _SyntaxError(_END)
    return at + 1


def _escape(text: str, at: int) -> int:
    if text[at : at + 1] != "u":
        if text[at : at + 1] not in set('"\\/bfnrt'):
            raise _unexpected(text, at, "in string escape code")
        return at + 1
    for place in range(at + 1, at + 5):
        if text[place : place + 1] not in set("0123456789abcdefABCDEF"):
            raise _unexpected(text, place, "in \\u hexadecimal character escape")
    return at + 5


def _literal(text: str, at: int) -> int:
    word = _LITERALS[text[at]]
    for offset, char in enumerate(word):
        if text[at + offset : at + offset + 1] != char:
            where = f"in literal {word} (expecting '{char}')"
            raise _unexpected(text, at + offset, where)
    return at + len(word)


def _number(text: str, at: int) -> int:
    match = _NUMBER.match(text, at)
    if match is None:
        raise _unexpected(text, at + 1, "in numeric literal")
    end = match.end()
    if match["exponent"]:
        return end
    if text[end : end + 1] == "." and not match["part"]:
        raise _unexpected(text, end + 1, "after decimal point in numeric literal")
    if text[end : end + 1] in {"e", "E"}:
        signed = text[end + 1 : end + 2] in {"+", "-"}
        raise _unexpected(text, end + (2 if signed else 1), "in exponent of numeric literal")
    return end
