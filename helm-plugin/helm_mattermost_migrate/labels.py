"""Label selectors as kubectl takes them, read and judged on our side too; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Operator", "Requirement", "parse_selector"]

_KEY = r"[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?"
_VALUE = r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?"
_SET = re.compile(rf"({_KEY})\s+(in|notin)\s+\(\s*([^()]*?)\s*\)")
_EQUAL = re.compile(rf"({_KEY})\s*(==|=|!=)\s*({_VALUE})")
_ABSENT = re.compile(rf"!\s*({_KEY})")
_PRESENT = re.compile(rf"({_KEY})")


class Operator(StrEnum):
    """What a requirement asks of a label."""

    IN = "in"
    NOT_IN = "notin"
    EXISTS = "exists"
    ABSENT = "!"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One term of a selector.

    Attributes:
        key: the label.
        operator: what is asked of it.
        values: for IN and NOT_IN.
    """

    key: str
    operator: Operator
    values: tuple[str, ...] = ()

    def admits(self, labels: Mapping[str, str]) -> bool:
        """Whether the labels satisfy it; NOT_IN holds where the label is missing."""
        match self.operator:
            case Operator.IN:
                return labels.get(self.key) in self.values
            case Operator.NOT_IN:
                return labels.get(self.key) not in self.values
            case Operator.EXISTS:
                return self.key in labels
            case Operator.ABSENT:
                return self.key not in labels

    def __str__(self) -> str:
        match self.operator:
            case Operator.EXISTS:
                return self.key
            case Operator.ABSENT:
                return f"!{self.key}"
            case _ if len(self.values) == 1:
                return f"{self.key}{'=' if self.operator is Operator.IN else '!='}{self.values[0]}"
            case _:
                return f"{self.key} {self.operator} ({','.join(self.values)})"


def parse_selector(text: str) -> tuple[Requirement, ...]:
    """The terms of a selector; ValueError naming the term that cannot be read."""
    if not text.strip():
        return ()
    return tuple(_term(term.strip()) for term in re.split(r",(?![^(]*\))", text))


def _term(text: str) -> Requirement:
    if found := _SET.fullmatch(text):
        values = tuple(value.strip() for value in found[3].split(","))
        return Requirement(found[1], Operator(found[2]), values)
    if found := _EQUAL.fullmatch(text):
        operator = Operator.NOT_IN if found[2] == "!=" else Operator.IN
        return Requirement(found[1], operator, (found[3],))
    if found := _ABSENT.fullmatch(text):
        return Requirement(found[1], Operator.ABSENT)
    if found := _PRESENT.fullmatch(text):
        return Requirement(found[1], Operator.EXISTS)
    raise ValueError(
        f"label selector: {text!r} cannot be read; write key=value, key in (a,b), !key"
    )
