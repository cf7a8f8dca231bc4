"""Nobody grants what they do not have: roles and bindings are compared with the rules of who writes them.

Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping
"""

from collections.abc import Sequence

from kybern.api.resource import Object
from kybern.apiserver import status
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.chain import Plugin
from kybern.apiserver.authorization.authorizer import Authorizer
from kybern.apiserver.authorization.rbac import GROUP, Rbac
from kybern.apiserver.authorization.rules import missing_rules
from kybern.apiserver.request_info import RequestInfo
from kybern.apiserver.user import SUPERUSERS, User

_ROLES = frozenset(("roles", "clusterroles"))
_BINDINGS = frozenset(("rolebindings", "clusterrolebindings"))
_COLLECTORS = frozenset(("ownerReferences", "finalizers", "managedFields"))
_EVERYTHING: Sequence[Object] = (
    {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
    {"verbs": ["*"], "nonResourceURLs": ["*"]},
)


class Escalation(Plugin):
    """Active only where RBAC decides."""

    def __init__(self, rbac: Rbac, authorizer: Authorizer) -> None:
        self._rbac = rbac
        self._authorizer = authorizer

    def validate(self, attributes: Attributes, obj: Object | None, old: Object | None) -> None:
        resource = attributes.resource
        if obj is None or resource.group != GROUP or SUPERUSERS in attributes.user.groups:
            return
        if old is not None and _grants(obj) == _grants(old):
            return
        if resource.plural in _ROLES:
            if not self._may(attributes, "escalate", resource.plural, obj["metadata"]["name"]):
                self._check(attributes, obj, obj.get("rules") or ())
                self._check_aggregation(attributes, obj, old)
        elif resource.plural in _BINDINGS:
            self._check_binding(attributes, obj)

    def _check_aggregation(self, attributes: Attributes, role: Object, old: Object | None) -> None:
        """What gathers the rules of others may gather any; who has all may write it."""
        if not _aggregates(role) and not (old is not None and _aggregates(old)):
            return
        if missing_rules(list(self._rbac.rules_for(attributes.user, attributes.namespace)), _EVERYTHING):
            why = "must have cluster-admin privileges to use the aggregationRule"
            raise status.forbidden(attributes.resource, role["metadata"]["name"], why)

    def _check_binding(self, attributes: Attributes, binding: Object) -> None:
        ref = binding["roleRef"]
        plural = "clusterroles" if ref["kind"] == "ClusterRole" else "roles"
        if self._may(attributes, "bind", plural, ref["name"]):
            return
        rules = self._rbac.rules_of(ref["kind"], ref["name"], attributes.namespace)
        if rules is None:
            raise status.not_found(attributes.resource, ref["name"])
        self._check(attributes, binding, rules)

    def _may(self, attributes: Attributes, verb: str, plural: str, name: str) -> bool:
        info = RequestInfo(True, verb, "", GROUP, "v1", attributes.namespace, plural, "", name)
        return self._authorizer.allows(attributes.user, info)

    def _check(self, attributes: Attributes, obj: Object, rules: Sequence[Object]) -> None:
        owned = list(self._rbac.rules_for(attributes.user, attributes.namespace))
        missing = missing_rules(owned, rules)
        if missing:
            shown = "\n".join(sorted({_shown(rule) for rule in missing}))
            why = f"{_who(attributes.user)} is attempting to grant RBAC permissions not currently held:\n{shown}"
            raise status.forbidden(attributes.resource, obj["metadata"]["name"], why)


def _grants(obj: Object) -> Object:
    """All but what the garbage collector writes, who deletes without having what a role grants."""
    metadata = {key: value for key, value in obj["metadata"].items() if key not in _COLLECTORS}
    return {**obj, "metadata": metadata}


def _aggregates(role: Object) -> bool:
    return bool((role.get("aggregationRule") or {}).get("clusterRoleSelectors"))


def _who(user: User) -> str:
    return f'user "{user.name}" (groups=[{" ".join(_quoted(user.groups))}])'


def _quoted(values: Sequence[str]) -> list[str]:
    return [f'"{value}"' for value in values]


def _shown(rule: Object) -> str:
    parts = (
        ("APIGroups", "apiGroups"),
        ("Resources", "resources"),
        ("ResourceNames", "resourceNames"),
        ("NonResourceURLs", "nonResourceURLs"),
        ("Verbs", "verbs"),
    )
    shown = [f"{label}:[{' '.join(_quoted(rule[key]))}]" for label, key in parts if rule.get(key)]
    return "{" + ", ".join(shown) + "}"
