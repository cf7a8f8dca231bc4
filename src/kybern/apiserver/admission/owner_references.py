"""OwnerReferencesPermissionEnforcement: who makes an object depend on another must be allowed to delete the object, and
who lets it block the other's deletion must be allowed to set the other's finalizers.

Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#ownerreferencespermissionenforcement
"""

from collections.abc import Callable, Sequence

from kybern.api.resource import Object, Resource
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.chain import Plugin
from kybern.apiserver.authorization.authorizer import Authorizer
from kybern.apiserver.request_info import RequestInfo

_POD_SUBRESOURCES = frozenset(("binding", "eviction", "status"))


class OwnerReferencesPermissionEnforcement(Plugin):
    def __init__(self, authorizer: Authorizer, resources: Callable[[], Sequence[Resource]]) -> None:
        self._authorizer = authorizer
        self._resources = resources

    def validate(self, attributes: Attributes, obj: Object | None, old: Object | None) -> None:
        if (
            obj is None
            or attributes.subresource in ("binding", "eviction")
            or not isinstance(obj.get("metadata"), dict)
        ):
            return
        new, before = _owners(obj), _owners(old)
        if new == before:
            return
        if old is not None:
            self._check_deletion(attributes, obj)
        if self._may_finalize_anything(attributes):
            return
        blocking = [each for each in new if each.get("blockOwnerDeletion") and not _blocked(each, before)]
        for reference in blocking:
            self._check_blocking(attributes, obj, reference)

    def _check_deletion(self, attributes: Attributes, obj: Object) -> None:
        resource = attributes.resource
        if not self._may(attributes, "delete", resource, attributes.subresource, attributes.name):
            raise attributes.forbidden(obj, "cannot set an ownerRef on a resource you can't delete: , <nil>")

    def _check_blocking(self, attributes: Attributes, obj: Object, reference: Object) -> None:
        group, _, version = reference["apiVersion"].rpartition("/")
        named = (group, version, reference["kind"])
        owner = next((each for each in self._resources() if (each.group, each.version, each.kind) == named), None)
        if owner is None:
            why = (
                "cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion "
                f'{reference["apiVersion"]} Kind {reference["kind"]}: no matches for kind "{reference["kind"]}" in '
                f'version "{reference["apiVersion"]}"'
            )
            raise attributes.forbidden(obj, why)
        if not self._may(attributes, "update", owner, "finalizers", reference["name"]):
            why = "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: , <nil>"
            raise attributes.forbidden(obj, why)

    def _may_finalize_anything(self, attributes: Attributes) -> bool:
        info = RequestInfo(True, "update", "", "*", "*", "", "*", "finalizers", "*")
        return self._authorizer.allows(attributes.user, info)

    def _may(self, attributes: Attributes, verb: str, resource: Resource, subresource: str, name: str) -> bool:
        namespace = attributes.namespace if resource.namespaced else ""
        info = RequestInfo(
            True, verb, "", resource.group, resource.version, namespace, resource.plural, subresource, name
        )
        return self._authorizer.allows(attributes.user, info)


def _owners(obj: Object | None) -> Sequence[Object]:
    return ((obj or {}).get("metadata") or {}).get("ownerReferences") or []


def _blocked(reference: Object, before: Sequence[Object]) -> bool:
    return any(each["uid"] == reference["uid"] and each.get("blockOwnerDeletion") for each in before)
