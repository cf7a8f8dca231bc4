"""The time of a condition is that of the last change of its status."""

from typing import Any

import pytest

from kybern.apiserver.conditions import find_condition, timed_condition

THEN, NOW = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
CASES: list[tuple[dict[str, Any], str]] = [
    ({}, NOW),
    ({"status": "True", "lastTransitionTime": THEN}, THEN),
    ({"status": "False", "lastTransitionTime": THEN}, NOW),
    ({"status": "True"}, NOW),
]


@pytest.mark.parametrize(("known", "since"), CASES)
def test_since_when(known: dict[str, Any], since: str) -> None:
    state = {"type": "Ready", "status": "True", "reason": "New"}
    assert timed_condition(known, state, NOW) == {**state, "lastTransitionTime": since}


def test_a_condition_is_found_by_its_type() -> None:
    obj = {"status": {"conditions": [{"type": "A", "status": "True"}, {"type": "B", "status": "False"}]}}
    assert find_condition(obj, "B") == {"type": "B", "status": "False"}
    assert [find_condition(each, "C") for each in (obj, {}, {"status": {"conditions": None}})] == [{}, {}, {}]
