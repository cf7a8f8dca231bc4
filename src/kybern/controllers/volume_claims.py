"""Which claims a Pod uses. Pure."""

from collections.abc import Iterable

from kybern.api.types.core_v1 import Pod

USED_CLAIM = "claim"
"""The name of the index."""


def claims_used(pod: Pod) -> Iterable[str]:
    """`namespace/name` of the claims that a Pod uses, its ephemeral ones included."""
    for volume in pod.spec.volumes:
        if volume.persistent_volume_claim is not None:
            yield f"{pod.metadata.namespace}/{volume.persistent_volume_claim.claim_name}"
        elif volume.ephemeral is not None:
            yield f"{pod.metadata.namespace}/{pod.metadata.name}-{volume.name}"
