"""ReplicationControllers, and Endpoints that people write, mirrored as EndpointSlices."""

from typing import Any

from kybern.api.types import convert
from kybern.api.types.core_v1 import Endpoints, Event, Pod, ReplicationController, Service
from kybern.api.types.discovery_v1 import EndpointSlice

from .machine import Plane, plane


def endpoints(*addresses: str, not_ready: tuple[str, ...] = (), **metadata: Any) -> Endpoints:
    subset = {
        "addresses": [{"ip": each} for each in addresses],
        "notReadyAddresses": [{"ip": each} for each in not_ready],
        "ports": [{"name": "http", "port": 80}],
    }
    meta = {"name": "outside", "namespace": "default", **metadata}
    return convert({"metadata": meta, "subsets": [subset]}, Endpoints)


async def slices(world: Plane) -> list[EndpointSlice]:
    return (
        await world.client.list(EndpointSlice, "default", label_selector="kubernetes.io/service-name=outside")
    ).items


async def addresses(world: Plane) -> list[tuple[str, str, bool | None]]:
    found = [
        (each.address_type, endpoint.addresses[0], endpoint.conditions.ready if endpoint.conditions else None)
        for each in await slices(world)
        for endpoint in each.endpoints
    ]
    return sorted(found)


async def test_endpoints_without_a_selector_are_mirrored_by_family() -> None:
    async with plane(("endpointslice-mirroring-controller",)) as world:
        service = {"metadata": {"name": "outside", "namespace": "default"}, "spec": {"ports": [{"port": 80}]}}
        await world.client.create(convert(service, Service))
        await world.client.create(endpoints("192.0.2.1", "2001:db8::1", not_ready=("192.0.2.2",), labels={"team": "a"}))

        async def mirrored() -> bool:
            return await addresses(world) == [
                ("IPv4", "192.0.2.1", True),
                ("IPv4", "192.0.2.2", False),
                ("IPv6", "2001:db8::1", True),
            ]

        await world.until(mirrored)
        found = (await slices(world))[0]
        assert found.metadata.labels == {
            "team": "a",
            "endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io",
            "kubernetes.io/service-name": "outside",
        }
        owner = found.metadata.owner_references[0]
        assert (owner.kind, owner.name, owner.controller) == ("Endpoints", "outside", True)
        assert [(each.name, each.port, each.protocol) for each in found.ports] == [("http", 80, "TCP")]
        names = {each.metadata.name for each in await slices(world) if each.address_type == "IPv4"}
        change = [{"addresses": [{"ip": "192.0.2.9"}], "ports": [{"name": "http", "port": 80}]}]
        await world.client.patch(Endpoints, "outside", "default", {"subsets": change})

        async def changed() -> bool:
            return await addresses(world) == [("IPv4", "192.0.2.9", True)]

        await world.until(changed)
        assert {each.metadata.name for each in await slices(world)} == names, (
            "the slice is written again, not made anew"
        )
        await world.client.patch(Service, "outside", "default", {"spec": {"selector": {"app": "web"}}})

        async def gone() -> bool:
            return await slices(world) == []

        await world.until(gone)


async def test_a_replication_controller_keeps_its_pods() -> None:
    async with plane(("replicationcontroller-controller", "serviceaccount-controller")) as world:
        labels = {"app": "old"}
        spec = {
            "replicas": 2,
            "selector": labels,
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "v1"}]}},
        }
        plain = {"metadata": {"name": "old", "namespace": "default"}, "spec": spec}
        await world.client.create(convert(plain, ReplicationController))

        async def settled(count: int = 2) -> bool:
            status = (await world.client.get(ReplicationController, "old", "default")).status
            return (status.replicas, status.ready_replicas or 0, status.available_replicas or 0) == (count,) * 3

        await world.until(settled)
        pod = (await world.client.list(Pod, "default")).items[0]
        owner = pod.metadata.owner_references[0]
        assert (owner.api_version, owner.kind, owner.name) == ("v1", "ReplicationController", "old")
        await world.client.delete(Pod, pod.metadata.name, "default")
        await world.until(settled)
        await world.client.patch(ReplicationController, "old", "default", {"spec": {"replicas": 1}})
        await world.until(lambda: settled(1))

        async def told() -> bool:
            events = (await world.client.list(Event, "default")).items
            mine = {each.reason for each in events if each.involved_object.kind == "ReplicationController"}
            return mine >= {"SuccessfulCreate", "SuccessfulDelete"}

        await world.until(told)
