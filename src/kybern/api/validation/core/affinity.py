"""Where a Pod may run: node and Pod affinity, topology spread, tolerations."""

from collections.abc import Iterator, Sequence

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.core.node import validate_taint_effect
from kybern.api.validation.field import duplicate, each_invalid, forbidden, invalid, not_supported, required
from kybern.api.validation.metadata import validate_label_selector, validate_requirement

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_BAD_OPERATOR = "not a valid selector operator"
_UNSATISFIABLE = ("DoNotSchedule", "ScheduleAnyway")
_INCLUSION = ("Honor", "Ignore")


def validate_affinity(affinity: Object, path: str) -> Iterator[FieldError]:
    node = affinity.get("nodeAffinity")
    if node is not None:
        yield from _node_affinity(node, f"{path}.nodeAffinity")
    for kind in ("podAffinity", "podAntiAffinity"):
        terms = affinity.get(kind)
        if terms is not None:
            yield from _pod_affinity(terms, f"{path}.{kind}")


def _node_affinity(affinity: Object, path: str) -> Iterator[FieldError]:
    selector = affinity.get(_REQUIRED)
    if selector is not None:
        yield from validate_node_selector(selector, f"{path}.{_REQUIRED}")
    for index, term in enumerate(affinity.get(_PREFERRED) or ()):
        at = f"{path}.{_PREFERRED}[{index}]"
        yield from _weight(term, at)
        yield from _node_term(term.get("preference") or {}, f"{at}.preference", check_values=False)


def validate_node_selector(selector: Object, path: str) -> Iterator[FieldError]:
    terms = selector.get("nodeSelectorTerms") or ()
    if not terms:
        yield required(f"{path}.nodeSelectorTerms", "must have at least one node selector term")
    for index, term in enumerate(terms):
        yield from _node_term(term, f"{path}.nodeSelectorTerms[{index}]", check_values=True)


def _weight(term: Object, path: str) -> Iterator[FieldError]:
    weight = term.get("weight") or 0
    if not 0 < weight <= 100:
        yield invalid(f"{path}.weight", weight, "must be in the range 1-100")


def _node_term(term: Object, path: str, *, check_values: bool) -> Iterator[FieldError]:
    for index, requirement in enumerate(term.get("matchExpressions") or ()):
        yield from _node_requirement(requirement, f"{path}.matchExpressions[{index}]", check_values=check_values)
    for index, requirement in enumerate(term.get("matchFields") or ()):
        yield from _node_field(requirement, f"{path}.matchFields[{index}]")


def _node_requirement(requirement: Object, path: str, *, check_values: bool) -> Iterator[FieldError]:
    return validate_requirement(requirement, path, _BAD_OPERATOR, comparing=True, check_values=check_values)


def _node_field(requirement: Object, path: str) -> Iterator[FieldError]:
    values: Sequence[str] = requirement.get("values") or ()
    if requirement.get("operator") not in ("In", "NotIn"):
        yield invalid(f"{path}.operator", requirement.get("operator") or "", _BAD_OPERATOR)
    elif len(values) != 1:
        detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
        yield required(f"{path}.values", detail)
    if requirement.get("key") != "metadata.name":
        yield invalid(f"{path}.key", requirement.get("key") or "", "not a valid field selector key")
        return
    for index, value in enumerate(values):
        yield from each_invalid(f"{path}.values[{index}]", value, names.dns_subdomain(value))


def _pod_affinity(affinity: Object, path: str) -> Iterator[FieldError]:
    for index, term in enumerate(affinity.get(_REQUIRED) or ()):
        yield from _pod_term(term, f"{path}.{_REQUIRED}[{index}]")
    for index, weighted in enumerate(affinity.get(_PREFERRED) or ()):
        at = f"{path}.{_PREFERRED}[{index}]"
        yield from _weight(weighted, at)
        yield from _pod_term(weighted.get("podAffinityTerm") or {}, f"{at}.podAffinityTerm")


def _pod_term(term: Object, path: str) -> Iterator[FieldError]:
    for key in ("labelSelector", "namespaceSelector"):
        yield from validate_label_selector(term.get(key), f"{path}.{key}")
    for namespace in term.get("namespaces") or ():
        yield from each_invalid(f"{path}.namespace", namespace, names.dns_label(namespace))
    yield from _label_keys(term, path)
    topology = term.get("topologyKey") or ""
    if not topology:
        yield required(f"{path}.topologyKey", "can not be empty")
    yield from each_invalid(f"{path}.topologyKey", topology, names.qualified_name(topology))


def _label_keys(term: Object, path: str) -> Iterator[FieldError]:
    """matchLabelKeys and mismatchLabelKeys: with a selector only, and each key in one place."""
    selector = term.get("labelSelector")
    match, mismatch = term.get("matchLabelKeys") or (), term.get("mismatchLabelKeys") or ()
    for name, keys in (("matchLabelKeys", match), ("mismatchLabelKeys", mismatch)):
        if keys and selector is None:
            yield forbidden(f"{path}.{name}", "must not be specified when labelSelector is not set")
        elif keys:
            for index, key in enumerate(keys):
                yield from each_invalid(f"{path}.{name}[{index}]", key, names.qualified_name(key))
    seen = set((selector or {}).get("matchLabels") or ())
    for expression in (selector or {}).get("matchExpressions") or ():
        key = expression.get("key")
        if key in match and key in seen:
            yield invalid(f"{path}[{list(match).index(key)}]", key, "exists in both matchLabelKeys and labelSelector")
        seen.add(key)
    for index, key in enumerate(match):
        if key in mismatch:
            detail = "exists in both matchLabelKeys and mismatchLabelKeys"
            yield invalid(f"{path}.matchLabelKeys[{index}]", key, detail)


def validate_spread(constraints: Sequence[Object], path: str) -> Iterator[FieldError]:
    for index, constraint in enumerate(constraints):
        at = f"{path}[{index}]"
        key, action = constraint.get("topologyKey") or "", constraint.get("whenUnsatisfiable") or ""
        if (constraint.get("maxSkew") or 0) <= 0:
            yield invalid(f"{at}.maxSkew", constraint.get("maxSkew") or 0, "must be greater than zero")
        if not key:
            yield required(f"{at}.topologyKey", "can not be empty")
        if action not in _UNSATISFIABLE:
            yield not_supported(f"{at}.whenUnsatisfiable", action, _UNSATISFIABLE)
        pairs = [(one.get("topologyKey"), one.get("whenUnsatisfiable")) for one in constraints[index + 1 :]]
        if (key, action) in pairs:
            yield duplicate(f"{at}.{{topologyKey, whenUnsatisfiable}}", f"{{{key}, {action}}}")
        yield from _min_domains(constraint, action, f"{at}.minDomains")
        for policy in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
            if constraint.get(policy) is not None and constraint[policy] not in _INCLUSION:
                yield not_supported(f"{at}.{policy}", constraint[policy], _INCLUSION)
        yield from _label_keys(constraint, at)
        yield from validate_label_selector(constraint.get("labelSelector"), f"{at}.labelSelector")


def _min_domains(constraint: Object, action: str, path: str) -> Iterator[FieldError]:
    domains = constraint.get("minDomains")
    if domains is None:
        return
    if domains <= 0:
        yield invalid(path, domains, "must be greater than zero")
    if action != "DoNotSchedule":
        yield invalid(path, domains, f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}")


def validate_tolerations(tolerations: Sequence[Object], path: str) -> Iterator[FieldError]:
    for index, toleration in enumerate(tolerations):
        at = f"{path}[{index}]"
        key, operator = toleration.get("key") or "", toleration.get("operator") or ""
        effect, value = toleration.get("effect") or "", toleration.get("value") or ""
        if key:
            yield from each_invalid(f"{at}.key", key, names.qualified_name(key))
        elif operator != "Exists":
            detail = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
            yield invalid(f"{at}.operator", operator, detail)
        if toleration.get("tolerationSeconds") is not None and effect != "NoExecute":
            yield invalid(f"{at}.effect", effect, "effect must be 'NoExecute' when `tolerationSeconds` is set")
        yield from _toleration_operator(operator, value, f"{at}.operator")
        yield from validate_taint_effect(effect, f"{at}.effect", optional=True)


def _toleration_operator(operator: str, value: str, path: str) -> Iterator[FieldError]:
    match operator:
        case "Equal" | "":
            if messages := names.label_value(value):
                yield invalid(path, value, ";".join(messages))
        case "Exists":
            if value:
                yield invalid(path, value, "value must be empty when `operator` is 'Exists'")
        case "Lt" | "Gt":  # Known, and not on yet (TaintTolerationComparisonOperators).
            yield not_supported(path, operator, ("Equal", "Exists", "Lt", "Gt"))
        case _:
            yield not_supported(path, operator, ("Equal", "Exists"))
