"""Real packets through the Service table: from Pods, from the node, from outside."""

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from kybern.api.types import convert
from kybern.api.types.core_v1 import Service
from kybern.api.types.discovery_v1 import EndpointSlice
from kybern.proxy.conntrack import clean_flows, stale
from kybern.proxy.decide import decide_service
from kybern.proxy.endpoints import Here
from kybern.proxy.ledger import Change, Ledger
from kybern.proxy.nft import Nft, ServiceTable
from tests.node.fabric import (
    EXTERNAL,
    NODE,
    NODE_ADDRESS,
    OUTSIDER,
    OUTSIDER_ADDRESS,
    PODS,
    SECONDS,
    ask,
    servers,
    within,
    world,
)

pytestmark = pytest.mark.root
VIP = "10.96.0.5"
ALL = set(PODS)
P1, P2, P3 = PODS
HERE = "n1"


class Proxy:
    """The table of the test's node, changed as the proxy's loop changes it."""

    def __init__(self) -> None:
        self._ledger = Ledger()
        self.table = within(NODE, lambda: ServiceTable(Nft(), "10.244.0.0/16"))
        self.table.replace({})

    def set(self, endpoints: dict[str, str], name: str = "web", **spec: Any) -> None:
        """Serve `name` with Pods (namespace: node) at port 8080."""
        ports = spec.pop("ports", [{"port": 80, "protocol": spec.pop("protocol", "TCP")}])
        service = {
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"clusterIP": VIP, "clusterIPs": [VIP], "type": "ClusterIP", "ports": ports, **spec},
        }
        slice_ = {
            "addressType": "IPv4",
            "endpoints": [{"addresses": [PODS[pod]], "nodeName": node} for pod, node in endpoints.items()],
            "ports": [{"name": "", "port": 8080, "protocol": port.get("protocol", "TCP")} for port in ports],
        }
        plan = decide_service(
            convert(service, Service), [convert(slice_, EndpointSlice)], Here(HERE), self._ledger.identify
        )
        change = Change()
        self._ledger.claim(name, plan.elements, change)
        self.table.apply(change)
        within(NODE, lambda: clean_flows(stale(plan.datagrams)))


@pytest.fixture(scope="module")
def fabric() -> Iterator[None]:
    with world(), servers(8080, socket.SOCK_STREAM), servers(8080, socket.SOCK_DGRAM):
        yield


@pytest.fixture
def proxy(fabric: None) -> Iterator[Proxy]:
    proxy = Proxy()
    yield proxy
    proxy.table.remove()


def local(*pods: str) -> dict[str, str]:
    return dict.fromkeys(pods, HERE)


def answers(namespace: str, address: str = VIP, port: int = 80, count: int = 40) -> set[str]:
    return {ask(namespace, address, port)[0] for _ in range(count)}


@pytest.mark.parametrize("client", [P1, NODE, OUTSIDER])
def test_a_cluster_ip_is_spread_over_all(proxy: Proxy, client: str) -> None:
    proxy.set(local(*ALL))
    assert answers(client) == ALL


@pytest.mark.parametrize("client", [P1, NODE, OUTSIDER])
def test_udp(proxy: Proxy, client: str) -> None:
    proxy.set(local(P2), protocol="UDP")
    assert ask(client, VIP, 80, socket.SOCK_DGRAM)[0] == P2


@pytest.mark.parametrize(
    ("client", "address", "port"),
    [(P1, VIP, 80), (NODE, VIP, 80), (OUTSIDER, VIP, 80), (OUTSIDER, NODE_ADDRESS, 30080)],
)
def test_a_datagram_flow_goes_on_elsewhere_when_its_endpoint_goes(
    proxy: Proxy, client: str, address: str, port: int
) -> None:
    """A client keeps its port: without more the kernel would go on as it began. Others' flows are left alone."""
    ports = [{"port": 80, "nodePort": 30080, "protocol": "UDP"}]

    def talk(asker: socket.socket) -> str:
        asker.send(b"?")
        return asker.recv(100).decode().split()[0]

    def connect() -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.settimeout(SECONDS)
        made.connect((address, port))
        return made

    proxy.set(local(P2), type="NodePort", ports=ports)
    with within(client, connect) as asker:
        assert talk(asker) == P2
        proxy.set(local(P2, P3), type="NodePort", ports=ports)
        assert {talk(asker) for _ in range(5)} == {P2}
        proxy.set(local(P3), type="NodePort", ports=ports)
        assert talk(asker) == P3


def test_a_pod_sees_the_pod_that_calls(proxy: Proxy) -> None:
    proxy.set(local(P2))
    assert ask(P1, VIP, 80) == (P2, PODS[P1])


def test_a_pod_reaches_itself_through_its_service(proxy: Proxy) -> None:
    proxy.set(local(P1))
    assert ask(P1, VIP, 80)[0] == P1


def test_without_endpoints_it_is_refused_at_once(proxy: Proxy) -> None:
    proxy.set({})
    for client in (P1, NODE):
        with pytest.raises(ConnectionRefusedError):
            ask(client, VIP, 80)


def test_another_port_of_the_address_is_refused(proxy: Proxy) -> None:
    proxy.set(local(P1))
    with pytest.raises(ConnectionRefusedError):
        ask(P2, VIP, 81)


def test_three_to_two_to_three_while_connecting(proxy: Proxy) -> None:
    proxy.set(local(*ALL))
    for pods in ((P1, P2), (P2,), (P2, P3), (P1, P2, P3)):
        proxy.set(local(*pods))
        assert answers(P1) == set(pods)


def test_an_open_connection_outlives_its_endpoint_in_the_table(proxy: Proxy) -> None:
    listener = within(P3, lambda: socket.create_server(("10.244.0.13", 8090)))
    listener.settimeout(SECONDS)
    mark, key = "0x4b0000ff", f"{VIP} . tcp . 90"
    elements = {
        ("frontends", key): "goto cluster",
        ("cluster_groups", key): mark,
        ("counts", mark): "goto n1",
        ("endpoints", f"{mark} . 0"): "10.244.0.13 . 8090",
    }
    proxy.table.apply(Change(added=elements))
    client = within(P1, lambda: socket.create_connection((VIP, 90), SECONDS))
    server, _ = listener.accept()
    proxy.table.apply(Change(removed=list(elements)))
    with client, server, listener:
        server.settimeout(SECONDS)
        client.sendall(b"still")
        assert server.recv(10) == b"still"
        server.sendall(b"here")
        assert client.recv(10) == b"here"


NODE_PORT = [{"port": 80, "nodePort": 30080}]


@pytest.mark.parametrize("client", [P1, NODE, OUTSIDER])
def test_a_node_port_answers_on_the_node(proxy: Proxy, client: str) -> None:
    proxy.set(local(*ALL), type="NodePort", ports=NODE_PORT)
    assert answers(client, NODE_ADDRESS, 30080) == ALL


def test_a_node_port_hides_the_client_unless_the_policy_is_local(proxy: Proxy) -> None:
    proxy.set(local(P1), type="NodePort", ports=NODE_PORT)
    assert ask(OUTSIDER, NODE_ADDRESS, 30080) == (P1, "10.244.0.1")
    proxy.set(local(P1), type="NodePort", ports=NODE_PORT, externalTrafficPolicy="Local")
    assert ask(OUTSIDER, NODE_ADDRESS, 30080) == (P1, OUTSIDER_ADDRESS)


def test_local_external_policy_takes_local_endpoints_and_drops_without(proxy: Proxy) -> None:
    endpoints = {P1: HERE, P2: "elsewhere"}
    proxy.set(endpoints, type="NodePort", ports=NODE_PORT, externalTrafficPolicy="Local")
    assert answers(OUTSIDER, NODE_ADDRESS, 30080) == {P1}
    assert answers(P3, NODE_ADDRESS, 30080) == {P1, P2}
    proxy.set({P2: "elsewhere"}, type="NodePort", ports=NODE_PORT, externalTrafficPolicy="Local")
    assert ask(P3, NODE_ADDRESS, 30080)[0] == P2

    def connect() -> None:
        socket.create_connection((NODE_ADDRESS, 30080), 0.5).close()

    with pytest.raises(TimeoutError):
        within(OUTSIDER, connect)


def test_other_nodes_pods_come_from_elsewhere(proxy: Proxy) -> None:
    proxy.table.own_pods = f"{PODS[P1]}/32"
    proxy.table.replace({})
    proxy.set({P1: HERE, P2: "elsewhere"}, type="NodePort", ports=NODE_PORT, externalTrafficPolicy="Local")
    assert answers(P1, NODE_ADDRESS, 30080) == {P1, P2}
    assert answers(P3, NODE_ADDRESS, 30080) == {P1}


def test_a_node_port_without_endpoints_is_refused(proxy: Proxy) -> None:
    proxy.set({}, type="NodePort", ports=NODE_PORT)
    for client in (P1, NODE, OUTSIDER):
        with pytest.raises(ConnectionRefusedError):
            ask(client, NODE_ADDRESS, 30080)


def test_external_addresses(proxy: Proxy) -> None:
    proxy.set(local(*ALL), externalIPs=[EXTERNAL])
    assert answers(OUTSIDER, EXTERNAL) == ALL
    proxy.set({}, externalIPs=[EXTERNAL])
    with pytest.raises(ConnectionRefusedError):
        ask(OUTSIDER, EXTERNAL, 80)


def test_affinity_keeps_a_client_and_lets_it_go_with_its_endpoint(proxy: Proxy) -> None:
    config = {"clientIP": {"timeoutSeconds": 600}}
    proxy.set(local(*ALL), sessionAffinity="ClientIP", sessionAffinityConfig=config)
    for client in (P1, NODE, OUTSIDER):
        assert len(answers(client, count=15)) == 1
    (mine,) = answers(OUTSIDER, count=15)
    rest = ALL - {mine}
    proxy.set(local(*rest), sessionAffinity="ClientIP", sessionAffinityConfig=config)
    (next_one,) = answers(OUTSIDER, count=15)
    assert next_one in rest


def test_affinity_expires(proxy: Proxy) -> None:
    config = {"clientIP": {"timeoutSeconds": 1}}
    proxy.set(local(*ALL), sessionAffinity="ClientIP", sessionAffinityConfig=config)
    seen: set[str] = set()
    for _ in range(12):
        seen |= answers(P1, count=1)
        if len(seen) > 1:
            return
        time.sleep(1.1)  # The shortest timeout there is, and a little.
    pytest.fail("the client stayed with its endpoint for ever")


def test_the_whole_table_again_changes_nothing(proxy: Proxy) -> None:
    proxy.set(local(*ALL))
    before = proxy.table._nft.run("list table ip kybern-proxy")
    proxy.table.replace(proxy._ledger.elements())
    after = proxy.table._nft.run("list table ip kybern-proxy")
    assert sorted(before.split()) == sorted(after.split())
    assert answers(P1) == ALL
