"""TTL after finished: deletes Jobs whose spec.ttlSecondsAfterFinished is over (pkg/controller/ttlafterfinished)."""

from kybern.api.types.batch_v1 import Job
from kybern.base.clock import parse_time
from kybern.base.errors import NotFound
from kybern.client.cluster import Cluster
from kybern.client.objects import Key
from kybern.client.plan import Delete, Done, Outcome, Plan
from kybern.client.watches import watch
from kybern.trace import Verdict

NAME = "ttl-after-finished-controller"
WATCHES = watch(Job)


async def reconcile(cluster: Cluster, key: Key) -> Outcome:
    """Delete the Job when its time is over; the server is asked once more, for the TTL may just have been raised."""
    job = cluster.get(Job, key)
    if job is None:
        return Done()
    plan = decide(job, cluster.now())
    if not plan.deletes:
        return plan.outcome
    try:
        fresh = await cluster.client.get(Job, key.name, key.namespace)
    except NotFound:
        return Done()
    return await cluster.apply(decide(fresh, cluster.now()))


def decide(job: Job, now: float) -> Plan:
    """Pure: delete the Job, its Pods first, or look again when its time is over."""
    plan = Plan(job)
    ttl = job.spec.ttl_seconds_after_finished
    finished = _finished(job)
    if job.metadata.deletion_timestamp or ttl is None or finished is None:
        return plan
    remaining = finished + ttl - now
    if remaining > 0:
        plan.requeue(remaining)
        plan.decide(Verdict.WAITED, "TTL", f"it is deleted in {remaining:.0f} s, {ttl} s after it finished")
    else:
        plan.deletes.append(Delete(job, propagation_policy="Foreground"))
        plan.decide(Verdict.ACTED, "TTLExpired", f"it finished more than {ttl} s ago")
    return plan


def _finished(job: Job) -> float | None:
    """When the Job finished, in seconds since the epoch; None while it has not, or does not say when."""
    for each in job.status.conditions:
        if each.type in ("Complete", "Failed") and each.status == "True" and each.last_transition_time:
            return parse_time(each.last_transition_time)
    return None
