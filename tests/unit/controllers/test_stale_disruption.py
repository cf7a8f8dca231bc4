"""A Pod that was to be disrupted and was not loses the condition after two minutes."""

import pytest

from kybern.api.types import convert
from kybern.api.types.core_v1 import Pod
from kybern.base.clock import format_time
from kybern.controllers.stale_disruption import decide

NOW = 1_800_000_000.0


def pod(age: float, *, phase: str = "Running", reason: str = "EvictionByEvictionAPI", deleted: bool = False) -> Pod:
    stamp = format_time(NOW - age)
    condition = {"type": "DisruptionTarget", "status": "True", "reason": reason, "lastTransitionTime": stamp}
    metadata = {"name": "p", **({"deletionTimestamp": stamp} if deleted else {})}
    return convert({"metadata": metadata, "status": {"phase": phase, "conditions": [condition]}}, Pod)


@pytest.mark.parametrize(
    ("subject", "taken", "requeue"),
    [
        (pod(121), True, None),
        (pod(100), False, 20.0),
        (pod(121, phase="Failed"), False, None),
        (pod(121, reason="TerminationByKubelet"), False, None),
        (pod(121, deleted=True), False, None),
        (Pod(), False, None),
    ],
)
def test_takes_the_condition_back(subject: Pod, taken: bool, requeue: float | None) -> None:
    plan = decide(subject, NOW)
    assert (bool(plan.status_updates), plan.requeue_after) == (taken, requeue)
    if taken:
        written = plan.status_updates[0].obj
        assert isinstance(written, Pod)
        assert written.status.conditions[0].status == "False"
