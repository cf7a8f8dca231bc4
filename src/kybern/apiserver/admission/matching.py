"""Which writes a webhook or a policy is about: rules, selectors, and the other versions of a resource.

Source: k8s.io/apiserver pkg/admission/plugin/webhook/predicates, plugin/policy/matching.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from kybern.api.resource import Object, Resource
from kybern.api.selectors import LabelSelector, labels_from_struct
from kybern.apiserver import status
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.lookup import Lookup

CONFIGURATION_GROUP = "admissionregistration.k8s.io"
"""Its objects are never subject to webhooks and policies: a mistake in one could not be undone."""
NAMESPACES = "namespaces"

Equivalents = Callable[[Resource], Sequence[Resource]]
"""The other versions in which a resource is served."""


@dataclass(frozen=True, slots=True)
class Match:
    """What a webhook or a policy matches, read once."""

    rules: Sequence[Object]
    namespaces: LabelSelector
    objects: LabelSelector
    equivalent: bool
    """matchPolicy Equivalent."""
    excluded: Sequence[Object] = ()

    def resource(self, attributes: Attributes, equivalents: Equivalents) -> Resource | None:
        """The version of the resource that a rule names; None where none does."""
        if self.is_excluded(attributes, equivalents):
            return None
        return self._takes(self.rules, attributes.resource, attributes, equivalents)

    def is_excluded(self, attributes: Attributes, equivalents: Equivalents) -> bool:
        return self._takes(self.excluded, attributes.resource, attributes, equivalents) is not None

    def _takes(
        self, rules: Sequence[Object], own: Resource, attributes: Attributes, equivalents: Equivalents
    ) -> Resource | None:
        if any(_matches(rule, own, attributes) for rule in rules):
            return own
        others = equivalents(own) if self.equivalent and rules else ()
        return next((other for rule in rules for other in others if _matches(rule, other, attributes)), None)


def match_of(holder: Object, rules: str, excluded: str = "") -> Match:
    """Of a webhook or of matchConstraints (matchResources); the keys name its lists of rules. Raises SelectorError."""
    return Match(
        holder.get(rules) or (),
        labels_from_struct(holder.get("namespaceSelector") or {}),
        labels_from_struct(holder.get("objectSelector") or {}),
        holder.get("matchPolicy") != "Exact",
        (holder.get(excluded) or ()) if excluded else (),
    )


def is_exempt(attributes: Attributes) -> bool:
    return attributes.resource.group == CONFIGURATION_GROUP


def _matches(rule: Object, resource: Resource, attributes: Attributes) -> bool:
    return (
        _in(rule.get("operations"), attributes.operation)
        and _in(rule.get("apiGroups"), resource.group)
        and _in(rule.get("apiVersions"), resource.version)
        and _scope(rule.get("scope"), resource)
        and any(_names(text, resource.plural, attributes.subresource) for text in rule.get("resources") or ())
        and (not rule.get("resourceNames") or attributes.name in rule["resourceNames"])
    )


def _in(values: Any, value: str) -> bool:
    return bool(values) and (value in values or "*" in values)


def _scope(scope: str | None, resource: Resource) -> bool:
    if scope in (None, "", "*"):
        return True
    return resource.namespaced == (scope == "Namespaced")


def _names(text: str, plural: str, subresource: str) -> bool:
    name, _, sub = text.partition("/")
    return name in ("*", plural) and sub in ("*", subresource)


def selects_namespace(selector: LabelSelector, lookup: Lookup, attributes: Attributes, obj: Object | None) -> bool:
    """Whether the namespace of a write is selected; what lives in none is. Raises NotFound."""
    if selector.everything:
        return True
    is_namespace = attributes.group_resource == NAMESPACES
    if not attributes.namespace and not is_namespace:
        return True
    if is_namespace and obj is not None and not attributes.subresource:
        return bool(selector.matches(obj["metadata"].get("labels") or {}))
    name = attributes.name if is_namespace else attributes.namespace
    namespace = lookup.get(NAMESPACES, name)
    if namespace is None:
        raise status.not_found(Resource("", "v1", "Namespace", NAMESPACES, False), name)
    return bool(selector.matches(namespace["metadata"].get("labels") or {}))


def selects_object(selector: LabelSelector, obj: Object | None, old: Object | None) -> bool:
    """Whether the object is selected as it was or as it is to be."""
    return selector.everything or any(
        bool(selector.matches(each["metadata"].get("labels") or {}))
        for each in (obj, old)
        if each is not None and isinstance(each.get("metadata"), dict)
    )
