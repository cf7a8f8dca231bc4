"""Endpoints: subsets from Services and Pods, and what is written."""

import pytest
from msgspec.structs import replace

from kybern.api.types.core_v1 import (
    EndpointAddress,
    Endpoints,
    EndpointSubset,
    Pod,
    PodCondition,
    PodIP,
    PodSpec,
    PodStatus,
    Service,
    ServicePort,
    ServiceSpec,
)
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.controllers import endpoints

READY_AT = "2026-01-01T00:01:00Z"
HTTP = ServicePort(name="http", port=80, target_port=8080, protocol="TCP")
HTTPS = ServicePort(name="https", port=443, target_port=8443, protocol="TCP")


def service(*ports: ServicePort, cluster_ip: str = "10.96.0.5", published: bool | None = None) -> Service:
    return Service(
        metadata=ObjectMeta(name="web", namespace="default", labels={"team": "a"}, creation_timestamp=READY_AT),
        spec=ServiceSpec(
            cluster_ip=cluster_ip,
            selector={"app": "web"},
            ports=list(ports),
            publish_not_ready_addresses=published,
        ),
    )


def pod(number: int, *, ready: bool = True, deleted: bool = False) -> Pod:
    ip = f"10.244.{number // 250}.{number % 250 + 1}"
    deletion = READY_AT if deleted else ""
    ready_condition = PodCondition(type="Ready", status=str(ready), last_transition_time=READY_AT)
    return Pod(
        metadata=ObjectMeta(name=f"web-{number}", namespace="default", uid=f"{number:05}", deletion_timestamp=deletion),
        spec=PodSpec(node_name="n1"),
        status=PodStatus(phase="Running", pod_ip=ip, pod_ips=[PodIP(ip=ip)], conditions=[ready_condition]),
    )


Shape = list[tuple[int, int, list[int]]]

PACKED: dict[str, tuple[Service, list[Pod], Shape]] = {
    "one": (service(HTTP), [pod(0)], [(1, 0, [8080])]),
    "ready and not": (service(HTTP), [pod(0), pod(1, ready=False)], [(1, 1, [8080])]),
    "ports of the same hosts share a subset": (service(HTTP, HTTPS), [pod(0), pod(1)], [(2, 0, [8080, 8443])]),
    "terminating ones are left out": (service(HTTP), [pod(0), pod(1, deleted=True)], [(1, 0, [8080])]),
    "unless published": (service(HTTP, published=True), [pod(0, ready=False), pod(1, deleted=True)], [(2, 0, [8080])]),
    "headless without ports": (service(cluster_ip="None"), [pod(0)], [(1, 0, [])]),
    "no Pod": (service(HTTP), [], []),
}


@pytest.mark.parametrize("case", PACKED)
def test_packing(case: str) -> None:
    svc, pods, expected = PACKED[case]
    plan = endpoints.decide(svc, pods, None)
    made = plan.creates[0].obj
    assert isinstance(made, Endpoints)
    assert [
        (len(each.addresses), len(each.not_ready_addresses), [port.port for port in each.ports])
        for each in made.subsets
    ] == expected
    assert endpoints.decide(svc, pods, made).writes == 0, "a second look finds nothing to do"


def test_labels_and_annotations() -> None:
    made = endpoints.decide(service(cluster_ip="None"), [pod(0)], None).creates[0].obj.metadata
    assert made.labels == {
        "team": "a",
        "service.kubernetes.io/headless": "",
        "endpoints.kubernetes.io/managed-by": "endpoint-controller",
    }
    assert made.annotations == {"endpoints.kubernetes.io/last-change-trigger-time": READY_AT}


def test_too_many_addresses_are_cut_and_marked() -> None:
    pods = [pod(number, ready=number < 900) for number in range(1100)]
    made = endpoints.decide(service(HTTP), pods, None).creates[0].obj
    assert isinstance(made, Endpoints)
    assert made.metadata.annotations["endpoints.kubernetes.io/over-capacity"] == "truncated"
    assert (len(made.subsets[0].addresses), len(made.subsets[0].not_ready_addresses)) == (900, 100)
    assert endpoints.decide(service(HTTP), pods, made).writes == 0
    back = endpoints.decide(service(HTTP), pods[:10], made).updates[0].obj
    assert "endpoints.kubernetes.io/over-capacity" not in back.metadata.annotations


def test_too_many_ready_addresses_leave_no_room_for_others() -> None:
    subset = EndpointSubset(
        addresses=[EndpointAddress(ip=str(each)) for each in range(750)],
        not_ready_addresses=[EndpointAddress(ip="x")],
    )
    kept, truncated = endpoints.truncate([subset, replace(subset)])
    assert truncated
    assert [(len(each.addresses), len(each.not_ready_addresses)) for each in kept] == [(500, 0), (500, 0)]
