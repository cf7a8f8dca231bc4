"""ServiceCIDRs: guarded while they live, held while they are deleted and used, let go."""

from typing import Any

import pytest

from kybern.api.types.meta_v1 import Condition, ObjectMeta
from kybern.api.types.networking_v1 import IPAddress, ServiceCIDR, ServiceCIDRSpec, ServiceCIDRStatus
from kybern.base.clock import parse_time
from kybern.controllers import service_cidr

DELETED = "2026-01-01T00:00:00Z"
LATER = parse_time(DELETED) + 60
READY = Condition(type="Ready", status="True", message="Kubernetes Service CIDR is ready")


def range_(name: str, *cidrs: str, **meta: Any) -> ServiceCIDR:
    return ServiceCIDR(metadata=ObjectMeta(name=name, uid="u", **meta), spec=ServiceCIDRSpec(cidrs=[*cidrs]))


def address(name: str, manager: str = "ipallocator.k8s.io") -> IPAddress:
    return IPAddress(metadata=ObjectMeta(name=name, labels={"ipaddress.kubernetes.io/managed-by": manager}))


def going(*cidrs: str) -> ServiceCIDR:
    return range_("mine", *cidrs, deletion_timestamp=DELETED, finalizers=["other", service_cidr.FINALIZER])


def test_a_new_one_is_guarded_and_told_ready() -> None:
    cidr = range_("mine", "10.8.0.0/24", finalizers=["other"])
    guard, ready = service_cidr.decide(cidr, [cidr], [], LATER).patches
    assert guard.patch == {"metadata": {"uid": "u", "finalizers": ["networking.k8s.io/service-cidr-finalizer"]}}
    assert ready.subresource == "status"
    assert ready.query == {"fieldManager": "service-cidr-controller", "force": "true"}
    assert ready.patch["status"]["conditions"] == [
        {
            "type": "Ready",
            "status": "True",
            "reason": "",
            "message": "Kubernetes Service CIDR is ready",
            "lastTransitionTime": "2026-01-01T00:01:00Z",
        }
    ]
    assert ready.failed is not None
    assert (ready.failed.type, ready.failed.reason) == ("Warning", "KubernetesServiceCIDRError")


def test_what_is_right_is_left_alone() -> None:
    cidr = range_("mine", "10.8.0.0/24", finalizers=[service_cidr.FINALIZER])
    cidr.status = ServiceCIDRStatus(conditions=[READY])
    assert not service_cidr.decide(cidr, [cidr], [address("10.8.0.7")], LATER).writes


HELD: dict[str, tuple[list[str], list[ServiceCIDR], list[IPAddress]]] = {
    "alone": (["10.8.0.0/24"], [], [address("10.8.0.7")]),
    "another one contains a part": (["10.8.0.0/24"], [range_("o", "10.8.0.0/28")], [address("10.8.0.77")]),
    "the other one's broadcast": (["10.8.0.0/24"], [range_("o", "10.8.0.0/28")], [address("10.8.0.15")]),
    "one family contained": (["10.8.0.0/24", "fd00::/112"], [range_("o", "10.0.0.0/8")], [address("fd00::7")]),
    "the last of IPv6": (["fd00::/112"], [], [address("fd00::ffff")]),
}

FREE: dict[str, tuple[list[str], list[ServiceCIDR], list[IPAddress]]] = {
    "no addresses": (["10.8.0.0/24"], [], []),
    "addresses elsewhere": (["10.8.0.0/24"], [], [address("10.9.0.7"), address("fd00::7")]),
    "not a Service's": (["10.8.0.0/24"], [], [address("10.8.0.7", "someone")]),
    "the same again": (["10.8.0.0/24"], [range_("o", "10.8.0.0/24")], [address("10.8.0.7")]),
    "a wider one": (["10.8.0.0/24"], [range_("o", "10.0.0.0/8")], [address("10.8.0.7")]),
    "the rest contains them": (["10.8.0.0/24"], [range_("o", "10.8.0.0/28")], [address("10.8.0.7")]),
    "its broadcast": (["10.8.0.0/24"], [], [address("10.8.0.255")]),
    "its own address": (["10.8.0.0/24"], [], [address("10.8.0.0")]),
}


@pytest.mark.parametrize("case", HELD)
def test_what_is_used_stays(case: str) -> None:
    cidrs, others, addresses = HELD[case]
    cidr = going(*cidrs)
    plan = service_cidr.decide(cidr, [cidr, *others], addresses, LATER)
    [told] = plan.patches
    [ready] = told.patch["status"]["conditions"]
    assert (ready["status"], ready["reason"]) == ("False", "Terminating")
    assert ready["message"] == (
        "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR"
    )
    assert plan.requeue_after is None
    cidr.status = ServiceCIDRStatus(
        conditions=[Condition(type="Ready", status="False", reason="Terminating", message=ready["message"])]
    )
    assert not service_cidr.decide(cidr, [cidr, *others], addresses, LATER).writes, "told once"


@pytest.mark.parametrize("case", FREE)
def test_what_nothing_needs_goes(case: str) -> None:
    cidrs, others, addresses = FREE[case]
    cidr = going(*cidrs)
    [freed] = service_cidr.decide(cidr, [cidr, *others], addresses, LATER).patches
    assert freed.patch == {"metadata": {"uid": "u", "$deleteFromPrimitiveList/finalizers": [service_cidr.FINALIZER]}}


def test_a_grace_period_is_waited_for() -> None:
    cidr = going("10.8.0.0/24")
    plan = service_cidr.decide(cidr, [cidr], [], parse_time(DELETED) + 4)
    assert (plan.writes, plan.requeue_after) == (0, 6.0)


def test_a_finalizer_is_taken_away_once() -> None:
    cidr = range_("mine", "10.8.0.0/24", deletion_timestamp=DELETED, finalizers=["other"])
    assert not service_cidr.decide(cidr, [cidr], [], LATER).writes
