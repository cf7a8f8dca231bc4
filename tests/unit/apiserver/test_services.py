"""Node ports and families of Services."""

import random

import pytest

from kybern.apiserver.services.families import set_families
from kybern.apiserver.services.ports import Ports, PortTaken, ports_of, static_band
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
    if "clusterIP" in spec:
        service["spec"]["clusterIPs"] = [spec["clusterIP"]]
    if expected is None:
        with pytest.raises(Invalid):
            set_families(service)
        return
    set_families(service)
    assert (service["spec"]["ipFamilies"], service["spec"]["ipFamilyPolicy"]) == expected


def changed(before: dict[str, object], **spec: object) -> dict[str, object]:
    """The spec after a change of one that had `before`."""
    common = {"type": "ClusterIP", "selector": {"a": "b"}, "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"]}
    old = {"metadata": {"name": "s"}, "spec": {**common, **before}}
    new = {"metadata": {"name": "s"}, "spec": {**common, **spec}}
    set_families(new, old)
    return new["spec"]


def test_families_of_a_change() -> None:
    kept = changed({"ipFamilies": ["IPv4"], "ipFamilyPolicy": "PreferDualStack"})
    assert (kept["ipFamilies"], kept["ipFamilyPolicy"]) == (["IPv4"], "PreferDualStack")
    both = ["IPv4", "IPv6"]
    single = changed({"ipFamilies": both}, ipFamilies=both, ipFamilyPolicy="SingleStack")
    assert single["ipFamilies"] == ["IPv4"]
    with pytest.raises(Invalid, match="must be 'SingleStack' to release the secondary IP family"):
        changed({"ipFamilies": both, "ipFamilyPolicy": "PreferDualStack"}, ipFamilies=["IPv4"])


def test_the_lowest_part_of_a_range_is_for_those_who_choose() -> None:
    assert [static_band(size, 16, 128, 32) for size in (16, 100, 2768, 30000)] == [0, 16, 86, 128]


def test_families() -> None:
    families((["IPv4"], "SingleStack"))
    families((["IPv4"], "PreferDualStack"), ipFamilyPolicy="PreferDualStack")
    families(None, ipFamilyPolicy="RequireDualStack")
    families(None, ipFamilies=["IPv6"])
    families((["IPv4"], "SingleStack"), clusterIP="None")
    families((["IPv4", "IPv6"], "RequireDualStack"), clusterIP="None", selector={})
    families((["IPv4"], "SingleStack"), clusterIP="None", selector={}, ipFamilyPolicy="SingleStack")
