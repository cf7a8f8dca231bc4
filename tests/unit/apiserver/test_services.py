"""Node ports and families of Services."""

import random

import pytest

from kybern.apiserver.services.allocation import set_families
from kybern.apiserver.services.ports import Ports, PortTaken, ports_of
from kybern.base.errors import InternalError, Invalid
from kybern.base.ids import RandomIds


def ports(first: int = 30000, last: int = 30003) -> Ports:
    return Ports(first, last, RandomIds(random.Random(1)))


def test_every_port_is_given_out_once() -> None:
    given = ports()
    assert {given.take_any() for _ in range(4)} == {30000, 30001, 30002, 30003}
    with pytest.raises(InternalError, match="range is full"):
        given.take_any()
    given.release({30002})
    assert given.take_any() == 30002


def test_chosen_ports() -> None:
    given = ports()
    given.take(30001)
    with pytest.raises(PortTaken, match="provided port is already allocated"):
        given.take(30001)
    with pytest.raises(PortTaken, match="The range of valid ports is 30000-30003"):
        given.take(80)


def test_ports_of_a_service() -> None:
    spec = {"ports": [{"port": 80, "nodePort": 30000}, {"port": 81}], "healthCheckNodePort": 30001}
    assert ports_of({"spec": spec}) == {30000, 30001}
    assert ports_of(None) == set()


def families(expected: tuple[list[str], str] | None, **spec: object) -> None:
    service = {"metadata": {"name": "s"}, "spec": {"type": "ClusterIP", "selector": {"a": "b"}, **spec}}
    if expected is None:
        with pytest.raises(Invalid):
            set_families(service)
        return
    set_families(service)
    assert (service["spec"]["ipFamilies"], service["spec"]["ipFamilyPolicy"]) == expected


def test_families() -> None:
    families((["IPv4"], "SingleStack"))
    families((["IPv4"], "PreferDualStack"), ipFamilyPolicy="PreferDualStack")
    families(None, ipFamilyPolicy="RequireDualStack")
    families(None, ipFamilies=["IPv6"])
    families((["IPv4"], "SingleStack"), clusterIP="None")
    families((["IPv4", "IPv6"], "RequireDualStack"), clusterIP="None", selector={})
    families((["IPv4"], "SingleStack"), clusterIP="None", selector={}, ipFamilyPolicy="SingleStack")
