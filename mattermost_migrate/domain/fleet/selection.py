"""Which installations a fleet takes, and in which order they come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

from mattermost_migrate.domain.objects import JsonObject, labels_of, name_of, namespace_of

__all__ = ["in_order", "selects"]

#: Missing ones last, then the value, a number or a text.
_Rank: TypeAlias = tuple[bool, Decimal, str]


def selects(selector: JsonObject, installation: JsonObject) -> bool:
    """Whether the selector of a FleetMigration takes this installation: each term given holds."""
    terms = _terms(selector, installation)
    given = bool(terms or selector.get("all"))
    excluded = any(_terms(selector.get("exclude") or {}, installation))
    return given and all(terms) and not excluded


def _terms(selector: Mapping[str, Any], installation: JsonObject) -> list[bool]:
    """Each term that is given, and whether it holds."""
    namespace, name = namespace_of(installation), name_of(installation)
    terms = []
    if namespaces := selector.get("namespaces"):
        terms.append(namespace in namespaces)
    if names := selector.get("names"):
        terms.append(name in names)
    if keys := selector.get("installations"):
        terms.append({"namespace": namespace, "name": name} in keys)
    if wanted := selector.get("matchLabels"):
        terms.append(wanted.items() <= labels_of(installation).items())
    return terms


def in_order(
    installations: Iterable[JsonObject], order: Mapping[str, Any] | None
) -> list[JsonObject]:
    """The installations as a fleet starts them: by its label, else by namespace and name."""
    by_name = sorted(installations, key=lambda each: (namespace_of(each), name_of(each)))
    if not order:
        return by_name
    label, numeric = order["label"], bool(order.get("numeric"))
    ranks = {id(each): _rank(labels_of(each).get(label), numeric=numeric) for each in by_name}
    known = [each for each in by_name if not ranks[id(each)][0]]
    unknown = [each for each in by_name if ranks[id(each)][0]]
    # The sort is stable also in reverse: of equals, the first by name comes first.
    downwards = order.get("direction") == "Descending"
    return [*sorted(known, key=lambda each: ranks[id(each)], reverse=downwards), *unknown]


def _rank(value: str | None, *, numeric: bool) -> _Rank:
    if value is None:
        return True, Decimal(0), ""
    if not numeric:
        return False, Decimal(0), value
    try:
        number = Decimal(value)
    except InvalidOperation:
        return True, Decimal(0), ""
    return (False, number, "") if number.is_finite() else (True, Decimal(0), "")
