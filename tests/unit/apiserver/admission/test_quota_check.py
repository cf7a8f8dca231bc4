"""Whether a write fits: pure."""

from typing import Any

import pytest

from kybern.api.quota import evaluator_of
from kybern.apiserver.admission.quota.account import Account
from kybern.apiserver.admission.quota.check import Charge, Demand, Refusal, Uncovered, charge
from kybern.apiserver.admission.quota.limited import limited_resources


def account(name: str, hard: dict[str, str], used: dict[str, str] | None = None, **spec: Any) -> Account:
    """Of a quota that somebody has counted; without `used` nothing is."""
    counted = dict.fromkeys(hard, "0") if used is None else used
    status = {"hard": hard, "used": counted}
    return Account({"metadata": {"name": name}, "spec": {"hard": hard, **spec}, "status": status})


def claim(size: str) -> dict[str, Any]:
    return {"metadata": {"name": "c"}, "spec": {"resources": {"requests": {"storage": size}}}}


def booked(charges: list[Charge]) -> dict[str, str]:
    """What is used of the only quota, once it is charged."""
    (found,) = charges
    found.account.book(found.after)
    return found.account.used()


HARD = {"requests.storage": "10Gi", "persistentvolumeclaims": "2"}


def charged(size: str, old: str, storage: str, claims: str) -> dict[str, str]:
    """What the quota `q` is charged, where so much is used."""
    before = claim(old) if old else None
    demand = Demand(evaluator_of("persistentvolumeclaims"), claim(size), before, 0.0)
    used = {"requests.storage": storage, "persistentvolumeclaims": claims} if storage else {}
    found = charge(demand, [account("q", HARD, used)])
    return dict(found[0].asked) if found else {}


@pytest.mark.parametrize(
    ("size", "old", "storage", "claims", "expected"),
    [
        ("1Gi", "", "9Gi", "1", {"requests.storage": "1Gi", "persistentvolumeclaims": "1"}),
        ("3Gi", "2Gi", "9Gi", "3", {"requests.storage": "1Gi"}),
        ("1Gi", "2Gi", "99Gi", "2", {}),
    ],
)
def test_what_fits_is_charged(size: str, old: str, storage: str, claims: str, expected: dict[str, str]) -> None:
    assert charged(size, old, storage, claims) == expected


@pytest.mark.parametrize(
    ("size", "storage", "claims", "message"),
    [
        (
            "2Gi",
            "9Gi",
            "2",
            "exceeded quota: q, requested: persistentvolumeclaims=1,requests.storage=2Gi, used: "
            "persistentvolumeclaims=2,requests.storage=9Gi, limited: persistentvolumeclaims=2,requests.storage=10Gi",
        ),
        ("1Gi", "", "", "status unknown for quota: q, resources: persistentvolumeclaims,requests.storage"),
    ],
)
def test_what_does_not_fit_is_refused(size: str, storage: str, claims: str, message: str) -> None:
    with pytest.raises(Refusal) as refused:
        charged(size, "", storage, claims)
    assert str(refused.value) == message


def test_other_resources_and_other_scopes_are_not_touched() -> None:
    demand = Demand(evaluator_of("persistentvolumeclaims"), claim("1Gi"), None, 0.0)
    others = [account("a", {"pods": "0"}), account("b", {"persistentvolumeclaims": "0"}, scopes=["Terminating"])]
    assert charge(demand, others) == []


LIMITED = limited_resources(
    {
        "limitedResources": [
            {"resource": "pods", "matchContains": ["requests.cpu", "pods"]},
            {
                "resource": "pods",
                "matchScopes": [{"scopeName": "PriorityClass", "operator": "In", "values": ["high", "top"]}],
            },
        ]
    }
)


def pod_demand(priority_class: str = "", old: dict[str, Any] | None = None) -> Demand:
    resources = {"requests": {"cpu": "1"}}
    new = {
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "resources": resources}], "priorityClassName": priority_class},
    }
    return Demand(evaluator_of("pods"), new, old, 0.0, LIMITED)


def test_what_is_limited_needs_a_quota_that_covers_it() -> None:
    with pytest.raises(Refusal, match=r"^insufficient quota to consume: count/pods,pods,requests\.cpu$"):
        charge(pod_demand(), [])
    with pytest.raises(Refusal, match=r"^insufficient quota to consume: count/pods,requests\.cpu$"):
        charge(pod_demand(), [account("q", {"pods": "5"})])
    hard = {"count/pods": "5", "pods": "5", "requests.cpu": "5"}
    assert booked(charge(pod_demand(), [account("q", hard)])) == dict.fromkeys(hard, "1")
    with pytest.raises(
        Uncovered, match=r"^insufficient quota to match these scopes: \[\{PriorityClass In \[high top\]\}\]$"
    ):
        charge(pod_demand("high"), [account("q", hard)])
    selector = {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "In", "values": ["high"]}]}
    assert charge(pod_demand("high"), [account("q", hard, scopeSelector=selector)])
    assert not charge(pod_demand(old=pod_demand().new), [])


def test_limited_resources_are_named() -> None:
    with pytest.raises(ValueError, match=r"^limitedResources\[0\]\.resource: Required value$"):
        limited_resources({"limitedResources": [{"matchContains": ["cpu"]}]})


def test_a_status_is_counted_however_much_it_is() -> None:
    demand = Demand(evaluator_of("persistentvolumeclaims"), claim("20Gi"), None, 0.0, is_status=True)
    assert booked(charge(demand, [account("q", HARD)]))["requests.storage"] == "20Gi"


def test_sums_run_ahead_and_are_written_once() -> None:
    """As upstream's quantities: a sum is rounded when it is written, and keeps the family of its first part."""
    quota = account("q", {"requests.memory": "2Ki", "pods": "9"})
    container = {"name": "c", "resources": {"requests": {"memory": "0.5Ki"}}}
    demand = Demand(evaluator_of("pods"), {"metadata": {"name": "p"}, "spec": {"containers": [container]}}, None, 0.0)
    told = []
    for _ in range(4):
        told.append(booked(charge(demand, [quota]))["requests.memory"])
    assert told == ["512", "1Ki", "1536", "2Ki"]
    message = r"requested: requests\.memory=512, used: requests\.memory=2Ki, limited: requests\.memory=2Ki$"
    with pytest.raises(Refusal, match=message):
        charge(demand, [quota])
