"""What each endpoint never changes, so that nobody comes to own it there: ResetFieldsStrategy of upstream's registries.

The rule: a kind's main endpoint leaves the status alone, `/status` the spec. The table has what differs.
"""

from collections.abc import Mapping

from kybern.api.fields import sets
from kybern.api.fields.sets import Fields

STATUS: Fields = {"f:status": sets.LEAF}
SPEC: Fields = {"f:spec": sets.LEAF}


def _metadata(*names: str) -> Fields:
    return {**SPEC, "f:metadata": {f"f:{name}": sets.LEAF for name in names}}


_STATUS_ENDPOINTS: Mapping[str, Fields] = {
    "pods": _metadata("deletionTimestamp", "ownerReferences"),
    "deployments.apps": _metadata("labels"),
    "certificatesigningrequests.certificates.k8s.io": {
        **SPEC,
        "f:status": {"f:conditions": sets.LEAF},
    },
    "resourceclaims.resource.k8s.io": {"f:metadata": sets.LEAF, **SPEC},
    "volumeattachments.storage.k8s.io": {"f:metadata": sets.LEAF, **SPEC},
}
_OTHERS: Mapping[tuple[str, str], Fields] = {
    ("certificatesigningrequests.certificates.k8s.io", "approval"): {
        **SPEC,
        "f:status": {"f:certificate": sets.LEAF},
    },
    ("certificatesigningrequests.certificates.k8s.io", ""): {**SPEC, **STATUS},
}


def reset(group_resource: str, subresource: str, *, has_status: bool) -> Fields:
    """The set for an endpoint of one of upstream's kinds."""
    special = _OTHERS.get((group_resource, subresource))
    if special is not None:
        return special
    if subresource == "status":
        return _STATUS_ENDPOINTS.get(group_resource, SPEC)
    return STATUS if has_status else sets.EMPTY
