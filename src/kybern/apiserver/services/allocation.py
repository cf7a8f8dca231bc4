"""What a write of a Service takes and gives back: cluster IP, node ports, health-check port.

Source: https://kubernetes.io/docs/concepts/services-networking/service/ and pkg/registry/core/service/storage
(alloc.go, storage.go) for the order and the words.
"""

from kybern.api.groups.core.service_fields import normalize_cluster_ips, patch_allocated
from kybern.api.resource import Object
from kybern.apiserver.cache.change import Change
from kybern.apiserver.commit import Changed, Committer
from kybern.apiserver.served import Served
from kybern.apiserver.services.addresses import Addresses
from kybern.apiserver.services.families import set_families
from kybern.apiserver.services.port_operation import PortOperation
from kybern.apiserver.services.ports import Ports, ports_of


class Allocation:
    """The effect of Services (`objects/effects.py`)."""

    def __init__(
        self, services: Served, endpoints: Served, committer: Committer, addresses: Addresses, ports: Ports
    ) -> None:
        self._services = services
        self._endpoints = endpoints
        self._committer = committer
        self._addresses = addresses
        self._ports = ports
        services.cache.listen(self._notice)

    async def begin(self, new: Object, old: Object | None, *, dry_run: bool) -> "TakenForService":
        """Raises Invalid, InternalError; nothing is held then."""
        new.setdefault("spec", {})
        if old is not None:
            patch_allocated(new, old)
        normalize_cluster_ips(new, old)
        set_families(new, old)
        taken = TakenForService(self._addresses, PortOperation(self._ports, dry_run=dry_run), dry_run=dry_run)
        try:
            if old is None or (old.get("spec") or {}).get("type") == "ExternalName":
                await taken.take_address(new)
            elif new["spec"].get("type") == "ExternalName":
                taken.released = _addresses(old)
            if old is None:
                taken.ports.create(new)
            else:
                taken.ports.update(new, old)
        except BaseException:
            await taken.undo()
            raise
        return taken

    async def deleted(self, old: Object) -> None:
        """Its Endpoints go with a Service, lest another of the same name have them."""
        metadata = old["metadata"]
        version = self._endpoints.find(metadata["namespace"], metadata["name"])
        if version is not None:
            try:
                await self._committer.delete(self._endpoints, version)
            except Changed:
                pass  # Their controller is at work on them; it sees that the Service is gone.
        self._ports.release(ports_of(old))
        for address in _addresses(old):
            await self._addresses.release(address)

    async def repair(self) -> None:
        """At start: make what is taken agree with what Services say."""
        held: dict[str, Object] = {}
        for version in self._services.cache.objects.values():
            service = self._services.parse(version)
            self._ports.adopt(ports_of(service))
            held.update((address, service) for address in _addresses(service))
        await self._addresses.repair(held)

    def _notice(self, change: Change) -> None:
        """Writes of other servers over the same store are seen here; own ones change nothing."""
        if change.new is not None and change.old is None:
            self._ports.adopt(ports_of(self._services.parse(change.new)))


class TakenForService:
    """`objects/effects.Taken`."""

    def __init__(self, addresses: Addresses, ports: PortOperation, *, dry_run: bool) -> None:
        self._addresses = addresses
        self._dry_run = dry_run
        self.ports = ports
        self.taken: set[str] = set()
        self.released: set[str] = set()

    async def take_address(self, service: Object) -> None:
        """Raises Invalid, InternalError."""
        spec = service["spec"]
        addresses = spec.get("clusterIPs") or []
        if spec.get("type") == "ExternalName" or addresses[:1] == ["None"]:
            return
        if addresses:
            await self._addresses.take(service, addresses[0], dry_run=self._dry_run)
            self.taken.add(addresses[0])
            return
        address = await self._addresses.take_any(service, dry_run=self._dry_run)
        self.taken.add(address)
        spec["clusterIP"], spec["clusterIPs"] = address, [address]

    async def keep(self) -> None:
        self.ports.keep()
        await self._release(self.released)

    async def undo(self) -> None:
        self.ports.undo()
        await self._release(self.taken)

    async def _release(self, addresses: set[str]) -> None:
        if not self._dry_run:
            for address in addresses:
                await self._addresses.release(address)


def _addresses(service: Object) -> set[str]:
    spec = service.get("spec") or {}
    return {address for address in spec.get("clusterIPs") or [spec.get("clusterIP")] if address and address != "None"}
