"""The ReplicaSets of a Deployment as its history: which one is the newest, how it is made, which are forgotten."""

import json
from collections.abc import Sequence

import msgspec

from kybern.api.types import to_dict
from kybern.api.types.apps_v1 import Deployment, ReplicaSet, ReplicaSetSpec
from kybern.api.types.core_v1 import PodTemplateSpec
from kybern.api.types.meta_v1 import LabelSelector, ObjectMeta
from kybern.base.ids import NAME_ALPHABET
from kybern.client.objects import controller_reference
from kybern.controllers.deployment_sizes import (
    DESIRED_REPLICAS,
    MAX_REPLICAS,
    REVISION,
    REVISION_HISTORY,
    size,
    size_annotations,
)
from kybern.controllers.pods import labelled, templates_equal

TEMPLATE_HASH = "pod-template-hash"
HISTORY_LIMIT_CHARACTERS = 2000
"""Of the revision-history annotation; the oldest fall out."""

NAME_LIMIT = 253
NO_LIMIT = 2**31 - 1

OWN_ANNOTATIONS = {
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    REVISION_HISTORY,
    DESIRED_REPLICAS,
    MAX_REPLICAS,
    "deprecated.deployment.rollback.to",
}
"""Annotations that a ReplicaSet does not inherit."""


def revision(annotations: dict[str, str]) -> int:
    text = annotations.get(REVISION, "")
    return int(text) if text.isdecimal() else 0


def find_new(deployment: Deployment, replica_sets: Sequence[ReplicaSet]) -> ReplicaSet | None:
    """The oldest ReplicaSet with the Deployment's template."""
    for each in sorted(replica_sets, key=lambda each: (each.metadata.creation_timestamp, each.metadata.name)):
        template = each.spec.template or PodTemplateSpec()
        if templates_equal(template, deployment.spec.template, TEMPLATE_HASH):
            return each
    return None


def template_hash(template: PodTemplateSpec, collisions: int | None) -> str:
    """A label value that is the same for the same template; `collisions` changes it when another took the name."""
    plain = to_dict(template)
    plain["metadata"].get("labels", {}).pop(TEMPLATE_HASH, None)
    data = json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()
    if collisions is not None:
        data += collisions.to_bytes(8, "little")
    digest = 0x811C9DC5
    for byte in data:
        digest = (digest ^ byte) * 0x01000193 & 0xFFFFFFFF
    return safe_encoded(digest)


def safe_encoded(number: int) -> str:
    """A number in letters and digits of which no bad word can be made, as upstream writes hashes into names."""
    return "".join(NAME_ALPHABET[ord(digit) % len(NAME_ALPHABET)] for digit in str(number))


def make_new(deployment: Deployment, old: Sequence[ReplicaSet], replicas: int) -> ReplicaSet:
    """The ReplicaSet for the Deployment's template."""
    digest = template_hash(deployment.spec.template, deployment.status.collision_count)
    template = labelled(deployment.spec.template, {TEMPLATE_HASH: digest})
    selector = deployment.spec.selector
    annotations = inherited(deployment) | size_annotations(deployment)
    annotations[REVISION] = str(max((revision(each.metadata.annotations) for each in old), default=0) + 1)
    return ReplicaSet(
        metadata=ObjectMeta(
            name=f"{deployment.metadata.name[: NAME_LIMIT - len(digest) - 1]}-{digest}",
            namespace=deployment.metadata.namespace,
            labels=dict(template.metadata.labels),
            annotations=annotations,
            owner_references=[controller_reference(deployment)],
        ),
        spec=ReplicaSetSpec(
            replicas=replicas,
            min_ready_seconds=deployment.spec.min_ready_seconds,
            selector=LabelSelector(
                match_labels={**selector.match_labels, TEMPLATE_HASH: digest},
                match_expressions=selector.match_expressions,
            ),
            template=template,
        ),
    )


def brought_up_to_date(deployment: Deployment, new: ReplicaSet, old: Sequence[ReplicaSet]) -> ReplicaSet:
    """The newest ReplicaSet with the revision, annotations and minReadySeconds due to it; a copy if any differ.

    A rollback makes an old template the newest again: its ReplicaSet gets the next revision and remembers the old ones.
    """
    annotations = new.metadata.annotations | inherited(deployment)
    if any(each not in annotations for each in (DESIRED_REPLICAS, MAX_REPLICAS)):
        annotations |= size_annotations(deployment)
    newest = max((revision(each.metadata.annotations) for each in old), default=0) + 1
    current = revision(annotations)
    if current < newest:
        if current:
            history = [*filter(None, annotations.get(REVISION_HISTORY, "").split(",")), str(current)]
            while len(",".join(history)) > HISTORY_LIMIT_CHARACTERS:
                history.pop(0)
            annotations[REVISION_HISTORY] = ",".join(history)
        annotations[REVISION] = str(newest)
    same_ready = (new.spec.min_ready_seconds or 0) == (deployment.spec.min_ready_seconds or 0)
    if annotations == new.metadata.annotations and same_ready:
        return new
    return msgspec.structs.replace(
        new,
        metadata=msgspec.structs.replace(new.metadata, annotations=annotations),
        spec=msgspec.structs.replace(new.spec, min_ready_seconds=deployment.spec.min_ready_seconds),
    )


def inherited(deployment: Deployment) -> dict[str, str]:
    """The Deployment's annotations that its ReplicaSets carry too."""
    return {name: value for name, value in deployment.metadata.annotations.items() if name not in OWN_ANNOTATIONS}


def superfluous(deployment: Deployment, old: Sequence[ReplicaSet]) -> list[ReplicaSet]:
    """The oldest revisions beyond revisionHistoryLimit; one that still has, or may still have, Pods is spared."""
    limit = deployment.spec.revision_history_limit
    if limit is None or limit == NO_LIMIT:
        return []
    alive = [each for each in old if not each.metadata.deletion_timestamp]
    alive.sort(key=lambda each: (revision(each.metadata.annotations), each.metadata.creation_timestamp))
    return [
        each
        for each in alive[: max(len(alive) - limit, 0)]
        if not (
            each.status.replicas
            or size(each)
            or (each.metadata.generation or 0) > (each.status.observed_generation or 0)
        )
    ]
