"""What a policy tells of which request, and what is said of its faults."""

from typing import Any

import pytest

from kybern.apiserver.audit.policy import PolicyError, parse_policy
from kybern.apiserver.request_info import request_info
from kybern.apiserver.user import authenticated
from kybern.transport.exchange import Request

JANE = authenticated("jane", ("team",))
HEAD = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"
EXAMPLE = (
    HEAD
    + """
omitStages: [RequestReceived]
rules:
- {level: None, users: ["system:kube-proxy"]}
- {level: RequestResponse, resources: [{group: "", resources: [pods]}]}
- {level: Metadata, resources: [{group: "", resources: ["pods/log", "*/status"]}], omitStages: [ResponseStarted]}
- {level: None, resources: [{group: "", resources: [configmaps], resourceNames: [leader]}]}
- {level: Request, namespaces: [kube-system], resources: [{group: "", resources: [configmaps]}]}
- {level: Metadata, resources: [{group: "", resources: [secrets, configmaps]}], omitManagedFields: true}
- {level: Request, resources: [{group: "*", resources: ["deployments/*"]}]}
- {level: None, userGroups: [team], nonResourceURLs: ["/api*", "/version"]}
- {level: Metadata, verbs: [delete]}
"""
)


def _level(method: str, path: str, user: Any = JANE) -> str:
    info = request_info(Request(method, path, {}, {}, b"", ""))
    return parse_policy(EXAMPLE.encode()).verdict(user, info).level


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/api/v1/pods", "RequestResponse"),
        ("GET", "/api/v1/namespaces/a/pods/p/log", "Metadata"),
        ("GET", "/api/v1/namespaces/a/pods/p/exec", "None"),
        ("PUT", "/api/v1/nodes/a/status", "Metadata"),
        ("GET", "/api/v1/namespaces/a/configmaps/leader", "None"),
        ("GET", "/api/v1/namespaces/kube-system/configmaps/c", "Request"),
        ("GET", "/api/v1/namespaces/a/configmaps/c", "Metadata"),
        ("GET", "/api/v1/secrets", "Metadata"),
        ("PATCH", "/apis/apps/v1/namespaces/a/deployments/d/scale", "Request"),
        ("GET", "/apis", "None"),
        ("GET", "/version", "None"),
        ("DELETE", "/apis/apps/v1/namespaces/a/daemonsets/d", "Metadata"),
        ("GET", "/apis/apps/v1/namespaces/a/daemonsets/d", "None"),
    ],
)
def test_the_first_rule_that_matches_counts(method: str, path: str, expected: str) -> None:
    assert _level(method, path) == expected


def test_users_are_told_apart() -> None:
    assert _level("GET", "/api/v1/pods", authenticated("system:kube-proxy", ())) == "None"


def test_stages_of_policy_and_rule_are_left_out() -> None:
    info = request_info(Request("GET", "/api/v1/namespaces/a/pods/p/log", {}, {}, b"", ""))
    verdict = parse_policy(EXAMPLE.encode()).verdict(JANE, info)
    assert verdict.omit_stages == {"RequestReceived", "ResponseStarted"}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "no audit Policy"),
        ("[", "failed decoding"),
        ("apiVersion: audit.k8s.io/v9\nkind: Policy\nrules: [{level: None}]", "unknown group version"),
        (HEAD, "loaded illegal policy with 0 rules"),
        (HEAD + "rules: [{}]", "rules[0].level: Required value"),
        (
            HEAD + "rules: [{level: All}]",
            'rules[0].level: Unsupported value: "All": supported values: "None", "Metadata"',
        ),
        (HEAD + "rules: [{level: None, nonResourceURLs: [api]}]", "must begin with a '/' character"),
        (HEAD + "rules: [{level: None, nonResourceURLs: [/a*b]}]", "must be the final character"),
        (HEAD + "rules: [{level: None, nonResourceURLs: [/a], namespaces: [b]}]", "cannot apply to both"),
        (HEAD + "rules: [{level: None, resources: [{group: A/v1}]}]", "rules[0].resources.group: Invalid value"),
        (HEAD + "rules: [{level: None, resources: [{resourceNames: [a]}]}]", "requires at least one resource"),
        (HEAD + "omitStages: [X]\nrules: [{level: None}]", "allowed stages are RequestReceived,ResponseStarted"),
    ],
)
def test_faults(text: str, fault: str) -> None:
    with pytest.raises(PolicyError) as raised:
        parse_policy(text.encode())
    assert fault in str(raised.value)
