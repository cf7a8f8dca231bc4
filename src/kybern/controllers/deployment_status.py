"""What a Deployment reports of itself: counts, and the conditions Available, Progressing and ReplicaFailure."""

from collections.abc import Sequence

from kybern.api.types.apps_v1 import (
    Deployment,
    DeploymentCondition,
    DeploymentStatus,
    ReplicaSet,
)
from kybern.base.clock import format_time, parse_time
from kybern.controllers.deployment_sizes import available, bounds, sizes, wanted

NO_DEADLINE = 2**31 - 1
PAUSED, RESUMED = "DeploymentPaused", "DeploymentResumed"
COMPLETE, UPDATED, TIMED_OUT = "NewReplicaSetAvailable", "ReplicaSetUpdated", "ProgressDeadlineExceeded"
CREATED, FOUND, CREATE_FAILED = "NewReplicaSetCreated", "FoundNewReplicaSet", "ReplicaSetCreateError"


def counted(
    deployment: Deployment, everything: Sequence[ReplicaSet], new: ReplicaSet | None, now: float
) -> DeploymentStatus:
    """The counts of the ReplicaSets' status and the condition Available; other conditions stay as they were."""
    ready = sum(each.status.ready_replicas or 0 for each in everything)
    reachable = sum(available(each) for each in everything)
    terminating = [each.status.terminating_replicas for each in everything]
    status = DeploymentStatus(
        observed_generation=deployment.metadata.generation,
        replicas=sum(each.status.replicas for each in everything) or None,
        updated_replicas=(new.status.replicas if new is not None else 0) or None,
        ready_replicas=ready or None,
        available_replicas=reachable or None,
        unavailable_replicas=max(sizes(everything) - reachable, 0) or None,
        terminating_replicas=None if None in terminating else sum(filter(None, terminating)),
        collision_count=deployment.status.collision_count,
        conditions=list(deployment.status.conditions),
    )
    _, max_unavailable = bounds(deployment)
    if reachable >= wanted(deployment) - max_unavailable:
        set_condition(
            status, "Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.", now
        )
    else:
        set_condition(
            status,
            "Available",
            "False",
            "MinimumReplicasUnavailable",
            "Deployment does not have minimum availability.",
            now,
        )
    return status


def rolled_out(
    deployment: Deployment, everything: Sequence[ReplicaSet], new: ReplicaSet | None, now: float
) -> DeploymentStatus:
    """`counted`, with Progressing judged and ReplicaFailure taken over from the ReplicaSets."""
    status = counted(deployment, everything, new, now)
    current = progressing(deployment.status)
    done = status.replicas == status.updated_replicas and current is not None and current.reason == COMPLETE
    if not has_deadline(deployment):
        remove_condition(status, "Progressing")
    elif not done:
        name = f'ReplicaSet "{new.metadata.name}"' if new is not None else f'Deployment "{deployment.metadata.name}"'
        if is_complete(deployment, status):
            set_condition(status, "Progressing", "True", COMPLETE, f"{name} has successfully progressed.", now)
        elif _advanced(deployment.status, status):
            _set_progress(status, current, f"{name} is progressing.", now)
        elif timed_out(deployment, now):
            set_condition(status, "Progressing", "False", TIMED_OUT, f"{name} has timed out progressing.", now)
    failures = [
        each
        for one in ([new] if new else []) + [*everything]
        for each in one.status.conditions
        if each.type == "ReplicaFailure"
    ]
    if failures:
        first = failures[0]
        set_condition(status, "ReplicaFailure", first.status, first.reason, first.message, now)
    else:
        remove_condition(status, "ReplicaFailure")
    return status


def deadline_in(deployment: Deployment, status: DeploymentStatus, now: float) -> float | None:
    """Seconds until the rollout may have run out of time; None when nothing is awaited."""
    current = progressing(status)
    if not has_deadline(deployment) or current is None or deployment.spec.paused:
        return None
    if current.reason in (COMPLETE, TIMED_OUT) or is_complete(deployment, status):
        return None
    deadline = parse_time(current.last_update_time) + (deployment.spec.progress_deadline_seconds or 0)
    return max(deadline - now, 0.0) + 1.0


def pause_condition(deployment: Deployment, now: float) -> DeploymentStatus | None:
    """The status with Progressing Unknown when spec.paused was just set or taken back; None when nothing is to be said.

    It keeps the deadline from counting the time of the pause.
    """
    current = progressing(deployment.status)
    if not has_deadline(deployment) or (current is not None and current.reason == TIMED_OUT):
        return None
    told = current is not None and current.reason == PAUSED
    if bool(deployment.spec.paused) == told:
        return None
    status = copied(deployment.status)
    if deployment.spec.paused:
        set_condition(status, "Progressing", "Unknown", PAUSED, "Deployment is paused", now)
    else:
        set_condition(status, "Progressing", "Unknown", RESUMED, "Deployment is resumed", now)
    return status


def is_complete(deployment: Deployment, status: DeploymentStatus) -> bool:
    """All Pods are of the newest template and available, and nothing else runs."""
    return (
        (status.updated_replicas or 0)
        == (status.replicas or 0)
        == (status.available_replicas or 0)
        == wanted(deployment)
    ) and (status.observed_generation or 0) >= (deployment.metadata.generation or 0)


def timed_out(deployment: Deployment, now: float) -> bool:
    """Whether nothing moved for longer than progressDeadlineSeconds."""
    current = progressing(deployment.status)
    if not has_deadline(deployment) or current is None or current.reason == COMPLETE:
        return False
    if current.reason == TIMED_OUT:
        return True
    return parse_time(current.last_update_time) + (deployment.spec.progress_deadline_seconds or 0) < now


def has_deadline(deployment: Deployment) -> bool:
    return deployment.spec.progress_deadline_seconds not in (None, NO_DEADLINE)


def progressing(status: DeploymentStatus) -> DeploymentCondition | None:
    return next((each for each in status.conditions if each.type == "Progressing"), None)


def copied(status: DeploymentStatus) -> DeploymentStatus:
    """A copy whose conditions may be changed."""
    values = {name: getattr(status, name) for name in status.__struct_fields__}
    return DeploymentStatus(**{**values, "conditions": list(status.conditions)})


def set_condition(status: DeploymentStatus, type: str, state: str, reason: str, message: str, now: float) -> None:
    """Put a condition last, unless it says the same already; the transition time moves only with the state."""
    known = next((each for each in status.conditions if each.type == type), None)
    if known is not None and (known.status, known.reason) == (state, reason):
        return
    stamp = format_time(now)
    since = known.last_transition_time if known is not None and known.status == state else stamp
    remove_condition(status, type)
    status.conditions.append(
        DeploymentCondition(
            type=type, status=state, reason=reason, message=message, last_update_time=stamp, last_transition_time=since
        )
    )


def remove_condition(status: DeploymentStatus, type: str) -> None:
    status.conditions = [each for each in status.conditions if each.type != type]


def _set_progress(status: DeploymentStatus, current: DeploymentCondition | None, message: str, now: float) -> None:
    """Unlike others, this condition is renewed though it says the same: its update time carries the deadline."""
    since = current.last_transition_time if current is not None and current.status == "True" else format_time(now)
    remove_condition(status, "Progressing")
    set_condition(status, "Progressing", "True", UPDATED, message, now)
    status.conditions[-1].last_transition_time = since


def _advanced(old: DeploymentStatus, new: DeploymentStatus) -> bool:
    def outdated(status: DeploymentStatus) -> int:
        return (status.replicas or 0) - (status.updated_replicas or 0)

    return (
        (new.updated_replicas or 0) > (old.updated_replicas or 0)
        or outdated(new) < outdated(old)
        or (new.ready_replicas or 0) > (old.ready_replicas or 0)
        or (new.available_replicas or 0) > (old.available_replicas or 0)
    )
