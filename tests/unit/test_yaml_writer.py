"""What is written reads the same, here and elsewhere."""

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mattermost_migrate.domain.yaml_reader import parse
from mattermost_migrate.domain.yaml_writer import dump

TEXTS = st.text(st.characters(codec="utf-8"), max_size=20) | st.text("yn01.:eEoO-+_~ ", max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), 1 << 63) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=10,
)


@pytest.mark.parametrize(
    "text",
    [
        "y",
        "N",
        "yes",
        "off",
        "1e3",
        "1.5E-3",
        "0o17",
        "017",
        "0x1f",
        "1:30",
        "2024-01-01",
        "1.",
        ".5",
        "12",
        "null",
        "~",
        "",
    ],
)
def test_a_text_that_might_be_taken_for_something_else_is_quoted(text: str) -> None:
    assert dump({text: text}) == f"'{text}': '{text}'"


@pytest.mark.parametrize("text", ["50Gi", "500m", "10.8.1-rc1", "nginx", "yellow", "e3", "a.b/c"])
def test_an_ordinary_text_is_not(text: str) -> None:
    assert dump({text: text}) == f"{text}: {text}"


def test_a_value_that_stands_twice_is_written_twice() -> None:
    shared = {"a": ["b"]}

    assert "&" not in dump({"one": shared, "two": shared})


def test_the_order_stays() -> None:
    assert dump({"b": 1, "a": [2, {"d": 3, "c": 4}]}) == "b: 1\na:\n- 2\n- d: 3\n  c: 4"


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(TEXTS, VALUES, max_size=3))
def test_it_reads_the_same(value: dict[str, Any]) -> None:
    text = dump(value)

    assert yaml.safe_load(text) == value
    assert [document for document, _ in parse(text).documents] == [value]
