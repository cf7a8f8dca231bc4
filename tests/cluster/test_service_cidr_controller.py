"""Ranges of cluster IPs come and go while Services use them."""

import pytest

from kybern.api.types import convert
from kybern.api.types.core_v1 import Service
from kybern.api.types.networking_v1 import ServiceCIDR
from kybern.client.client import Client
from kybern.controllers import service_cidr

from .machine import Plane, plane

READY = ("True", "", "Kubernetes Service CIDR is ready")
TERMINATING = (
    "False",
    "Terminating",
    "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR",
)


@pytest.fixture(autouse=True)
def _short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_cidr, "GRACE_SECONDS", 0.5)


async def make_range(client: Client, name: str, cidr: str) -> None:
    await client.create(convert({"metadata": {"name": name}, "spec": {"cidrs": [cidr]}}, ServiceCIDR))


async def make_service(client: Client, name: str, address: str) -> None:
    spec = {"clusterIP": address, "ports": [{"port": 80}]}
    await client.create(convert({"metadata": {"name": name, "namespace": "default"}, "spec": spec}, Service))


async def until_told(world: Plane, name: str, expected: tuple[str, str, str]) -> None:
    async def is_told() -> bool:
        told = (await world.client.get(ServiceCIDR, name)).status.conditions
        return [(each.status, each.reason, each.message) for each in told if each.type == "Ready"] == [expected]

    await world.until(is_told)


async def until_only(world: Plane, *names: str) -> None:
    async def is_so() -> bool:
        return {each.metadata.name for each in (await world.client.list(ServiceCIDR)).items} == {*names}

    await world.until(is_so)


async def test_a_range_stays_while_a_service_uses_it() -> None:
    async with plane((service_cidr.NAME,)) as world:
        await make_range(world.client, "more", "10.8.0.0/28")
        for name in ("kubernetes", "more"):
            await until_told(world, name, READY)
            assert (await world.client.get(ServiceCIDR, name)).metadata.finalizers == [service_cidr.FINALIZER]
        await make_service(world.client, "s", "10.8.0.7")
        await world.client.delete(ServiceCIDR, "more")
        await until_told(world, "more", TERMINATING)
        await world.client.delete(Service, "s", "default")
        await until_only(world, "kubernetes")
        await until_told(world, "kubernetes", READY)


async def test_a_wider_range_frees_what_is_within_it() -> None:
    async with plane((service_cidr.NAME,)) as world:
        await make_range(world.client, "narrow", "10.8.0.0/28")
        await until_told(world, "narrow", READY)
        await make_service(world.client, "s", "10.8.0.7")
        await world.client.delete(ServiceCIDR, "narrow")
        await until_told(world, "narrow", TERMINATING)
        await make_range(world.client, "wide", "10.8.0.0/16")
        await until_only(world, "kubernetes", "wide")
        await world.client.delete(ServiceCIDR, "wide")
        await until_told(world, "wide", TERMINATING)
