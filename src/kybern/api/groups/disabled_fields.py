"""Fields whose feature is off in v1.36: dropped without a word, unless the stored object has them already.

Source: pkg/api/pod/util.go (dropDisabledFields, dropDisabledPodStatusFields) and the defaults in pkg/features.
"""

from collections.abc import Callable, Iterator, Sequence

from kybern.api.resource import Change, Object

_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
_STATUSES = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
_SOURCES = ("clusterTrustBundle", "podCertificate")
"""Of projected volumes: ClusterTrustBundleProjection, PodCertificateRequest."""

PrepareCreate = Callable[[Object, Change], None]
PrepareUpdate = Callable[[Object, Object, Change], None]


def drop_from_pod_spec(spec: Object, old: Object) -> None:
    """`old` is empty for a new object. Changes `spec`."""
    if "volumes" in spec:
        for source in _SOURCES:
            used = [each for each in _projections(spec) if source in each]
            if used and not any(source in each for each in _projections(old)):
                for each in used:
                    del each[source]
    if "schedulingGroup" in spec and "schedulingGroup" not in old:  # GenericWorkload
        del spec["schedulingGroup"]
    stopping = list(_stopping(spec))
    if stopping and next(_stopping(old), None) is None:
        for container in stopping:
            lifecycle = {key: value for key, value in container["lifecycle"].items() if key != "stopSignal"}
            if lifecycle:
                container["lifecycle"] = lifecycle
            else:
                del container["lifecycle"]


def _projections(spec: Object) -> Iterator[Object]:
    for volume in spec.get("volumes") or ():
        yield from (volume.get("projected") or {}).get("sources") or ()


def _stopping(spec: Object) -> Iterator[Object]:
    """Containers that name their stop signal (ContainerStopSignals)."""
    for group in _CONTAINERS:
        for container in spec.get(group) or ():
            if "lifecycle" in container and "stopSignal" in container["lifecycle"]:
                yield container


def drop_from_pod_status(status: Object, old: Object) -> None:
    """ImageVolumeWithDigest, DRANodeAllocatableResources."""
    if "nodeAllocatableResourceClaimStatuses" not in old:
        status.pop("nodeAllocatableResourceClaimStatuses", None)
    if not any("volumeStatus" in mount for mount in _mounts(old)):
        for mount in _mounts(status):
            mount.pop("volumeStatus", None)


def _mounts(status: Object) -> Iterator[Object]:
    for group in _STATUSES:
        for container in status.get(group) or ():
            yield from container.get("volumeMounts") or ()


def _at(obj: Object, path: Sequence[str]) -> Object:
    for key in path:
        obj = obj.get(key) or {}
    return obj


def drop_on_create(*path: str) -> PrepareCreate:
    """For kinds whose PodSpec is at `path`."""

    def prepare_create(obj: Object, change: Change) -> None:
        drop_from_pod_spec(_at(obj, path), {})

    return prepare_create


def drop_on_update(*path: str) -> PrepareUpdate:
    def prepare_update(new: Object, old: Object, change: Change) -> None:
        drop_from_pod_spec(_at(new, path), _at(old, path))

    return prepare_update
