"""The CronJob's decisions."""

from kybern.api.cron import parse
from kybern.api.types.batch_v1 import CronJob, CronJobSpec, CronJobStatus, Job, JobCondition, JobStatus
from kybern.api.types.core_v1 import ObjectReference
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.base.clock import format_time, parse_time
from kybern.controllers.cronjob import SCHEDULED_AT, decide, latest, make_job

CREATED = "2026-01-01T10:00:00Z"


def cron_job(schedule: str = "0 * * * *", *, active: tuple[str, ...] = (), last: str = "", **spec: object) -> CronJob:
    return CronJob(
        metadata=ObjectMeta(name="c", namespace="default", uid="cron", creation_timestamp=CREATED),
        spec=CronJobSpec(schedule=schedule, **spec),  # type: ignore[arg-type]
        status=CronJobStatus(active=[ObjectReference(name=name, uid=name) for name in active], last_schedule_time=last),
    )


def job(name: str, at: str = CREATED, *, state: str = "", own: bool = True) -> Job:
    conditions = [JobCondition(type=state, status="True")] if state else []
    completed = format_time(parse_time(at) + 5) if state == "Complete" else ""
    return Job(
        metadata=ObjectMeta(name=name, namespace="default", uid=name, annotations={SCHEDULED_AT: at} if own else {}),
        status=JobStatus(conditions=conditions, start_time=at, completion_time=completed),
    )


def check(subject: CronJob, jobs: list[Job], now: str, **expected: object) -> None:
    """Expected: created, deleted, events, requeue, active, last."""
    plan = decide(subject, jobs, parse_time(now))
    status = plan.status_updates[0].obj.status if plan.status_updates else subject.status  # type: ignore[attr-defined]
    found = {
        "created": [each.obj.metadata.name for each in plan.creates],
        "deleted": [each.obj.metadata.name for each in plan.deletes],
        "events": [each.reason for each in plan.events],
        "requeue": plan.requeue_after and round(plan.requeue_after),
        "active": [each.name for each in status.active],
        "last": status.last_schedule_time,
    }
    assert {name: found[name] for name in expected} == expected


NINE = str(int(parse_time("2026-01-01T11:00:00Z")) // 60)


def test_waits_for_its_time() -> None:
    check(cron_job(), [], "2026-01-01T10:30:00Z", created=[], requeue=1800, events=[])


def test_makes_the_job_that_is_due() -> None:
    check(
        cron_job(),
        [],
        "2026-01-01T11:00:01Z",
        created=[f"c-{NINE}"],
        requeue=3599,
        last="2026-01-01T11:00:00Z",
    )


def test_of_many_missed_times_only_the_last_counts() -> None:
    last = make_job(cron_job(), parse_time("2026-01-03T05:00:00Z")).metadata.name
    check(cron_job(), [], "2026-01-03T05:30:00Z", created=[last])
    check(cron_job(), [], "2026-03-03T05:30:00Z", events=["TooManyMissedTimes"])


def test_a_time_is_served_once() -> None:
    at = "2026-01-01T11:00:00Z"
    check(cron_job(last=at), [], "2026-01-01T11:30:00Z", created=[])
    check(cron_job(), [job(f"c-{NINE}", at)], "2026-01-01T11:30:00Z", created=[], active=[f"c-{NINE}"], last=at)


def test_starting_deadline() -> None:
    check(cron_job(starting_deadline_seconds=60), [], "2026-01-01T11:01:30Z", created=[])
    check(cron_job(starting_deadline_seconds=60), [], "2026-01-01T11:00:30Z", created=[f"c-{NINE}"])


def test_concurrency() -> None:
    running = [job("c-1")]
    now = "2026-01-01T11:00:01Z"
    check(cron_job(active=("c-1",)), running, now, created=[f"c-{NINE}"], deleted=[])
    forbid = cron_job(active=("c-1",), concurrency_policy="Forbid")
    check(forbid, running, now, created=[], events=["JobAlreadyActive"])
    replace = cron_job(active=("c-1",), concurrency_policy="Replace")
    check(replace, running, now, created=[f"c-{NINE}"], deleted=["c-1"], active=[])


def test_suspended() -> None:
    check(cron_job(suspend=True), [], "2026-01-01T12:00:00Z", created=[], requeue=None)


def test_history() -> None:
    jobs = [job(f"ok{n}", f"2026-01-01T0{n}:00:00Z", state="Complete") for n in range(4)]
    jobs += [job(f"bad{n}", f"2026-01-01T0{n}:00:00Z", state="Failed") for n in range(2)]
    subject = cron_job(successful_jobs_history_limit=3, failed_jobs_history_limit=1)
    check(subject, jobs, "2026-01-01T10:00:00Z", deleted=["ok0", "bad0"])


def test_active_jobs_are_followed() -> None:
    subject = cron_job(active=("done", "lost"))
    check(
        subject,
        [job("done", state="Complete"), job("strange", own=False)],
        "2026-01-01T10:10:00Z",
        active=[],
        events=["SawCompletedJob", "MissingJob", "UnexpectedJob"],
    )


def test_bad_schedules() -> None:
    check(cron_job("* * *"), [], "2026-01-01T12:00:00Z", created=[], events=["UnparseableSchedule"], requeue=None)
    check(cron_job(time_zone="No/Where"), [], "2026-01-01T12:00:00Z", events=["UnknownTimeZone"])


def test_latest_agrees_with_counting() -> None:
    for text in ("*/7 * * * *", "0 0 1 * *", "0 9 * * 1-5", "@every 90m"):
        schedule = parse(text)
        since = parse_time(CREATED)
        for hours in (1, 30, 400, 1500):
            now = since + hours * 3600
            found, step = None, schedule.next(since)
            while step is not None and step <= now:
                found, step = step, schedule.next(step)
            if text != "@every 90m" or found is None:
                assert latest(schedule, since, now)[0] == found, (text, hours)
