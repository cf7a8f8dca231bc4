"""FlowSchemas: which one a request belongs to, and which flow within it. Pure.

Source: https://kubernetes.io/docs/concepts/cluster-administration/flow-control/#flowschema
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from kybern.api.resource import Object
from kybern.apiserver.request_info import RequestInfo
from kybern.apiserver.user import SERVICE_ACCOUNT_PREFIX, User

CATCH_ALL = "catch-all"
EVERY = "*"


@dataclass(frozen=True, slots=True)
class FlowSchema:
    """The parts of a FlowSchema that decide."""

    name: str
    uid: str
    level: str
    """The PriorityLevelConfiguration's name."""
    precedence: int
    distinguisher: str
    """`ByUser`, `ByNamespace` or none."""
    rules: Sequence[Object] = field(repr=False, compare=False, default=())

    def takes(self, user: User, info: RequestInfo) -> bool:
        return any(_rule_takes(rule, user, info) for rule in self.rules)

    def flow(self, user: User, info: RequestInfo) -> str:
        """What tells one flow from another within this schema."""
        if self.distinguisher == "ByUser":
            return user.name
        return info.namespace if self.distinguisher == "ByNamespace" else ""


def flow_schema(obj: Object) -> FlowSchema:
    """Of an object of the API."""
    spec, metadata = obj["spec"], obj["metadata"]
    return FlowSchema(
        metadata["name"],
        metadata.get("uid", ""),
        spec["priorityLevelConfiguration"]["name"],
        spec.get("matchingPrecedence", 1000),
        (spec.get("distinguisherMethod") or {}).get("type", ""),
        spec.get("rules") or (),
    )


def in_order(schemas: Iterable[FlowSchema]) -> list[FlowSchema]:
    """The lowest precedence first, then by name; what falls through them all belongs to `catch-all`, which is last."""
    return sorted(schemas, key=lambda each: (each.name == CATCH_ALL, each.precedence, each.name))


def _rule_takes(rule: Object, user: User, info: RequestInfo) -> bool:
    if not any(_is_subject(subject, user) for subject in rule.get("subjects") or ()):
        return False
    if info.is_resource:
        return any(_resource_rule_takes(each, info) for each in rule.get("resourceRules") or ())
    return any(
        _is_in(info.verb, each.get("verbs")) and _is_path(each.get("nonResourceURLs") or (), info.path)
        for each in rule.get("nonResourceRules") or ()
    )


def _is_subject(subject: Object, user: User) -> bool:
    match subject.get("kind"):
        case "User":
            return (subject.get("user") or {}).get("name") in (EVERY, user.name)
        case "Group":
            name = (subject.get("group") or {}).get("name")
            return name == EVERY or name in user.groups
        case "ServiceAccount":
            account = subject.get("serviceAccount") or {}
            prefix = f"{SERVICE_ACCOUNT_PREFIX}{account.get('namespace')}:"
            if account.get("name") == EVERY:
                return user.name.startswith(prefix)
            return user.name == f"{prefix}{account.get('name')}"
    return False


def _resource_rule_takes(rule: Object, info: RequestInfo) -> bool:
    resource = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    if not (
        _is_in(info.verb, rule.get("verbs"))
        and _is_in(resource, rule.get("resources"))
        and _is_in(info.group, rule.get("apiGroups"))
    ):
        return False
    if not info.namespace:
        return bool(rule.get("clusterScope"))
    return _is_in(info.namespace, rule.get("namespaces"))


def _is_in(value: str, allowed: Sequence[str] | None) -> bool:
    return allowed is not None and (value in allowed or list(allowed) == [EVERY])


def _is_path(paths: Sequence[str], path: str) -> bool:
    return any(
        each in (EVERY, path) or path.startswith(each.removesuffix(EVERY).removesuffix("/") + "/") for each in paths
    )
