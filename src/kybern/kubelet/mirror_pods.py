"""Mirror Pods: the API's picture of the static Pods, so that the cluster sees them. Deleting one ends nothing."""

import logging
from collections.abc import Callable

import msgspec

from kybern.api.types.core_v1 import Node, Pod, PodStatus
from kybern.api.types.meta_v1 import ObjectMeta, OwnerReference
from kybern.base.errors import AlreadyExists, KybernError, NotFound
from kybern.client.client import Client
from kybern.kubelet.labels import CONFIG_HASH, CONFIG_MIRROR

log = logging.getLogger(__name__)


class MirrorPods:
    """Keeps one mirror for each static Pod. `node` gives this node's object, the owner of all mirrors."""

    def __init__(self, client: Client | None, node: Callable[[], Node | None]) -> None:
        self._client = client
        self._node = node
        self._mirrors: dict[tuple[str, str], Pod] = {}

    def of(self, pod: Pod) -> Pod | None:
        """The mirror of a static Pod."""
        return self._mirrors.get((pod.metadata.namespace, pod.metadata.name))

    def seen(self, mirror: Pod) -> None:
        """The API server has this one."""
        self._mirrors[mirror.metadata.namespace, mirror.metadata.name] = mirror

    def gone(self, mirror: Pod) -> None:
        self._mirrors.pop((mirror.metadata.namespace, mirror.metadata.name), None)

    async def sync(self, static: list[Pod]) -> list[Pod]:
        """Create what is missing, delete what is stale or has no Pod; the Pods with a new mirror."""
        if self._client is None:
            return []
        fresh = []
        wanted = {(pod.metadata.namespace, pod.metadata.name): pod for pod in static}
        for key, mirror in list(self._mirrors.items()):
            pod = wanted.get(key)
            same = pod is not None and _hash(mirror, CONFIG_MIRROR) == _hash(pod, CONFIG_HASH)
            if not same or mirror.metadata.deletion_timestamp:
                await self._delete(self._client, mirror)
        for key, pod in wanted.items():
            if key not in self._mirrors and await self._create(self._client, pod):
                fresh.append(pod)
        return fresh

    async def _create(self, client: Client, pod: Pod) -> bool:
        node = self._node()
        try:
            mirror = await client.create(mirror_of(pod, node))
        except AlreadyExists:
            return False  # The watch will show it; then it is compared.
        except KybernError as error:
            log.info("no mirror of static pod %s yet: %s", pod.metadata.name, error)
            return False
        self.seen(mirror)
        return True

    async def _delete(self, client: Client, mirror: Pod) -> None:
        meta = mirror.metadata
        try:
            await client.delete(Pod, meta.name, meta.namespace, uid=meta.uid, grace_period_seconds=0)
        except NotFound:
            pass
        except KybernError as error:
            log.info("mirror pod %s is not deleted yet: %s", meta.name, error)
            return
        self.gone(mirror)


def _hash(pod: Pod, annotation: str) -> str:
    return pod.metadata.annotations.get(annotation, "")


def mirror_of(pod: Pod, node: Node | None) -> Pod:
    """What is created: the static Pod, marked, owned by its node, and without the uid that only this node knows."""
    meta = pod.metadata
    owners = []
    if node is not None:
        name, uid = node.metadata.name, node.metadata.uid
        owners.append(OwnerReference(api_version="v1", kind="Node", name=name, uid=uid, controller=True))
    return msgspec.structs.replace(
        pod,
        metadata=ObjectMeta(
            name=meta.name,
            namespace=meta.namespace,
            labels=meta.labels,
            annotations={**meta.annotations, CONFIG_MIRROR: meta.annotations[CONFIG_HASH]},
            owner_references=owners,
        ),
        status=PodStatus(),
    )
