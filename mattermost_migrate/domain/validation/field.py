"""A place in an object: its path in Kubernetes' form together with the value there.

Rules walk by it, so a path is never written twice, and a value of the wrong type reads as absent
(what the schema of the CRD forbids is the API server's to refuse, not a reason to fall over).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from mattermost_migrate.domain.errors import Fault

__all__ = ["Caution", "Field", "Finding", "Rule", "Rules"]

#: The API server's guidance for one warning (webhook facts 4.1).
_WARNING_LENGTH: Final = 120


@dataclass(frozen=True, slots=True)
class Caution:
    """Something legal that will hurt: what the user should know now.

    Attributes:
        field: path in Kubernetes' form.
        message: what will happen, in less than 100 characters.
    """

    field: str
    message: str

    def __str__(self) -> str:
        """One line of at most 120 characters, for which a long path gives way."""
        room = _WARNING_LENGTH - len(self.message) - len(": ")
        path = self.field if len(self.field) <= room else f"{self.field[: room - 1]}…"
        return f"{path}: {self.message}"[:_WARNING_LENGTH]


Finding: TypeAlias = Fault | Caution


class Field:
    """A value and where it stands.

    Some hundred are made in a review and few of them are ever named, so a path is put together
    when somebody asks for it.

    Args:
        name: the path of a first one; below that, the name of a field or ``[index]`` of an item.
        value: what stands there, None where nothing does.
        within: the field that it is a part of.
    """

    __slots__ = ("_name", "_within", "value")

    def __init__(self, name: str, value: Any, within: Field | None = None) -> None:
        self._name = name
        self._within = within
        self.value = value

    @property
    def path(self) -> str:
        """Where it stands, in Kubernetes' form."""
        if self._within is None:
            return self._name
        joint = "" if self._name.startswith("[") else "."
        return f"{self._within.path}{joint}{self._name}"

    def __truediv__(self, name: str) -> Field:
        """The field of that name inside this one; absent when there is no such."""
        inside = self.value
        return Field(name, inside.get(name) if isinstance(inside, dict) else None, self)

    def __iter__(self) -> Iterator[Field]:
        """The items of a list."""
        items = self.value if isinstance(self.value, list) else ()
        return (Field(f"[{index}]", item, self) for index, item in enumerate(items))

    def __bool__(self) -> bool:
        """Whether there is anything there but a zero value, as Go would see it."""
        return bool(self.value)

    def entries(self) -> Iterator[tuple[str, Field]]:
        """Keys and values of a map."""
        found = self.value if isinstance(self.value, dict) else {}
        return ((str(key), Field(f"[{key}]", value, self)) for key, value in found.items())

    def each(self, rules: Rules) -> Iterator[Finding]:
        """What the rules of its fields find, in their order.

        Most fields of an installation are not given, so nobody is asked about those.
        """
        inside = self.value
        if not isinstance(inside, dict):
            return
        for name, rule in rules.items():
            value = inside.get(name)
            if value is not None:
                at = Field(name, value, self)
                yield from rule(at) if callable(rule) else at.each(rule)

    def given(self, *names: str) -> tuple[str, ...]:
        """Those of its fields that were given at all."""
        inside = self.value if isinstance(self.value, dict) else {}
        return tuple(name for name in names if inside.get(name) is not None)

    @property
    def present(self) -> bool:
        """Whether it was given at all, be it as a zero value."""
        return self.value is not None

    @property
    def text(self) -> str:
        """The value where it is text, else an empty one."""
        return self.value if isinstance(self.value, str) else ""

    @property
    def number(self) -> int | None:
        """The value where it is a whole number, else None."""
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            return None
        return self.value

    def required(self, message: str) -> Fault:
        """It must be given."""
        return Fault(self.path, message, "Required")

    def invalid(self, message: str) -> Fault:
        """It must be something else than it is; the message shows what it is."""
        return Fault(self.path, f"{self._shown}: {message}", "Invalid")

    def unsupported(self, *allowed: str) -> Fault:
        """It must be one of these."""
        return Fault(
            self.path, f"{self._shown}: must be one of {', '.join(allowed)}", "NotSupported"
        )

    def duplicate(self) -> Fault:
        """It stands in the list already."""
        return Fault(self.path, f"{self._shown}: is there twice", "Duplicate")

    def caution(self, message: str) -> Caution:
        """It is legal, but."""
        return Caution(self.path, message)

    @property
    def _shown(self) -> str:
        text = repr(self.value) if isinstance(self.value, str) else str(self.value)
        return text if len(text) <= 80 else f"{text[:77]}..."  # noqa: PLR2004 - for one line


#: What there is to say about a field; nothing where it is absent.
Rule: TypeAlias = Callable[[Field], Iterator[Finding]]
#: By the name of a field: its rule, or the rules of the fields inside it.
Rules: TypeAlias = "Mapping[str, Rule | Rules]"
