"""Kubernetes quantities in the form in which Go writes them back (operator facts 0.5).

The operator reads every quantity into Go's ``resource.Quantity`` and writes it again, so ``0.5``
comes back as ``500m`` and ``1.5Gi`` as ``1536Mi``. Go keeps the text it was given where that text
passes for canonical, even when it is not quite (``1.500``, ``+5``): so does this.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

__all__ = ["canonical"]

_TEXT: Final = re.compile(r"(?P<sign>[+-]?)0*(?P<whole>\d*)(?:\.(?P<part>\d*))?(?P<suffix>.*)")
_DIGIT: Final = re.compile(r"\d")
_EXPONENT: Final = re.compile(r"[eE][+-]?\d+")
_DECIMAL: Final = {
    "n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18,
}  # fmt: skip
_BINARY: Final = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL_SUFFIX: Final = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY_SUFFIX: Final = {exponent: suffix for suffix, exponent in _BINARY.items()} | {0: ""}
_SMALLEST: Final = -9
_LARGEST: Final = 2**63 - 1
#: Below this a binary quantity is printed in decimal.
_KIBI: Final = 1024
_INT64_DIGITS: Final = 18
_BINARY_DIGITS: Final = 14


class _Parts(NamedTuple):
    """A quantity as written: sign, digits, and what its suffix means."""

    negative: bool
    whole: str
    part: str
    suffix: str
    exponent: int
    style: str  # "decimal", "binary" or "exponent"


def canonical(text: str | float) -> str:
    """Write a quantity as Go does after reading it.

    Args:
        text: the quantity as given; JSON numbers are taken by their digits.

    Raises:
        ValueError: it is not a quantity.
    """
    return _canonical(_digits(text).strip())


@lru_cache(maxsize=1024)  # the same few are written again and again
def _canonical(given: str) -> str:
    parts = _parse(given)
    if _reads_fast(parts):
        if _passes_for_canonical(parts):
            return given
        value, scale = _as_int(parts)
        return _write(-value if parts.negative else value, scale, parts.style)
    if not _DIGIT.search(given.removesuffix(parts.suffix)):
        raise ValueError(f"not a quantity: {given!r}")
    value, scale, style = _as_decimal(parts)
    return _write(-value if parts.negative else value, scale, style)


def _digits(text: str | float) -> str:
    if isinstance(text, float) and text.is_integer():
        return str(int(text))
    return str(text)


def _parse(given: str) -> _Parts:
    match = _TEXT.fullmatch(given)
    if not given or match is None:
        raise ValueError(f"not a quantity: {given!r}")
    exponent, style = _interpret(match["suffix"], given)
    return _Parts(
        match["sign"] == "-",
        match["whole"] or "0",
        match["part"] or "",
        match["suffix"],
        exponent,
        style,
    )


def _interpret(suffix: str, given: str) -> tuple[int, str]:
    if suffix in _DECIMAL:
        return _DECIMAL[suffix], "decimal"
    if suffix in _BINARY:
        return _BINARY[suffix], "binary"
    if _EXPONENT.fullmatch(suffix):
        return int(suffix[1:]), "exponent"
    raise ValueError(f"not a quantity: {given!r}")


def _reads_fast(parts: _Parts) -> bool:
    """Whether Go reads it into an int64; the other way goes over arbitrary precision."""
    if parts.style == "binary":
        digits = len(parts.whole) + parts.exponent * 3 // 10
        return not parts.part and digits <= _BINARY_DIGITS
    digits = len(parts.whole) + len(parts.part)
    return digits <= _INT64_DIGITS and parts.exponent - len(parts.part) >= _SMALLEST


def _passes_for_canonical(parts: _Parts) -> bool:
    """Whether Go keeps the text as given without looking closer."""
    digits = parts.whole + parts.part
    if parts.style == "binary":
        return bool(int(digits) & 0x07)
    return (
        (parts.exponent - len(parts.part)) % 3 == 0
        and not digits.endswith("000")
        and digits[0] != "0"
    )


def _as_int(parts: _Parts) -> tuple[int, int]:
    digits = int(parts.whole + parts.part)
    if parts.style == "binary":
        return digits << parts.exponent, 0
    return digits, parts.exponent - len(parts.part)


def _as_decimal(parts: _Parts) -> tuple[int, int, str]:
    value, scale, style = int(parts.whole + parts.part), -len(parts.part), parts.style
    if style == "binary":
        value <<= parts.exponent
    else:
        scale += parts.exponent
    if scale < _SMALLEST:
        # Away from zero: nothing becomes nothing. More digits than there are need no division.
        drop = min(_SMALLEST - scale, len(str(value)))
        value = -(-value // 10**drop)
        scale = _SMALLEST
    if style != "binary":
        return value, scale, style
    if value > _LARGEST * 10**-scale:
        return _LARGEST, 0, style
    return value, scale, "decimal" if 0 < value < 10**-scale else style


def _write(value: int, scale: int, style: str) -> str:
    if value == 0:
        return "0"
    if style == "binary":
        whole, rest = divmod(value, 10**-scale)
        if rest == 0 and abs(whole) >= _KIBI:
            return _write_binary(whole)
        style = "decimal"
    return _write_decimal(value, scale, style)


def _write_binary(value: int) -> str:
    exponent = 0
    while value % _KIBI == 0:
        value //= _KIBI
        exponent += 10
    return f"{value}{_BINARY_SUFFIX.get(exponent, '')}"


def _write_decimal(value: int, scale: int, style: str) -> str:
    while value % 10 == 0:
        value //= 10
        scale += 1
    while scale % 3:
        value *= 10
        scale -= 1
    if style == "exponent":
        return f"{value}e{scale}" if scale else str(value)
    return f"{value}{_DECIMAL_SUFFIX.get(scale, '')}"
