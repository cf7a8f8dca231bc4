"""Whether a write fits: pure."""

from typing import Any

import pytest

from kybern.api.quota import evaluator_of
from kybern.apiserver.admission.quota.check import Demand, Refusal, charge


def quota(name: str, hard: dict[str, str], **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"hard": hard, **spec}, "status": {"hard": hard}}


def claim(size: str) -> dict[str, Any]:
    return {"metadata": {"name": "c"}, "spec": {"resources": {"requests": {"storage": size}}}}


HARD = {"requests.storage": "10Gi", "persistentvolumeclaims": "2"}


def charged(size: str, old: str, storage: str, claims: str) -> dict[str, str]:
    """What the quota `q` is charged, where so much is used."""
    before = claim(old) if old else None
    demand = Demand(evaluator_of("persistentvolumeclaims"), claim(size), before, 0.0)
    used = {"requests.storage": storage, "persistentvolumeclaims": claims} if storage else {}
    found = charge(demand, [quota("q", HARD)], {"q": used})
    return found["q"].asked if found else {}


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
    others = [quota("a", {"pods": "0"}), quota("b", {"persistentvolumeclaims": "0"}, scopes=["Terminating"])]
    assert charge(demand, others, {"a": {"pods": "0"}, "b": {"persistentvolumeclaims": "0"}}) == {}
