"""NamespaceLifecycle: nothing is created where there is no namespace or where it is going away; three never go."""

from kybern.api.registry import find
from kybern.api.resource import Object
from kybern.apiserver import status
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.chain import Plugin
from kybern.apiserver.admission.lookup import Lookup
from kybern.base.errors import Forbidden

IMMORTAL = frozenset(("default", "kube-system", "kube-public"))
_REVIEWS = frozenset(("localsubjectaccessreviews.authorization.k8s.io",))


class NamespaceLifecycle(Plugin):
    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup

    def mutate(self, attributes: Attributes, obj: Object, old: Object | None) -> None:
        if old is None and attributes.operation == "CREATE":
            self._check(attributes, obj)

    def validate(self, attributes: Attributes, obj: Object | None, old: Object | None) -> None:
        if obj is None and attributes.group_resource == "namespaces" and attributes.name in IMMORTAL:
            raise status.forbidden(attributes.resource, attributes.name, "this namespace may not be deleted")
        if obj is not None and attributes.subresource in ("binding", "eviction"):
            self._check(attributes, obj)

    def _check(self, attributes: Attributes, obj: Object) -> None:
        name = attributes.namespace
        if not name or attributes.group_resource in _REVIEWS:
            return
        namespace = self._lookup.get("namespaces", name)
        if namespace is None:
            namespaces = find("", "v1", "namespaces")
            assert namespaces is not None
            raise status.not_found(namespaces, name)
        if (namespace.get("status") or {}).get("phase") != "Terminating":
            return
        refusal = attributes.forbidden(
            obj,
            f"unable to create new content in namespace {name} because it is being terminated",
        )
        cause = {
            "reason": "NamespaceTerminating",
            "message": f"namespace {name} is being terminated",
            "field": "metadata.namespace",
        }
        raise Forbidden(refusal.message, details={**refusal.details, "causes": [cause]})
