"""Cluster IPs: each is an IPAddress object while a Service holds it, so that two writers can never take the same.

Source: https://kubernetes.io/docs/concepts/services-networking/cluster-ip-allocation/ and KEP-1880.
"""

import ipaddress
from collections.abc import Iterable, Iterator

from kybern.api.resource import Object, Resource
from kybern.api.validation.field import invalid
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.commit import Changed
from kybern.apiserver.objects.create import create
from kybern.apiserver.objects.life import Life
from kybern.apiserver.served import Served
from kybern.apiserver.services.ports import static_band
from kybern.apiserver.status import internal_error
from kybern.apiserver.status import invalid as invalid_object
from kybern.base.errors import AlreadyExists, Invalid
from kybern.base.ids import Ids

MANAGER = "ipallocator.k8s.io"
FAMILY_LABEL, MANAGER_LABEL = "ipaddress.kubernetes.io/ip-family", "ipaddress.kubernetes.io/managed-by"
_STATIC_BAND = (16, 256, 16)
"""The lowest addresses are given out only to Services that ask for one of them, while there are others (KEP-3070)."""
SERVICES = Resource("", "v1", "Service", "services", True)


class Addresses:
    """Those of the ServiceCIDR objects; `cidr` is the range that the server was started with."""

    def __init__(self, life: Life, objects: Served, ranges: Served, ids: Ids, cidr: str) -> None:
        network = ipaddress.ip_network(cidr)
        if not isinstance(network, ipaddress.IPv4Network):
            raise ValueError(f"{cidr} is no IPv4 range")
        self._configured = network
        self.first = str(network[1])
        """The address of the Service `kubernetes`."""
        self._life = life
        self._objects = objects
        self._ranges = ranges
        self._ids = ids

    def networks(self) -> list[ipaddress.IPv4Network]:
        """From which addresses are given out now: a ServiceCIDR that is going or not ready gives none."""
        found = {}
        for version in self._ranges.cache.objects.values():
            obj = self._ranges.parse(version)
            conditions = (obj.get("status") or {}).get("conditions") or ()
            if obj["metadata"].get("deletionTimestamp") or any(
                each.get("type") == "Ready" and each.get("status") != "True" for each in conditions
            ):
                continue
            for cidr in (obj.get("spec") or {}).get("cidrs") or ():
                network = ipaddress.ip_network(cidr, strict=False)
                if isinstance(network, ipaddress.IPv4Network):
                    found[network] = True
        return list(found) or [self._configured]

    async def take(self, service: Object, address: str, *, dry_run: bool) -> None:
        """Reserve a chosen address. Raises Invalid. A dry run only looks at the range."""
        wanted = ipaddress.ip_address(address)
        networks = self.networks()
        if not any(wanted in network and wanted not in (network[0], network[-1]) for network in networks):
            raise self._refused(
                service,
                address,
                f"the provided IP ({address}) is not in the valid range. The range of valid IPs is {networks[0]}"
                if dry_run
                else "the provided network does not match the current range",
            )
        try:
            taken = dry_run or await self._reserve(service, address)
        except Invalid as error:
            raise self._refused(service, address, error.message) from None
        if not taken:
            raise self._refused(service, address, "provided IP is already allocated")

    async def take_any(self, service: Object, *, dry_run: bool) -> str:
        """Reserve a free address; from the upper band, while that has any. Raises Invalid, InternalError.

        A dry run shows the range's own address, which no Service ever has.
        """
        networks = self.networks()
        if dry_run:
            return str(networks[0][0])
        for address in self._candidates(networks):
            if address in self._objects.cache.objects:
                continue
            try:
                taken = await self._reserve(service, address)
            except Invalid as error:  # Of a Service without a name.
                raise self._refused(service, "", error.message) from None
            if taken:
                return address
        name = service["metadata"].get("name", "")
        raise internal_error(f'failed to allocate a serviceIP for Service "{name}": range is full')

    def _candidates(self, networks: Iterable[ipaddress.IPv4Network]) -> Iterator[str]:
        """Every address once, beginning somewhere."""
        start = int(self._ids.uid().replace("-", ""), 16)
        for network in networks:
            band = static_band(network.num_addresses, *_STATIC_BAND)
            for low, high in ((band, network.num_addresses - 2), (0, band)):
                for step in range(high - low):
                    yield str(network[1 + low + (start + step) % (high - low)])

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
            inside = any(ipaddress.ip_address(address) in network for network in self.networks())
            if inside and address not in self._objects.cache.objects:
                await self._reserve(service, address)

    async def _reserve(self, service: Object, address: str) -> bool:
        if address in self._objects.cache.objects:
            return False
        metadata = service["metadata"]
        parent = {"resource": "services", "namespace": metadata["namespace"], "name": metadata.get("name", "")}
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
                Attributes("CREATE", self._objects.resource, "", address),
            )
        except AlreadyExists:
            return False
        return True

    def _refused(self, service: Object, address: str, why: str) -> Invalid:
        """`address` "": whichever was tried."""
        what = f"failed to allocate IP {address}" if address else "failed to allocate IP"
        fault = invalid("spec.clusterIPs", service["spec"].get("clusterIPs") or [""], f"{what}: {why}")
        return invalid_object(SERVICES, service["metadata"].get("name", ""), [fault])
