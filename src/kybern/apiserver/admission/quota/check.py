"""Whether a write fits into the quotas of its namespace. Pure. Source: k8s.io/apiserver resourcequota CheckRequest."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from kybern.api import quantity
from kybern.api.quantity import Exact
from kybern.api.quota import Evaluator
from kybern.api.quota.amounts import Amounts, masked, nonzero, rise, shown
from kybern.api.resource import Object
from kybern.apiserver.admission.quota.account import Account
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

    account: Account
    asked: Amounts
    after: dict[str, Exact]


def charge(demand: Demand, accounts: Sequence[Account]) -> list[Charge]:
    """What each quota would be charged; those that it does not touch are left out, and nothing is booked.

    Raises Refusal, Uncovered.
    """
    touched = [account for account in accounts if _is_touched(demand, account)]
    if not touched and not demand.limited:
        return []
    usage = demand.evaluator.usage(demand.new, demand.now)
    negative = [name for name, amount in usage.items() if quantity.parse(amount) < 0]
    if negative:
        raise Refusal(f"quota usage is negative for resource(s): {','.join(sorted(negative))}")
    if demand.limited:
        _must_be_covered(demand, accounts, touched, usage)
    return list(_charges(demand, touched, usage))


def _charges(demand: Demand, touched: Sequence[Account], usage: Amounts) -> Iterator[Charge]:
    """Raises Refusal when it does not fit."""
    for account in touched:
        asked: dict[str, str] = {}
        after: dict[str, Exact] = {}
        exceeded = []
        for name, amount in _growth(demand, account, usage).items():
            limit = account.limits.get(name)
            if limit is None or not (exact := quantity.exact(amount))[0]:
                continue
            asked[name] = amount
            then = after[name] = account.after(name, exact)
            if then[0] > limit:
                exceeded.append(name)
        if exceeded and not demand.is_status:
            raise Refusal(_exceeded(account, masked(asked, exceeded)))
        if asked:
            yield Charge(account, asked, after)


def _exceeded(account: Account, asked: Amounts) -> str:
    return (
        f"exceeded quota: {account.name}, requested: {shown(asked)}, used: {shown(masked(account.used(), asked))}, "
        f"limited: {shown(masked(account.hard, asked))}"
    )


def _must_be_covered(demand: Demand, accounts: Sequence[Account], touched: Sequence[Account], usage: Amounts) -> None:
    """Raises Refusal, Uncovered."""
    evaluator, old = demand.evaluator, demand.old
    growths = [_growth(demand, account, usage) for account in touched]
    if not touched:
        growths = [usage if old is None else rise(usage, evaluator.usage(old, demand.now))]
    if not any(map(nonzero, growths)):
        return
    covered = {name for account in touched for name in account.names(evaluator)}
    names = uncovered_names(demand.limited, evaluator, usage, covered)
    if names:
        raise Refusal(f"insufficient quota to consume: {','.join(names)}")
    selectors = [selector for account in accounts for selector in account.selectors]
    scopes = uncovered_scopes(demand.limited, evaluator, demand.new, selectors)
    if scopes:
        raise Uncovered(f"insufficient quota to match these scopes: {selectors_shown(scopes)}")


def _is_touched(demand: Demand, account: Account) -> bool:
    """Raises Refusal where the object says too little, or nothing is known yet of what is used."""
    evaluator = demand.evaluator
    names = account.names(evaluator)
    if not names or not account.takes_in(demand.new, evaluator):
        return False
    missing = evaluator.missing(names, demand.new)
    if missing:
        raise Refusal(f"failed quota: {account.name}: {missing}")
    if not account.knows(names):
        raise Refusal(f"status unknown for quota: {account.name}, resources: {','.join(sorted(names))}")
    return True


def _growth(demand: Demand, account: Account, usage: Amounts) -> Amounts:
    """An update is charged by how much it adds, where the quota has counted the object before."""
    old = demand.old
    if old is None or not account.takes_in(old, demand.evaluator):
        return usage
    return rise(usage, demand.evaluator.usage(old, demand.now))
