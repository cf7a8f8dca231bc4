"""What RBAC rules allow, and whom they let grant."""

from typing import Any

from kybern.apiserver.authorization.rules import compile_rule, compile_rules, covers
from kybern.apiserver.request_info import RequestInfo


def rule(verbs: str, groups: str = "", resources: str = "", names: str = "", paths: str = "") -> dict[str, Any]:
    made = {"verbs": verbs.split(), "nonResourceURLs": paths.split(), "resourceNames": names.split()}
    if resources:
        made |= {"apiGroups": [group.replace("core", "") for group in groups.split()], "resources": resources.split()}
    return made


def allows(given: dict[str, Any], verb: str, group: str, resource: str, name: str = "") -> bool:
    plural, _, sub = resource.partition("/")
    return compile_rule(given).allows(RequestInfo(True, verb, "", group, "v1", "ns", plural, sub, name))


def test_resources() -> None:
    pods = rule("get list", "core", "pods pods/log")
    assert allows(pods, "get", "", "pods")
    assert allows(pods, "get", "", "pods/log")
    assert not allows(pods, "get", "", "pods/status")
    assert not allows(pods, "delete", "", "pods")
    assert not allows(pods, "get", "apps", "pods")
    assert allows(rule("*", "*", "*"), "delete", "apps", "deployments/scale")
    assert allows(rule("get", "*", "*/scale"), "get", "apps", "deployments/scale")
    assert not allows(rule("get", "*", "*/scale"), "get", "apps", "deployments")


def test_names() -> None:
    named = rule("get", "core", "secrets", "a b")
    assert allows(named, "get", "", "secrets", "a")
    assert not allows(named, "get", "", "secrets", "c")
    assert not allows(named, "get", "", "secrets")


def test_paths() -> None:
    def opens(patterns: str, path: str) -> bool:
        return compile_rule(rule("get", paths=patterns)).allows(RequestInfo(False, "get", path))

    assert opens("/healthz", "/healthz")
    assert not opens("/healthz", "/healthz/ping")
    assert opens("/healthz/*", "/healthz/ping")
    assert opens("*", "/anything")
    assert not compile_rule(rule("*", "*", "*")).allows(RequestInfo(False, "get", "/metrics"))


def test_nobody_grants_more_than_they_have() -> None:
    owned = compile_rules(
        [rule("get list", "core", "pods"), rule("*", "apps", "*"), rule("get", "core", "secrets", "a")]
    )
    assert covers(owned, rule("get", "core", "pods"))
    assert covers(owned, rule("delete", "apps", "deployments deployments/scale"))
    assert covers(owned, rule("get", "core", "secrets", "a"))
    assert covers(owned, rule("get", "core", "pods", "one"))
    assert not covers(owned, rule("get", "core", "secrets"))
    assert not covers(owned, rule("get", "core", "secrets", "a b"))
    assert not covers(owned, rule("get delete", "core", "pods"))
    assert not covers(owned, rule("get", "core apps", "secrets"))
    assert not covers(owned, rule("get", paths="/metrics"))
