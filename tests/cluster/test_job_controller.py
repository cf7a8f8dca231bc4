"""Jobs on a real API server; the test says how each Pod ends."""

from typing import Any

from kybern.api.types import convert
from kybern.api.types.batch_v1 import Job
from kybern.api.types.core_v1 import Event, Pod

from .machine import Plane, plane

CONTROLLER = ("job-controller", "serviceaccount-controller")
TRACKING = "batch.kubernetes.io/job-tracking"
INDEX = "batch.kubernetes.io/job-completion-index"


def job(**spec: Any) -> Job:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "app"}]}}
    return convert({"metadata": {"name": "work", "namespace": "default"}, "spec": {"template": template, **spec}}, Job)


async def pods(world: Plane) -> list[Pod]:
    """Those that run or will, by name of the index and age."""
    found = (await world.client.list(Pod, "default")).items
    alive = [pod for pod in found if pod.status.phase == "Running" and not pod.metadata.deletion_timestamp]
    return sorted(alive, key=lambda pod: (pod.metadata.labels.get(INDEX, ""), pod.metadata.name))


async def running(world: Plane, count: int) -> list[Pod]:
    async def there() -> bool:
        return len(await pods(world)) == count

    await world.until(there)
    return await pods(world)


async def finish(world: Plane, pod: Pod, code: int = 0, *, conditions: tuple[dict[str, str], ...] = ()) -> None:
    ended = {"exitCode": code, "finishedAt": "2020-01-01T00:00:00Z"}
    status = {
        "phase": "Failed" if code else "Succeeded",
        "conditions": list(conditions),
        "containerStatuses": [{"name": "c", "image": "app", "imageID": "", "state": {"terminated": ended}}],
    }
    await world.client.patch(Pod, pod.metadata.name, "default", {"status": status}, subresource="status")


async def ended(world: Plane, reason: str) -> Job:
    """The Job, once it is finished for that reason."""

    async def done() -> bool:
        found = await world.client.get(Job, "work", "default")
        return any(each.type in ("Complete", "Failed") and each.reason == reason for each in found.status.conditions)

    await world.until(done)
    return await world.client.get(Job, "work", "default")


async def told(world: Plane, reason: str, message: str) -> None:
    async def written() -> bool:
        events = (await world.client.list(Event, "default")).items
        return any((each.reason, each.message) == (reason, message) for each in events)

    await world.until(written)


def conditions(found: Job) -> list[tuple[str, str, str]]:
    return [(each.type, each.reason, each.message) for each in found.status.conditions]


async def test_counts_each_pod_once_and_lets_it_go() -> None:
    async with plane(CONTROLLER) as world:
        await world.client.create(job(completions=3, parallelism=2))
        first, second = await running(world, 2)
        assert first.metadata.finalizers == [TRACKING]
        assert first.metadata.labels["batch.kubernetes.io/job-name"] == first.metadata.labels["job-name"] == "work"
        await finish(world, first)
        third = next(pod for pod in await running(world, 2) if pod.metadata.uid != second.metadata.uid)
        await finish(world, second)
        await finish(world, third)
        found = await ended(world, "CompletionsReached")
        message = "Reached expected number of succeeded pods"
        assert conditions(found) == [
            ("SuccessCriteriaMet", "CompletionsReached", message),
            ("Complete", "CompletionsReached", message),
        ]
        status = found.status
        assert (status.succeeded, status.failed, status.active, status.ready, status.terminating) == (
            3,
            None,
            None,
            0,
            0,
        )
        assert status.completion_time >= status.start_time
        assert not any(pod.metadata.finalizers for pod in (await world.client.list(Pod, "default")).items)
        await told(world, "SuccessfulCreate", f"Created pod: {first.metadata.name}")
        await told(world, "Completed", "Job completed")


async def test_indexes_have_names_labels_and_their_own_limit() -> None:
    async with plane(CONTROLLER) as world:
        await world.client.create(
            job(completions=3, parallelism=3, completionMode="Indexed", backoffLimitPerIndex=0, maxFailedIndexes=1)
        )
        all_pods = await running(world, 3)
        for number, pod in enumerate(all_pods):
            assert pod.metadata.name.startswith(f"work-{number}-")
            assert pod.spec.hostname == f"work-{number}"
            assert pod.metadata.labels[INDEX] == pod.metadata.annotations[INDEX] == str(number)
            assert pod.metadata.annotations["batch.kubernetes.io/job-index-failure-count"] == "0"
        await finish(world, all_pods[1], 1)

        async def index_failed() -> bool:
            return (await world.client.get(Job, "work", "default")).status.failed_indexes == "1"

        await world.until(index_failed)
        await finish(world, all_pods[0])
        await finish(world, all_pods[2], 1)
        found = await ended(world, "MaxFailedIndexesExceeded")
        assert (found.status.completed_indexes, found.status.failed_indexes) == ("0", "1,2")
        text = "Job has exceeded the specified maximal number of failed indexes"
        assert [each[2] for each in conditions(found)] == [text, text]
        await told(world, "MaxFailedIndexesExceeded", text)


async def test_a_failed_index_keeps_its_pod_until_it_is_replaced() -> None:
    async with plane(CONTROLLER) as world:
        await world.client.create(job(completions=1, parallelism=1, completionMode="Indexed", backoffLimitPerIndex=2))
        (first,) = await running(world, 1)
        await finish(world, first, 1)
        (second,) = await running(world, 1)
        assert second.metadata.annotations["batch.kubernetes.io/job-index-failure-count"] == "1"

        async def counted() -> bool:
            return (await world.client.get(Job, "work", "default")).status.failed == 1

        await world.until(counted)


async def test_success_policy_ends_the_others_without_failures() -> None:
    async with plane(CONTROLLER) as world:
        policy = {"rules": [{"succeededIndexes": "1", "succeededCount": 1}]}
        await world.client.create(job(completions=3, parallelism=3, completionMode="Indexed", successPolicy=policy))
        await finish(world, (await running(world, 3))[1])
        found = await ended(world, "SuccessPolicy")
        assert [each[0] for each in conditions(found)] == ["SuccessCriteriaMet", "Complete"]
        assert conditions(found)[0][2] == "Matched rules at index 0"
        assert (found.status.succeeded, found.status.failed, found.status.completed_indexes) == (1, None, "1")


async def test_a_failure_policy_ignores_and_fails() -> None:
    rules = [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {"action": "FailJob", "onExitCodes": {"containerName": "c", "operator": "In", "values": [42]}},
    ]
    async with plane(CONTROLLER) as world:
        await world.client.create(job(backoffLimit=0, podFailurePolicy={"rules": rules}))
        (first,) = await running(world, 1)
        await finish(world, first, 137, conditions=({"type": "DisruptionTarget", "status": "True"},))
        (second,) = await running(world, 1)
        await finish(world, second, 42)
        found = await ended(world, "PodFailurePolicy")
        name = f"default/{second.metadata.name}"
        text = f"Container c for pod {name} failed with exit code 42 matching FailJob rule at index 1"
        assert conditions(found) == [("FailureTarget", "PodFailurePolicy", text), ("Failed", "PodFailurePolicy", text)]
        assert found.status.failed == 1


async def test_suspending_is_no_failure() -> None:
    async with plane(CONTROLLER) as world:
        await world.client.create(job(parallelism=2, completions=2, backoffLimit=0))
        await running(world, 2)
        await world.client.patch(Job, "work", "default", {"spec": {"suspend": True}})

        async def idle() -> bool:
            found = await world.client.get(Job, "work", "default")
            return await world.count(Pod) == 0 and not found.status.active and not found.status.terminating

        await world.until(idle)
        found = await world.client.get(Job, "work", "default")
        assert conditions(found) == [("Suspended", "JobSuspended", "Job suspended")]
        assert (found.status.failed, found.status.start_time) == (None, "")
        await world.client.patch(Job, "work", "default", {"spec": {"suspend": False}})
        for pod in await running(world, 2):
            await finish(world, pod)
        found = await ended(world, "CompletionsReached")
        assert ("Suspended", "JobResumed", "Job resumed") in conditions(found)
        await told(world, "Resumed", "Job resumed")


async def test_a_deadline_counts_what_still_ran_as_failed() -> None:
    async with plane(CONTROLLER) as world:
        await world.client.create(job(parallelism=2, completions=2, activeDeadlineSeconds=1))
        found = await ended(world, "DeadlineExceeded")
        assert (found.status.failed, found.status.active, found.status.terminating) == (2, None, 0)
        await told(world, "DeadlineExceeded", "Job was active longer than specified deadline")


async def test_the_job_of_another_manager_is_left_alone() -> None:
    async with plane(CONTROLLER) as world:
        other = job(managedBy="example.com/other")
        other.metadata.name = "foreign"
        await world.client.create(other)
        await world.client.create(job())
        await running(world, 1)
        assert await world.count(Pod) == 1
        assert (await world.client.get(Job, "foreign", "default")).status.start_time == ""


async def test_a_start_told_while_suspended_is_no_obstacle_to_resuming() -> None:
    async with plane(CONTROLLER) as world:
        await world.client.create(job(suspend=True))
        await told(world, "Suspended", "Job suspended")
        start = {"status": {"startTime": "2020-01-01T00:00:00Z"}}
        await world.client.patch(Job, "work", "default", start, subresource="status")
        await world.client.patch(Job, "work", "default", {"spec": {"suspend": False}})
        await running(world, 1)
        await told(world, "Resumed", "Job resumed")
        found = await world.client.get(Job, "work", "default")
        assert found.status.start_time > "2020-01-01T00:00:00Z"


async def test_a_pod_that_is_let_go_is_held_by_nothing_of_the_job() -> None:
    """Whoever takes its labels away has a Pod of his own, that goes when it is deleted."""
    async with plane(CONTROLLER) as world:
        await world.client.create(job(parallelism=1))
        (pod,) = await running(world, 1)
        await world.client.patch(Pod, pod.metadata.name, "default", {"metadata": {"labels": None}})

        async def free() -> bool:
            meta = (await world.client.get(Pod, pod.metadata.name, "default")).metadata
            return not meta.owner_references and TRACKING not in meta.finalizers

        await world.until(free)
