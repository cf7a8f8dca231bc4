"""Which statuses of a Job may follow which."""

from typing import Any

import pytest

from kybern.api.validation.job_status import validate_job_status

START, DONE = "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"


def status(*true: str, false: str = "", **fields: Any) -> dict[str, Any]:
    conditions = [{"type": each, "status": "True"} for each in true]
    if false:
        conditions.append({"type": false, "status": "False"})
    return {"conditions": conditions, **fields}


def faults(new: dict[str, Any], old: dict[str, Any], **spec: Any) -> list[str]:
    found = validate_job_status({"spec": spec, "status": new}, {"spec": spec, "status": old})
    return [f"{each.path}: {each.message}" for each in found]


COMPLETE = status("SuccessCriteriaMet", "Complete", startTime=START, completionTime=DONE)


@pytest.mark.parametrize(
    ("new", "old", "spec"),
    [
        (COMPLETE, status(startTime=START), {}),
        (status(false="Suspended", startTime=DONE), status("Suspended", startTime=START), {"suspend": False}),
        (status(startTime=DONE), status(startTime=START), {"suspend": True}),
        (status(startTime=START), {}, {}),
        ({"succeeded": 1}, {"succeeded": 2}, {"completionMode": "Indexed", "completions": 1, "parallelism": 1}),
        ({"active": 1, "ready": 2, "failed": 1}, {"active": 1, "ready": 2}, {}),
        (status("Complete", startTime=START, completionTime=DONE, failed=1), COMPLETE | status("Complete"), {}),
    ],
    ids=[
        "done",
        "resumed",
        "suspended",
        "started",
        "scaled down while indexed",
        "an old fault that did not change",
        "complete under older rules",
    ],
)
def test_follows(new: dict[str, Any], old: dict[str, Any], spec: dict[str, Any]) -> None:
    assert faults(new, old, **spec) == []


@pytest.mark.parametrize(
    ("new", "old", "spec", "message"),
    [
        (
            {"startTime": DONE},
            {"startTime": START},
            {},
            'status.startTime: Invalid value: "2026-01-01T00:01:00Z": field is immutable for unsuspended job once set',
        ),
        (
            {},
            {"startTime": START},
            {},
            "status.startTime: Invalid value: null: field is immutable for unsuspended job once set",
        ),
        (
            COMPLETE | {"completionTime": "2025-12-31T00:00:00Z"},
            {"startTime": START},
            {},
            'status.completionTime: Invalid value: "2025-12-31T00:00:00Z": must be equal to or after `startTime`',
        ),
        (
            COMPLETE | {"completionTime": "2026-01-01T00:02:00Z"},
            COMPLETE,
            {},
            'status.completionTime: Invalid value: "2026-01-01T00:02:00Z": field is immutable',
        ),
        (
            COMPLETE | {"active": 1},
            {"startTime": START},
            {},
            "status.active: Invalid value: 1: active>0 is invalid for finished job",
        ),
        (
            {"completedIndexes": "0-2,5", "failedIndexes": "3,5-6"},
            {},
            {"completionMode": "Indexed", "completions": 8, "backoffLimitPerIndex": 1},
            'status.failedIndexes: Invalid value: "3,5-6": failedIndexes and completedIndexes overlap at index: 5',
        ),
        (
            {"completedIndexes": "1"},
            {},
            {"completions": 2},
            'status.completedIndexes: Invalid value: "1": '
            "cannot set non-empty completedIndexes when non-indexed completion mode",
        ),
        (
            {"succeeded": 1},
            {"succeeded": 2},
            {},
            "status.succeeded: Invalid value: 1: cannot decrease the succeeded counter",
        ),
        (
            {"active": 1, "ready": 2},
            {},
            {},
            "status.ready: Invalid value: 2: cannot set more ready pods than active",
        ),
        (
            status("Failed", startTime=START),
            {"startTime": START},
            {},
            "status.conditions: Invalid value: "
            "cannot set Failed=True condition without the FailureTarget=true condition",
        ),
        (
            status(),
            status("FailureTarget"),
            {},
            "status.conditions: Invalid value: cannot disable the terminal FailureTarget=True condition",
        ),
    ],
)
def test_does_not_follow(new: dict[str, Any], old: dict[str, Any], spec: dict[str, Any], message: str) -> None:
    assert faults(new, old, **spec) == [message]
