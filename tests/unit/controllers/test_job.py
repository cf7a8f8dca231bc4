"""The Job's decisions: played to the end with Pods that succeed and fail, each counted exactly once."""

from collections.abc import Callable
from itertools import pairwise

import msgspec
import pytest

from kybern.api.types import to_dict
from kybern.api.types.batch_v1 import (
    Job,
    JobSpec,
    PodFailurePolicy,
    PodFailurePolicyOnExitCodesRequirement,
    PodFailurePolicyRule,
    SuccessPolicy,
    SuccessPolicyRule,
)
from kybern.api.types.core_v1 import (
    Container,
    ContainerState,
    ContainerStateTerminated,
    ContainerStatus,
    Pod,
    PodSpec,
    PodStatus,
    PodTemplateSpec,
)
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.base.clock import format_time
from kybern.client.plan import Plan
from kybern.controllers import job as controller
from kybern.controllers.job_indexes import parse, render
from kybern.controllers.job_pods import FINALIZER, INDEX, index_of

NOW = 1_800_000_000.0
Fate = Callable[[Pod, int], int]
"""(Pod, its number) -> exit code."""


class World:
    """Carries plans out on objects in memory; `fate` decides how each Pod ends."""

    def __init__(self, fate: Fate, **spec: object) -> None:
        template = PodTemplateSpec(spec=PodSpec(containers=[Container(name="c")], restart_policy="Never"))
        self.job = Job(
            metadata=ObjectMeta(name="j", namespace="default", uid="job"),
            spec=JobSpec(**{"template": template, "parallelism": 1, "completions": 1, "backoff_limit": 6, **spec}),  # type: ignore[arg-type]
        )
        self.pods: dict[str, Pod] = {}
        self.fate = fate
        self.now = NOW
        self.made = 0
        self.most = 0
        self.events: list[str] = []

    def step(self) -> Plan:
        plan = controller.decide(self.job, [*self.pods.values()], self.now)
        for patch in plan.patches:
            pod = self.pods[patch.obj.metadata.name]
            pod.metadata.finalizers = patch.patch["metadata"]["finalizers"]
            if pod.metadata.deletion_timestamp:
                del self.pods[pod.metadata.name]
        for create in plan.creates:
            assert isinstance(create.obj, Pod)
            self.made += 1
            name = f"p{self.made}"
            create.obj.metadata.name = name
            create.obj.metadata.uid = f"uid-{name}"
            create.obj.metadata.creation_timestamp = format_time(self.now)
            create.obj.status = PodStatus(phase="Running")
            self.pods[name] = create.obj
        for delete in plan.deletes:
            pod = self.pods[delete.obj.metadata.name]
            if FINALIZER not in pod.metadata.finalizers:
                del self.pods[pod.metadata.name]
                continue
            pod.metadata.deletion_timestamp = format_time(self.now)
            pod.status = PodStatus(phase="Failed")
        for update in plan.status_updates:
            assert isinstance(update.obj, Job)
            self.job = update.obj
        self.events += [each.reason for each in plan.events]
        running = sum(pod.status.phase == "Running" for pod in self.pods.values())
        self.most = max(self.most, running)
        return plan

    def nature(self) -> None:
        """The first Pod that runs ends."""
        self.now += 1
        for name, pod in self.pods.items():
            if pod.status.phase == "Running" and not pod.metadata.deletion_timestamp:
                code = self.fate(pod, int(name[1:]))
                ended = ContainerStateTerminated(exit_code=code, finished_at=format_time(self.now))
                status = ContainerStatus(name="c", state=ContainerState(terminated=ended))
                pod.status = PodStatus(phase="Failed" if code else "Succeeded", container_statuses=[status])
                return

    def play(self, steps: int = 200) -> None:
        for _ in range(steps):
            plan = self.step()
            if plan.requeue_after and plan.writes == 0:
                self.now += plan.requeue_after
            self.nature()

    @property
    def end(self) -> tuple[str, str]:
        for each in self.job.status.conditions:
            if each.type in ("Complete", "Failed"):
                return each.type, each.reason
        return "", ""

    @property
    def counts(self) -> tuple[int, int]:
        return self.job.status.succeeded or 0, self.job.status.failed or 0


def check(world: World, end: tuple[str, str], counts: tuple[int, int]) -> None:
    world.play()
    assert (world.end, world.counts) == (end, counts)
    assert not any(FINALIZER in pod.metadata.finalizers for pod in world.pods.values()), "a Pod was left uncounted"
    assert world.step().writes == 0


COMPLETE = ("Complete", "CompletionsReached")


@pytest.mark.parametrize(
    ("spec", "fate", "end", "counts"),
    [
        ({}, lambda pod, number: 0, COMPLETE, (1, 0)),
        ({"completions": 7, "parallelism": 3}, lambda pod, number: 0, COMPLETE, (7, 0)),
        ({"completions": 3}, lambda pod, number: number % 2, COMPLETE, (3, 3)),
        ({"backoff_limit": 2}, lambda pod, number: 1, ("Failed", "BackoffLimitExceeded"), (0, 3)),
        ({"backoff_limit": 0}, lambda pod, number: 1, ("Failed", "BackoffLimitExceeded"), (0, 1)),
        ({"completions": None, "parallelism": 3}, lambda pod, number: 0, COMPLETE, (3, 0)),
        ({"completions": 0}, lambda pod, number: 0, COMPLETE, (0, 0)),
        (
            {"completions": 5, "parallelism": 2, "completion_mode": "Indexed"},
            lambda pod, number: 0,
            COMPLETE,
            (5, 0),
        ),
        (
            {"completions": 3, "parallelism": 3, "completion_mode": "Indexed"},
            lambda pod, number: int(number <= 2),
            COMPLETE,
            (3, 2),
        ),
    ],
)
def test_played_to_the_end(spec: dict[str, object], fate: Fate, end: tuple[str, str], counts: tuple[int, int]) -> None:
    check(World(fate, **spec), end, counts)


def test_parallelism_is_never_exceeded() -> None:
    world = World(lambda pod, number: int(number in (3, 6)), completions=20, parallelism=4)
    check(world, COMPLETE, (20, 2))
    assert world.most == 4


def test_indexes() -> None:
    world = World(lambda pod, number: 0, completions=4, parallelism=4, completion_mode="Indexed")
    world.step()
    pods = [*world.pods.values()]
    assert [index_of(pod) for pod in pods] == [0, 1, 2, 3]
    assert pods[2].metadata.labels[INDEX] == "2"
    assert pods[2].spec.hostname == "j-2"
    assert [each.name for each in pods[2].spec.containers[0].env] == ["JOB_COMPLETION_INDEX"]
    assert world.job.spec.template.spec.containers[0].env == [], "the template is shared and must not change"
    world.play()
    assert world.job.status.completed_indexes == "0-3"


def test_backoff_limit_per_index() -> None:
    world = World(
        lambda pod, number: int(index_of(pod) == 1),
        completions=3,
        parallelism=3,
        completion_mode="Indexed",
        backoff_limit=2**31 - 1,
        backoff_limit_per_index=1,
    )
    check(world, ("Failed", "FailedIndexes"), (2, 2))
    assert (world.job.status.completed_indexes, world.job.status.failed_indexes) == ("0,2", "1")


def rule(action: str, operator: str, *codes: int) -> PodFailurePolicy:
    requirement = PodFailurePolicyOnExitCodesRequirement(operator=operator, values=list(codes))
    return PodFailurePolicy(rules=[PodFailurePolicyRule(action=action, on_exit_codes=requirement)])


def test_pod_failure_policy_fails_the_job() -> None:
    world = World(lambda pod, number: 42, pod_failure_policy=rule("FailJob", "In", 42))
    check(world, ("Failed", "PodFailurePolicy"), (0, 1))
    message = world.job.status.conditions[-1].message
    assert message == ("Container c for pod default/p1 failed with exit code 42 matching FailJob rule at index 0")


def test_pod_failure_policy_ignores() -> None:
    world = World(
        lambda pod, number: 7 if number < 4 else 0, backoff_limit=0, pod_failure_policy=rule("Ignore", "In", 7)
    )
    check(world, COMPLETE, (1, 0))


def test_success_policy_ends_the_rest() -> None:
    world = World(
        lambda pod, number: 0,
        completions=5,
        parallelism=5,
        completion_mode="Indexed",
        success_policy=SuccessPolicy(rules=[SuccessPolicyRule(succeeded_indexes="0", succeeded_count=1)]),
    )
    world.play()
    assert world.end == ("Complete", "SuccessPolicy")
    assert world.counts == (1, 0), "Pods that the policy ends have not failed"
    assert not any(pod.status.phase == "Running" for pod in world.pods.values())


def test_no_failed_index_is_told_where_failures_count_by_index() -> None:
    for limit, told in ((1, ""), (None, None)):
        world = World(lambda pod, number: 0, completions=2, completion_mode="Indexed", backoff_limit_per_index=limit)
        check(world, COMPLETE, (2, 0))
        assert to_dict(world.job.status).get("failedIndexes") == told


def test_an_index_that_would_be_tried_again_counts_when_the_job_succeeds() -> None:
    world = World(
        lambda pod, number: int(index_of(pod) == 1),
        completions=3,
        parallelism=3,
        completion_mode="Indexed",
        backoff_limit_per_index=2,
        success_policy=SuccessPolicy(rules=[SuccessPolicyRule(succeeded_indexes="2")]),
    )
    check(world, ("Complete", "SuccessPolicy"), (2, 1))


def test_deadline() -> None:
    world = World(lambda pod, number: 0, completions=100, active_deadline_seconds=5)
    world.play()
    assert world.end == ("Failed", "DeadlineExceeded")


def test_suspend_and_resume() -> None:
    world = World(lambda pod, number: 0, completions=2, parallelism=2)
    world.step()
    world.job = msgspec.structs.replace(world.job, spec=msgspec.structs.replace(world.job.spec, suspend=True))
    for _ in range(6):
        world.step()
    assert world.pods == {}
    assert world.job.status.start_time == ""
    assert world.counts == (0, 0), "suspending is no failure"
    world.job = msgspec.structs.replace(world.job, spec=msgspec.structs.replace(world.job.spec, suspend=False))
    world.play()
    assert world.end == COMPLETE
    assert world.events == ["Suspended", "Resumed", "Completed"]


def test_back_off_doubles() -> None:
    world = World(lambda pod, number: 1, backoff_limit=4)
    starts = []
    for _ in range(200):
        plan = world.step()
        if plan.creates:
            starts.append(world.now)
        if plan.requeue_after and not plan.writes:
            world.now += plan.requeue_after
        world.nature()
    pauses = [later - earlier for earlier, later in pairwise(starts)]
    assert [round(pause / 10) for pause in pauses] == [1, 2, 4, 8]


@pytest.mark.parametrize(
    ("indexes", "text"),
    [({0}, "0"), ({0, 1}, "0,1"), ({0, 1, 2}, "0-2"), ({1, 3, 4, 5, 7}, "1,3-5,7"), (set(), "")],
)
def test_index_lists(indexes: set[int], text: str) -> None:
    assert render(indexes) == text
    assert parse(text, 10) == indexes
