"""What a StatefulSet's status says of its Pods. Pure."""

from collections.abc import Sequence

from msgspec.structs import replace

from kybern.api.types.apps_v1 import StatefulSet, StatefulSetStatus
from kybern.api.types.core_v1 import Pod
from kybern.controllers.pods import available_in, is_terminating
from kybern.controllers.statefulset_history import Revisions
from kybern.controllers.statefulset_pods import is_running_and_ready, revision_of


def status_of(stateful_set: StatefulSet, pods: Sequence[Pod], revisions: Revisions, now: float) -> StatefulSetStatus:
    """Counted anew; a rollout that has reached every Pod makes the update revision the current one."""
    spec = stateful_set.spec
    made = [pod for pod in pods if pod.status.phase]
    ready = [pod for pod in made if is_running_and_ready(pod)]
    available = [pod for pod in ready if available_in(pod, spec.min_ready_seconds or 0, now) == 0.0]
    staying = [revision_of(pod) for pod in made if not is_terminating(pod)]
    status = replace(
        stateful_set.status,
        observed_generation=stateful_set.metadata.generation,
        replicas=len(made),
        ready_replicas=len(ready) or None,
        available_replicas=len(available),
        current_replicas=staying.count(revisions.current.metadata.name) or None,
        updated_replicas=staying.count(revisions.update.metadata.name) or None,
        current_revision=revisions.current.metadata.name,
        update_revision=revisions.update.metadata.name,
        collision_count=revisions.collisions,
    )
    wanted = 1 if spec.replicas is None else spec.replicas
    rolling = spec.update_strategy is None or spec.update_strategy.type != "OnDelete"
    counts = (status.updated_replicas or 0, status.ready_replicas or 0, status.replicas)
    if rolling and counts == (wanted,) * 3:
        status.current_replicas = status.updated_replicas
        status.current_revision = status.update_revision
    return status
