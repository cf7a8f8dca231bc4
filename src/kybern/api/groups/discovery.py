"""EndpointSlice."""

from collections.abc import Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour, anything_changed
from kybern.api.groups.columns import AGE, NAME, UNSET, age, at_most, column
from kybern.api.resource import Column, Object
from kybern.api.validation.discovery import validate_endpoint_slice, validate_endpoint_slice_update

COLUMNS = (
    NAME,
    Column(
        "AddressType",
        description=(
            "addressType specifies the type of address carried by this EndpointSlice. All "
            "addresses in this slice must be the same type. This field is immutable after "
            "creation. The following address types are currently supported: * IPv4: Represents an "
            "IPv4 Address. * IPv6: Represents an IPv6 Address. * FQDN: Represents a Fully "
            "Qualified Domain Name."
        ),
    ),
    Column(
        "Ports",
        description=(
            "ports specifies the list of network ports exposed by each endpoint in this slice. "
            "Each port must have a unique name. When ports is empty, it indicates that there are "
            'no defined ports. When a port is defined with a nil port value, it indicates "all '
            'ports". Each slice may include a maximum of 100 ports.'
        ),
    ),
    column("Endpoints", "discovery.v1.EndpointSlice.endpoints"),
    AGE,
)
_SHOWN = 3


def cells(obj: Object, now: float) -> Sequence[Any]:
    ports = [_port(port) for port in obj.get("ports") or ()]
    endpoints = obj.get("endpoints") or ()
    addresses = [address for endpoint in endpoints for address in endpoint.get("addresses") or ()]
    return (
        obj["metadata"]["name"],
        obj.get("addressType") or "",
        at_most(_SHOWN, ports, len(ports), empty=UNSET),
        at_most(_SHOWN, addresses, len(addresses), empty=UNSET),
        age(obj, now),
    )


def _port(port: Object) -> str:
    if port.get("port") is not None:
        return str(port["port"])
    name = port.get("name")
    return "*" if name is None else name


def _generation(new: Object, old: Object) -> bool:
    labels = [obj["metadata"].get("labels") or {} for obj in (new, old)]
    return anything_changed(new, old) or labels[0] != labels[1]


BEHAVIOUR = {
    "EndpointSlice": Behaviour(
        columns=COLUMNS,
        cells=cells,
        generation=_generation,
        validate=lambda obj: list(validate_endpoint_slice(obj)),
        validate_update=lambda new, old: list(validate_endpoint_slice_update(new, old)),
        validate_on_update=False,
    )
}
