"""Which installations a command is about: by name, by label, or all; pure.

``NAME`` is looked up in the namespace Helm gives, and ``NAMESPACE/NAME`` names one anywhere;
``-l`` stays in that namespace too unless ``-A`` or ``--namespaces`` says otherwise; ``--all`` is
every installation of every namespace.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from helm_mattermost_migrate.labels import Requirement, parse_selector
from mattermost_migrate.domain.objects import JsonObject, key_of, labels_of

__all__ = ["Key", "Selection", "SelectionError"]

#: Namespace and name of an installation.
Key = tuple[str, str]


class SelectionError(ValueError):
    """What was asked for contradicts itself, or cannot be read."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What was asked for on the command line.

    Attributes:
        names: namespace and name, in the order given.
        namespaces: where to look; empty is everywhere.
        requirements: what the labels must satisfy, all of them.
        everything: ``--all`` was given.
        selector: that of a FleetMigration, from a file; then nothing else is given.
    """

    names: tuple[Key, ...] = ()
    namespaces: tuple[str, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    everything: bool = False
    selector: Mapping[str, Any] | None = None

    @classmethod
    def parse(
        cls,
        names: Iterable[str],
        *,
        namespace: str,
        labels: str = "",
        all_namespaces: bool = False,
        namespaces: str = "",
        everything: bool = False,
    ) -> Selection:
        """Read the arguments of a command.

        Args:
            names: ``NAME`` or ``NAMESPACE/NAME``.
            namespace: the one to look in when nothing else is said.
            labels: a label selector as kubectl takes it.
            all_namespaces: look in every namespace.
            namespaces: a comma list of namespaces to look in.
            everything: every installation of every namespace.

        Raises:
            SelectionError: two of them contradict each other, or a selector cannot be read.
        """
        names = tuple(names)
        listed = tuple(
            dict.fromkeys(part.strip() for part in namespaces.split(",") if part.strip())
        )
        _check_combination(
            names=bool(names),
            labels=bool(labels),
            wide=all_namespaces or bool(listed),
            everything=everything,
        )
        if all_namespaces and listed:
            raise SelectionError("-A and --namespaces contradict each other: give one of them")
        try:
            requirements = parse_selector(labels)
        except ValueError as error:
            raise SelectionError(str(error)) from error
        everywhere = everything or all_namespaces
        return cls(
            names=tuple(dict.fromkeys(_named(text, namespace) for text in names)),
            namespaces=() if everywhere else listed or (namespace,),
            requirements=requirements,
            everything=everything,
        )

    @property
    def searched(self) -> tuple[str, ...]:
        """Namespaces to list; empty is the whole cluster."""
        if self.names:
            return tuple(dict.fromkeys(namespace for namespace, _ in self.names))
        return self.namespaces

    @property
    def label_selector(self) -> str | None:
        """The selector in the API server's syntax, or None."""
        return ",".join(str(part) for part in self.requirements) or None

    def admits(self, obj: JsonObject) -> bool:
        """Whether an object, or one that belongs to an installation of its name, is meant."""
        key = key_of(obj)
        if self.selector is not None:
            from mattermost_migrate.domain.fleet import selects  # noqa: PLC0415 - costs start-up

            return selects(self.selector, obj)
        if self.names:
            return key in self.names
        if self.namespaces and key[0] not in self.namespaces:
            return False
        labels = labels_of(obj)
        return all(requirement.admits(labels) for requirement in self.requirements)

    def missing(self, found: Iterable[Key]) -> tuple[Key, ...]:
        """Names that were asked for and not found."""
        there = set(found)
        return tuple(key for key in self.names if key not in there)

    def described(self, every: str = "every") -> str:
        """In words, for messages: ``acme/chat``, ``namespace acme, labels tier=gold``.

        Args:
            every: ``any`` where nothing was found.
        """
        if self.selector is not None:
            return "what the file selects"
        if self.names:
            return ", ".join("/".join(key) for key in self.names)
        where = (
            f"namespace {', '.join(self.namespaces)}" if self.namespaces else f"{every} namespace"
        )
        return f"{where}, labels {self.label_selector}" if self.requirements else where

    def typed(self) -> str:
        """As the arguments that say the same, wherever they are typed."""
        if self.selector is not None:
            return "-f FLEET.yaml"
        if self.everything:
            return "--all"
        if self.names:
            return " ".join("/".join(key) for key in self.names)
        where = f"--namespaces {','.join(self.namespaces)}" if self.namespaces else "-A"
        return f"{where} -l {shlex.quote(self.label_selector)}" if self.label_selector else where

    def fleet_selector(self, keys: Iterable[Key]) -> dict[str, Any]:
        """``spec.selector`` of a FleetMigration that selects just ``keys``.

        ``--all`` is passed on as such. Anything else becomes the list that the person was shown
        and agreed to, so an installation that appears in between is not moved by surprise.
        """
        if self.selector is not None:
            return dict(self.selector)
        if self.everything:
            return {"all": True}
        return {
            "installations": [{"namespace": namespace, "name": name} for namespace, name in keys]
        }

    def recorded(self) -> dict[str, Any]:
        """For a file; ``of_record`` reads it."""
        return {
            "names": ["/".join(key) for key in self.names],
            "namespaces": list(self.namespaces),
            "labels": self.label_selector or "",
            "all": self.everything,
            "selector": self.selector,
        }

    @classmethod
    def of_record(cls, told: Mapping[str, Any]) -> Selection:
        """The selection that ``recorded`` told of."""
        return cls(
            names=tuple(_named(text, "") for text in told["names"]),
            namespaces=tuple(told["namespaces"]),
            requirements=parse_selector(told["labels"]),
            everything=told["all"],
            selector=told["selector"],
        )


def _check_combination(*, names: bool, labels: bool, wide: bool, everything: bool) -> None:
    if names and (labels or everything or wide):
        raise SelectionError(
            "names say which ones already: leave out -l, -A, --namespaces and --all, "
            "or write NAMESPACE/NAME"
        )
    if everything and (labels or wide):
        raise SelectionError("--all is every installation of every namespace: leave the rest out")


def _named(text: str, namespace: str) -> Key:
    first, slash, second = text.partition("/")
    key = (first, second) if slash else (namespace, first)
    if not all(key) or "/" in key[1]:
        raise SelectionError(f"{text!r} is no name; write NAME or NAMESPACE/NAME")
    return key
