"""Remembered verdicts are those of the policy, whatever was asked before."""

from itertools import product

import pytest

from kybern.apiserver.audit import verdicts
from kybern.apiserver.audit.policy import Policy, parse_policy
from kybern.apiserver.audit.verdicts import Verdicts
from kybern.apiserver.request_info import RequestInfo
from kybern.apiserver.user import User, authenticated

USERS = (User("", ()), authenticated("jane", ("dev",)), authenticated("jane", ("ops",)), authenticated("root", ()))
PATHS = [RequestInfo(False, verb, path) for verb, path in product(("get", "post"), ("/version", "/healthz", "/x"))]
RESOURCES = [
    RequestInfo(True, verb, "/", group, "v1", namespace, resource, subresource, name)
    for verb, group, namespace, resource, subresource, name in product(
        ("get", "create"), ("", "apps"), ("", "a", "b"), ("pods", "secrets"), ("", "status"), ("", "x", "y")
    )
]


def policy(*rules: str) -> Policy:
    return parse_policy(f"apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{', '.join(rules)}]".encode())


@pytest.mark.parametrize(
    "rules",
    [
        ("{level: Metadata}",),
        ("{level: None, users: [jane]}", "{level: Request}"),
        ("{level: None, userGroups: [ops]}", "{level: Request, verbs: [create]}"),
        ("{level: None, namespaces: [a]}", "{level: Metadata, nonResourceURLs: ['/health*']}"),
        ("{level: Request, resources: [{group: '', resources: [pods], resourceNames: [x]}]}", "{level: Metadata}"),
        ("{level: RequestResponse, resources: [{group: apps, resources: ['*/status']}]}", "{level: None}"),
    ],
)
def test_verdicts_are_the_policys(rules: tuple[str, ...]) -> None:
    asked = policy(*rules)
    remembered = Verdicts(asked)
    for _ in range(2):
        for user, info in product(USERS, (*PATHS, *RESOURCES)):
            assert remembered.of(user, info) == asked.verdict(user, info), (user, info)


def test_what_is_remembered_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "REMEMBERED_LIMIT", 10)
    remembered = Verdicts(policy("{level: Metadata, nonResourceURLs: ['/*']}"))
    for number in range(100):
        remembered.of(USERS[1], RequestInfo(False, "get", f"/{number}"))
        assert len(remembered._known) <= 10
