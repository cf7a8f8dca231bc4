"""Aggregated ClusterRoles: their rules are those of all ClusterRoles that their selectors choose.

Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#aggregated-clusterroles.
"""

from collections.abc import Iterable
from typing import Any

from kybern.api.types import to_dict
from kybern.api.types.meta_v1 import LabelSelector
from kybern.api.types.rbac_v1 import ClusterRole, PolicyRule
from kybern.client.client import PatchType
from kybern.client.cluster import Cluster
from kybern.client.objects import Key
from kybern.client.plan import Done, Outcome, Patch, Plan
from kybern.client.selectors import matches
from kybern.client.watches import watch
from kybern.trace import Verdict

NAME = "clusterrole-aggregation-controller"
WORKERS = 5


def _aggregated(role: ClusterRole, cluster: Cluster) -> list[Key]:
    """Any role may be one that they gather, or may have been; they are few."""
    return [Key("", each.metadata.name) for each in cluster.list(ClusterRole) if each.aggregation_rule is not None]


WATCHES = watch(ClusterRole).also(
    ClusterRole,
    _aggregated,
    changed=lambda new, old: (new.rules, new.metadata.labels) != (old.rules, old.metadata.labels),
)


async def reconcile(cluster: Cluster, key: Key) -> Outcome:
    """Bring one aggregated role up to date; those that gather it are woken by that."""
    role = cluster.get(ClusterRole, key)
    if role is None:
        return Done()
    return await cluster.apply(decide(role, cluster.list(ClusterRole)))


def decide(role: ClusterRole, roles: Iterable[ClusterRole]) -> Plan:
    """Pure: `roles` are all there are. Rules that others own are taken over, but only where there are some to put."""
    plan = Plan(role)
    if role.aggregation_rule is None:
        return plan
    rules = _gathered(role, role.aggregation_rule.cluster_role_selectors, roles)
    if rules == role.rules:
        return plan
    body: dict[str, Any] = {"apiVersion": role.API_VERSION, "kind": role.KIND, "metadata": {"name": role.metadata.name}}
    if rules:
        body["rules"] = [to_dict(rule) for rule in rules]
    query = {"fieldManager": NAME, "force": "true"}
    plan.patches.append(Patch(role, body, PatchType.APPLY, query=query))
    plan.decide(Verdict.ACTED, "RulesChanged", f"the roles that it gathers have {len(rules)} rules together")
    return plan


def _gathered(role: ClusterRole, selectors: Iterable[LabelSelector], roles: Iterable[ClusterRole]) -> list[PolicyRule]:
    """In the order of the selectors, then of the names; each rule once."""
    others = sorted(
        (each for each in roles if each.metadata.name != role.metadata.name), key=lambda each: each.metadata.name
    )
    rules: list[PolicyRule] = []
    for selector in selectors:
        for other in others:
            if matches(selector, other.metadata.labels):
                rules += [rule for rule in other.rules if rule not in rules]
    return rules
