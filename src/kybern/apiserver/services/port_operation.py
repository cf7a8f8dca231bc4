"""Node ports of one write of a Service: taken one by one, kept or given back together.

Source: upstream's pkg/registry/core/service/storage/alloc.go and portallocator/operation.go.
"""

from collections.abc import Sequence

from kybern.api.resource import Object
from kybern.api.validation.core.service import needs_health_check
from kybern.api.validation.field import invalid
from kybern.apiserver.services.addresses import SERVICES
from kybern.apiserver.services.ports import Ports, PortTaken
from kybern.apiserver.status import Unclassified, internal_error
from kybern.apiserver.status import invalid as invalid_object

DRY_RUN_BEFORE = 32768
"""A dry run shows the numbers after this one, and takes none."""


class PortOperation:
    """Raises Invalid and InternalError; whoever made it then calls `undo`."""

    def __init__(self, ports: Ports, *, dry_run: bool) -> None:
        self._ports = ports
        self._dry_run = dry_run
        self._taken: list[int] = []
        self._released: set[int] = set()

    def keep(self) -> None:
        """The write is durable."""
        if not self._dry_run:
            self._ports.release(self._released)

    def undo(self) -> None:
        if not self._dry_run:
            self._ports.release(set(self._taken))

    def create(self, service: Object) -> None:
        """Complete the numbers of a new Service."""
        spec = service["spec"]
        if _may_have_ports(spec):
            self._complete(service, spec.get("ports") or ())
        if needs_health_check(spec):
            self._take_health_check(spec)

    def update(self, new: Object, old: Object) -> None:
        """Complete the numbers of a changed Service; what it gave up is released when the change is durable."""
        after, before = new["spec"], old.get("spec") or {}
        held = _numbers(before)
        if _may_have_ports(before) and not _may_have_ports(after):
            self._released.update(held)
        if _may_have_ports(after):
            self._change(new, held)
            self._released.update(set(held) - set(_numbers(after)))
        needed, needs = needs_health_check(before), needs_health_check(after)
        if needs and not needed:
            self._take_health_check(after)
        elif needed and not needs and before.get("healthCheckNodePort"):
            self._released.add(before["healthCheckNodePort"])

    def _complete(self, service: Object, ports: Sequence[Object]) -> None:
        """Ports of the same number share one node port, over different protocols."""
        shared: dict[int, int] = {}
        for index, port in enumerate(ports):
            if not port.get("nodePort") and not _allocates(service["spec"]):
                continue
            number, given = port["port"], shared.get(port["port"])
            if given is None:
                asked = next((each["nodePort"] for each in ports if each["port"] == number and each.get("nodePort")), 0)
                if asked:
                    self._take_for(service, index, asked)
                port["nodePort"] = shared[number] = asked or self._take_any()
            elif not port.get("nodePort"):
                port["nodePort"] = given
            elif port["nodePort"] != given:
                self._take_for(service, index, port["nodePort"])

    def _change(self, service: Object, held: Sequence[int]) -> None:
        taken: set[int] = set()
        seen: set[tuple[str, int]] = set()
        for index, port in enumerate(service["spec"].get("ports") or ()):
            number = port.get("nodePort") or 0
            if not number and not _allocates(service["spec"]):
                continue
            if not number:
                port["nodePort"] = number = self._take_any()
            elif number not in held and number not in taken:
                self._take_for(service, index, number)
                taken.add(number)
            protocol = port.get("protocol") or "TCP"
            if (protocol, number) in seen:
                raise Unclassified(f"duplicate nodePort: {{{protocol} {number}}}")
            seen.add((protocol, number))

    def _take_health_check(self, spec: Object) -> None:
        asked = spec.get("healthCheckNodePort")
        if not asked:
            spec["healthCheckNodePort"] = self._take_any()
            return
        try:
            self._take(asked)
        except PortTaken as error:
            raise internal_error(f"failed to allocate requested HealthCheck NodePort {asked}: {error}") from None

    def _take_for(self, service: Object, index: int, number: int) -> None:
        try:
            self._take(number)
        except PortTaken as error:
            fault = invalid(f"spec.ports[{index}].nodePort", number, str(error))
            raise invalid_object(SERVICES, service["metadata"].get("name", ""), [fault]) from None

    def _take(self, number: int) -> None:
        if not self._dry_run:
            self._ports.take(number)
        elif number in self._taken or self._ports.is_taken(number):
            raise PortTaken("provided port is already allocated")
        self._taken.append(number)

    def _take_any(self) -> int:
        if self._dry_run:
            number = max(self._taken, default=DRY_RUN_BEFORE) + 1
        else:
            number = self._ports.take_any()
        self._taken.append(number)
        return number


def _may_have_ports(spec: Object) -> bool:
    return spec.get("type") in ("NodePort", "LoadBalancer")


def _allocates(spec: Object) -> bool:
    return spec.get("type") == "NodePort" or spec.get("allocateLoadBalancerNodePorts") is not False


def _numbers(spec: Object) -> list[int]:
    return [port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")]
