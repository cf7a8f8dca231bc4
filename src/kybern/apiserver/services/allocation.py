"""What a write of a Service takes and gives back: cluster IP, node ports, health-check port.

Source: https://kubernetes.io/docs/concepts/services-networking/service/ and pkg/registry/core/service/storage/alloc.go
for the order and the words.
"""

from kybern.api.resource import Object
from kybern.api.validation.core.service import needs_health_check
from kybern.api.validation.field import invalid
from kybern.apiserver.cache.change import Change
from kybern.apiserver.served import Served
from kybern.apiserver.services.addresses import SERVICES, Addresses
from kybern.apiserver.services.ports import Ports, PortTaken, ports_of
from kybern.apiserver.status import invalid as invalid_object
from kybern.base.errors import Invalid


class Allocation:
    """The effect of Services (`objects/effects.py`)."""

    def __init__(self, services: Served, addresses: Addresses, ports: Ports) -> None:
        self._services = services
        self._addresses = addresses
        self._ports = ports
        services.cache.listen(self._notice)

    async def begin(self, new: Object, old: Object | None, *, dry_run: bool) -> None:
        """Raises Invalid, InternalError; nothing is held then."""
        set_families(new)
        before = ports_of(old)
        taken: set[int] = set()
        address = ""
        try:
            self._take_ports(new, old, taken)
            address = await self._take_address(new, old, dry_run=dry_run)
        except BaseException:
            self._ports.release(taken - before)
            if address and not dry_run:
                await self._addresses.release(address)
            raise
        if dry_run:
            self._ports.release(taken - before)

    async def done(self, new: Object | None, old: Object | None) -> None:
        self._ports.release(ports_of(old) - ports_of(new))
        for address in _addresses(old) - _addresses(new):
            await self._addresses.release(address)

    async def undo(self, new: Object, old: Object | None) -> None:
        self._ports.release(ports_of(new) - ports_of(old))
        for address in _addresses(new) - _addresses(old):
            await self._addresses.release(address)

    async def repair(self) -> None:
        """At start: make what is taken agree with what Services say."""
        held: dict[str, Object] = {}
        for version in self._services.cache.objects.values():
            service = self._services.parse(version)
            self._ports.adopt(ports_of(service))
            held.update((address, service) for address in _addresses(service))
        await self._addresses.repair(held)

    async def _take_address(self, new: Object, old: Object | None, *, dry_run: bool) -> str:
        spec = new["spec"]
        if spec.get("type") == "ExternalName" or _headless(spec):
            return ""
        given = (spec.get("clusterIPs") or [spec.get("clusterIP") or ""])[0]
        if given and given in _addresses(old):
            return ""
        if given:
            await self._addresses.take(new, given, dry_run=dry_run)
        else:
            given = await self._addresses.take_any(new, dry_run=dry_run)
        spec["clusterIP"], spec["clusterIPs"] = given, [given]
        return str(given)

    def _take_ports(self, new: Object, old: Object | None, taken: set[int]) -> None:
        spec, before = new["spec"], ports_of(old)
        if _needs_node_ports(spec):
            for index, port in enumerate(spec.get("ports") or ()):
                number = port.get("nodePort") or 0
                if not number:
                    continue
                if number not in before and number not in taken:
                    self._take(new, number, taken, f"spec.ports[{index}].nodePort")
                taken.add(number)
            for port in spec.get("ports") or ():
                if not port.get("nodePort"):
                    port["nodePort"] = self._shared_or_any(spec, port, taken)
        if needs_health_check(spec):
            number = spec.get("healthCheckNodePort") or 0
            if not number:
                number = spec["healthCheckNodePort"] = self._ports.take_any()
            elif number not in before:
                self._take(new, number, taken, "spec.healthCheckNodePort")
            taken.add(number)

    def _shared_or_any(self, spec: Object, port: Object, taken: set[int]) -> int:
        """A port number that is there for another protocol already serves this one too."""
        for other in spec["ports"]:
            same_port = other is not port and other["port"] == port["port"]
            if same_port and other.get("nodePort") and other.get("protocol", "TCP") != port.get("protocol", "TCP"):
                return int(other["nodePort"])
        number = self._ports.take_any()
        taken.add(number)
        return number

    def _take(self, service: Object, number: int, taken: set[int], path: str) -> None:
        try:
            self._ports.take(number)
        except PortTaken as error:
            fault = invalid(path, number, str(error))
            raise invalid_object(SERVICES, service["metadata"]["name"], [fault]) from None
        taken.add(number)

    def _notice(self, change: Change) -> None:
        """Writes of other servers over the same store are seen here; own ones change nothing."""
        if change.new is not None and change.old is None:
            self._ports.adopt(ports_of(self._services.parse(change.new)))


def _addresses(service: Object | None) -> set[str]:
    if service is None:
        return set()
    spec = service.get("spec") or {}
    return {address for address in spec.get("clusterIPs") or [spec.get("clusterIP")] if address and address != "None"}


def _headless(spec: Object) -> bool:
    return spec.get("clusterIP") == "None" or spec.get("clusterIPs") == ["None"]


def _needs_node_ports(spec: Object) -> bool:
    if spec.get("type") == "NodePort":
        return True
    return spec.get("type") == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is not False


def set_families(service: Object) -> None:
    """ipFamilies and ipFamilyPolicy on a cluster of IPv4 alone. Raises Invalid.

    A headless Service without a selector may name both families: whoever writes its endpoints decides.
    """
    spec = service["spec"]
    if spec.get("type") == "ExternalName":
        return
    families, policy = spec.get("ipFamilies") or [], spec.get("ipFamilyPolicy")
    if _headless(spec) and not spec.get("selector"):
        policy = policy or "RequireDualStack"
        families = families or ["IPv4"]
        if len(families) == 1 and policy != "SingleStack":
            families = [*families, "IPv6" if families[0] == "IPv4" else "IPv4"]
    else:
        faults = []
        if policy == "RequireDualStack":
            detail = "this cluster is not configured for dual-stack services"
            faults.append(invalid("spec.ipFamilyPolicy", policy, detail))
        for index, family in enumerate(families):
            if family != "IPv4":
                faults.append(invalid(f"spec.ipFamilies[{index}]", family, "not configured on this cluster"))
        if faults:
            error: Invalid = invalid_object(SERVICES, service["metadata"]["name"], faults)
            raise error
        families, policy = families or ["IPv4"], policy or "SingleStack"
    if _headless(spec):
        spec["clusterIP"], spec["clusterIPs"] = "None", ["None"]
    spec["ipFamilies"], spec["ipFamilyPolicy"] = families, policy
