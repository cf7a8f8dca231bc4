"""Which evaluations a write needs: each policy with each binding that matches, and each object of its parameters.

Source: k8s.io/apiserver pkg/admission/plugin/policy/generic.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kybern.api.resource import Object, Resource
from kybern.api.selectors import labels_from_struct
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.lookup import Lookup
from kybern.apiserver.admission.matching import Match, selects_namespace, selects_object
from kybern.apiserver.admission.policies.source import Binding, Policy
from kybern.apiserver.admission.versions import Versions
from kybern.base.errors import StatusError


@dataclass(frozen=True, slots=True)
class Invocation:
    policy: Policy
    binding: Binding | None
    """None: the policy itself cannot be evaluated."""
    wanted: Resource
    param: Object | None = None
    fault: str = ""
    """Why it cannot be evaluated; its failurePolicy decides what then."""


class Misconfigured(Exception):
    """A binding whose parameters cannot be had."""


class Invocations:
    def __init__(self, lookup: Lookup, versions: Versions) -> None:
        self._lookup = lookup
        self._versions = versions

    def of(
        self,
        concerned: Sequence[tuple[Policy, Resource]],
        attributes: Attributes,
        obj: Object | None,
        old: Object | None,
    ) -> Iterator[Invocation]:
        for policy, wanted in concerned:
            try:
                if not self._selects(policy.match, attributes, obj, old):
                    continue
            except StatusError as error:
                yield Invocation(policy, None, wanted, fault=f"failed to configure policy: {error.message}")
                continue
            kind = policy.spec.get("paramKind")
            if kind is not None and self._kind(kind) is None:
                shown = f"{kind.get('apiVersion')}, Kind={kind.get('kind')}"
                fault = f"failed to configure policy: failed to find resource referenced by paramKind: '{shown}'"
                yield Invocation(policy, None, wanted, fault=fault)
                continue
            yield from self._bound(policy, wanted, attributes, obj, old)

    def namespace(self, attributes: Attributes) -> Object | None:
        """The value of `namespaceObject`."""
        if not attributes.namespace or attributes.group_resource == "namespaces":
            return None
        return self._lookup.get("namespaces", attributes.namespace)

    def _bound(
        self, policy: Policy, wanted: Resource, attributes: Attributes, obj: Object | None, old: Object | None
    ) -> Iterator[Invocation]:
        for binding in policy.bindings:
            try:
                if binding.match is not None and not self._matches(binding.match, attributes, obj, old):
                    continue
                params = self._params(policy, binding, attributes.namespace)
            except (Misconfigured, StatusError) as error:
                yield Invocation(policy, binding, wanted, fault=f"failed to configure binding: {error}")
                continue
            for param in params:
                yield Invocation(policy, binding, wanted, param)

    def _matches(self, match: Match, attributes: Attributes, obj: Object | None, old: Object | None) -> bool:
        """Without rules a binding narrows down by its selectors alone."""
        others = self._versions.others
        if match.resource(attributes, others) is None if match.rules else match.is_excluded(attributes, others):
            return False
        return self._selects(match, attributes, obj, old)

    def _selects(self, match: Match, attributes: Attributes, obj: Object | None, old: Object | None) -> bool:
        """Raises NotFound."""
        if not selects_object(match.objects, obj, old):
            return False
        return selects_namespace(match.namespaces, self._lookup, attributes, obj)

    def _kind(self, kind: Object) -> Resource | None:
        group, _, version = (kind.get("apiVersion") or "").rpartition("/")
        served = self._versions.of_kind(group, version, kind.get("kind") or "")
        return served.resource if served is not None else None

    def _params(self, policy: Policy, binding: Binding, namespace: str) -> Sequence[Object | None]:
        """Raises Misconfigured."""
        kind, reference = policy.spec.get("paramKind"), binding.spec.get("paramRef")
        if kind is None or reference is None:
            return [None]
        group, _, version = (kind.get("apiVersion") or "").rpartition("/")
        served = self._versions.of_kind(group, version, kind.get("kind") or "")
        assert served is not None
        place = ""
        if served.resource.namespaced:
            place = reference.get("namespace") or namespace
            if not place:
                raise Misconfigured(
                    "cannot use namespaced paramRef in policy binding that matches cluster-scoped resources"
                )
        elif reference.get("namespace"):
            raise Misconfigured("paramRef.namespace must not be provided for a cluster-scoped `paramKind`")
        if reference.get("name"):
            version_ = served.find(place, reference["name"])
            found = [] if version_ is None else [served.parse(version_)]
        else:
            selector = labels_from_struct(reference.get("selector") or {})
            objects = served.cache.objects
            versions = (objects[key] for key in served.cache.keys_in(place))
            found = [served.parse(each) for each in versions if selector.matches(each.labels)]
        if not found and reference.get("parameterNotFoundAction") == "Deny":
            raise Misconfigured("no params found for policy binding with `Deny` parameterNotFoundAction")
        return list(found)
