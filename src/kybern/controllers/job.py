"""Job: runs Pods until enough have succeeded."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from kybern.api.types.batch_v1 import Job, JobCondition, JobStatus
from kybern.api.types.core_v1 import Pod
from kybern.base.clock import format_time, parse_time
from kybern.client.cluster import Cluster, Failed
from kybern.client.objects import Key, controller_of
from kybern.client.plan import Done, Outcome, Plan
from kybern.client.reconciler import Controller
from kybern.client.watches import watch
from kybern.controllers.claims import add_claims, decide_claims, verify_owner
from kybern.controllers.job_backoff import Backoff, from_pods
from kybern.controllers.job_indexes import render
from kybern.controllers.job_pods import FINALIZER, has_finalizer, restarts
from kybern.controllers.job_policies import met_success_rule
from kybern.controllers.job_steering import end, steer, without_finalizer
from kybern.controllers.job_tally import Tally, count_delayed, count_the_rest, tally
from kybern.trace import Verdict

NAME = "job-controller"
JOB_NAME_LABEL = "batch.kubernetes.io/job-name"
OWN_MANAGER = "kubernetes.io/job-controller"
TRACKED = "tracked-by-job"


def tracker_of(pod: Pod) -> Iterable[str]:
    """`namespace/name` of the Job whose finalizer a Pod holds, be the Job gone or the Pod orphaned."""
    if has_finalizer(pod):
        owner = controller_of(pod)
        name = owner.name if owner is not None and owner.kind == Job.KIND else pod.metadata.labels.get(JOB_NAME_LABEL)
        if name:
            yield f"{pod.metadata.namespace}/{name}"


WATCHES = (
    watch(Job)
    .owns(Pod, adopting=lambda job: job.spec.selector)
    .also(Pod, lambda pod, cluster: [Key(*each.split("/")) for each in tracker_of(pod)])
    .indexed(Pod, TRACKED, tracker_of)
)


def controller() -> Controller:
    return Controller(NAME, WATCHES, Jobs().reconcile)


@dataclass(slots=True)
class Jobs:
    """The loop, and what it remembers from one look at a Job to the next."""

    backoffs: dict[str, Backoff] = field(default_factory=dict)
    """By uid, of Jobs that are not finished."""

    async def reconcile(self, cluster: Cluster, key: Key) -> Outcome:
        """Release Pods of a Job that is gone; claim, count and steer those of one that is there."""
        job = cluster.get(Job, key)
        uid = job.metadata.uid if job is not None else ""
        for pod in cluster.by_index(Pod, TRACKED, str(key)):
            owner = controller_of(pod)
            if owner is None or (owner.uid != uid):
                self.backoffs.pop(owner.uid if owner is not None else "", None)
                await cluster.apply(decide_release(pod))
        if job is None or job.spec.managed_by not in ("", OWN_MANAGER):
            return Done()
        claims = decide_claims(job, job.spec.selector, cluster.owned_by(job, Pod), cluster.orphans(Pod, key.namespace))
        if (claims.adopted or claims.released) and not finished(job):
            if claims.adopted:
                await verify_owner(cluster, job)
            plan = Plan(job)
            add_claims(plan, job, claims, finalizer=FINALIZER)
            return await cluster.apply(plan)
        return await self._steer(cluster, job, claims.owned)

    async def _steer(self, cluster: Cluster, job: Job, pods: Sequence[Pod]) -> Outcome:
        """Act. Where Pods could not be made or deleted, what was counted is written all the same."""
        counts = tally(job, pods)
        known = self.backoffs.get(job.metadata.uid)
        backoff = from_pods(job, pods) if known is None else known.after(counts.new_succeeded, counts.new_failed)
        plan = decide(job, pods, cluster.now(), backoff)
        errors = await cluster.try_apply(plan)
        if errors and (plan.creates or plan.deletes):
            await cluster.apply(decide(job, pods, cluster.now(), backoff, steering=False))
        if finished(job):
            self.backoffs.pop(job.metadata.uid, None)
        elif known is None or plan.status_updates:
            self.backoffs[job.metadata.uid] = backoff
        if errors:
            raise errors[0] if len(errors) == 1 else Failed(errors)
        return plan.outcome


def decide_release(pod: Pod) -> Plan:
    """Pure: take the finalizer from a Pod that no Job will count any more."""
    plan = Plan(pod)
    plan.patches.append(without_finalizer(pod))
    plan.decide(Verdict.ACTED, "Released", "its Job is gone: nothing will count it")
    return plan


def decide(job: Job, pods: Sequence[Pod], now: float, backoff: Backoff | None = None, *, steering: bool = True) -> Plan:
    """Pure: which Pods to create, delete and release, and the status; without `steering` only what was counted."""
    plan = Plan(job)
    if finished(job):
        plan.patches += [without_finalizer(pod) for pod in pods if has_finalizer(pod)]
        return plan
    counts = tally(job, pods)
    status = _counted(job, counts, now)
    if not job.metadata.deletion_timestamp:
        _judge(job, status, counts, pods, now)
        if verdict := verdict_of(status):
            if verdict.type == "FailureTarget":
                count_the_rest(pods, counts)
            else:
                count_delayed(counts)
            if steering:
                _finish(plan, job, status, counts, pods, verdict, now)
        else:
            _suspend_or_resume(plan, job, status, now)
            _watch_deadline(plan, job, status, now)
            if steering:
                steer(plan, job, status, counts, pods, from_pods(job, pods) if backoff is None else backoff, now)
    plan.patches += [without_finalizer(pod) for pod in counts.releasable]
    if status != job.status:
        plan.status(msgspec.structs.replace(job, status=status))
    return plan


def finished(job: Job) -> bool:
    return any(each.type in ("Complete", "Failed") and each.status == "True" for each in job.status.conditions)


def verdict_of(status: JobStatus) -> JobCondition | None:
    """FailureTarget or SuccessCriteriaMet: the end is decided, Pods may still be on their way out."""
    for each in status.conditions:
        if each.type in ("FailureTarget", "SuccessCriteriaMet") and each.status == "True":
            return each
    return None


def _counted(job: Job, counts: Tally, now: float) -> JobStatus:
    start = job.status.start_time
    if not start and not job.spec.suspend:
        start = format_time(now)
    return JobStatus(
        active=len(counts.active) or None,
        ready=counts.ready,
        terminating=counts.terminating,
        succeeded=counts.counted_succeeded or None,
        failed=counts.counted_failed or None,
        uncounted_terminated_pods=counts.uncounted,
        completed_indexes=counts.rendered_completed(),
        failed_indexes=render(counts.failed_indexes) if job.spec.backoff_limit_per_index is not None else None,
        start_time=start,
        completion_time=job.status.completion_time,
        conditions=list(job.status.conditions),
    )


def _judge(job: Job, status: JobStatus, counts: Tally, pods: Sequence[Pod], now: float) -> None:
    """Whether the end is decided now, and how."""
    if verdict_of(status) is not None:
        return
    if failure := _failure(job, status, counts, now):
        _set(status, "FailureTarget", *failure, now)
        return
    rule = met_success_rule(job, counts.completed_indexes)
    if rule is not None:
        _set(status, "SuccessCriteriaMet", "SuccessPolicy", f"Matched rules at index {rule}", now)
    elif _is_complete(job, counts):
        _set(status, "SuccessCriteriaMet", "CompletionsReached", "Reached expected number of succeeded pods", now)


def _failure(job: Job, status: JobStatus, counts: Tally, now: float) -> tuple[str, str] | None:
    """(reason, message) of a Job that has failed."""
    limit = job.spec.backoff_limit if job.spec.backoff_limit is not None else 6
    if counts.failing:
        return "PodFailurePolicy", counts.failing
    if counts.failed > limit or _too_many_restarts(job, counts, limit):
        return "BackoffLimitExceeded", "Job has reached the specified backoff limit"
    deadline = job.spec.active_deadline_seconds
    started = parse_time(status.start_time) if status.start_time and not job.spec.suspend else now
    if deadline is not None and now - started >= deadline:
        return "DeadlineExceeded", "Job was active longer than specified deadline"
    if job.spec.backoff_limit_per_index is not None and counts.failed_indexes:
        most = job.spec.max_failed_indexes
        if most is not None and len(counts.failed_indexes) > most:
            return "MaxFailedIndexesExceeded", "Job has exceeded the specified maximal number of failed indexes"
        done = len(counts.failed_indexes) + len(counts.completed_indexes)
        if done >= (job.spec.completions or 0):
            return "FailedIndexes", "Job has failed indexes"
    return None


def _too_many_restarts(job: Job, counts: Tally, limit: int) -> bool:
    """Containers that restart in place count against the limit as well."""
    if job.spec.template.spec.restart_policy != "OnFailure":
        return False
    count = restarts(counts.active)
    return count > 0 if limit == 0 else count >= limit


def _is_complete(job: Job, counts: Tally) -> bool:
    if counts.active:
        return False
    return counts.succeeded > 0 if job.spec.completions is None else counts.succeeded >= job.spec.completions


def _finish(
    plan: Plan, job: Job, status: JobStatus, counts: Tally, pods: Sequence[Pod], verdict: JobCondition, now: float
) -> None:
    """End what still runs; when nothing does and all is counted, say so."""
    if counts.active or counts.terminating or counts.pending or any(has_finalizer(pod) for pod in pods):
        end(plan, status, counts.active, release=verdict.type == "SuccessCriteriaMet")
        left = len(counts.active) + counts.terminating
        plan.decide(Verdict.WAITED, verdict.reason, f"{verdict.message}: {left} Pods are still to end")
        return
    if verdict.type == "FailureTarget":
        _set(status, "Failed", verdict.reason, verdict.message, now)
        plan.event("Warning", verdict.reason, verdict.message)
        plan.decide(Verdict.FAILED, verdict.reason, verdict.message)
    else:
        _set(status, "Complete", verdict.reason, verdict.message, now)
        status.completion_time = format_time(now)
        if job.spec.completions is not None and (status.succeeded or 0) > job.spec.completions:
            message = "Too many succeeded pods running after completion count reached"
            plan.event("Warning", "TooManySucceededPods", message)
        plan.event("Normal", "Completed", "Job completed")
        plan.decide(Verdict.ACTED, "Completed", verdict.message)


def _watch_deadline(plan: Plan, job: Job, status: JobStatus, now: float) -> None:
    deadline = job.spec.active_deadline_seconds
    if deadline is not None and status.start_time and not job.spec.suspend:
        plan.requeue(max(parse_time(status.start_time) + deadline - now, 0.0) + 0.01)


def _suspend_or_resume(plan: Plan, job: Job, status: JobStatus, now: float) -> None:
    suspended = next((each for each in status.conditions if each.type == "Suspended"), None)
    if job.spec.suspend:
        if suspended is None or suspended.status != "True":
            status.start_time = ""
            _set(status, "Suspended", "JobSuspended", "Job suspended", now)
            plan.event("Normal", "Suspended", "Job suspended")
    elif suspended is not None and suspended.status == "True":
        _set(status, "Suspended", "JobResumed", "Job resumed", now, state="False")
        status.start_time = format_time(now)
        plan.event("Normal", "Resumed", "Job resumed")


def _set(status: JobStatus, type: str, reason: str, message: str, now: float, state: str = "True") -> None:
    stamp = format_time(now)
    told = JobCondition(
        type=type, status=state, reason=reason, message=message, last_probe_time=stamp, last_transition_time=stamp
    )
    changed = [told if each.type == type else each for each in status.conditions]
    status.conditions = changed if told in changed else [*changed, told]
