"""Whole numbers in texts, as Go's ``strconv.Atoi`` reads them: of 64 bits, however many digits."""

from __future__ import annotations

from typing import Final

__all__ = ["INT64", "AtoiError", "atoi", "bounded"]

#: The first number that is too large.
INT64: Final = 1 << 63
#: So many are out of range for certain, and Python reads no number of thousands of them.
_DIGITS: Final = 20


class AtoiError(ValueError):
    """What is no such number; the text is Go's."""

    def __init__(self, text: str, problem: str) -> None:
        super().__init__(f'strconv.Atoi: parsing "{text}": {problem}')


def atoi(text: str) -> int:
    """The number that a text is.

    Raises:
        AtoiError: it is none, or out of range.
    """
    value = _read(text)
    if value is None:
        raise AtoiError(text, "invalid syntax")
    if not -INT64 <= value < INT64:
        raise AtoiError(text, "value out of range")
    return value


def bounded(text: str) -> int:
    """The same with the error ignored: 0, or the nearest bound when out of range."""
    return max(-INT64, min(INT64 - 1, _read(text) or 0))


def _read(text: str) -> int | None:
    """The number, of which only the first digits count where it is out of range."""
    digits = text[1:] if text[:1] in {"+", "-"} else text
    if not (digits.isascii() and digits.isdigit()):
        return None
    value = int(digits.lstrip("0")[:_DIGITS] or "0")
    return -value if text.startswith("-") else value
