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


_ALL_METADATA: Fields = {**SPEC, "f:metadata": sets.LEAF}
_STATUS_ENDPOINTS: Mapping[str, Fields] = {
    "pods": _metadata("deletionTimestamp", "ownerReferences"),
    "deployments.apps": _metadata("labels"),
    "certificatesigningrequests.certificates.k8s.io": {**SPEC, "f:status": {"f:conditions": sets.LEAF}},
    **dict.fromkeys(
        (
            "apiservices.apiregistration.k8s.io",
            "flowschemas.flowcontrol.apiserver.k8s.io",
            "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io",
            "resourceclaims.resource.k8s.io",
            "servicecidrs.networking.k8s.io",
            "validatingadmissionpolicies.admissionregistration.k8s.io",
            "volumeattachments.storage.k8s.io",
        ),
        _ALL_METADATA,
    ),
}
_OTHERS: Mapping[tuple[str, str], Fields] = {
    ("certificatesigningrequests.certificates.k8s.io", ""): {**SPEC, **STATUS},
    ("certificatesigningrequests.certificates.k8s.io", "approval"): {
        **SPEC,
        "f:status": {"f:certificate": sets.LEAF},
    },
    ("pods", "ephemeralcontainers"): sets.EMPTY,
    ("pods", "resize"): sets.EMPTY,
}


def reset(group_resource: str, subresource: str, *, has_status: bool) -> Fields:
    """What an endpoint of one of upstream's kinds leaves alone."""
    special = _OTHERS.get((group_resource, subresource))
    if special is not None:
        return special
    if subresource == "status":
        return _STATUS_ENDPOINTS.get(group_resource, SPEC)
    return STATUS if has_status else sets.EMPTY
