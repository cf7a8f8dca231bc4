"""Waits between tries."""

import pytest

from kybern.kubelet.backoff import Backoff, format_duration


def test_doubles_up_to_the_ceiling_and_starts_anew() -> None:
    backoff = Backoff(10, 300)
    assert backoff.remaining_since("k", 0, 0) == 0
    waits = []
    for step in range(7):
        backoff.next("k", step, step)
        waits.append(backoff.seconds("k"))
    assert waits == [10, 20, 40, 80, 160, 300, 300]
    assert backoff.remaining_since("k", 7, 100) == 207
    assert backoff.remaining_since("k", 606, 606) == 300
    assert backoff.remaining_since("k", 607, 607) == 0, "twice the ceiling has passed since the last try"
    backoff.next("k", 607, 607)
    assert backoff.seconds("k") == 10


def test_counts_from_the_last_try() -> None:
    backoff = Backoff(10, 300)
    backoff.next("k", 100, 100)
    assert [backoff.remaining("k", now) for now in (100, 104, 110, 120)] == [10, 6, 0, 0]


def test_forgets_a_pod() -> None:
    backoff = Backoff()
    backoff.next("u/c", 0, 0)
    backoff.next("v/c", 0, 0)
    backoff.forget("u/")
    assert (backoff.seconds("u/c"), backoff.seconds("v/c")) == (0, 10)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0s"), (0.25, "250ms"), (1.5, "1.5s"), (10, "10s"), (80, "1m20s"), (300, "5m0s"), (3661, "1h1m1s")],
)
def test_durations_as_go_prints_them(seconds: float, expected: str) -> None:
    assert format_duration(seconds) == expected
