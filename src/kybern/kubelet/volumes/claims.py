"""What a volume of a Pod really is: claims are followed to the PersistentVolumes that they are bound to."""

from dataclasses import dataclass
from typing import Protocol

from kybern.api.types import to_dict
from kybern.api.types.core_v1 import (
    HostPathVolumeSource,
    NFSVolumeSource,
    PersistentVolume,
    PersistentVolumeClaim,
    Pod,
    Volume,
)
from kybern.base.errors import StatusError, Unreachable
from kybern.client.client import Client
from kybern.kubelet.volumes.payload import VolumeError

BOUND = "Bound"


@dataclass(frozen=True, slots=True)
class Source:
    """Where the data of a volume lies, in a Pod's own volume or in the PersistentVolume behind its claim."""

    name: str
    """What events call the volume: the PersistentVolume's name where there is one."""
    host_path: HostPathVolumeSource | None = None
    local_path: str = ""
    nfs: NFSVolumeSource | None = None
    csi_driver: str = ""
    read_only: bool = False
    mount_options: tuple[str, ...] = ()
    is_block: bool = False
    kind: str = ""
    """The field that names the kind, for one that this node has no plugin for."""


class Claims(Protocol):
    """Follows claims."""

    async def source(self, pod: Pod, volume: Volume) -> Source:
        """Raises ClaimError."""
        ...


class ClaimError(VolumeError):
    """The claim, or what it is bound to, is not there to be mounted."""


class ApiClaims:
    """Claims and PersistentVolumes as the API server has them."""

    def __init__(self, client: Client | None) -> None:
        self._client = client

    async def source(self, pod: Pod, volume: Volume) -> Source:
        """See Claims.source."""
        claim = volume.persistent_volume_claim
        if claim is None and volume.ephemeral is None:
            return _own_source(volume)
        name = claim.claim_name if claim else f"{pod.metadata.name}-{volume.name}"
        try:
            return await self._claimed(pod, name, read_only=bool(claim and claim.read_only), is_own=claim is None)
        except (StatusError, Unreachable) as error:
            raise ClaimError(f"error processing PVC {pod.metadata.namespace}/{name}: {error}") from error
        except ClaimError as error:
            raise ClaimError(f"error processing PVC {pod.metadata.namespace}/{name}: {error}") from error

    async def _claimed(self, pod: Pod, name: str, *, read_only: bool, is_own: bool) -> Source:
        if self._client is None:
            raise ClaimError("failed to fetch PVC from API server: there is none")
        claim = await self._client.get(PersistentVolumeClaim, name, pod.metadata.namespace)
        owners = [owner.uid for owner in claim.metadata.owner_references if owner.controller]
        if is_own and owners != [pod.metadata.uid]:
            raise ClaimError(
                f"PVC {pod.metadata.namespace}/{name} was not created for pod "
                f"{pod.metadata.namespace}/{pod.metadata.name} (pod is not owner)"
            )
        if claim.metadata.deletion_timestamp and "kubernetes.io/pvc-protection" not in claim.metadata.finalizers:
            raise ClaimError("PVC is being deleted")
        if claim.status.phase != BOUND or not claim.spec.volume_name:
            raise ClaimError("PVC is not bound")
        volume = await self._client.get(PersistentVolume, claim.spec.volume_name)
        bound = volume.spec.claim_ref
        if bound is None or bound.uid != claim.metadata.uid:
            raise ClaimError(f"PV {volume.metadata.name} is not bound to the PVC")
        return _persistent_source(volume, read_only=read_only)


def _own_source(volume: Volume) -> Source:
    kind = next((name for name in to_dict(volume) if name != "name"), "")
    return Source(
        volume.name,
        host_path=volume.host_path,
        nfs=volume.nfs,
        csi_driver=volume.csi.driver if volume.csi else "",
        read_only=bool(volume.nfs and volume.nfs.read_only),
        kind=kind,
    )


def _persistent_source(volume: PersistentVolume, *, read_only: bool) -> Source:
    spec = volume.spec
    return Source(
        volume.metadata.name,
        host_path=spec.host_path,
        local_path=spec.local.path if spec.local else "",
        nfs=spec.nfs,
        csi_driver=spec.csi.driver if spec.csi else "",
        read_only=read_only,
        mount_options=tuple(spec.mount_options),
        is_block=spec.volume_mode == "Block",
    )
