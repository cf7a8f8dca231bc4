"""Quantities are exact, and canonical as upstream prints them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kybern.api import quantity

CANONICAL = {
    "0": "0",
    "0Mi": "0",
    "100m": "100m",
    "0.1": "100m",
    ".5": "500m",
    "1.": "1.",
    "+1": "+1",
    "-1.5": "-1500m",
    "1000m": "1",
    "1024Mi": "1Gi",
    "1.5Gi": "1536Mi",
    "512Ki": "512Ki",
    "0.5Ki": "512",
    "0.3Ki": "307200m",
    "1.001Ki": "1026",
    "1000Ki": "1000Ki",
    "1000k": "1M",
    "12e6": "12e6",
    "1.2e7": "1.2e7",
    "1.500": "1.500",
    "007": "007",
    "+1Gi": "+1Gi",
    "8Ki": "8Ki",
    "+8Ki": "8Ki",
    "1e3": "1e3",
    "1E": "1E",
    "100e-3": "100e-3",
    "1n": "1n",
    "0.1n": "1n",
    "1E3": "1E3",
    "9223372036854775807": "9223372036854775807",
    "99999999999999999999999": "99999999999999999999999",
    "99999999999Ei": "9223372036854775807",
}


@pytest.mark.parametrize(("text", "expected"), CANONICAL.items())
def test_canonical(text: str, expected: str) -> None:
    assert quantity.canonical(text) == expected


@pytest.mark.parametrize("text", ["", "a", "1x", "1 ", " 1", "1KI", "1ki", "--1", "1e", "1.2.3", "i", "1e9999999", "٣"])
def test_refused(text: str) -> None:
    with pytest.raises(ValueError):
        quantity.parse(text)


@pytest.mark.parametrize(
    ("text", "units", "millis"),
    [("1", 1, 1000), ("100m", 1, 100), ("1n", 1, 1), ("1500m", 2, 1500), ("-1500m", -1, -1500), ("1Ki", 1024, 1024000)],
)
def test_rounding(text: str, units: int, millis: int) -> None:
    assert (quantity.value(text), quantity.milli_value(text)) == (units, millis)


@pytest.mark.parametrize(
    ("left", "right", "total", "difference"),
    [("1Gi", "512Mi", "1536Mi", "512Mi"), ("0", "1Gi", "1Gi", "-1Gi"), ("1", "100m", "1100m", "900m")],
)
def test_arithmetic(left: str, right: str, total: str, difference: str) -> None:
    assert quantity.add(left, right) == total
    assert quantity.subtract(left, right) == difference


def test_compare() -> None:
    assert quantity.compare("1Gi", "1024Mi") == 0
    assert quantity.compare("1G", "1Gi") == -1
    assert quantity.compare("1", "999m") == 1


_texts = st.builds(
    lambda sign, number, suffix: f"{sign}{number}{suffix}",
    st.sampled_from(["", "+", "-"]),
    st.decimals(0, 10**6, allow_nan=False, places=3).map(lambda number: format(Decimal(number), "f")),
    st.sampled_from(["", "m", "k", "M", "G", "e3", "E-2"]),
)


@given(_texts)
def test_canonical_is_stable_and_keeps_the_value(text: str) -> None:
    written = quantity.canonical(text)
    assert quantity.canonical(written) == written
    assert quantity.parse(written) == quantity.parse(text)


@given(st.integers(0, 10**6), st.sampled_from(["Ki", "Mi", "Gi", "Ti"]))
def test_whole_binary_values_are_kept(number: int, suffix: str) -> None:
    text = f"{number}{suffix}"
    assert quantity.parse(quantity.canonical(text)) == quantity.parse(text)
