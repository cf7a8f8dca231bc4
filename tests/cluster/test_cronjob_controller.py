"""CronJobs on a real API server, over Jobs that the test finishes."""

import time
from typing import Any

from kybern.api.types import convert, to_dict
from kybern.api.types.batch_v1 import CronJob, Job
from kybern.api.types.core_v1 import Event
from kybern.base.clock import format_time, parse_time
from kybern.controllers.cronjob import make_job

from .machine import Plane, plane

CONTROLLER = ("cronjob-controller", "garbage-collector-controller")
NIGHTLY = "0 0 * * *"
"""One run is due however long a test takes."""
DAY_SECONDS, TOKYO_SECONDS = 86400, 9 * 3600


def cron_job(name: str = "tick", schedule: str = NIGHTLY, **spec: Any) -> CronJob:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "app"}]}}
    job = {"metadata": {"labels": {"of": name}}, "spec": {"template": template}}
    metadata = {"name": name, "namespace": "default"}
    return convert({"metadata": metadata, "spec": {"schedule": schedule, "jobTemplate": job, **spec}}, CronJob)


def days_ago(count: int) -> str:
    return format_time(time.time() - count * DAY_SECONDS)


def midnight_in_tokyo() -> float:
    """The latest, in minutes since the epoch."""
    days = (time.time() + TOKYO_SECONDS) // DAY_SECONDS
    return (days * DAY_SECONDS - TOKYO_SECONDS) / 60


def child(owner: CronJob, name: str) -> Job:
    """A Job that the CronJob controls, made by hand."""
    job = make_job(owner, 0.0)
    job.metadata.name = name
    job.metadata.annotations = {}
    return job


async def due(world: Plane, subject: CronJob) -> CronJob:
    """Create it as one whose last run was two days ago, so that a run is due now."""
    suspended = convert(to_dict(subject), CronJob)
    suspended.spec.suspend = True
    name = (await world.client.create(suspended)).metadata.name
    past = {"status": {"lastScheduleTime": days_ago(2)}}
    await world.client.patch(CronJob, name, "default", past, subresource="status")
    return await world.client.patch(CronJob, name, "default", {"spec": {"suspend": False}})


async def jobs(world: Plane, count: int) -> list[Job]:
    async def there() -> bool:
        return await world.count(Job) == count

    await world.until(there)
    return (await world.client.list(Job, "default")).items


async def told(world: Plane, type: str, reason: str, message: str) -> None:
    async def written() -> bool:
        events = (await world.client.list(Event, "default")).items
        return any((each.type, each.reason, each.message) == (type, reason, message) for each in events)

    await world.until(written)


async def complete(world: Plane, job: Job) -> None:
    now = format_time(time.time())
    finished = {"status": "True", "lastTransitionTime": now, "lastProbeTime": now}
    status = {
        "startTime": now,
        "completionTime": now,
        "succeeded": 1,
        "conditions": [{"type": "SuccessCriteriaMet", **finished}, {"type": "Complete", **finished}],
    }
    await world.client.patch(Job, job.metadata.name, "default", {"status": status}, subresource="status")


async def test_a_run_is_named_after_its_minute_and_accounted_for() -> None:
    async with plane(CONTROLLER) as world:
        expected = {midnight_in_tokyo()}
        await due(world, cron_job(timeZone="Asia/Tokyo"))
        (job,) = await jobs(world, 1)
        minutes = int(job.metadata.name.removeprefix("tick-"))
        assert minutes in expected | {midnight_in_tokyo()}
        assert job.metadata.labels["of"] == "tick"
        stamp = job.metadata.annotations["batch.kubernetes.io/cronjob-scheduled-timestamp"]
        assert (stamp[-6:], parse_time(stamp)) == ("+09:00", minutes * 60)
        owner = job.metadata.owner_references[0]
        assert (owner.kind, owner.name, owner.controller, owner.block_owner_deletion) == ("CronJob", "tick", True, True)

        async def active() -> bool:
            status = (await world.client.get(CronJob, "tick", "default")).status
            return [each.name for each in status.active] == [job.metadata.name] and bool(status.last_schedule_time)

        await world.until(active)
        await told(world, "Normal", "SuccessfulCreate", f"Created job {job.metadata.name}")
        await complete(world, job)

        async def succeeded() -> bool:
            status = (await world.client.get(CronJob, "tick", "default")).status
            return not status.active and bool(status.last_successful_time)

        await world.until(succeeded)
        await told(world, "Normal", "SawCompletedJob", f"Saw completed job: {job.metadata.name}, condition: Complete")


async def test_forbid_waits_and_replace_replaces() -> None:
    async with plane(CONTROLLER) as world:
        for policy, left in (("Forbid", "before"), ("Replace", "after")):
            name = policy.lower()
            subject = cron_job(name, concurrencyPolicy=policy, suspend=True)
            owner = await world.client.create(subject)
            await world.client.create(child(owner, f"{name}-before"))
            running = {"name": f"{name}-before", "namespace": "default", "kind": "Job", "apiVersion": "batch/v1"}
            job = await world.client.get(Job, f"{name}-before", "default")
            status = {"active": [{**running, "uid": job.metadata.uid}], "lastScheduleTime": days_ago(2)}
            await world.client.patch(CronJob, name, "default", {"status": status}, subresource="status")
            await world.client.patch(CronJob, name, "default", {"spec": {"suspend": False}})

            async def decided(name: str = name, left: str = left) -> bool:
                names = [job.metadata.name for job in (await world.client.list(Job, label_selector=f"of={name}")).items]
                return len(names) == 1 and (names[0] == f"{name}-before") == (left == "before")

            if policy == "Forbid":
                message = "Not starting job because prior execution is running and concurrency policy is Forbid"
                await told(world, "Normal", "JobAlreadyActive", message)
            await world.until(decided)


async def test_history_is_limited_and_the_oldest_goes_first() -> None:
    async with plane(CONTROLLER) as world:
        await world.client.create(cron_job(suspend=True, successfulJobsHistoryLimit=1))
        owner = await world.client.get(CronJob, "tick", "default")
        for number in range(3):
            await complete(world, await world.client.create(child(owner, f"old-{number}")))
        (left,) = await jobs(world, 1)
        assert left.metadata.name == "old-2"
        await told(world, "Normal", "SuccessfulDelete", "Deleted job old-0")


async def test_a_job_made_by_hand_is_noticed_and_left_alone() -> None:
    async with plane(CONTROLLER) as world:
        owner = await world.client.create(cron_job(suspend=True))
        await world.client.create(child(owner, "by-hand"))
        message = "Saw a job that the controller did not create or forgot: by-hand"
        await told(world, "Warning", "UnexpectedJob", message)
        assert (await world.client.get(CronJob, "tick", "default")).status.active == []
