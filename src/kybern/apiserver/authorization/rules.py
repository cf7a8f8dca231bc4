"""RBAC's PolicyRules, compiled: what a role allows, as sets that answer quickly.

Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kybern.apiserver.request_info import RequestInfo

ANY = "*"


@dataclass(frozen=True, slots=True)
class Rule:
    """One PolicyRule."""

    verbs: frozenset[str]
    groups: frozenset[str]
    resources: frozenset[str]
    names: frozenset[str]
    paths: tuple[str, ...]
    any_verb: bool
    any_group: bool
    any_resource: bool

    def allows(self, info: RequestInfo) -> bool:
        if not (self.any_verb or info.verb in self.verbs):
            return False
        if not info.is_resource:
            return self._allows_path(info.path)
        if not (self.any_group or info.group in self.groups):
            return False
        if not (self.any_resource or self._allows_resource(info.resource, info.subresource)):
            return False
        return not self.names or info.name in self.names

    def _allows_resource(self, resource: str, subresource: str) -> bool:
        if not subresource:
            return resource in self.resources
        return f"{resource}/{subresource}" in self.resources or f"*/{subresource}" in self.resources

    def _allows_path(self, path: str) -> bool:
        for pattern in self.paths:
            if pattern in (ANY, path):
                return True
            if pattern.endswith(ANY) and path.startswith(pattern[:-1].rstrip("*")):
                return True
        return False


def compile_rule(rule: dict[str, Any]) -> Rule:
    """From the JSON form."""
    verbs, groups = frozenset(rule.get("verbs") or ()), frozenset(rule.get("apiGroups") or ())
    resources = frozenset(rule.get("resources") or ())
    return Rule(
        verbs,
        groups,
        resources,
        frozenset(rule.get("resourceNames") or ()),
        tuple(rule.get("nonResourceURLs") or ()),
        ANY in verbs,
        ANY in groups,
        ANY in resources,
    )


def compile_rules(rules: Sequence[dict[str, Any]] | None) -> tuple[Rule, ...]:
    return tuple(compile_rule(rule) for rule in rules or ())


def missing_rules(owned: Sequence[Rule], asked: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the asked rules allow and the owned ones do not, one right each, joined again where only verbs differ."""
    missing: list[dict[str, Any]] = []
    joined: dict[tuple[str, str], dict[str, Any]] = {}
    for right in (each for rule in asked for each in _rights(rule)):
        if covers(owned, right):
            continue
        if "resources" not in right or "resourceNames" in right:
            missing.append(right)
            continue
        key = (right["apiGroups"][0], right["resources"][0])
        if key not in joined:
            joined[key] = right
            missing.append(right)
        elif right["verbs"][0] not in joined[key]["verbs"]:
            joined[key]["verbs"].append(right["verbs"][0])
    return missing


def _rights(rule: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A rule as rules of one verb, group, resource and name each."""
    verbs = rule.get("verbs") or ()
    for group in rule.get("apiGroups") or ():
        for resource in rule.get("resources") or ():
            for verb in verbs:
                right: dict[str, Any] = {"apiGroups": [group], "resources": [resource]}
                for name in rule.get("resourceNames") or ("",):
                    named = {"resourceNames": [name]} if name else {}
                    yield {**right, **named, "verbs": [verb]}
    for url in rule.get("nonResourceURLs") or ():
        for verb in verbs:
            yield {"nonResourceURLs": [url], "verbs": [verb]}


def covers(owned: Sequence[Rule], asked: dict[str, Any]) -> bool:
    """Whether everything that a rule allows is allowed by rules that someone has already (no escalation)."""
    names: Sequence[str] = asked.get("resourceNames") or ("",)
    for verb in asked.get("verbs") or ():
        for path in asked.get("nonResourceURLs") or ():
            if not any(_covers_path(rule, verb, path) for rule in owned):
                return False
        for group in asked.get("apiGroups") or ():
            for resource in asked.get("resources") or ():
                for name in names:
                    if not any(_covers(rule, verb, group, resource, name) for rule in owned):
                        return False
    return True


def _covers(rule: Rule, verb: str, group: str, resource: str, name: str) -> bool:
    if not (rule.any_verb or verb in rule.verbs) or not (rule.any_group or group in rule.groups):
        return False
    if not (rule.any_resource or resource in rule.resources):
        _, slash, subresource = resource.partition("/")
        if not slash or f"*/{subresource}" not in rule.resources:
            return False
    return not rule.names or (bool(name) and name in rule.names)


def _covers_path(rule: Rule, verb: str, path: str) -> bool:
    if not (rule.any_verb or verb in rule.verbs):
        return False
    return any(
        pattern in (ANY, path) or (pattern.endswith(ANY) and path.startswith(pattern[:-1])) for pattern in rule.paths
    )
