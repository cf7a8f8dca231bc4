"""Whole checks of an object, in upstream's order: the kind's own rules come with its Resource.

One module per part of the API; each offers generators of FieldErrors with upstream's words, paths and reasons."""

from collections.abc import Iterator

from kybern.api import registry
from kybern.api.resource import FieldError, Object, Resource
from kybern.api.validation import names
from kybern.api.validation.field import causes, invalid_message
from kybern.api.validation.metadata import (
    validate_kube_finalizers,
    validate_metadata,
    validate_metadata_update,
    validate_name,
)

__all__ = ["causes", "invalid_message", "validate_create", "validate_subresource_update", "validate_update"]


def validate_create(resource: Resource, obj: Object) -> list[FieldError]:
    """A new object, its name generated, its namespace set.

    The common check of the name comes after the kind's own: the more special message is shown (rest.BeforeCreate).
    """
    check_name = resource.validate_name or names.subdomain_name
    metadata = obj["metadata"]
    if resource.group_resource in _OWN_METADATA:
        errors = list(resource.validate(obj))
        return errors or list(validate_metadata(metadata, resource.namespaced, names.path_segment_name))
    errors = [*validate_metadata(metadata, resource.namespaced, check_name), *_finalizers(resource, obj)]
    errors += resource.validate(obj)
    return errors or list(validate_name(metadata, names.path_segment_name))


def validate_update(resource: Resource, new: Object, old: Object) -> list[FieldError]:
    """A changed object; `new` has the old one's uid, creationTimestamp and deletionTimestamp (rest.BeforeUpdate)."""
    errors = _validate_common(resource, new, old)
    errors += resource.validate_update(new, old)
    if resource.validate_on_update:
        errors += [*_validate_whole(resource, new), *resource.validate(new)]
    return errors


def validate_subresource_update(resource: Resource, subresource: str, new: Object, old: Object) -> list[FieldError]:
    """A write of the status or of another part of the object through a subresource."""
    hooks = next(sub for sub in resource.subresources if sub.name == subresource)
    return [*_validate_common(resource, new, old, subresource), *hooks.validate_update(new, old)]


def _validate_common(resource: Resource, new: Object, old: Object, subresource: str = "") -> list[FieldError]:
    name = names.path_segment_name
    errors = list(validate_metadata(new["metadata"], resource.namespaced, name))
    changes = list(validate_metadata_update(new["metadata"], old["metadata"]))
    if resource.group_resource in (_OWN_METADATA_OF_STATUS if subresource else _OWN_METADATA):
        return [*errors, *changes]
    # Upstream's registry and most kinds check the change: clients see such a cause twice.
    errors += changes
    errors += (
        validate_metadata(new["metadata"], resource.namespaced, name)
        if _is_checked_once(resource, subresource)
        else changes
    )
    errors += _finalizers(resource, new)
    if subresource or not resource.validate_on_update:
        errors += _validate_whole(resource, new, subresource)
    return errors


def _validate_whole(resource: Resource, new: Object, subresource: str = "") -> Iterator[FieldError]:
    """What kinds whose rules look at the whole metadata of an update find in it."""
    if resource.group_resource in (_WHOLE_METADATA_OF_STATUS if subresource else _WHOLE_METADATA):
        yield from validate_metadata(new["metadata"], resource.namespaced, names.path_segment_name)
        yield from _finalizers(resource, new)


def _is_checked_once(resource: Resource, subresource: str) -> bool:
    """Whether the kind's own rules look at the metadata as such, not at its change."""
    if subresource and resource.group_resource == "persistentvolumes":
        return False
    return resource.group in _CHECKED_BY_REGISTRY or resource.group_resource in _CHECKED_BY_REGISTRY


_WHOLE_METADATA = frozenset(
    f"{plural}.{group}"
    for group, plurals in {
        "apps": ("controllerrevisions",),
        "batch": ("jobs",),
        "apiregistration.k8s.io": ("apiservices",),
        "certificates.k8s.io": ("certificatesigningrequests",),
        "networking.k8s.io": ("ingresses", "ingressclasses", "ipaddresses"),
        "node.k8s.io": ("runtimeclasses",),
        "rbac.authorization.k8s.io": ("roles", "clusterroles", "rolebindings", "clusterrolebindings"),
        "resource.k8s.io": ("deviceclasses", "resourceclaims", "resourceclaimtemplates"),
        "storage.k8s.io": ("csistoragecapacities", "storageclasses", "volumeattributesclasses"),
    }.items()
    for plural in plurals
) | {
    "configmaps", "endpoints", "namespaces", "nodes", "persistentvolumeclaims", "pods", "secrets",
    "serviceaccounts",
}  # fmt: skip
"""Here the kind's own rules check the whole metadata of an update once more: clients see such a cause thrice."""
_WHOLE_METADATA_OF_STATUS = frozenset(("certificatesigningrequests.certificates.k8s.io",))
_OWN_METADATA = frozenset(("events", "events.events.k8s.io", "poddisruptionbudgets.policy"))
"""Here the kind's own rules ask of metadata what its version does; core/v1 asks no more than what all share."""
_OWN_METADATA_OF_STATUS = frozenset(("cronjobs.batch", "poddisruptionbudgets.policy"))
_CHECKED_BY_REGISTRY = frozenset(
    (
        "admissionregistration.k8s.io",
        "csinodes.storage.k8s.io",
        "endpointslices.discovery.k8s.io",
        "flowcontrol.apiserver.k8s.io",
        "limitranges",
        "persistentvolumes",
        "volumeattachments.storage.k8s.io",
    )
)
"""Groups and kinds whose own rules look at no change of the metadata."""
_COMMON_ONLY = frozenset(
    (
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "coordination.k8s.io",
        "node.k8s.io",
    )
)


def _finalizers(resource: Resource, obj: Object) -> Iterator[FieldError]:
    """Custom resources and a few groups ask no more of metadata than what is common to all."""
    if resource.group not in _COMMON_ONLY and is_builtin(resource):
        yield from validate_kube_finalizers(obj["metadata"].get("finalizers"), "metadata.finalizers")


def is_builtin(resource: Resource) -> bool:
    return registry.find(resource.group, resource.version, resource.plural) is resource
