"""CronJob: makes a Job at each time of a schedule."""

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime

import msgspec

from kybern.api import cron
from kybern.api.types.batch_v1 import CronJob, CronJobStatus, Job
from kybern.api.types.core_v1 import ObjectReference
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.base.clock import format_time, parse_time
from kybern.client.cluster import Cluster
from kybern.client.objects import Key, controller_reference
from kybern.client.plan import Create, Delete, Done, Outcome, Plan
from kybern.client.watches import watch
from kybern.trace import Verdict

NAME = "cronjob-controller"
WATCHES = watch(CronJob).owns(Job)

SCHEDULED_AT = "batch.kubernetes.io/cronjob-scheduled-timestamp"
MISSED_LIMIT = 100
"""More missed times than this are worth a warning."""

LATER_SECONDS = 0.1
"""Past the time itself, so that it has come for sure (upstream)."""


async def reconcile(cluster: Cluster, key: Key) -> Outcome:
    """Account for the Jobs that are there, make the one that is due, clear away old ones."""
    cron_job = cluster.get(CronJob, key)
    if cron_job is None:
        return Done()
    return await cluster.apply(decide(cron_job, cluster.owned_by(cron_job, Job), cluster.now()))


def decide(cron_job: CronJob, jobs: Sequence[Job], now: float) -> Plan:
    """Pure: which Jobs to create and delete, and the status. `jobs` are those that the CronJob controls."""
    plan = Plan(cron_job)
    status = _accounted(plan, cron_job, jobs)
    _clear_away(plan, cron_job, jobs)
    if not cron_job.metadata.deletion_timestamp:
        if cron_job.spec.suspend:
            plan.decide(Verdict.NOTHING, "Suspended", "it is suspended")
        else:
            _schedule(plan, cron_job, status, jobs, now)
    if status != cron_job.status:
        plan.status(msgspec.structs.replace(cron_job, status=status))
    return plan


def result(job: Job) -> str:
    """Complete, Failed, or "" of a Job that is not finished."""
    for each in job.status.conditions:
        if each.type in ("Complete", "Failed") and each.status == "True":
            return each.type
    return ""


def job_name(cron_job: CronJob, at: float) -> str:
    """`NAME-28401120`: the minutes since the epoch tell two runs apart and make the creation idempotent."""
    return f"{cron_job.metadata.name}-{int(at) // 60}"


def make_job(cron_job: CronJob, at: float) -> Job:
    """The Job of one scheduled time."""
    template = cron_job.spec.job_template
    stamp = datetime.fromtimestamp(at, cron.zone_of(cron_job.spec.time_zone or "UTC")).isoformat()
    return Job(
        metadata=ObjectMeta(
            name=job_name(cron_job, at),
            namespace=cron_job.metadata.namespace,
            labels=dict(template.metadata.labels),
            annotations={**template.metadata.annotations, SCHEDULED_AT: stamp.replace("+00:00", "Z")},
            owner_references=[controller_reference(cron_job)],
        ),
        spec=template.spec,
    )


def _accounted(plan: Plan, cron_job: CronJob, jobs: Sequence[Job]) -> CronJobStatus:
    """The status with the list of active Jobs as it is now."""
    by_uid = {job.metadata.uid: job for job in jobs}
    known = {each.uid for each in cron_job.status.active}
    last_schedule = cron_job.status.last_schedule_time
    last_success = cron_job.status.last_successful_time
    active = []
    for reference in cron_job.status.active:
        job = by_uid.get(reference.uid)
        if job is None:
            plan.event("Normal", "MissingJob", f"Active job went missing: {reference.name}")
        elif state := result(job):
            plan.event("Normal", "SawCompletedJob", f"Saw completed job: {reference.name}, condition: {state}")
        else:
            active.append(reference)
    for job in sorted(jobs, key=lambda job: job.metadata.name):
        scheduled = job.metadata.annotations.get(SCHEDULED_AT, "")
        if result(job) == "Complete" and job.status.completion_time:
            last_success = _later(last_success, job.status.completion_time)
        if scheduled:
            last_schedule = _later(last_schedule, format_time(parse_time(scheduled)))
        if job.metadata.uid in known or result(job) or job.metadata.deletion_timestamp:
            continue
        if not scheduled:
            message = f"Saw a job that the controller did not create or forgot: {job.metadata.name}"
            plan.event("Warning", "UnexpectedJob", message)
            continue
        active.append(_reference(job))
    return CronJobStatus(active=active, last_schedule_time=last_schedule, last_successful_time=last_success)


def _schedule(plan: Plan, cron_job: CronJob, status: CronJobStatus, jobs: Sequence[Job], now: float) -> None:
    """Make the Job of the latest time that has come, unless something forbids it; look again at the next time."""
    schedule = _parsed(plan, cron_job)
    if schedule is None:
        return
    upcoming = schedule.next(now)
    if upcoming is None:
        why = "time difference between two schedules is less than 1 second"
        plan.event("Warning", "InvalidSchedule", f"invalid schedule: {cron_job.spec.schedule} : {why}")
        plan.decide(Verdict.REFUSED, "InvalidSchedule", "no time ever comes")
        return
    plan.requeue(upcoming - now + LATER_SECONDS)
    since = _since(cron_job, status, now)
    due, missed = latest(schedule, since, now)
    if due is None:
        when = format_time(upcoming)
        plan.decide(Verdict.WAITED, "NotDue", f"next time: {when}", next=when)
        return
    if missed > MISSED_LIMIT:
        plan.event(
            "Warning",
            "TooManyMissedTimes",
            "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew",
        )
    deadline = cron_job.spec.starting_deadline_seconds
    if deadline is not None and due + deadline < now:
        plan.event("Warning", "MissSchedule", f"Missed scheduled time to start a job: {_rfc1123(due)}")
        plan.decide(Verdict.REFUSED, "MissSchedule", f"the time {format_time(due)} is more than {deadline} s ago")
        return
    if any(job.metadata.name == job_name(cron_job, due) for job in jobs) or (
        status.last_schedule_time and parse_time(status.last_schedule_time) >= due
    ):
        plan.decide(Verdict.NOTHING, "AlreadyProcessed", f"the time {format_time(due)} has its Job already")
        return
    _start(plan, cron_job, status, jobs, due)


def _start(plan: Plan, cron_job: CronJob, status: CronJobStatus, jobs: Sequence[Job], due: float) -> None:
    if status.active and cron_job.spec.concurrency_policy == "Forbid":
        message = "Not starting job because prior execution is running and concurrency policy is Forbid"
        plan.event("Normal", "JobAlreadyActive", message)
        plan.decide(Verdict.REFUSED, "JobAlreadyActive", message)
        return
    if cron_job.spec.concurrency_policy == "Replace":
        running = {each.uid for each in status.active}
        plan.deletes += [_deletion(plan, job) for job in jobs if job.metadata.uid in running]
        status.active = []
    job = make_job(cron_job, due)
    done = plan.notice("Normal", "SuccessfulCreate", "Created job {name}")
    plan.creates.append(Create(job, done, plan.notice("Warning", "FailedCreate", "Error creating job: {error}")))
    plan.decide(Verdict.ACTED, "Due", f"the time {format_time(due)} has come: creating {job.metadata.name}")
    status.last_schedule_time = format_time(due)


def _parsed(plan: Plan, cron_job: CronJob) -> cron.Schedule | None:
    zone = cron_job.spec.time_zone
    if "TZ" in cron_job.spec.schedule:
        message = (
            f'CRON_TZ or TZ used in schedule "{cron_job.spec.schedule}" is not officially supported, see '
            "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"
        )
        plan.event("Warning", "UnsupportedSchedule", message)
    try:
        if zone:
            cron.zone_of(zone)
    except cron.CronError as error:
        plan.event("Warning", "UnknownTimeZone", f'invalid timeZone: "{zone}": {error}')
        plan.decide(Verdict.REFUSED, "UnknownTimeZone", str(error))
        return None
    try:
        return cron.parse(cron_job.spec.schedule, zone)
    except cron.CronError as error:
        plan.event("Warning", "UnparseableSchedule", f'unparseable schedule: "{cron_job.spec.schedule}" : {error}')
        plan.decide(Verdict.REFUSED, "UnparseableSchedule", str(error))
        return None


def _since(cron_job: CronJob, status: CronJobStatus, now: float) -> float:
    """The time after which scheduled times count as not yet served."""
    since = parse_time(status.last_schedule_time or cron_job.metadata.creation_timestamp)
    deadline = cron_job.spec.starting_deadline_seconds
    return since if deadline is None else max(since, now - deadline)


def latest(schedule: cron.Schedule, since: float, now: float) -> tuple[float | None, int]:
    """The latest time after `since` and up to `now`, and about how many there were."""
    first = schedule.next(since)
    if first is None or first > now:
        return None, 0
    second = schedule.next(first)
    if second is None or second > now:
        return first, 1
    distance = second - first
    count = int((now - first) // distance) + 1
    found, step = second, schedule.next(max(now - 2 * distance, second - 1))
    while step is not None and step <= now:
        found, step = step, schedule.next(step)
    return found, count


def _clear_away(plan: Plan, cron_job: CronJob, jobs: Sequence[Job]) -> None:
    """Delete the oldest finished Jobs beyond the history limits."""
    limits = {
        "Complete": cron_job.spec.successful_jobs_history_limit,
        "Failed": cron_job.spec.failed_jobs_history_limit,
    }
    for state, limit in limits.items():
        finished = [job for job in jobs if result(job) == state and not job.metadata.deletion_timestamp]
        finished.sort(key=lambda job: (job.status.start_time or job.metadata.creation_timestamp, job.metadata.name))
        if limit is not None:
            plan.deletes += [_deletion(plan, job) for job in finished[: max(len(finished) - limit, 0)]]


def _deletion(plan: Plan, job: Job) -> Delete:
    done = plan.notice("Normal", "SuccessfulDelete", "Deleted job {name}")
    failed = plan.notice("Warning", "FailedDelete", "Deleted job: {error}")
    return Delete(job, done, failed, propagation_policy="Background")


def _reference(job: Job) -> ObjectReference:
    meta = job.metadata
    return ObjectReference(
        api_version=job.API_VERSION,
        kind=job.KIND,
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        resource_version=meta.resource_version,
    )


def _later(left: str, right: str) -> str:
    return right if not left or parse_time(right) > parse_time(left) else left


def _rfc1123(at: float) -> str:
    """`Mon, 02 Jan 2006 15:04:05 -0700`."""
    return format_datetime(datetime.fromtimestamp(at, UTC))
