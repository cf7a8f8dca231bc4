"""What a client reads: dnslib asks and parses, the responder answers."""

from collections.abc import Sequence
from typing import Any

import dnslib
import pytest

from kybern.api.types import convert
from kybern.api.types.core_v1 import Service
from kybern.api.types.discovery_v1 import EndpointSlice
from kybern.dns.responder import Forward, Responder
from kybern.dns.zone import Zone


def service(name: str, **spec: Any) -> Service:
    return convert({"metadata": {"name": name, "namespace": "default"}, "spec": spec}, Service)


def slice_of(name: str, endpoints: Sequence[dict[str, Any]], ports: Sequence[dict[str, Any]]) -> EndpointSlice:
    return convert(
        {
            "metadata": {
                "name": f"{name}-1",
                "namespace": "default",
                "labels": {"kubernetes.io/service-name": name},
            },
            "addressType": "IPv4",
            "endpoints": list(endpoints),
            "ports": list(ports),
        },
        EndpointSlice,
    )


HTTP = {"name": "http", "port": 80, "protocol": "TCP"}


def fill(zone: Zone) -> None:
    zone.set_namespace("default", True)
    web = service("web", clusterIP="10.96.0.7", clusterIPs=["10.96.0.7"], ports=[HTTP])
    zone.set_service(
        "default", "web", web, [slice_of("web", [{"addresses": ["10.244.0.9"]}], [{**HTTP, "port": 8080}])]
    )
    endpoints = [
        {"addresses": ["10.244.0.5"], "hostname": "db-0", "conditions": {"ready": True}},
        {"addresses": ["10.244.0.6"], "conditions": {"ready": True}},
        {"addresses": ["10.244.0.7"], "conditions": {"ready": False}},
    ]
    db = service("db", clusterIP="None", ports=[{"name": "sql", "port": 5432}])
    zone.set_service("default", "db", db, [slice_of("db", endpoints, [{"name": "sql", "port": 5432}])])
    zone.set_service(
        "default", "inside", service("inside", type="ExternalName", externalName="web.default.svc.cluster.local"), []
    )
    zone.set_service("default", "outside", service("outside", type="ExternalName", externalName="example.com"), [])
    zone.set_service("default", "empty", service("empty", clusterIP="None"), [])


@pytest.fixture
def responder() -> Responder:
    responder = Responder(Zone("cluster.local", "10.96.0.10"))
    responder.change(fill)
    return responder


def ask(responder: Responder, name: str, kind: str) -> dnslib.DNSRecord:
    answer = responder.answer(bytes(dnslib.DNSRecord.question(name, kind).pack()))
    assert isinstance(answer, bytes)
    return dnslib.DNSRecord.parse(answer)


WEB = "web.default.svc.cluster.local"
DB = "db.default.svc.cluster.local"
CASES: list[tuple[str, str, str, set[str]]] = [
    (WEB, "A", "NOERROR", {"10.96.0.7"}),
    ("WEB.Default.SVC.Cluster.Local", "A", "NOERROR", {"10.96.0.7"}),
    (WEB, "AAAA", "NOERROR", set()),
    (f"_http._tcp.{WEB}", "SRV", "NOERROR", {f"0 100 80 {WEB}."}),
    (f"_http._udp.{WEB}", "SRV", "NXDOMAIN", set()),
    (f"_tcp.{WEB}", "A", "NOERROR", set()),
    (DB, "A", "NOERROR", {"10.244.0.5", "10.244.0.6"}),
    (f"db-0.{DB}", "A", "NOERROR", {"10.244.0.5"}),
    (f"10-244-0-6.{DB}", "A", "NOERROR", {"10.244.0.6"}),
    (f"10-244-0-7.{DB}", "A", "NXDOMAIN", set()),
    (f"_sql._tcp.{DB}", "SRV", "NOERROR", {f"0 100 5432 db-0.{DB}.", f"0 100 5432 10-244-0-6.{DB}."}),
    ("empty.default.svc.cluster.local", "A", "NXDOMAIN", set()),
    ("inside.default.svc.cluster.local", "A", "NOERROR", {f"{WEB}.", "10.96.0.7"}),
    ("1-2-3-4.default.pod.cluster.local", "A", "NOERROR", {"1.2.3.4"}),
    ("1-2-3-4.nowhere.pod.cluster.local", "A", "NXDOMAIN", set()),
    ("1-2-3-444.default.pod.cluster.local", "A", "NXDOMAIN", set()),
    ("7.0.96.10.in-addr.arpa", "PTR", "NOERROR", {f"{WEB}."}),
    ("5.0.244.10.in-addr.arpa", "PTR", "NOERROR", {f"db-0.{DB}."}),
    ("9.0.244.10.in-addr.arpa", "PTR", "NOERROR", {f"10-244-0-9.{WEB}."}),
    (f"{WEB}.default.svc.cluster.local", "A", "NXDOMAIN", set()),
    ("default.svc.cluster.local", "A", "NOERROR", set()),
    ("nowhere.svc.cluster.local", "A", "NXDOMAIN", set()),
    ("cluster.local", "NS", "NOERROR", {"ns.dns.cluster.local."}),
    ("ns.dns.cluster.local", "A", "NOERROR", {"10.96.0.10"}),
    ("dns-version.cluster.local", "TXT", "NOERROR", {'"1.1.0"'}),
]


@pytest.mark.parametrize(("name", "kind", "code", "expected"), CASES, ids=[f"{case[0]}-{case[1]}" for case in CASES])
def test_answer(responder: Responder, name: str, kind: str, code: str, expected: set[str]) -> None:
    for _ in range(2):  # The second answer comes from the cache.
        reply = ask(responder, name, kind)
        assert dnslib.RCODE[reply.header.rcode] == code
        assert {str(record.rdata) for record in reply.rr} == expected
        assert str(reply.q.qname).rstrip(".") == name
        if not expected:
            assert [dnslib.QTYPE[record.rtype] for record in reply.auth] == ["SOA"]


def test_additional_addresses_of_service_records(responder: Responder) -> None:
    reply = ask(responder, f"_sql._tcp.{DB}", "SRV")
    assert {str(record.rdata) for record in reply.ar} == {"10.244.0.5", "10.244.0.6"}


def test_other_names_are_for_others(responder: Responder) -> None:
    for name in ("example.com", "cluster.local.example.com", "notcluster.local", "1.1.1.1.in-addr.arpa"):
        assert isinstance(responder.answer(bytes(dnslib.DNSRecord.question(name).pack())), Forward)
    forward = responder.answer(bytes(dnslib.DNSRecord.question("outside.default.svc.cluster.local").pack()))
    assert isinstance(forward, Forward)
    assert forward.target == "example.com"


def test_addresses_take_turns(responder: Responder) -> None:
    firsts = {str(ask(responder, DB, "A").rr[0].rdata) for _ in range(4)}
    assert firsts == {"10.244.0.5", "10.244.0.6"}


def test_a_change_is_seen_at_once(responder: Responder) -> None:
    ask(responder, WEB, "A")
    responder.change(lambda zone: zone.set_service("default", "web", None, []))
    assert dnslib.RCODE[ask(responder, WEB, "A").header.rcode] == "NXDOMAIN"


def test_truncation_and_edns() -> None:
    responder = Responder(Zone("cluster.local", "10.96.0.10"))
    endpoints = [{"addresses": [f"10.244.1.{n}"]} for n in range(1, 201)]
    many = service("many", clusterIP="None")
    responder.change(lambda zone: zone.set_service("default", "many", many, [slice_of("many", endpoints, [])]))
    query = dnslib.DNSRecord.question("many.default.svc.cluster.local")
    plain = responder.answer(bytes(query.pack()))
    query.add_ar(dnslib.EDNS0(udp_len=4096))
    wider = responder.answer(bytes(query.pack()))
    whole = responder.answer(bytes(query.pack()), tcp=True)
    assert isinstance(plain, bytes)
    assert isinstance(wider, bytes)
    assert isinstance(whole, bytes)
    assert len(plain) <= 512 < len(wider) <= 1232 < len(whole)
    assert [dnslib.DNSRecord.parse(each).header.tc for each in (plain, wider, whole)] == [1, 1, 0]
    assert len(dnslib.DNSRecord.parse(whole).rr) == 200


HEAD = b"\0\1\1\0\0\1" + b"\0" * 6
MALFORMED = [b"", b"\0" * 11, b"\0" * 12, HEAD + b"\xc0\x0c\0\1\0\1", HEAD + b"\x3fab"]


@pytest.mark.parametrize("message", MALFORMED)
def test_what_is_no_query_harms_nobody(responder: Responder, message: bytes) -> None:
    answer = responder.answer(message)
    assert answer is None or (isinstance(answer, bytes) and dnslib.DNSRecord.parse(answer).header.rcode == 1)


def test_an_answer_gets_no_answer(responder: Responder) -> None:
    assert responder.answer(bytes(dnslib.DNSRecord.question(WEB).reply().pack())) is None
