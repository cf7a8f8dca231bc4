"""Webhook configurations, and what policies have in common with them. CEL is loaded with the first expression.

Source: pkg/apis/admissionregistration/validation.
"""

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.field import (
    duplicate,
    each_invalid,
    invalid,
    not_supported,
    required,
    too_many,
)
from kybern.api.validation.metadata import validate_label_selector
from kybern.api.validation.webhooks import validate_client_config, validate_review_versions

_REVIEWS = ("v1", "v1beta1")
FAILURE_POLICIES = ("Fail", "Ignore")
MATCH_POLICIES = ("Equivalent", "Exact")
_SIDE_EFFECTS = ("None", "NoneOnDryRun")
REINVOCATION = ("IfNeeded", "Never")
_OPERATIONS = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
_SCOPES = ("*", "Cluster", "Namespaced")
_NAME_SEGMENTS = 3
_LONGEST_SECONDS = 30
_CONDITIONS_LIMIT = 64


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
        yield from validate_rule(rule, f"{path}.rules[{index}]")
    yield from one_of(hook, "failurePolicy", path, FAILURE_POLICIES)
    yield from one_of(hook, "matchPolicy", path, MATCH_POLICIES)
    if hook.get("sideEffects") is None:
        yield required(f"{path}.sideEffects", f"must specify one of {', '.join(_SIDE_EFFECTS)}")
    yield from one_of(hook, "sideEffects", path, _SIDE_EFFECTS)
    seconds = hook.get("timeoutSeconds")
    if seconds is not None and not 1 <= seconds <= _LONGEST_SECONDS:
        yield invalid(f"{path}.timeoutSeconds", seconds, "the timeout value must be between 1 and 30 seconds")
    for key in ("namespaceSelector", "objectSelector"):
        yield from validate_label_selector(hook.get(key), f"{path}.{key}")
    yield from one_of(hook, "reinvocationPolicy", path, REINVOCATION)
    yield from validate_client_config(hook.get("clientConfig") or {}, f"{path}.clientConfig")
    conditions, faults = hook.get("matchConditions") or (), {}
    if conditions:
        programs = import_module("kybern.api.policies").condition_programs(conditions)
        faults = {f"{path}.matchConditions[{index}].expression": each.fault for index, each in enumerate(programs)}
    yield from validate_conditions(conditions, f"{path}.matchConditions", faults)


def one_of(obj: Object, key: str, path: str, supported: Sequence[str], *, needed: bool = False) -> Iterator[FieldError]:
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


def validate_rule(rule: Object, path: str) -> Iterator[FieldError]:
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
    yield from one_of(rule, "scope", path, _SCOPES)


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


def validate_conditions(conditions: Sequence[Object], path: str, faults: Mapping[str, str]) -> Iterator[FieldError]:
    """`faults`: why expressions do not compile, by path."""
    if len(conditions) > _CONDITIONS_LIMIT:
        yield too_many(path, len(conditions), _CONDITIONS_LIMIT)
    seen = set()
    for index, condition in enumerate(conditions):
        at, name = f"{path}[{index}]", condition.get("name") or ""
        expression, fault = (condition.get("expression") or "").strip(), faults.get(f"{at}.expression")
        if not expression:
            yield required(f"{at}.expression")
        elif fault:
            yield invalid(f"{at}.expression", expression, fault)
        if not name:
            yield required(f"{at}.name")
            continue
        yield from each_invalid(f"{at}.name", name, names.qualified_name(name))
        if name in seen:
            yield duplicate(f"{at}.name", name)
        seen.add(name)
