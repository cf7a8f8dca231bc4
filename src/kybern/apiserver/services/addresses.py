"""Cluster IPs: each is an IPAddress object while a Service holds it, so that two writers can never take the same.

Source: https://kubernetes.io/docs/concepts/services-networking/cluster-ip-allocation/ and KEP-1880.
"""

import ipaddress

from kybern.api.resource import Object, Resource
from kybern.api.validation.field import invalid
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.commit import Changed
from kybern.apiserver.objects.create import create
from kybern.apiserver.objects.life import Life
from kybern.apiserver.served import Served
from kybern.apiserver.status import invalid as invalid_object
from kybern.base.errors import AlreadyExists, InternalError, Invalid
from kybern.base.ids import Ids

MANAGER = "ipallocator.k8s.io"
FAMILY_LABEL, MANAGER_LABEL = "ipaddress.kubernetes.io/ip-family", "ipaddress.kubernetes.io/managed-by"
STATIC_BAND_LIMITS = (16, 256)
"""The lowest addresses, between 16 and 256 of them, are given out only to Services that ask for one of them."""
SERVICES = Resource("", "v1", "Service", "services", True)


class Addresses:
    """One IPv4 range."""

    def __init__(self, life: Life, objects: Served, ids: Ids, cidr: str) -> None:
        network = ipaddress.ip_network(cidr)
        if not isinstance(network, ipaddress.IPv4Network):
            raise ValueError(f"{cidr} is no IPv4 range")
        self.network = network
        self.first = str(network[1])
        """The address of the Service `kubernetes`."""
        self._life = life
        self._objects = objects
        self._ids = ids
        size = network.num_addresses
        self._band = min(max(STATIC_BAND_LIMITS[0], size // 16), STATIC_BAND_LIMITS[1]) if size > 32 else 1

    async def take(self, service: Object, address: str, *, dry_run: bool) -> None:
        """Reserve a chosen address. Raises Invalid."""
        wanted = ipaddress.ip_address(address)
        if wanted not in self.network or wanted in (self.network[0], self.network[-1]):
            raise self._refused(
                service,
                address,
                f"the provided IP ({address}) is not in the valid range. The range of valid IPs is {self.network}",
            )
        if not await self._reserve(service, address, dry_run=dry_run):
            raise self._refused(service, address, "provided IP is already allocated")

    async def take_any(self, service: Object, *, dry_run: bool) -> str:
        """Reserve a free address; from the upper band, while that has any. Raises InternalError when all are taken."""
        usable = self.network.num_addresses - 2
        start = int(self._ids.uid().replace("-", ""), 16)
        for low, high in ((self._band, usable), (0, self._band)):
            width = high - low
            for step in range(width):
                address = str(self.network[1 + low + (start + step) % width])
                if address not in self._objects.cache.objects and await self._reserve(
                    service, address, dry_run=dry_run
                ):
                    return address
        raise InternalError(f"failed to allocate a serviceIP: range is full ({self.network})")

    async def release(self, address: str) -> None:
        """Give back; an address that nobody holds is fine."""
        version = self._objects.cache.objects.get(address)
        while version is not None:
            try:
                await self._life.committer.delete(self._objects, version)
                return
            except Changed:
                version = self._objects.cache.objects.get(address)

    async def repair(self, held: dict[str, Object]) -> None:
        """Make the objects say what Services hold: `held` maps addresses to Services."""
        for name in list(self._objects.cache.objects):
            version = self._objects.cache.objects[name]
            managed = version.labels.get(MANAGER_LABEL) == MANAGER
            if managed and name not in held:
                await self.release(name)
        for address, service in held.items():
            if address not in self._objects.cache.objects and ipaddress.ip_address(address) in self.network:
                await self._reserve(service, address, dry_run=False)

    async def _reserve(self, service: Object, address: str, *, dry_run: bool) -> bool:
        if address in self._objects.cache.objects:
            return False
        metadata = service["metadata"]
        parent = {"resource": "services", "namespace": metadata["namespace"], "name": metadata["name"]}
        obj: Object = {
            "kind": "IPAddress",
            "apiVersion": "networking.k8s.io/v1",
            "metadata": {"name": address, "labels": {FAMILY_LABEL: "IPv4", MANAGER_LABEL: MANAGER}},
            "spec": {"parentRef": parent},
        }
        try:
            await create(
                self._life,
                self._objects,
                obj,
                Attributes("CREATE", self._objects.resource, "", address, dry_run=dry_run),
            )
        except AlreadyExists:
            return False
        return True

    def _refused(self, service: Object, address: str, why: str) -> Invalid:
        fault = invalid("spec.clusterIPs", service["spec"].get("clusterIPs"), f"failed to allocate IP {address}: {why}")
        return invalid_object(SERVICES, service["metadata"]["name"], [fault])
