"""Times are written and read as Kubernetes writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kybern.base.clock import format_micro_time, format_time, parse_time


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-01-02T03:04:05Z", 1767323045),
        ("2026-01-02T05:04:05+02:00", 1767323045),
        ("2026-01-02t03:04:05z", 1767323045),
        ("2026-01-02T03:04:05.25Z", 1767323045.25),
    ],
)
def test_parse(text: str, seconds: float) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["", "2026-01-02", "2026-01-02T03:04:05", "yesterday", "2026-13-01T00:00:00Z"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError):
        parse_time(text)


@given(st.integers(0, 4_000_000_000))
def test_round_trip(seconds: int) -> None:
    assert parse_time(format_time(seconds)) == seconds
    assert parse_time(format_micro_time(seconds)) == seconds


def test_fractions_are_cut_off_and_kept() -> None:
    assert format_time(1767323045.999) == "2026-01-02T03:04:05Z"
    assert format_micro_time(1767323045.000006) == "2026-01-02T03:04:05.000006Z"
