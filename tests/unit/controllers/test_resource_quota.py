"""What a quota's status says."""

from typing import Any

from kybern.api.types.core_v1 import ResourceQuota, ResourceQuotaSpec, ResourceQuotaStatus
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.controllers.resource_quota import decide, measured


def pod(cpu: str, phase: str = "Running", **spec: Any) -> dict[str, Any]:
    containers = [{"name": "c", "resources": {"requests": {"cpu": cpu}}}]
    return {"metadata": {"name": "p"}, "spec": {"containers": containers, **spec}, "status": {"phase": phase}}


def check(hard: dict[str, str], pods: list[dict[str, Any]], expected: dict[str, str], **spec: Any) -> None:
    quota = {"metadata": {"name": "q"}, "spec": {"hard": hard, **spec}}
    found = measured(quota, lambda name: pods if name == "pods" else [], {"count/secrets": "4", "other": "1"}, 0.0)
    assert found == expected


def test_what_there_is_is_summed_up() -> None:
    check({"pods": "9", "cpu": "9"}, [pod("500m"), pod("1500m")], {"pods": "2", "cpu": "2"})
    check({"pods": "9", "count/pods": "9"}, [pod("1", "Succeeded"), pod("1")], {"pods": "1", "count/pods": "2"})
    check({"count/secrets": "9", "services": "1"}, [], {"count/secrets": "4", "services": "0"})


def test_only_what_the_scopes_take_in_counts() -> None:
    short, long = pod("1", activeDeadlineSeconds=5), pod("1")
    check({"pods": "9"}, [short, long], {"pods": "1"}, scopes=["Terminating"])
    check({"pods": "9"}, [short, long], {"pods": "0"}, scopes=["Terminating", "BestEffort"])
    high = {"scopeName": "PriorityClass", "operator": "In", "values": ["high"]}
    important = pod("1", priorityClassName="high")
    check({"pods": "9"}, [important, long], {"pods": "1"}, scopeSelector={"matchExpressions": [high]})


def test_the_status_is_written_where_it_differs() -> None:
    quota = ResourceQuota(metadata=ObjectMeta(name="q"), spec=ResourceQuotaSpec(hard={"pods": "2"}))
    written = decide(quota, {"pods": "1"}).status_updates[0].obj
    assert (written.status.hard, written.status.used) == ({"pods": "2"}, {"pods": "1"})
    quota.status = ResourceQuotaStatus(hard={"pods": "2000m"}, used={"pods": "1"})
    assert not decide(quota, {"pods": "1"}).writes
    assert decide(quota, {"pods": "0"}).writes
