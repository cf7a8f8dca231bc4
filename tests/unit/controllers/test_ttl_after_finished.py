"""Jobs with a time to live: deleted, waited for, left alone."""

import pytest

from kybern.api.types.batch_v1 import Job, JobCondition, JobSpec, JobStatus
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.base.clock import parse_time
from kybern.controllers import ttl_after_finished

FINISHED = "2026-01-01T00:00:00Z"

CASES: dict[str, tuple[int | None, str, str, str, tuple[int, float | None]]] = {
    "over": (10, "Complete", "True", "", (1, None)),
    "failed Jobs too": (0, "Failed", "True", "", (1, None)),
    "not yet": (60, "Complete", "True", "", (0, 30.0)),
    "no TTL": (None, "Complete", "True", "", (0, None)),
    "running": (10, "Complete", "False", "", (0, None)),
    "suspended": (10, "Suspended", "True", "", (0, None)),
    "on its way": (10, "Complete", "True", FINISHED, (0, None)),
}


@pytest.mark.parametrize("case", CASES)
def test_decide(case: str) -> None:
    ttl, type, status, deletion, expected = CASES[case]
    job = Job(
        metadata=ObjectMeta(name="j", deletion_timestamp=deletion),
        spec=JobSpec(ttl_seconds_after_finished=ttl),
        status=JobStatus(conditions=[JobCondition(type=type, status=status, last_transition_time=FINISHED)]),
    )
    plan = ttl_after_finished.decide(job, parse_time(FINISHED) + 30)
    assert (len(plan.deletes), plan.requeue_after) == expected
    assert all(each.propagation_policy == "Foreground" for each in plan.deletes)
