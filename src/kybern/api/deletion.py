"""Which kinds tell what was deleted."""

from kybern.api.resource import Resource

_WITH_OBJECT = frozenset(
    (
        "pods",
        "services",
        "serviceaccounts",
        "persistentvolumes",
        "persistentvolumeclaims",
        "podtemplates",
        "resourcequotas",
        "storageclasses.storage.k8s.io",
        "volumeattachments.storage.k8s.io",
        "csidrivers.storage.k8s.io",
        "csinodes.storage.k8s.io",
        "volumeattributesclasses.storage.k8s.io",
        "deviceclasses.resource.k8s.io",
        "resourceclaims.resource.k8s.io",
        "resourceclaimtemplates.resource.k8s.io",
        "resourceslices.resource.k8s.io",
    )
)
"""Deleting these answers with the object, the others with a Status (upstream's ReturnDeletedObject)."""


def answers_with_object(row: Resource) -> bool:
    """Whether a DELETE of one object answers with the object rather than with a Status."""
    return row.group_resource in _WITH_OBJECT
