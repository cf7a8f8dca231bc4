"""The cluster's names as a Pod's own resolver sees them, and the answers to names of others."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from tests.scenarios.patience import patience
from tests.scenarios.toolbox import bring, inside, pod
from tests.scenarios.vocabulary import Cluster, User

MANIFEST = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080}]
---
apiVersion: v1
kind: Service
metadata: {name: peers}
spec:
  clusterIP: None
  selector: {app: web}
  ports: [{name: http, port: 8080}]
---
apiVersion: v1
kind: Service
metadata: {name: alias}
spec: {type: ExternalName, externalName: kubernetes.default.svc.cluster.local}
"""
A, PTR, SRV = 1, 12, 33
SERVFAIL, NXDOMAIN = 2, 3

RESOLVE = """
def addresses(name):
    return sorted({each[4][0] for each in socket.getaddrinfo(name, None)})
"""
QUERY = """
import re, struct
SERVER = re.search(r"nameserver (\\S+)", open("/etc/resolv.conf").read()).group(1)

def read(message, offset):
    "A name and the offset behind it."
    labels, end = [], 0
    while message[offset]:
        if message[offset] & 0xC0:
            end = end or offset + 2
            offset = (message[offset] & 0x3F) << 8 | message[offset + 1]
            continue
        labels.append(message[offset + 1 : offset + 1 + message[offset]].decode())
        offset += 1 + message[offset]
    return ".".join(labels), end or offset + 1

def query(name, kind):
    "The response code, and the answers as text."
    question = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\\0"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(20)
        client.connect((SERVER, 53))
        client.send(struct.pack("!HHHHHH", 7, 0x100, 1, 0, 0, 0) + question + struct.pack("!HH", kind, 1))
        message = client.recv(4096)
    found, offset = [], read(message, 12)[1] + 4
    for _ in range(struct.unpack_from("!H", message, 6)[0]):
        offset = read(message, offset)[1]
        type_, _, _, length = struct.unpack_from("!HHIH", message, offset)
        offset += 10
        if type_ == 1:
            found.append(socket.inet_ntoa(message[offset : offset + 4]))
        elif type_ == 33:
            found.append(f"{struct.unpack_from('!H', message, offset + 4)[0]} {read(message, offset + 6)[0]}")
        else:
            found.append(read(message, offset)[0])
        offset += length
    return message[3] & 15, sorted(found)
"""


@pytest.fixture
def client(cluster: Cluster, user: User) -> Iterator[str]:
    user.applies(MANIFEST)
    bring(user, pod("client"), *(pod(name, labels={"app": "web"}) for name in ("web-1", "web-2")))
    yield "client"
    user.kubectl("delete service --all").succeeds()


def _addresses(user: User, *names: str) -> list[Any]:
    """For each name the addresses, or the error's text, and the seconds that it took."""
    found: list[Any] = inside(
        user, "client", RESOLVE + f"print(json.dumps([timed(addresses, name) for name in {names!r}]))"
    )
    return found


def _query(user: User, name: str, kind: int) -> tuple[int, list[str]]:
    code, found = inside(user, "client", QUERY + f"print(json.dumps(query({name!r}, {kind})))")
    return code, found


def _ips(user: User) -> list[str]:
    return sorted(user.kubectl("get pods -l app=web -o jsonpath='{.items[*].status.podIP}'").succeeds().out.split())


def test_a_service_has_a_short_name_and_longer_ones(user: User, client: str) -> None:
    ip = user.kubectl("get service web -o jsonpath='{.spec.clusterIP}'").succeeds().out
    names = itertools.accumulate(("web", f".{user.namespace}", ".svc", ".cluster.local", "."))
    for found, seconds in _addresses(user, *names):
        assert found == [ip]
        assert seconds < patience(1)


def test_a_headless_service_has_the_addresses_of_its_pods(cluster: Cluster, user: User, client: str) -> None:
    cluster.eventually(lambda: _is(_addresses(user, "peers")[0][0], _ips(user)))


def test_ports_are_found_by_name(cluster: Cluster, user: User, client: str) -> None:
    where = f"{user.namespace}.svc.cluster.local"
    assert _query(user, f"_http._tcp.web.{where}", SRV) == (0, [f"80 web.{where}"])
    peers = [f"8080 {ip.replace('.', '-')}.peers.{where}" for ip in _ips(user)]
    cluster.eventually(lambda: _is(_query(user, f"_http._tcp.peers.{where}", SRV), (0, sorted(peers))))


def test_addresses_lead_back_to_names(user: User, client: str) -> None:
    ip = user.kubectl("get service web -o jsonpath='{.spec.clusterIP}'").succeeds().out
    reverse = ".".join(reversed(ip.split("."))) + ".in-addr.arpa"
    assert _query(user, reverse, PTR) == (0, [f"web.{user.namespace}.svc.cluster.local"])


def test_an_alias_is_followed(user: User, client: str) -> None:
    assert _addresses(user, "alias")[0][0] == ["10.96.0.1"]
    name = f"alias.{user.namespace}.svc.cluster.local"
    assert _query(user, name, A) == (0, ["10.96.0.1", "kubernetes.default.svc.cluster.local"])


def test_what_is_not_there_is_not_there(user: User, client: str) -> None:
    for name in ("nobody", f"nobody.{user.namespace}", "web.nowhere"):
        assert _query(user, f"{name}.svc.cluster.local", A)[0] == NXDOMAIN


def test_a_name_of_others_is_asked_of_the_nodes_resolver(cluster: Cluster, user: User, client: str) -> None:
    """The private machine has no way out: the answer is a failure, and soon."""

    def failed() -> None:
        code, seconds = inside(
            user, "client", QUERY + "print(json.dumps(timed(lambda: query('www.example.com', 1)[0])))"
        )
        assert (code, seconds < patience(0.5)) == (SERVFAIL, True)

    cluster.eventually(failed)


def _is(found: object, wanted: object) -> None:
    assert found == wanted
