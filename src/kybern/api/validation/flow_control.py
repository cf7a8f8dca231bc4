"""FlowSchema and PriorityLevelConfiguration. Source: pkg/apis/flowcontrol/validation."""

import math
from collections.abc import Iterator, Sequence

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.field import duplicate, each_invalid, forbidden, invalid, not_supported, required

_HIGHEST_PRECEDENCE = 10_000
_MOST_QUEUES = 10_000_000
_HASH_BITS = 60
_METHODS = ("ByNamespace", "ByUser")
_LEVELS = ("Exempt", "Limited")
_RESPONSES = ("Queue", "Reject")
_SUBJECTS = {"ServiceAccount": "serviceAccount", "User": "user", "Group": "group"}
_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch")
_NOT_NEGATIVE = "must be a non-negative integer"


def validate_flow_schema(obj: Object) -> Iterator[FieldError]:
    spec = obj.get("spec") or {}
    precedence, method = spec.get("matchingPrecedence") or 0, spec.get("distinguisherMethod")
    path = "spec.matchingPrecedence"
    if precedence <= 0:
        yield invalid(path, precedence, "must be a positive value")
    if precedence > _HIGHEST_PRECEDENCE:
        yield invalid(path, precedence, f"must not be greater than {_HIGHEST_PRECEDENCE}")
    if precedence == 1 and obj["metadata"].get("name") != "exempt":
        yield invalid(path, precedence, "only the schema named 'exempt' may have matchingPrecedence 1")
    if method is not None and method.get("type") not in _METHODS:
        yield not_supported("spec.distinguisherMethod.type", {"Type": method.get("type") or ""}, _METHODS)
    level = (spec.get("priorityLevelConfiguration") or {}).get("name") or ""
    if level:
        yield from each_invalid("spec.priorityLevelConfiguration.name", level, names.dns_subdomain(level))
    else:
        yield required("spec.priorityLevelConfiguration.name", "must reference a priority level")
    for index, rule in enumerate(spec.get("rules") or ()):
        yield from _rule(rule, f"spec.rules[{index}]")


def validate_conditions(new: Object, old: Object) -> Iterator[FieldError]:
    """Of either kind's status."""
    seen = set()
    for index, condition in enumerate((new.get("status") or {}).get("conditions") or ()):
        path, kind = f"status.conditions[{index}].type", condition.get("type") or ""
        if kind in seen:
            yield duplicate(path, kind)
        seen.add(kind)
        if not kind:
            yield required(path)


def _rule(rule: Object, path: str) -> Iterator[FieldError]:
    subjects = rule.get("subjects") or ()
    if not subjects:
        yield required(f"{path}.subjects", "subjects must contain at least one value")
    for index, subject in enumerate(subjects):
        yield from _subject(subject, f"{path}.subjects[{index}]")
    resources, urls = rule.get("resourceRules") or (), rule.get("nonResourceRules") or ()
    if not resources and not urls:
        yield required(path, "at least one of resourceRules and nonResourceRules has to be non-empty")
    for index, one in enumerate(resources):
        yield from _resource_rule(one, f"{path}.resourceRules[{index}]")
    for index, one in enumerate(urls):
        yield from _url_rule(one, f"{path}.nonResourceRules[{index}]")


def _subject(subject: Object, path: str) -> Iterator[FieldError]:
    kind = subject.get("kind") or ""
    if kind not in _SUBJECTS:
        yield not_supported(f"{path}.kind", kind, sorted(_SUBJECTS))
        return
    own = _SUBJECTS[kind]
    yield from _named(subject.get(own), kind, f"{path}.{own}")
    for other, key in _SUBJECTS.items():
        if other != kind and subject.get(key) is not None:
            yield forbidden(f"{path}.{key}", f"{key} is forbidden when subject kind is not '{other}'")


def _named(subject: Object | None, kind: str, path: str) -> Iterator[FieldError]:
    if subject is None:
        yield required(path, f"{_SUBJECTS[kind]} is required when subject kind is '{kind}'")
        return
    name, namespace = subject.get("name") or "", subject.get("namespace") or ""
    if not name:
        yield required(f"{path}.name")
    if kind != "ServiceAccount":
        return
    if name and name != "*":
        yield from each_invalid(f"{path}.name", name, names.dns_subdomain(name))
    if namespace:
        yield from each_invalid(f"{path}.namespace", namespace, names.dns_label(namespace))
    else:
        yield required(f"{path}.namespace", "must specify namespace for service account")


def _verbs(verbs: Sequence[str], path: str) -> Iterator[FieldError]:
    if not verbs:
        yield required(path, "verbs must contain at least one value")
    elif "*" in verbs:
        if len(verbs) > 1:
            yield invalid(path, list(verbs), "if '*' is present, must not specify other verbs")
    elif not set(verbs).issubset(_VERBS):
        yield not_supported(path, list(verbs), _VERBS)


def _resource_rule(rule: Object, path: str) -> Iterator[FieldError]:
    yield from _verbs(rule.get("verbs") or (), f"{path}.verbs")
    for key, one, several in (("apiGroups", "api group", "api groups"), ("resources", "resource", "resources")):
        values = rule.get(key) or []
        if not values:
            yield required(f"{path}.{key}", f"resource rules must supply at least one {one}")
        elif len(values) > 1 and "*" in values:
            yield invalid(f"{path}.{key}", values, f"if '*' is present, must not specify other {several}")
    namespaces, at = rule.get("namespaces") or [], f"{path}.namespaces"
    if not namespaces and not rule.get("clusterScope"):
        yield required(at, "resource rules that are not cluster scoped must supply at least one namespace")
    elif "*" in namespaces:
        if len(namespaces) > 1:
            yield invalid(at, namespaces, "if '*' is present, must not specify other namespaces")
    else:
        for index, namespace in enumerate(namespaces):
            for message in names.dns_label(namespace):
                detail = f"each member of this list must be '*' or a DNS-1123 label; {message}"
                yield invalid(f"{at}[{index}]", namespace, detail)


def _url_rule(rule: Object, path: str) -> Iterator[FieldError]:
    yield from _verbs(rule.get("verbs") or (), f"{path}.verbs")
    urls, at = rule.get("nonResourceURLs") or [], f"{path}.nonResourceURLs"
    if not urls:
        yield required(at, "nonResourceURLs must contain at least one value")
    elif "*" in urls:
        if len(urls) > 1:
            yield invalid(at, urls, "if '*' is present, must not specify other non-resource URLs")
    else:
        for index, url in enumerate(urls):
            if fault := _url_fault(url):
                yield invalid(f"{at}[{index}]", url, fault)


def _url_fault(url: str) -> str:
    if not url:
        return "must not be empty"
    if url == "/":
        return ""
    if not url.startswith("/"):
        return "must start with slash"
    if " " in url:
        return "must not contain white-space"
    if "//" in url:
        return "must not contain double slash"
    wildcards = url.count("*")
    only_last = wildcards == 0 or (wildcards == 1 and url.endswith("/*"))
    return "" if only_last else "wildcard can only do suffix matching"


def validate_priority_level(obj: Object) -> Iterator[FieldError]:
    spec = obj.get("spec") or {}
    level, limited, exempt = spec.get("type") or "", spec.get("limited"), spec.get("exempt")
    if (obj["metadata"].get("name") == "exempt") != (level == "Exempt"):
        yield invalid("spec.type", level, "must be 'Exempt' if and only if `name` is 'exempt'")
    match level:
        case "Exempt":
            if limited is not None:
                yield forbidden("spec.limited", "must be nil if the type is not Limited")
            yield from _shares(exempt or {}, "spec.exempt")
        case "Limited":
            if exempt is not None:
                yield forbidden("spec.exempt", "must be nil if the type is Limited")
            if limited is None:
                yield required("spec.limited", "must not be empty when type is Limited")
            else:
                yield from _shares(limited, "spec.limited")
                yield from _response(limited.get("limitResponse") or {}, "spec.limited.limitResponse")
        case _:
            yield not_supported("spec.type", level, _LEVELS)


def _shares(limits: Object, path: str) -> Iterator[FieldError]:
    shares, lendable = limits.get("nominalConcurrencyShares"), limits.get("lendablePercent")
    borrowing = limits.get("borrowingLimitPercent")
    if shares is not None and shares < 0:
        yield invalid(f"{path}.nominalConcurrencyShares", shares, _NOT_NEGATIVE)
    if lendable is not None and not 0 <= lendable <= 100:
        yield invalid(f"{path}.lendablePercent", lendable, "must be between 0 and 100, inclusive")
    if borrowing is not None and borrowing < 0:
        yield invalid(f"{path}.borrowingLimitPercent", borrowing, f"if specified, {_NOT_NEGATIVE}")


def _response(response: Object, path: str) -> Iterator[FieldError]:
    queuing = response.get("queuing")
    match response.get("type"):
        case "Reject":
            if queuing is not None:
                yield forbidden(f"{path}.queuing", "must be nil if limited.limitResponse.type is not Limited")
        case "Queue":
            if queuing is None:
                detail = "must not be empty if limited.limitResponse.type is Limited"
                yield required(f"{path}.queuing", detail)
            else:
                yield from _queuing(queuing, f"{path}.queuing")
        case other:
            yield not_supported(f"{path}.type", other or "", _RESPONSES)


def _queuing(queuing: Object, path: str) -> Iterator[FieldError]:
    length, queues, hand = (queuing.get(key) or 0 for key in ("queueLengthLimit", "queues", "handSize"))
    if length <= 0:
        yield invalid(f"{path}.queueLengthLimit", length, "must be positive")
    if queues <= 0:
        yield invalid(f"{path}.queues", queues, "must be positive")
    elif queues > _MOST_QUEUES:
        yield invalid(f"{path}.queues", queues, f"must not be greater than {_MOST_QUEUES}")
    if hand <= 0:
        yield invalid(f"{path}.handSize", hand, "must be positive")
    elif hand > queues:
        yield invalid(f"{path}.handSize", hand, f"should not be greater than queues ({queues})")
    elif math.ceil(math.log2(queues) * hand) > _HASH_BITS:
        detail = (
            f"required entropy bits of deckSize {queues} and handSize {hand} should not be greater than {_HASH_BITS}"
        )
        yield invalid(f"{path}.handSize", hand, detail)
