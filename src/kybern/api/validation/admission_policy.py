"""Admission policies and their bindings. CEL is loaded with the first of them.

Source: pkg/apis/admissionregistration/validation.
"""

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module

from kybern.api.resource import FieldError, Object
from kybern.api.validation import conditions, names
from kybern.api.validation.admission import (
    FAILURE_POLICIES,
    MATCH_POLICIES,
    REINVOCATION,
    one_of,
    validate_conditions,
    validate_rule,
)
from kybern.api.validation.cel_names import is_cel_identifier
from kybern.api.validation.field import (
    duplicate,
    each_invalid,
    forbidden,
    invalid,
    not_supported,
    required,
)
from kybern.api.validation.internal_form import internal_form
from kybern.api.validation.metadata import validate_label_selector

_MUTATING_OPERATIONS = ("*", "CONNECT", "CREATE", "UPDATE")
_ACTIONS = ("Audit", "Deny", "Warn")
_REASONS = ("Forbidden", "Invalid", "RequestEntityTooLarge")
_NOT_FOUND_ACTIONS = ("Deny", "Allow")
_PATCH_TYPES = ("ApplyConfiguration", "JSONPatch")
_AUDIT_LIMIT, _AUDIT_SIZE = 20, 5 * 1024
_AUDIT = "io.k8s.api.admissionregistration.v1.AuditAnnotation"

Faults = Mapping[str, str]
"""Path -> why the expression there does not compile."""


def validate_validating_policy(obj: Object) -> Iterator[FieldError]:
    spec = obj.get("spec") or {}
    faults = _faults(spec, "validating_programs")
    yield from _policy(spec, faults, mutating=False)
    validations, annotations = spec.get("validations") or (), spec.get("auditAnnotations") or ()
    if not validations and not annotations:
        for key in ("validations", "auditAnnotations"):
            yield required(f"spec.{key}", "validations or auditAnnotations must contain at least one item")
    for index, validation in enumerate(validations):
        yield from _validation(validation, f"spec.validations[{index}]", faults)
    yield from _audit_annotations(annotations, obj["metadata"].get("name") or "", faults)


def _faults(spec: Object, compile_with: str) -> Faults:
    policies = import_module("kybern.api.policies")
    return {f"spec.{path}": fault for path, fault in getattr(policies, compile_with)(spec).faults().items()}


def _expression(text: str, path: str, faults: Faults) -> Iterator[FieldError]:
    if path in faults:
        yield invalid(path, text, faults[path])


def _policy(spec: Object, faults: Faults, *, mutating: bool) -> Iterator[FieldError]:
    """What both kinds of policies have."""
    yield from one_of(spec, "failurePolicy", "spec", FAILURE_POLICIES, needed=True)
    if spec.get("paramKind") is not None:
        yield from _param_kind(spec["paramKind"], "spec.paramKind")
    constraints = spec.get("matchConstraints")
    if constraints is None:
        yield required("spec.matchConstraints")
    else:
        yield from _match_resources(constraints, "spec.matchConstraints")
        if not constraints.get("resourceRules"):
            yield required("spec.matchConstraints.resourceRules")
        if mutating:
            yield from _mutating_operations(constraints, "spec.matchConstraints")
    yield from validate_conditions(spec.get("matchConditions") or (), "spec.matchConditions", faults)
    for index, variable in enumerate(spec.get("variables") or ()):
        yield from _variable(variable, f"spec.variables[{index}]", faults)


def _param_kind(kind: Object, path: str) -> Iterator[FieldError]:
    api_version, name, at = kind.get("apiVersion") or "", kind.get("kind") or "", f"{path}.apiVersion"
    group, _, version = api_version.rpartition("/")
    if not api_version:
        yield required(at)
    elif api_version.count("/") > 1:
        yield invalid(at, api_version, f"unexpected GroupVersion string: {api_version}")
    else:
        if group and (messages := names.dns_subdomain(group)):
            yield invalid(at, group, ",".join(messages))
        if not version:
            yield invalid(at, api_version, "version must be specified")
        elif messages := names.dns_1035_label(version):
            yield invalid(at, version, ",".join(messages))
    if not name:
        yield required(f"{path}.kind")
    elif messages := names.dns_1035_label(name.lower()):
        detail = "may have mixed case, but should otherwise match: " + ",".join(messages)
        yield invalid(f"{path}.kind", name, detail)


def _match_resources(match: Object, path: str) -> Iterator[FieldError]:
    yield from one_of(match, "matchPolicy", path, MATCH_POLICIES, needed=True)
    for key in ("namespaceSelector", "objectSelector"):
        if match.get(key) is None:
            yield required(f"{path}.{key}")
        else:
            yield from validate_label_selector(match[key], f"{path}.{key}")
    for key in ("resourceRules", "excludeResourceRules"):
        for index, rule in enumerate(match.get(key) or ()):
            yield from _named_rule(rule, f"{path}.{key}[{index}]")


def _mutating_operations(match: Object, path: str) -> Iterator[FieldError]:
    """What is deleted cannot be changed."""
    for rule in match.get("resourceRules") or ():
        for operation in rule.get("operations") or ():
            if operation not in _MUTATING_OPERATIONS:
                yield not_supported(f"{path}.resourceRules.operations", operation, _MUTATING_OPERATIONS)


def _named_rule(rule: Object, path: str) -> Iterator[FieldError]:
    given = rule.get("resourceNames") or ()
    for index, name in enumerate(given):
        at = f"{path}.resourceNames[{index}]"
        yield from each_invalid(at, name, names.path_segment(name))
        if name in given[:index]:
            yield duplicate(at, name)
    yield from validate_rule(rule, path)


def _variable(variable: Object, path: str, faults: Faults) -> Iterator[FieldError]:
    name = variable.get("name") or ""
    if not name.strip():
        yield required(f"{path}.name", "name is not specified")
    elif not is_cel_identifier(name):
        yield invalid(f"{path}.name", name, "must be a valid CEL identifier")
    if not (variable.get("expression") or "").strip():
        yield required(f"{path}.expression", "expression is not specified")
    else:
        yield from _expression(variable["expression"], f"{path}.expression", faults)


def _validation(validation: Object, path: str, faults: Faults) -> Iterator[FieldError]:
    message, expression = validation.get("message") or "", validation.get("messageExpression") or ""
    if not (validation.get("expression") or "").strip():
        yield required(f"{path}.expression", "expression is not specified")
    else:
        yield from _expression(validation["expression"], f"{path}.expression", faults)
    if expression and not expression.strip():
        yield invalid(f"{path}.messageExpression", expression, "must be non-empty if specified")
    else:
        yield from _expression(expression, f"{path}.messageExpression", faults)
    if message and not message.strip():
        yield invalid(f"{path}.message", message, "must be non-empty if specified")
    elif "\n" in message.strip() or "\r" in message.strip():
        yield invalid(f"{path}.message", message, "must not contain line breaks")
    yield from one_of(validation, "reason", path, _REASONS)


def _audit_annotations(annotations: Sequence[Object], policy: str, faults: Faults) -> Iterator[FieldError]:
    path = "spec.auditAnnotations"
    if len(annotations) > _AUDIT_LIMIT:
        shown = [internal_form(_AUDIT, annotation) for annotation in annotations]
        yield invalid(path, shown, f"must not have more than {_AUDIT_LIMIT} auditAnnotations")
    seen = set()
    for index, annotation in enumerate(annotations):
        at, key = f"{path}[{index}]", annotation.get("key") or ""
        if policy:
            full = f"{policy}/{key}"
            yield from each_invalid(f"{at}.key", full, names.qualified_name(full))
        else:
            yield invalid(f"{at}.key", key, "requires metadata.name be non-empty")
        expression = (annotation.get("valueExpression") or "").strip()
        if not expression:
            yield required(f"{at}.valueExpression", "valueExpression is not specified")
        elif names.size(expression) > _AUDIT_SIZE:
            yield required(f"{at}.valueExpression", f"must not exceed {_AUDIT_SIZE} bytes in length")
        else:
            yield from _expression(annotation["valueExpression"], f"{at}.valueExpression", faults)
        if key in seen:
            yield duplicate(f"{at}.key", key)
        seen.add(key)


def validate_mutating_policy(obj: Object) -> Iterator[FieldError]:
    spec = obj.get("spec") or {}
    faults = _faults(spec, "mutating_programs")
    yield from _policy(spec, faults, mutating=True)
    mutations = spec.get("mutations") or ()
    if not mutations:
        yield required("spec.mutations", "mutations must contain at least one item")
    for index, mutation in enumerate(mutations):
        yield from _mutation(mutation, f"spec.mutations[{index}]", faults)
    yield from one_of(spec, "reinvocationPolicy", "spec", REINVOCATION, needed=True)


def _mutation(mutation: Object, path: str, faults: Faults) -> Iterator[FieldError]:
    if not mutation.get("patchType"):
        yield required(f"{path}.patchType")
        return
    yield from one_of(mutation, "patchType", path, _PATCH_TYPES)
    for kind, key in (("ApplyConfiguration", "applyConfiguration"), ("JSONPatch", "jsonPatch")):
        given = mutation.get(key)
        if mutation.get("patchType") != kind:
            continue
        if given is None:
            yield required(f"{path}.{key}", f"must be specified when patchType is {kind}")
        elif not (given.get("expression") or "").strip():
            yield required(f"{path}.{key}.expression")
        else:
            yield from _expression(given["expression"].strip(), f"{path}.{key}.expression", faults)
    others = {"ApplyConfiguration": "jsonPatch", "JSONPatch": "applyConfiguration"}
    other = others.get(mutation.get("patchType") or "")
    if other and mutation.get(other) is not None:
        detail = f"must not be specified when patchType is {mutation['patchType']}"
        yield invalid(f"{path}.{other}", f"{{{other}}}", detail)


def validate_policy_status(new: Object, old: Object) -> Iterator[FieldError]:
    """What a controller found of the expressions' types."""
    status = new.get("status") or {}
    for index, found in enumerate((status.get("typeChecking") or {}).get("expressionWarnings") or ()):
        path = f"status.typeChecking.expressionWarnings[{index}]"
        for key in ("warning", "fieldRef"):
            if not (found.get(key) or "").strip():
                yield required(f"{path}.{key}")
    yield from conditions.validate_conditions(status.get("conditions") or (), "status.conditions")


def validate_validating_binding(obj: Object) -> Iterator[FieldError]:
    spec = obj.get("spec") or {}
    yield from _binding(spec)
    yield from _actions(spec.get("validationActions") or [], "spec.validationActions")


def validate_mutating_binding(obj: Object) -> Iterator[FieldError]:
    spec = obj.get("spec") or {}
    yield from _binding(spec)
    yield from _mutating_operations(spec.get("matchResources") or {}, "spec.matchResources")


def _binding(spec: Object) -> Iterator[FieldError]:
    name = spec.get("policyName") or ""
    if not name:
        yield required("spec.policyName")
    else:
        yield from each_invalid("spec.policyName", name, names.dns_subdomain(name))
    if spec.get("paramRef") is not None:
        yield from _param_ref(spec["paramRef"], "spec.paramRef")
    if spec.get("matchResources") is not None:
        yield from _match_resources(spec["matchResources"], "spec.matchResources")


def _param_ref(reference: Object, path: str) -> Iterator[FieldError]:
    name, selector = reference.get("name") or "", reference.get("selector")
    exclusive = "name and selector are mutually exclusive"
    if name:
        yield from each_invalid(f"{path}.name", name, names.path_segment(name))
        if selector is not None:
            yield forbidden(f"{path}.name", exclusive)
    if selector is not None:
        yield from validate_label_selector(selector, f"{path}.selector")
        if name:
            yield forbidden(f"{path}.selector", exclusive)
    if not name and selector is None:
        yield required(path, "one of name or selector must be specified")
    action = reference.get("parameterNotFoundAction")
    if not action:
        yield required(f"{path}.parameterNotFoundAction")
    elif action not in _NOT_FOUND_ACTIONS:
        yield not_supported(f"{path}.parameterNotFoundAction", action, _NOT_FOUND_ACTIONS)


def _actions(actions: Sequence[str], path: str) -> Iterator[FieldError]:
    for index, action in enumerate(actions):
        if action not in _ACTIONS:
            yield not_supported(f"{path}[{index}]", action, _ACTIONS)
        if action in actions[:index]:
            yield duplicate(f"{path}[{index}]", action)
    if "Deny" in actions and "Warn" in actions:
        detail = (
            "must not contain both Deny and Warn (repeating the same validation failure information in the API "
            "response and headers serves no purpose)"
        )
        yield invalid(path, list(actions), detail)
    if not actions:
        yield required(path, "at least one validation action is required")
