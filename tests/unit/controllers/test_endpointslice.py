"""EndpointSlices: which writes a Service, its Pods and the slices that are there lead to."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec.structs import replace

from kybern.api.types.core_v1 import (
    Container,
    ContainerPort,
    Node,
    Pod,
    PodCondition,
    PodIP,
    PodSpec,
    PodStatus,
    Service,
    ServicePort,
    ServiceSpec,
)
from kybern.api.types.discovery_v1 import EndpointSlice
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.client.plan import Plan
from kybern.controllers import endpointslice
from kybern.controllers.services import trigger_time
from kybern.controllers.slices import SLICE_LIMIT

CREATED = "2026-01-01T00:00:00Z"
READY_AT = "2026-01-01T00:01:00Z"


def service(**spec: Any) -> Service:
    fields: dict[str, Any] = {
        "cluster_ip": "10.96.0.5",
        "ip_families": ["IPv4"],
        "selector": {"app": "web"},
        "type": "ClusterIP",
    }
    ports = [ServicePort(name="http", port=80, target_port="http", protocol="TCP")]
    meta = ObjectMeta(name="web", namespace="default", uid="svc", creation_timestamp=CREATED, labels={"team": "a"})
    return Service(metadata=meta, spec=ServiceSpec(**{"ports": ports, **fields, **spec}))


def pod(number: int, *, ready: bool = True, port: int = 8080, deleted: bool = False, phase: str = "Running") -> Pod:
    ip = f"10.244.{number // 250}.{number % 250 + 1}"
    return Pod(
        metadata=ObjectMeta(
            name=f"web-{number}",
            namespace="default",
            uid=f"uid-{number}",
            labels={"app": "web"},
            deletion_timestamp=READY_AT if deleted else "",
        ),
        spec=PodSpec(
            node_name="n1",
            hostname=f"web-{number}",
            subdomain="web",
            containers=[Container(name="c", ports=[ContainerPort(name="http", container_port=port, protocol="TCP")])],
        ),
        status=PodStatus(
            phase=phase,
            pod_ip=ip,
            pod_ips=[PodIP(ip=ip)],
            conditions=[PodCondition(type="Ready", status="True" if ready else "False", last_transition_time=READY_AT)],
        ),
    )


NODES = {"n1": Node(metadata=ObjectMeta(name="n1", labels={"topology.kubernetes.io/zone": "z1"}))}


@dataclass
class World:
    """Slices as a server would keep them."""

    slices: list[EndpointSlice] = field(default_factory=list)
    made: int = 0

    def step(self, svc: Service, pods: list[Pod], nodes: dict[str, Node] = NODES) -> Plan:
        plan = endpointslice.decide(svc, pods, self.slices, nodes)
        by_name = {each.metadata.name: each for each in self.slices}
        for update in plan.updates:
            by_name[update.obj.metadata.name] = update.obj  # type: ignore[assignment]
        for delete in plan.deletes:
            del by_name[delete.obj.metadata.name]
        for create in plan.creates:
            self.made += 1
            assert create.obj.metadata.generate_name == "web-"
            named = replace(create.obj.metadata, name=f"web-{self.made:05}")
            new: Any = create.obj
            by_name[named.name] = replace(new, metadata=named)
        self.slices = list(by_name.values())
        return plan

    def settled(self, svc: Service, pods: list[Pod], nodes: dict[str, Node] = NODES) -> list[EndpointSlice]:
        self.step(svc, pods, nodes)
        assert self.step(svc, pods, nodes).writes == 0, "a second look finds nothing to do"
        return self.slices


def test_a_ready_pod_becomes_an_endpoint_with_all_that_is_known_of_it() -> None:
    world = World()
    (only,) = world.settled(service(), [pod(0)])
    assert only.address_type == "IPv4"
    assert only.metadata.labels == {
        "team": "a",
        "kubernetes.io/service-name": "web",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    }
    assert only.metadata.annotations == {"endpoints.kubernetes.io/last-change-trigger-time": CREATED}
    (owner,) = only.metadata.owner_references
    assert (owner.kind, owner.uid, owner.controller) == ("Service", "svc", True)
    assert [(each.name, each.port, each.protocol) for each in only.ports] == [("http", 8080, "TCP")]
    (one,) = only.endpoints
    assert (one.addresses, one.node_name, one.zone, one.hostname) == (["10.244.0.1"], "n1", "z1", "web-0")
    assert one.target_ref is not None
    assert (one.target_ref.kind, one.target_ref.name, one.target_ref.uid) == ("Pod", "web-0", "uid-0")


CONDITIONS: dict[str, tuple[Pod, dict[str, Any], tuple[bool, bool, bool]]] = {
    "ready": (pod(0), {}, (True, True, False)),
    "not ready": (pod(0, ready=False), {}, (False, False, False)),
    "terminating": (pod(0, deleted=True), {}, (False, True, True)),
    "published": (pod(0, ready=False), {"publish_not_ready_addresses": True}, (True, False, False)),
    "published while terminating": (pod(0, deleted=True), {"publish_not_ready_addresses": True}, (True, True, True)),
}


@pytest.mark.parametrize("case", CONDITIONS)
def test_conditions(case: str) -> None:
    member, spec, expected = CONDITIONS[case]
    (only,) = World().settled(service(**spec), [member])
    found = only.endpoints[0].conditions
    assert found is not None
    assert (found.ready, found.serving, found.terminating) == expected


NO_ENDPOINT = {
    "no Pod": [],
    "finished": [pod(0, phase="Succeeded")],
    "no address": [replace(pod(0), status=PodStatus(phase="Pending"))],
    "its node is unknown": [replace(pod(0), spec=PodSpec(node_name="gone"))],
}


@pytest.mark.parametrize("case", NO_ENDPOINT)
def test_without_endpoints_there_is_one_empty_slice(case: str) -> None:
    (only,) = World().settled(service(), NO_ENDPOINT[case])
    assert (only.endpoints, only.ports) == ([], [])


def test_the_empty_slice_is_used_when_the_first_pod_comes() -> None:
    world = World()
    world.settled(service(), [])
    plan = world.step(service(), [pod(0)])
    assert (len(plan.updates), plan.writes) == (1, 1)
    assert world.slices[0].metadata.annotations["endpoints.kubernetes.io/last-change-trigger-time"] == READY_AT


def test_slices_are_filled_and_left_alone() -> None:
    world = World()
    pods = [pod(number) for number in range(SLICE_LIMIT + 20)]
    sizes = sorted(len(each.endpoints) for each in world.settled(service(), pods))
    assert sizes == [20, SLICE_LIMIT]
    plan = world.step(service(), [*pods, pod(400)])
    assert (len(plan.updates), plan.writes) == (1, 1), "the new one goes where there is room"
    assert sorted(len(each.endpoints) for each in world.slices) == [21, SLICE_LIMIT]
    plan = world.step(service(), [pod(0, ready=False), *pods[1:], pod(400)])
    assert plan.writes == 1, "only the slice that holds the changed one is written"


def test_a_slice_that_is_written_anyway_is_not_overfilled() -> None:
    world = World()
    pods = [pod(number) for number in range(SLICE_LIMIT)]
    world.settled(service(), pods)
    world.settled(service(), [pod(0, ready=False), *pods[1:], pod(400)])
    assert sorted(len(each.endpoints) for each in world.slices) == [1, SLICE_LIMIT]


def test_pods_with_other_ports_have_their_own_slice() -> None:
    slices = World().settled(service(), [pod(0), pod(1, port=9090), pod(2)])
    assert sorted((each.ports[0].port, len(each.endpoints)) for each in slices) == [(8080, 2), (9090, 1)]


def test_headless_services_are_labelled_and_may_have_no_ports() -> None:
    (only,) = World().settled(service(cluster_ip="None", ports=[]), [pod(0)])
    assert only.metadata.labels["service.kubernetes.io/headless"] == ""
    assert (len(only.endpoints), only.ports) == (1, [])


def test_labels_follow_the_service() -> None:
    world = World()
    world.settled(service(), [pod(0)])
    renamed = service()
    renamed.metadata.labels = {"team": "b"}
    assert world.settled(renamed, [pod(0)])[0].metadata.labels["team"] == "b"


def test_a_namesakes_slice_is_replaced_not_adopted() -> None:
    world = World()
    world.settled(service(), [pod(0)])
    again = service()
    again.metadata.uid = "new"
    plan = world.step(again, [pod(0)])
    assert (len(plan.creates), len(plan.deletes), len(plan.updates)) == (1, 1, 0)


def test_a_service_that_goes_makes_no_slices() -> None:
    leaving = service()
    leaving.metadata.deletion_timestamp = READY_AT
    assert endpointslice.decide(leaving, [pod(0)], [], NODES).creates == []


HINTS = {"": (0, 0), "PreferClose": (1, 0), "PreferSameZone": (1, 0), "PreferSameNode": (1, 1)}


@pytest.mark.parametrize("preference", HINTS)
def test_hints_follow_the_traffic_distribution(preference: str) -> None:
    (only,) = World().settled(service(traffic_distribution=preference), [pod(0)])
    hints = only.endpoints[0].hints
    assert (len(hints.for_zones), len(hints.for_nodes)) == HINTS[preference] if hints else HINTS[preference] == (0, 0)


def test_only_what_is_ready_has_hints() -> None:
    (only,) = World().settled(service(traffic_distribution="PreferClose"), [pod(0, ready=False), pod(1)])
    assert {each.conditions.ready: each.hints is not None for each in only.endpoints} == {False: False, True: True}


ASKED = "2026-01-01T00:05:00Z"
"""When a Pod with 30 s of grace was asked to go."""
DEADLINE = "2026-01-01T00:05:30Z"


@pytest.mark.parametrize(
    ("readiness", "told"), [(READY_AT, ""), (ASKED, ASKED), ("2026-01-01T00:05:20Z", "2026-01-01T00:05:20Z")]
)
def test_a_pod_on_its_way_out_tells_of_its_readiness_only_what_is_new(readiness: str, told: str) -> None:
    leaving = pod(0)
    leaving.metadata.deletion_timestamp, leaving.metadata.deletion_grace_period_seconds = DEADLINE, 30
    leaving.status.conditions[0].last_transition_time = readiness
    assert trigger_time([leaving], service(), first=False) == told


REASONS = {"NoPodSelected": [], "NoEndpointReady": [pod(0, ready=False)], "Endpoints": [pod(0)]}


@pytest.mark.parametrize("reason", REASONS)
def test_it_says_why(reason: str) -> None:
    plan = endpointslice.decide(service(), REASONS[reason], [], NODES)
    assert [each.reason for each in plan.decisions] == [reason]
