"""Webhook configurations and admission policies. CEL is loaded with the first of them that has an expression.

Source: pkg/apis/admissionregistration/validation.
"""

from collections.abc import Iterator, Sequence
from importlib import import_module

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.cel_names import is_cel_identifier
from kybern.api.validation.field import (
    duplicate,
    each_invalid,
    forbidden,
    invalid,
    not_supported,
    required,
    too_many,
)
from kybern.api.validation.metadata import validate_label_selector
from kybern.api.validation.webhooks import validate_client_config, validate_review_versions

_REVIEWS = ("v1", "v1beta1")
_FAILURE_POLICIES = ("Fail", "Ignore")
_MATCH_POLICIES = ("Equivalent", "Exact")
_SIDE_EFFECTS = ("None", "NoneOnDryRun")
_REINVOCATION = ("IfNeeded", "Never")
_OPERATIONS = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
_MUTATING_OPERATIONS = ("*", "CONNECT", "CREATE", "UPDATE")
_SCOPES = ("*", "Cluster", "Namespaced")
_ACTIONS = ("Audit", "Deny", "Warn")
_REASONS = ("Forbidden", "Invalid", "RequestEntityTooLarge")
_NOT_FOUND_ACTIONS = ("Deny", "Allow")
_PATCH_TYPES = ("ApplyConfiguration", "JSONPatch")
_NAME_SEGMENTS = 3
_LONGEST_SECONDS = 30
_CONDITIONS_LIMIT, _AUDIT_LIMIT, _AUDIT_SIZE = 64, 20, 5 * 1024


def validate_webhooks(obj: Object) -> Iterator[FieldError]:
    seen = set()
    for index, hook in enumerate(obj.get("webhooks") or ()):
        path, name = f"webhooks[{index}]", hook.get("name") or ""
        yield from _webhook(hook, path)
        versions = hook.get("admissionReviewVersions") or ()
        missing = f"must specify one of {', '.join(_REVIEWS)}"
        yield from validate_review_versions(versions, f"{path}.admissionReviewVersions", _REVIEWS, missing)
        if name and name in seen:
            yield duplicate(f"{path}.name", name)
        seen.add(name)


def _webhook(hook: Object, path: str) -> Iterator[FieldError]:
    yield from _qualified(hook.get("name") or "", f"{path}.name")
    for index, rule in enumerate(hook.get("rules") or ()):
        yield from _rule(rule, f"{path}.rules[{index}]")
    yield from _one_of(hook, "failurePolicy", path, _FAILURE_POLICIES)
    yield from _one_of(hook, "matchPolicy", path, _MATCH_POLICIES)
    if hook.get("sideEffects") is None:
        yield required(f"{path}.sideEffects", f"must specify one of {', '.join(_SIDE_EFFECTS)}")
    yield from _one_of(hook, "sideEffects", path, _SIDE_EFFECTS)
    seconds = hook.get("timeoutSeconds")
    if seconds is not None and not 1 <= seconds <= _LONGEST_SECONDS:
        yield invalid(f"{path}.timeoutSeconds", seconds, "the timeout value must be between 1 and 30 seconds")
    for key in ("namespaceSelector", "objectSelector"):
        yield from validate_label_selector(hook.get(key), f"{path}.{key}")
    yield from _one_of(hook, "reinvocationPolicy", path, _REINVOCATION)
    yield from validate_client_config(hook.get("clientConfig") or {}, f"{path}.clientConfig")
    yield from _match_conditions(hook.get("matchConditions") or (), f"{path}.matchConditions")
    if hook.get("matchConditions"):
        programs = import_module("kybern.api.policies").condition_programs(hook["matchConditions"])
        for index, expression in enumerate(programs):
            if expression.program is None and expression.text.strip():
                yield invalid(f"{path}.matchConditions[{index}].expression", expression.text, expression.fault)


def _one_of(
    obj: Object, key: str, path: str, supported: Sequence[str], *, needed: bool = False
) -> Iterator[FieldError]:
    value = obj.get(key)
    if value is None:
        if needed:
            yield required(f"{path}.{key}")
    elif value not in supported:
        yield not_supported(f"{path}.{key}", value, supported)


def _qualified(name: str, path: str) -> Iterator[FieldError]:
    if not name:
        yield required(path)
    elif messages := names.dns_subdomain(name):
        yield invalid(path, name, ",".join(messages))
    elif name.count(".") + 1 < _NAME_SEGMENTS:
        yield invalid(path, name, "should be a domain with at least three segments separated by dots")


def _rule(rule: Object, path: str) -> Iterator[FieldError]:
    operations = rule.get("operations") or []
    yield from _not_empty_or_all(operations, f"{path}.operations", "operations")
    for index, operation in enumerate(operations):
        if operation not in _OPERATIONS:
            yield not_supported(f"{path}.operations[{index}]", operation, _OPERATIONS)
    yield from _not_empty_or_all(rule.get("apiGroups") or [], f"{path}.apiGroups", "API groups")
    versions = rule.get("apiVersions") or []
    yield from _not_empty_or_all(versions, f"{path}.apiVersions", "API versions")
    for index, version in enumerate(versions):
        if not version:
            yield required(f"{path}.apiVersions[{index}]")
    yield from _resources(rule.get("resources") or [], f"{path}.resources")
    yield from _one_of(rule, "scope", path, _SCOPES)


def _not_empty_or_all(values: Sequence[str], path: str, what: str) -> Iterator[FieldError]:
    if not values:
        yield required(path)
    if len(values) > 1 and "*" in values:
        yield invalid(path, values, f"if '*' is present, must not specify other {what}")


def _resources(resources: Sequence[str], path: str) -> Iterator[FieldError]:
    """`pods`, `pods/log`, `pods/*`, `*/scale`, `*`, `*/*`: none that another one covers."""
    if not resources:
        yield required(path)
    whole, everywhere = set(), set()
    for index, text in enumerate(resources):
        if not text:
            yield required(f"{path}[{index}]")
        name, slash, sub = text.partition("/")
        if not slash:
            continue
        if name in whole:
            yield invalid(f"{path}[{index}]", text, f"if '{name}/*' is present, must not specify {text}")
        if sub in everywhere:
            yield invalid(f"{path}[{index}]", text, f"if '*/{sub}' is present, must not specify {text}")
        if sub == "*":
            whole.add(name)
        if name == "*":
            everywhere.add(sub)
    if len(resources) > 1 and "*/*" in resources:
        yield invalid(path, resources, "if '*/*' is present, must not specify other resources")
    # Upstream looks at the last of those without a subresource.
    plain = [text for text in resources if text and "/" not in text]
    if "*" in plain and plain[-1] != "*":
        detail = "if '*' is present, must not specify other resources without subresources"
        yield invalid(path, resources, detail)


def _match_conditions(conditions: Sequence[Object], path: str) -> Iterator[FieldError]:
    if len(conditions) > _CONDITIONS_LIMIT:
        yield too_many(path, len(conditions), _CONDITIONS_LIMIT)
    seen = set()
    for index, condition in enumerate(conditions):
        at, name = f"{path}[{index}]", condition.get("name") or ""
        if not (condition.get("expression") or "").strip():
            yield required(f"{at}.expression")
        if not name:
            yield required(f"{at}.name")
            continue
        yield from each_invalid(f"{at}.name", name, names.qualified_name(name))
        if name in seen:
            yield duplicate(f"{at}.name", name)
        seen.add(name)


def validate_validating_policy(obj: Object) -> Iterator[FieldError]:
    spec = obj.get("spec") or {}
    yield from _policy(spec, mutating=False)
    validations, annotations = spec.get("validations") or (), spec.get("auditAnnotations") or ()
    if not validations and not annotations:
        for key in ("validations", "auditAnnotations"):
            yield required(f"spec.{key}", "validations or auditAnnotations must contain at least one item")
    for index, validation in enumerate(validations):
        yield from _validation(validation, f"spec.validations[{index}]")
    yield from _audit_annotations(annotations, obj["metadata"].get("name") or "")
    yield from _expressions(spec, "validating_programs")


def _policy(spec: Object, *, mutating: bool) -> Iterator[FieldError]:
    """What both kinds of policies have."""
    yield from _one_of(spec, "failurePolicy", "spec", _FAILURE_POLICIES, needed=True)
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
    yield from _match_conditions(spec.get("matchConditions") or (), "spec.matchConditions")
    for index, variable in enumerate(spec.get("variables") or ()):
        yield from _variable(variable, f"spec.variables[{index}]")


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
    yield from _one_of(match, "matchPolicy", path, _MATCH_POLICIES, needed=True)
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
    yield from _rule(rule, path)


def _variable(variable: Object, path: str) -> Iterator[FieldError]:
    name = variable.get("name") or ""
    if not name.strip():
        yield required(f"{path}.name", "name is not specified")
    elif not is_cel_identifier(name):
        yield invalid(f"{path}.name", name, "must be a valid CEL identifier")
    if not (variable.get("expression") or "").strip():
        yield required(f"{path}.expression", "expression is not specified")


def _validation(validation: Object, path: str) -> Iterator[FieldError]:
    message, expression = validation.get("message") or "", validation.get("messageExpression") or ""
    if not (validation.get("expression") or "").strip():
        yield required(f"{path}.expression", "expression is not specified")
    if expression and not expression.strip():
        yield invalid(f"{path}.messageExpression", expression, "must be non-empty if specified")
    if message and not message.strip():
        yield invalid(f"{path}.message", message, "must be non-empty if specified")
    elif "\n" in message.strip() or "\r" in message.strip():
        yield invalid(f"{path}.message", message, "must not contain line breaks")
    yield from _one_of(validation, "reason", path, _REASONS)


def _audit_annotations(annotations: Sequence[Object], policy: str) -> Iterator[FieldError]:
    path = "spec.auditAnnotations"
    if len(annotations) > _AUDIT_LIMIT:
        yield invalid(path, list(annotations), f"must not have more than {_AUDIT_LIMIT} auditAnnotations")
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
        if key in seen:
            yield duplicate(f"{at}.key", key)
        seen.add(key)


def validate_mutating_policy(obj: Object) -> Iterator[FieldError]:
    spec = obj.get("spec") or {}
    yield from _policy(spec, mutating=True)
    mutations = spec.get("mutations") or ()
    if not mutations:
        yield required("spec.mutations", "mutations must contain at least one item")
    for index, mutation in enumerate(mutations):
        yield from _mutation(mutation, f"spec.mutations[{index}]")
    yield from _expressions(spec, "mutating_programs")
    yield from _one_of(spec, "reinvocationPolicy", "spec", _REINVOCATION, needed=True)


def _expressions(spec: Object, compile_with: str) -> Iterator[FieldError]:
    """Those that do not compile."""
    policies = import_module("kybern.api.policies")
    for path, expression in getattr(policies, compile_with)(spec).faults():
        if expression.text.strip():
            yield invalid(f"spec.{path}", expression.text, expression.fault)


def _mutation(mutation: Object, path: str) -> Iterator[FieldError]:
    yield from _one_of(mutation, "patchType", path, _PATCH_TYPES, needed=True)
    for kind, key in (("ApplyConfiguration", "applyConfiguration"), ("JSONPatch", "jsonPatch")):
        given = mutation.get(key)
        if mutation.get("patchType") != kind:
            continue
        if given is None:
            yield required(f"{path}.{key}", f"must be specified when patchType is {kind}")
        elif not (given.get("expression") or "").strip():
            yield required(f"{path}.{key}.expression")
    others = {"ApplyConfiguration": "jsonPatch", "JSONPatch": "applyConfiguration"}
    other = others.get(mutation.get("patchType") or "")
    if other and mutation.get(other) is not None:
        detail = f"must not be specified when patchType is {mutation['patchType']}"
        yield invalid(f"{path}.{other}", f"{{{other}}}", detail)


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
