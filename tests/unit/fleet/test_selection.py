"""Which installations a fleet takes, and in which order."""

from __future__ import annotations

from typing import Any

import pytest

from mattermost_migrate.domain.fleet import in_order, selects
from mattermost_migrate.testing.builders import cluster_installation

ACME = {"namespace": "ns", "name": "acme"}


def labelled(name: str = "acme", **labels: str) -> dict[str, Any]:
    made = cluster_installation(name)
    made["metadata"]["labels"] = labels
    return made


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ({"all": True}, True),
        ({}, False),
        ({"namespaces": ["ns"]}, True),
        ({"namespaces": ["other"]}, False),
        ({"names": ["acme", "b"]}, True),
        ({"names": ["b"]}, False),
        ({"installations": [ACME]}, True),
        ({"installations": [{"namespace": "ns", "name": "other"}]}, False),
        ({"matchLabels": {"tier": "free"}}, True),
        ({"matchLabels": {"tier": "paid"}}, False),
        ({"namespaces": ["ns"], "matchLabels": {"tier": "paid"}}, False),
        ({"all": True, "namespaces": ["other"]}, False),
        ({"all": True, "exclude": {"namespaces": ["ns"]}}, False),
        ({"all": True, "exclude": {"names": ["acme"]}}, False),
        ({"all": True, "exclude": {"installations": [ACME]}}, False),
        ({"all": True, "exclude": {"matchLabels": {"tier": "free"}}}, False),
        ({"all": True, "exclude": {"matchLabels": {"tier": "free", "x": "y"}}}, True),
        ({"all": True, "exclude": {"names": ["b"], "namespaces": ["other"]}}, True),
        ({"exclude": {"names": ["b"]}}, False),
    ],
)
def test_each_term_given_must_hold_and_no_exclusion(
    selector: dict[str, Any], *, selected: bool
) -> None:
    assert selects(selector, labelled(tier="free")) is selected


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        pytest.param(None, "abcde", id="by name"),
        pytest.param({"label": "users"}, "cbaed", id="as text, without it last"),
        pytest.param({"label": "users", "numeric": True}, "cabde", id="as number"),
        pytest.param(
            {"label": "users", "numeric": True, "direction": "Descending"},
            "bacde",
            id="downwards, and still without it last",
        ),
    ],
)
def test_the_order_is_total(order: dict[str, Any] | None, expected: str) -> None:
    users = {"a": "9", "b": "10", "c": "1", "e": "many"}
    made = [labelled(each, users=users[each]) for each in "ecba"] + [labelled("d")]

    assert "".join(each["metadata"]["name"] for each in in_order(made, order)) == expected


def test_of_equals_the_first_by_name_comes_first_also_downwards() -> None:
    made = [labelled(each, users="7") for each in "cab"]

    ordered = in_order(made, {"label": "users", "direction": "Descending"})

    assert [each["metadata"]["name"] for each in ordered] == ["a", "b", "c"]
