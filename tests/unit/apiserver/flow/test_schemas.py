"""Which FlowSchema a request belongs to: upstream's defaults, and each part of a rule."""

from typing import Any

import pytest

from kybern.apiserver.bootstrap.flow_control import flow_schemas, priority_levels
from kybern.apiserver.flow.control import level_specs
from kybern.apiserver.flow.schemas import flow_schema, in_order
from kybern.apiserver.request_info import request_info
from kybern.apiserver.user import ANONYMOUS_USER, User, authenticated, service_account_user
from kybern.transport.exchange import Request

ADMIN = authenticated("admin", ("system:masters",))
NODE = authenticated("system:node:a", ("system:nodes",))
MANAGER = authenticated("system:kube-controller-manager", ())
JANE = authenticated("jane", ())


def _info(method: str, path: str) -> Any:
    return request_info(Request(method, path, {}, {}, b"", ""))


@pytest.mark.parametrize(
    ("user", "method", "path", "expected"),
    [
        (ADMIN, "GET", "/api/v1/pods", "exempt"),
        (ANONYMOUS_USER, "GET", "/healthz", "probes"),
        (ANONYMOUS_USER, "GET", "/livez/ping", "probes"),
        (ANONYMOUS_USER, "GET", "/version", "global-default"),
        (NODE, "PATCH", "/api/v1/nodes/a/status", "system-node-high"),
        (NODE, "PUT", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/a", "system-node-high"),
        (NODE, "GET", "/api/v1/pods", "system-nodes"),
        (MANAGER, "PUT", "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/x", "system-leader-election"),
        (MANAGER, "GET", "/api/v1/pods", "kube-controller-manager"),
        (service_account_user("kube-system", "x"), "GET", "/api/v1/pods", "kube-system-service-accounts"),
        (service_account_user("kube-systems", "x"), "GET", "/api/v1/pods", "service-accounts"),
        (JANE, "GET", "/api/v1/pods", "global-default"),
    ],
)
def test_the_defaults(user: User, method: str, path: str, expected: str) -> None:
    schemas = in_order(map(flow_schema, flow_schemas()))
    assert next(each.name for each in schemas if each.takes(user, _info(method, path))) == expected


def _schema(**rule: Any) -> Any:
    rules = {"subjects": [{"kind": "User", "user": {"name": "*"}}], **rule}
    spec = {"priorityLevelConfiguration": {"name": "l"}, "rules": [rules]}
    return flow_schema({"metadata": {"name": "s"}, "spec": spec})


@pytest.mark.parametrize(
    ("rule", "path", "expected"),
    [
        ({"namespaces": ["a"]}, "/api/v1/namespaces/a/pods", True),
        ({"namespaces": ["a"]}, "/api/v1/namespaces/b/pods", False),
        ({"namespaces": ["*"]}, "/api/v1/namespaces/b/pods", True),
        ({"namespaces": ["*"]}, "/api/v1/pods", False),
        ({"clusterScope": True}, "/api/v1/pods", True),
        ({"clusterScope": True, "resources": ["pods/log"]}, "/api/v1/pods", False),
        ({"namespaces": ["*"], "resources": ["pods/log"]}, "/api/v1/namespaces/a/pods/p/log", True),
        ({"clusterScope": True, "apiGroups": ["apps"]}, "/api/v1/pods", False),
        ({"clusterScope": True, "verbs": ["watch"]}, "/api/v1/pods", False),
    ],
)
def test_parts_of_a_resource_rule(rule: dict[str, Any], path: str, expected: bool) -> None:
    schema = _schema(resourceRules=[{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], **rule}])
    assert schema.takes(JANE, _info("GET", path)) is expected


@pytest.mark.parametrize(
    ("urls", "path", "expected"),
    [
        (["/a"], "/a", True),
        (["/a"], "/a/b", True),
        (["/a/*"], "/a/b", True),
        (["/a"], "/ab", False),
        (["*"], "/x", True),
    ],
)
def test_paths(urls: list[str], path: str, expected: bool) -> None:
    schema = _schema(nonResourceRules=[{"verbs": ["get"], "nonResourceURLs": urls}])
    assert schema.takes(JANE, _info("GET", path)) is expected


def test_seats_are_divided_by_shares() -> None:
    seats = {each.name: each.seats for each in level_specs(priority_levels(), 600)}
    assert seats == {
        "exempt": 0,
        "catch-all": 13,
        "system": 74,
        "node-high": 98,
        "leader-election": 25,
        "workload-high": 98,
        "workload-low": 245,
        "global-default": 49,
    }
