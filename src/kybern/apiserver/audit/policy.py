"""`--audit-policy-file`: how much is told of a request. Pure; the first rule that matches counts.

Source: https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/#audit-k8s-io-v1-Policy
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kybern.api.validation.names import dns_subdomain
from kybern.apiserver import yaml
from kybern.apiserver.request_info import RequestInfo
from kybern.apiserver.user import User
from kybern.base.errors import KybernError

API_VERSION = "audit.k8s.io/v1"
NONE, METADATA, REQUEST, REQUEST_RESPONSE = LEVELS = ("None", "Metadata", "Request", "RequestResponse")
REQUEST_RECEIVED, RESPONSE_STARTED, RESPONSE_COMPLETE, PANIC = STAGES = (
    "RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"
)  # fmt: skip


class PolicyError(KybernError):
    """The policy cannot be used; the text names each field at fault."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is told of one request."""

    level: str
    omit_stages: frozenset[str] = frozenset()
    omit_managed_fields: bool = False

    @property
    def with_request(self) -> bool:
        return self.level in (REQUEST, REQUEST_RESPONSE)

    @property
    def with_response(self) -> bool:
        return self.level == REQUEST_RESPONSE


@dataclass(frozen=True, slots=True)
class GroupResources:
    group: str
    resources: tuple[str, ...]
    names: tuple[str, ...]

    def covers(self, info: RequestInfo) -> bool:
        if self.group not in ("*", info.group):
            return False
        if not self.resources:
            return True
        if self.names and info.name not in self.names:
            return False
        combined = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
        wanted = {"*", combined, f"{info.resource}/*"}
        if info.subresource:
            wanted.add(f"*/{info.subresource}")
        return not wanted.isdisjoint(self.resources)


@dataclass(frozen=True, slots=True)
class Rule:
    verdict: Verdict
    users: tuple[str, ...]
    groups: tuple[str, ...]
    verbs: tuple[str, ...]
    namespaces: tuple[str, ...]
    resources: tuple[GroupResources, ...]
    urls: tuple[str, ...]

    def covers(self, user: User, info: RequestInfo) -> bool:
        if self.users and user.name not in self.users:
            return False
        if self.groups and not set(self.groups).intersection(user.groups):
            return False
        if self.verbs and info.verb not in self.verbs:
            return False
        if self.namespaces or self.resources:
            if not info.is_resource or (self.namespaces and info.namespace not in self.namespaces):
                return False
            return not self.resources or any(each.covers(info) for each in self.resources)
        if self.urls:
            return not info.is_resource and any(_is_path(url, info.path) for url in self.urls)
        return True


@dataclass(frozen=True, slots=True)
class Policy:
    rules: tuple[Rule, ...]
    otherwise: Verdict

    def verdict(self, user: User, info: RequestInfo) -> Verdict:
        for rule in self.rules:
            if rule.covers(user, info):
                return rule.verdict
        return self.otherwise


def _is_path(url: str, path: str) -> bool:
    return url in ("*", path) or (url.endswith("*") and path.startswith(url.rstrip("*")))


def parse_policy(text: bytes) -> Policy:
    """Raises PolicyError."""
    try:
        document = yaml.load(text)
    except ValueError as error:
        raise PolicyError(f"failed decoding: {error}") from None
    if not isinstance(document, dict) or document.get("kind") != "Policy":
        raise PolicyError("failed decoding: no audit Policy")
    if document.get("apiVersion") != API_VERSION:
        raise PolicyError(f"unknown group version field {document.get('apiVersion')} in policy")
    rules = document.get("rules") or []
    faults = list(_stage_faults("omitStages", document.get("omitStages") or ()))
    for index, rule in enumerate(rules):
        faults.extend(_rule_faults(f"rules[{index}]", rule))
    if faults:
        raise PolicyError("[" + ", ".join(faults) + "]" if len(faults) > 1 else faults[0])
    if not rules:
        raise PolicyError("loaded illegal policy with 0 rules")
    stages = frozenset(document.get("omitStages") or ())
    omit = bool(document.get("omitManagedFields"))
    return Policy(tuple(_rule(rule, stages, omit) for rule in rules), Verdict(NONE, stages, omit))


def _rule(rule: dict[str, Any], stages: frozenset[str], omit: bool) -> Rule:
    own = rule.get("omitManagedFields")
    verdict = Verdict(rule["level"], stages.union(rule.get("omitStages") or ()), omit if own is None else bool(own))
    resources = tuple(
        GroupResources(
            each.get("group") or "", tuple(each.get("resources") or ()), tuple(each.get("resourceNames") or ())
        )
        for each in rule.get("resources") or ()
    )
    users, groups, verbs, namespaces, urls = (
        tuple(rule.get(key) or ()) for key in ("users", "userGroups", "verbs", "namespaces", "nonResourceURLs")
    )
    return Rule(verdict, users, groups, verbs, namespaces, resources, urls)


def _rule_faults(path: str, rule: Any) -> Iterator[str]:
    if not isinstance(rule, dict):
        yield f"{path}: Invalid value: must be an object"
        return
    level = rule.get("level") or ""
    if not level:
        yield f"{path}.level: Required value"
    elif level not in LEVELS:
        supported = ", ".join(f'"{each}"' for each in LEVELS)
        yield f'{path}.level: Unsupported value: "{level}": supported values: {supported}'
    urls = rule.get("nonResourceURLs") or ()
    for index, url in enumerate(urls):
        where = f'{path}.nonResourceURLs[{index}]: Invalid value: "{url}"'
        if url != "*" and not url.startswith("/"):
            yield f"{where}: non-resource URL rules must begin with a '/' character"
        if url != "*" and "*" in url[:-1]:
            yield f"{where}: non-resource URL wildcards '*' must be the final character of the rule"
    for each in rule.get("resources") or ():
        group = each.get("group") or ""
        if group not in ("", "*"):
            for fault in dns_subdomain(group):
                yield f'{path}.resources.group: Invalid value: "{group}": {fault}'
        if each.get("resourceNames") and not each.get("resources"):
            yield f"{path}.resources.resourceNames: Invalid value: using resourceNames requires at least one resource"
    yield from _stage_faults(f"{path}.omitStages", rule.get("omitStages") or ())
    if urls and (rule.get("resources") or rule.get("namespaces")):
        yield (
            f"{path}.nonResourceURLs: Invalid value: rules cannot apply to both regular resources and non-resource URLs"
        )


def _stage_faults(path: str, stages: Sequence[str]) -> Iterator[str]:
    for index, stage in enumerate(stages):
        if stage not in STAGES:
            yield f'{path}[{index}]: Invalid value: "{stage}": allowed stages are {",".join(STAGES)}'
