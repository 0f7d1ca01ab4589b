"""Quantities as Go writes them back."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattermost_migrate.domain.canonical.quantities import canonical

SUFFIXES = {
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    "": Fraction(1),
    "k": Fraction(10**3),
    "M": Fraction(10**6),
    "G": Fraction(10**9),
    "T": Fraction(10**12),
    "P": Fraction(10**15),
    "E": Fraction(10**18),
    "Ki": Fraction(2**10),
    "Mi": Fraction(2**20),
    "Gi": Fraction(2**30),
    "Ti": Fraction(2**40),
    "Pi": Fraction(2**50),
    "Ei": Fraction(2**60),
}


def amount(text: str) -> Fraction:
    """The amount a quantity stands for, by the plain definition of its suffixes."""
    match = re.fullmatch(r"([+-]?[0-9.]+)(?:e([+-]?\d+)|([a-zA-Z]*))", text)
    assert match is not None
    number = Fraction(match[1])
    return number * 10 ** int(match[2]) if match[2] else number * SUFFIXES[match[3] or ""]


NUMBERS = st.one_of(
    st.integers(-(10**12), 10**12).map(str),
    st.decimals(-(10**6), 10**6, places=6, allow_nan=False).map(str),
)


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [
        ("2000m", "2"),
        ("0.5", "500m"),
        ("1.5", "1500m"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("0.5Gi", "512Mi"),
        ("1000M", "1G"),
        ("2048Ki", "2Mi"),
        ("0.0015", "1500u"),
        ("0.1Gi", "107374182400m"),
        ("1e1", "10"),
        ("1000Mi", "1000Mi"),
        ("100k", "100k"),
        ("129e6", "129e6"),
        ("128974848", "128974848"),
        ("0", "0"),
        ("0.0Gi", "0"),
        ("0.1n", "1n"),
        ("-0.1n", "-1n"),
        ("512", "512"),
        ("1000", "1k"),
        (" 1Gi ", "1Gi"),
    ],
)
def test_is_written_in_canonical_form(given_text: str, expected: str) -> None:
    assert canonical(given_text) == expected


@pytest.mark.parametrize("text", ["1.500", "+5", "1025Ki", "0010", "+5Gi"])
def test_keeps_a_text_that_go_takes_for_canonical(text: str) -> None:
    assert canonical(text) == text


@pytest.mark.parametrize(("number", "expected"), [(2, "2"), (0.5, "500m"), (3.0, "3")])
def test_takes_numbers(number: float, expected: str) -> None:
    assert canonical(number) == expected


@pytest.mark.parametrize("text", ["", "1.2.3", "50Gb", "1 Gi", "1e", "five", ".Pi", "1Zi"])
def test_refuses_what_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError, match="not a quantity"):
        canonical(text)


@settings(deadline=None)  # the machine may be busy
@given(NUMBERS, st.sampled_from(sorted(SUFFIXES)))
def test_is_stable_and_keeps_the_amount(number: str, suffix: str) -> None:
    text = canonical(number + suffix)

    assert canonical(text) == text
    exact = amount(number + suffix)
    if (exact * 10**9).denominator == 1 and abs(exact) < 2**63:
        assert amount(text) == exact


@settings(deadline=None)  # the machine may be busy
@given(st.integers(1, 10**9), st.sampled_from(["Ki", "Mi", "Gi"]))
def test_a_binary_quantity_stays_binary(number: int, suffix: str) -> None:
    assert canonical(f"{number}{suffix}").endswith("i")
