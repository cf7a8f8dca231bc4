"""Which elements a Service wants: one check, cases as data."""

from typing import Any

import pytest

from kybern.api.types import convert
from kybern.api.types.core_v1 import Pod, Service
from kybern.api.types.discovery_v1 import EndpointSlice
from kybern.proxy.decide import Elements, GroupKey, ServicePlan, decide_host_ports, decide_service
from kybern.proxy.endpoints import Here

HERE = Here("n1", "z1")
NUMBERS = {"cluster": 1, "local": 2}
C, L = "0x4b000001", "0x4b000002"


def identify(group: GroupKey) -> int:
    return NUMBERS[group[3]]


def endpoint(address: str, node: str = "n1", **more: Any) -> dict[str, Any]:
    conditions = {key: more.pop(key) for key in ("ready", "serving", "terminating") if key in more}
    return {"addresses": [address], "nodeName": node, "conditions": conditions, **more}


def terminating(address: str, node: str = "n1", *, serving: bool = True) -> dict[str, Any]:
    return endpoint(address, node, ready=False, serving=serving, terminating=True)


def plan(endpoints: list[dict[str, Any]], **spec: Any) -> Elements:
    return planned(endpoints, **spec).elements


def planned(endpoints: list[dict[str, Any]], **spec: Any) -> ServicePlan:
    port = {"port": 80, "protocol": "TCP", **spec.pop("port", {})}
    status, labels = spec.pop("status", {}), spec.pop("slice_labels", {})
    body = {
        "metadata": {"name": "web", "namespace": "default", **spec.pop("metadata", {})},
        "spec": {"clusterIP": "10.96.0.5", "clusterIPs": ["10.96.0.5"], "type": "ClusterIP", "ports": [port], **spec},
        "status": status,
    }
    slice_ = {
        "metadata": {"labels": labels},
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": [{"name": port.get("name", ""), "protocol": port["protocol"], "port": 8080}],
    }
    return decide_service(convert(body, Service), [convert(slice_, EndpointSlice)], HERE, identify)


def backends(elements: Elements, mark: str) -> list[str]:
    found = [(key, value) for (table, key), value in elements.items() if table == "endpoints" and key.startswith(mark)]
    return [value for _, value in sorted(found)]


A1, A2, B1 = "10.244.0.1", "10.244.0.2", "10.244.1.1"
CHOICES: list[tuple[str, list[dict[str, Any]], list[str]]] = [
    ("ready ones only", [endpoint(A1), endpoint(A2, ready=False), endpoint(B1, "n2", ready=True)], [A1, B1]),
    ("unset conditions are ready", [{"addresses": [A1]}], [A1]),
    ("a terminating one leaves at once", [terminating(A1), endpoint(A2, ready=True)], [A2]),
    ("but stays where there is no other", [terminating(A1), terminating(A2, serving=False)], [A1]),
    ("same address once", [endpoint(A1), endpoint(A1)], [A1]),
    ("none", [endpoint(A1, ready=False)], []),
]


@pytest.mark.parametrize(("why", "endpoints", "expected"), CHOICES)
def test_endpoints(why: str, endpoints: list[dict[str, Any]], expected: list[str]) -> None:
    elements = plan(endpoints)
    assert backends(elements, C) == [f"{address} . 8080" for address in expected]
    served = elements.get(("frontends", "10.96.0.5 . tcp . 80"))
    assert served == ("goto cluster" if expected else None)
    assert ("cluster_ips", "10.96.0.5") in elements
    assert elements.get(("counts", C)) == (f"goto n{len(expected)}" if expected else None)


def test_hairpin_is_for_local_endpoints() -> None:
    elements = plan([endpoint(A1), endpoint(B1, "n2")])
    assert {key for table, key in elements if table == "hairpin"} == {f"{A1} . {A1}"}


def test_internal_policy_local() -> None:
    here = plan([endpoint(A1), endpoint(B1, "n2")], internalTrafficPolicy="Local")
    assert here["cluster_groups", "10.96.0.5 . tcp . 80"] == L
    assert backends(here, L) == [f"{A1} . 8080"]
    elsewhere = plan([endpoint(B1, "n2")], internalTrafficPolicy="Local")
    assert elsewhere["counts", L] == "drop"


def test_node_port_and_external_policy() -> None:
    spec: dict[str, Any] = {"type": "NodePort", "port": {"nodePort": 30080}}
    everyone = plan([endpoint(A1), endpoint(B1, "n2")], **spec)
    assert everyone["nodeports", "tcp . 30080"] == "goto nodeport"
    assert everyone["nodeport_groups", "tcp . 30080"] == C
    assert ("nodeport_local", "tcp . 30080") not in everyone
    local = plan([endpoint(A1), endpoint(B1, "n2")], externalTrafficPolicy="Local", **spec)
    assert local["nodeport_groups", "tcp . 30080"] == C
    assert local["nodeport_local", "tcp . 30080"] == L
    assert plan([], **spec)["refused_ports", "tcp . 30080"] == ""


def test_external_addresses_and_source_ranges() -> None:
    balancer = {"loadBalancer": {"ingress": [{"ip": "192.0.2.9"}, {"ip": "192.0.2.8", "ipMode": "Proxy"}]}}
    elements = plan(
        [endpoint(A1)],
        type="LoadBalancer",
        externalIPs=["192.0.2.7"],
        loadBalancerSourceRanges=["198.51.100.0/24"],
        status=balancer,
    )
    assert {key for table, key in elements if table == "external_groups"} == {
        "192.0.2.7 . tcp . 80",
        "192.0.2.9 . tcp . 80",
    }
    assert ("guarded", "192.0.2.9 . tcp . 80") in elements
    assert ("allowed", "192.0.2.9 . tcp . 80 . 198.51.100.0/24") in elements
    assert ("guarded", "192.0.2.7 . tcp . 80") not in elements


def test_affinity() -> None:
    elements = plan([endpoint(A1)], sessionAffinity="ClientIP")
    assert (elements["counts", C], elements["remember", C]) == ("goto a1", "goto aff10800")
    config = {"clientIP": {"timeoutSeconds": 5}}
    assert plan([endpoint(A1)], sessionAffinity="ClientIP", sessionAffinityConfig=config)["remember", C] == "goto aff5"


UNSERVED: list[dict[str, Any]] = [
    {"type": "ExternalName", "externalName": "example.com", "clusterIP": "", "clusterIPs": []},
    {"clusterIP": "None", "clusterIPs": ["None"]},
    {"metadata": {"labels": {"service.kubernetes.io/service-proxy-name": "other"}}},
    {"metadata": {"labels": {"service.kubernetes.io/headless": ""}}},
]


@pytest.mark.parametrize("spec", UNSERVED)
def test_not_ours(spec: dict[str, Any]) -> None:
    assert plan([endpoint(A1)], **spec) == {}


@pytest.mark.parametrize("label", ["service.kubernetes.io/headless", "service.kubernetes.io/service-proxy-name"])
def test_endpoints_that_are_not_ours(label: str) -> None:
    assert backends(plan([endpoint(A1)], slice_labels={label: ""}), C) == []


def test_load_balancers_are_told_of_ready_endpoints_of_this_node() -> None:
    found = [endpoint(A1, ready=True), endpoint(A2), endpoint(B1, "n2"), terminating("10.244.0.3")]
    assert planned(found).local_endpoints == 2
    assert planned([terminating(A1)]).local_endpoints == 0


def test_who_may_answer_open_datagram_flows() -> None:
    """Every endpoint that serves, here or elsewhere, whatever the policies say of new flows."""
    spec = {"type": "NodePort", "externalIPs": ["192.0.2.7"], "externalTrafficPolicy": "Local"}
    endpoints = [endpoint(A1, ready=False, serving=False), terminating(A2), endpoint(B1, "n2", ready=True)]
    port = {"protocol": "UDP", "nodePort": 30080}
    serving = frozenset({(A2, 8080), (B1, 8080)})
    found = planned(endpoints, port=port, **spec).datagrams
    assert found == {("10.96.0.5", 80): serving, ("192.0.2.7", 80): serving, ("", 30080): serving}
    assert planned(endpoints, port={"nodePort": 30080}, **spec).datagrams == {}
    assert planned([], port=port, **spec).datagrams == {}


HINTS: list[tuple[list[dict[str, Any]], list[str]]] = [
    ([{"forZones": [{"name": "z1"}]}, {"forZones": [{"name": "z2"}]}], [A1]),
    ([{"forZones": [{"name": "z1"}]}, {}], [A1, B1]),
    ([{"forZones": [{"name": "z2"}]}, {"forZones": [{"name": "z2"}]}], [A1, B1]),
    ([{"forNodes": [{"name": "n2"}]}, {"forNodes": [{"name": "n1"}]}], [B1]),
]


@pytest.mark.parametrize(("hints", "expected"), HINTS)
def test_topology_hints(hints: list[dict[str, Any]], expected: list[str]) -> None:
    elements = plan([endpoint(A1, hints=hints[0]), endpoint(B1, "n2", hints=hints[1])])
    assert backends(elements, C) == [f"{address} . 8080" for address in expected]


def test_host_ports() -> None:
    ports = [
        {"containerPort": 80, "hostPort": 8080},
        {"containerPort": 53, "hostPort": 53, "protocol": "UDP", "hostIP": "192.0.2.1"},
        {"containerPort": 81},
    ]
    pod = {"spec": {"containers": [{"ports": ports}]}, "status": {"podIP": A1, "phase": "Running"}}
    assert decide_host_ports(convert(pod, Pod)) == {
        ("hostports", "tcp . 8080"): f"{A1} . 80",
        ("hostip_ports", "192.0.2.1 . udp . 53"): f"{A1} . 53",
        ("hairpin", f"{A1} . {A1}"): "",
    }
    pod["status"]["phase"] = "Succeeded"
    assert decide_host_ports(convert(pod, Pod)) == {}
