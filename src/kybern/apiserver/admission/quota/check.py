"""Whether a write fits into the quotas of its namespace. Pure. Source: k8s.io/apiserver resourcequota CheckRequest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from kybern.api import quantity
from kybern.api.quota import Evaluator, matches_quota
from kybern.api.quota.amounts import Amounts, add, masked, nonzero, rise, shown
from kybern.api.resource import Object
from kybern.apiserver.admission.quota.limited import LimitedResource, uncovered_names, uncovered_scopes
from kybern.apiserver.admission.quota.limited import shown as selectors_shown


@dataclass(frozen=True, slots=True)
class Demand:
    """One write that may use more."""

    evaluator: Evaluator
    new: Object
    old: Object | None
    now: float
    limited: Sequence[LimitedResource] = ()
    """What needs a quota that covers it."""
    is_status: bool = False
    """A status tells what is so: it is counted, however much it is."""


class Refusal(Exception):
    """Why it does not fit, in upstream's words."""


class Uncovered(Exception):
    """No quota has the scope that the object needs, in upstream's words; upstream makes no Forbidden of it."""


class Charge(NamedTuple):
    """What one quota is charged, and what is used of it then."""

    asked: dict[str, str]
    after: dict[str, str]


def charge(demand: Demand, quotas: Sequence[Object], used: Mapping[str, Amounts]) -> dict[str, Charge]:
    """What each quota, by its name, would be charged; those that it does not touch are left out. Raises Refusal, Uncovered.

    `used` stands for status.used, by the quota's name: it runs ahead of what is stored.
    """
    touched = [quota for quota in quotas if _is_touched(demand, quota, used)]
    if not touched and not demand.limited:
        return {}
    usage = demand.evaluator.usage(demand.new, demand.now)
    negative = [name for name, amount in usage.items() if quantity.parse(amount) < 0]
    if negative:
        raise Refusal(f"quota usage is negative for resource(s): {','.join(sorted(negative))}")
    if demand.limited:
        _must_be_covered(demand, quotas, touched, usage)
    return {
        quota["metadata"]["name"]: found
        for quota in touched
        if (found := _into(demand, quota, _growth(demand, quota, usage), used[quota["metadata"]["name"]]))
    }


def _must_be_covered(demand: Demand, quotas: Sequence[Object], touched: Sequence[Object], usage: Amounts) -> None:
    """Raises Refusal, Uncovered."""
    evaluator, old = demand.evaluator, demand.old
    growths = [_growth(demand, quota, usage) for quota in touched]
    if not touched:
        growths = [usage if old is None else rise(usage, evaluator.usage(old, demand.now))]
    if not any(map(nonzero, growths)):
        return
    covered = {name for quota in touched for name in evaluator.names(hard_of(quota))}
    names = uncovered_names(demand.limited, evaluator, usage, covered)
    if names:
        raise Refusal(f"insufficient quota to consume: {','.join(names)}")
    scopes = uncovered_scopes(demand.limited, evaluator, demand.new, quotas)
    if scopes:
        raise Uncovered(f"insufficient quota to match these scopes: {selectors_shown(scopes)}")


def _is_touched(demand: Demand, quota: Object, used: Mapping[str, Amounts]) -> bool:
    """Raises Refusal where the object says too little, or nothing is known yet of what is used."""
    hard = hard_of(quota)
    names = demand.evaluator.names(hard)
    if not names or not matches_quota(quota, demand.new, demand.evaluator.in_scope):
        return False
    name = quota["metadata"]["name"]
    missing = demand.evaluator.missing(names, demand.new)
    if missing:
        raise Refusal(f"failed quota: {name}: {missing}")
    if any(each not in used[name] for each in names):
        raise Refusal(f"status unknown for quota: {name}, resources: {','.join(sorted(names))}")
    return True


def _growth(demand: Demand, quota: Object, usage: Amounts) -> Amounts:
    """An update is charged by how much it adds, where the quota has counted the object before."""
    old = demand.old
    if old is None or not matches_quota(quota, old, demand.evaluator.in_scope):
        return usage
    return rise(usage, demand.evaluator.usage(old, demand.now))


def _into(demand: Demand, quota: Object, growth: Amounts, used: Amounts) -> Charge | None:
    """None: nothing of it is limited. Raises Refusal when it does not fit."""
    hard = hard_of(quota)
    asked = masked(nonzero(growth), hard)
    if not asked:
        return None
    after = add(used, asked)
    exceeded = [name for name in asked if quantity.compare(after[name], hard[name]) > 0]
    if exceeded and not demand.is_status:
        raise Refusal(
            f"exceeded quota: {quota['metadata']['name']}, requested: {shown(masked(asked, exceeded))}, "
            f"used: {shown(masked(used, exceeded))}, limited: {shown(masked(hard, exceeded))}"
        )
    return Charge(asked, after)


def hard_of(quota: Object) -> Amounts:
    """What is enforced: the limits that the controller has taken note of."""
    hard: Amounts = (quota.get("status") or {}).get("hard") or {}
    return hard


def used_of(quota: Object) -> Amounts:
    used: Amounts = (quota.get("status") or {}).get("used") or {}
    return used
