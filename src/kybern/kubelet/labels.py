"""Labels and annotations that the kubelet puts on sandboxes and containers; upstream's names, so that crictl and
log shippers find what they know. What a restarted kubelet has to know again is written here."""

from collections.abc import Mapping
from typing import Final

import orjson

from kybern.api.types import encode
from kybern.api.types.core_v1 import Container, Pod

POD_NAME: Final = "io.kubernetes.pod.name"
POD_NAMESPACE: Final = "io.kubernetes.pod.namespace"
POD_UID: Final = "io.kubernetes.pod.uid"
CONTAINER_NAME: Final = "io.kubernetes.container.name"

CONTAINER_HASH: Final = "io.kubernetes.container.hash"
RESTART_COUNT: Final = "io.kubernetes.container.restartCount"
TERMINATION_MESSAGE_PATH: Final = "io.kubernetes.container.terminationMessagePath"
TERMINATION_MESSAGE_POLICY: Final = "io.kubernetes.container.terminationMessagePolicy"
TERMINATION_GRACE_PERIOD: Final = "io.kubernetes.pod.terminationGracePeriod"
DELETION_GRACE_PERIOD: Final = "io.kubernetes.pod.deletionGracePeriod"
PRE_STOP_HANDLER: Final = "io.kubernetes.container.preStopHandler"
CONTAINER_PORTS: Final = "io.kubernetes.container.ports"

CONFIG_SOURCE: Final = "kubernetes.io/config.source"
CONFIG_HASH: Final = "kubernetes.io/config.hash"
CONFIG_SEEN: Final = "kubernetes.io/config.seen"
CONFIG_MIRROR: Final = "kubernetes.io/config.mirror"


def pod_labels(pod: Pod) -> dict[str, str]:
    """For a sandbox: the Pod's own labels and what identifies it."""
    meta = pod.metadata
    return {**meta.labels, POD_NAME: meta.name, POD_NAMESPACE: meta.namespace, POD_UID: meta.uid}


def pod_annotations(pod: Pod) -> dict[str, str]:
    """For a sandbox: the Pod's own, and its grace, for the case that the Pod is gone when the kubelet comes back."""
    return {**pod.metadata.annotations, **_grace(pod)}


def container_labels(pod: Pod, container: Container) -> dict[str, str]:
    meta = pod.metadata
    return {
        CONTAINER_NAME: container.name,
        POD_NAME: meta.name,
        POD_NAMESPACE: meta.namespace,
        POD_UID: meta.uid,
    }


def container_annotations(pod: Pod, container: Container, restart_count: int) -> dict[str, str]:
    annotations = {
        CONTAINER_HASH: container_hash(container),
        RESTART_COUNT: str(restart_count),
        TERMINATION_MESSAGE_PATH: container.termination_message_path,
        TERMINATION_MESSAGE_POLICY: container.termination_message_policy,
        **_grace(pod),
    }
    if container.lifecycle and container.lifecycle.pre_stop:
        annotations[PRE_STOP_HANDLER] = encode(container.lifecycle.pre_stop).decode()
    if container.ports:
        annotations[CONTAINER_PORTS] = encode(container.ports).decode()
    return annotations


def _grace(pod: Pod) -> dict[str, str]:
    found = {
        DELETION_GRACE_PERIOD: pod.metadata.deletion_grace_period_seconds,
        TERMINATION_GRACE_PERIOD: pod.spec.termination_grace_period_seconds,
    }
    return {name: str(seconds) for name, seconds in found.items() if seconds is not None}


def container_hash(container: Container) -> str:
    """Changes when a running container has to be replaced: its name or image (KEP-1287 leaves nothing else)."""
    data = orjson.dumps({"name": container.name, "image": container.image})
    digest = 0x811C9DC5
    for byte in data:
        digest = (digest * 0x01000193 & 0xFFFFFFFF) ^ byte  # FNV-1, 32 bits.
    return f"{digest:x}"


def is_static(pod: Pod) -> bool:
    """Whether the Pod came from a manifest of the node and not from the API."""
    source = pod.metadata.annotations.get(CONFIG_SOURCE, "api")
    return source != "api"


def is_mirror(pod: Pod) -> bool:
    """Whether the Pod is only the API's picture of a static Pod."""
    return CONFIG_MIRROR in pod.metadata.annotations


def format_pod(pod: Pod) -> str:
    """`name_namespace(uid)`, as upstream's messages print a Pod."""
    meta = pod.metadata
    return f"{meta.name}_{meta.namespace}({meta.uid})"


def restart_count_of(annotations: Mapping[str, str], attempt: int) -> int:
    """How often a container was started again before this one."""
    text = annotations.get(RESTART_COUNT, "")
    return int(text) if text.isdecimal() else attempt
