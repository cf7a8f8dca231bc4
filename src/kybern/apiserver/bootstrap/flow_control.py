"""Upstream's default FlowSchemas and PriorityLevelConfigurations, as rows.

Source: https://kubernetes.io/docs/concepts/cluster-administration/flow-control/#defaults
"""

from kybern.api.resource import Object

_AUTO_UPDATE = {"apf.kubernetes.io/autoupdate-spec": "true"}
_ANY_RESOURCE: Object = {
    "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "clusterScope": True, "namespaces": ["*"]
}  # fmt: skip
_ANY_PATH: Object = {"verbs": ["*"], "nonResourceURLs": ["*"]}
_PROBES: Object = {"verbs": ["get"], "nonResourceURLs": ["/healthz", "/readyz", "/livez"]}
_LEASES = "coordination.k8s.io"

_LEVELS = (
    ("system", 30, 33, (64, 6)),
    ("node-high", 40, 25, (64, 6)),
    ("leader-election", 10, 0, (16, 4)),
    ("workload-high", 40, 50, (128, 6)),
    ("workload-low", 100, 90, (128, 6)),
    ("global-default", 20, 50, (128, 6)),
)
"""(name, nominal concurrency shares, lendable percent, (queues, hand size))."""
QUEUE_LENGTH = 50


def priority_levels() -> list[Object]:
    levels: list[Object] = [
        {
            "metadata": _metadata("exempt"),
            "spec": {"type": "Exempt", "exempt": {"nominalConcurrencyShares": 0, "lendablePercent": 0}},
        },
        _level("catch-all", 5, 0, {"type": "Reject"}),
    ]
    for name, shares, lendable, (queues, hand) in _LEVELS:
        queuing = {"queues": queues, "handSize": hand, "queueLengthLimit": QUEUE_LENGTH}
        levels.append(_level(name, shares, lendable, {"type": "Queue", "queuing": queuing}))
    return levels


def flow_schemas() -> list[Object]:
    everyone = [_group("system:unauthenticated"), _group("system:authenticated")]
    system_accounts: Object = {"kind": "ServiceAccount", "serviceAccount": {"name": "*", "namespace": "kube-system"}}
    manager, scheduler = _user("system:kube-controller-manager"), _user("system:kube-scheduler")
    leases = _resources(["get", "create", "update"], _LEASES, ["leases"], cluster=False)
    node_rules = [
        _resources(["*"], "", ["nodes", "nodes/status"], cluster=True),
        _resources(["*"], _LEASES, ["leases"], cluster=False),
    ]
    nodes = [_group("system:nodes")]
    return [
        _schema("exempt", "exempt", 1, "", [_group("system:masters")]),
        _schema("probes", "exempt", 2, "", everyone, resources=[], paths=[_PROBES]),
        _schema(
            "system-leader-election",
            "leader-election",
            100,
            "ByUser",
            [manager, scheduler, system_accounts],
            resources=[leases],
            paths=[],
        ),
        _schema("system-node-high", "node-high", 400, "ByUser", nodes, resources=node_rules, paths=[]),
        _schema("system-nodes", "system", 500, "ByUser", nodes),
        _schema("kube-controller-manager", "workload-high", 800, "ByNamespace", [manager]),
        _schema("kube-scheduler", "workload-high", 800, "ByNamespace", [scheduler]),
        _schema("kube-system-service-accounts", "workload-high", 900, "ByNamespace", [system_accounts]),
        _schema("service-accounts", "workload-low", 9000, "ByUser", [_group("system:serviceaccounts")]),
        _schema("global-default", "global-default", 9900, "ByUser", everyone),
        _schema("catch-all", "catch-all", 10000, "ByUser", everyone),
    ]


def _metadata(name: str) -> Object:
    return {"name": name, "annotations": dict(_AUTO_UPDATE)}


def _level(name: str, shares: int, lendable: int, response: Object) -> Object:
    limited = {"nominalConcurrencyShares": shares, "lendablePercent": lendable, "limitResponse": response}
    return {"metadata": _metadata(name), "spec": {"type": "Limited", "limited": limited}}


def _schema(
    name: str,
    level: str,
    precedence: int,
    distinguisher: str,
    subjects: list[Object],
    *,
    resources: list[Object] | None = None,
    paths: list[Object] | None = None,
) -> Object:
    rules: Object = {"subjects": subjects}
    resources = [_ANY_RESOURCE] if resources is None else resources
    paths = [_ANY_PATH] if paths is None else paths
    if resources:
        rules["resourceRules"] = resources
    if paths:
        rules["nonResourceRules"] = paths
    spec: Object = {"priorityLevelConfiguration": {"name": level}, "matchingPrecedence": precedence, "rules": [rules]}
    if distinguisher:
        spec["distinguisherMethod"] = {"type": distinguisher}
    return {"metadata": _metadata(name), "spec": spec}


def _resources(verbs: list[str], group: str, resources: list[str], *, cluster: bool) -> Object:
    rule: Object = {"verbs": verbs, "apiGroups": [group], "resources": resources, "namespaces": ["*"]}
    if cluster:
        rule["clusterScope"] = True
    return rule


def _group(name: str) -> Object:
    return {"kind": "Group", "group": {"name": name}}


def _user(name: str) -> Object:
    return {"kind": "User", "user": {"name": name}}
