"""A StatefulSet's Pods: each has a number, a name and claims that stay its own. Pure (pkg/controller/statefulset)."""

import re

from kybern.api.types import convert, to_dict
from kybern.api.types.apps_v1 import StatefulSet
from kybern.api.types.core_v1 import (
    PersistentVolumeClaim,
    PersistentVolumeClaimVolumeSource,
    Pod,
    PodTemplateSpec,
    Volume,
)
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.controllers.pods import available_in, from_template, generate_prefix, is_ready, is_terminating

POD_NAME = "statefulset.kubernetes.io/pod-name"
POD_INDEX = "apps.kubernetes.io/pod-index"
REVISION = "controller-revision-hash"
_NAME = re.compile(r"(.*)-([0-9]+)\Z", re.DOTALL)


def ordinal_of(pod: Pod) -> int:
    """The number in the Pod's name; -1 where there is none."""
    found = _NAME.match(pod.metadata.name)
    return int(found[2]) if found else -1


def is_member(stateful_set: StatefulSet, pod: Pod) -> bool:
    """Whether the Pod's name is one of the set's."""
    found = _NAME.match(pod.metadata.name)
    return found is not None and found[1] == stateful_set.metadata.name


def ordinals(stateful_set: StatefulSet) -> range:
    """The numbers that the set shall have."""
    spec = stateful_set.spec
    start = (spec.ordinals.start or 0) if spec.ordinals is not None else 0
    return range(start, start + (1 if spec.replicas is None else spec.replicas))


def revision_of(pod: Pod) -> str:
    return pod.metadata.labels.get(REVISION, "")


def is_running_and_ready(pod: Pod) -> bool:
    return pod.status.phase == "Running" and is_ready(pod)


def is_unavailable(stateful_set: StatefulSet, pod: Pod | None, now: float) -> bool:
    """Not there, not ready for long enough, or on its way out."""
    if pod is None or is_terminating(pod):
        return True
    return available_in(pod, stateful_set.spec.min_ready_seconds or 0, now) != 0.0


def make_pod(stateful_set: StatefulSet, template: PodTemplateSpec, revision: str, ordinal: int) -> Pod:
    """The Pod of a number, from the template of a revision."""
    name = f"{stateful_set.metadata.name}-{ordinal}"
    own = convert(to_dict(template), PodTemplateSpec)
    pod = from_template(own, stateful_set, name=name)
    pod.metadata.generate_name = generate_prefix(stateful_set.metadata.name)
    pod.metadata.labels |= {POD_NAME: name, POD_INDEX: str(ordinal), REVISION: revision}
    pod.spec.hostname = name
    pod.spec.subdomain = stateful_set.spec.service_name
    volumes = [
        Volume(
            name=each.metadata.name,
            persistent_volume_claim=PersistentVolumeClaimVolumeSource(
                claim_name=claim_name(stateful_set, each, ordinal)
            ),
        )
        for each in stateful_set.spec.volume_claim_templates
    ]
    claimed = {volume.name for volume in volumes}
    pod.spec.volumes = volumes + [volume for volume in pod.spec.volumes if volume.name not in claimed]
    return pod


def claim_name(stateful_set: StatefulSet, template: PersistentVolumeClaim, ordinal: int) -> str:
    return f"{template.metadata.name}-{stateful_set.metadata.name}-{ordinal}"


def claims_of(stateful_set: StatefulSet, ordinal: int) -> list[PersistentVolumeClaim]:
    """The claims of a number, as they are made."""
    selected = stateful_set.spec.selector.match_labels
    return [
        PersistentVolumeClaim(
            metadata=ObjectMeta(
                name=claim_name(stateful_set, template, ordinal),
                namespace=stateful_set.metadata.namespace,
                labels={**template.metadata.labels, **selected},
                annotations=dict(template.metadata.annotations),
                finalizers=list(template.metadata.finalizers),
            ),
            spec=template.spec,
        )
        for template in stateful_set.spec.volume_claim_templates
    ]
