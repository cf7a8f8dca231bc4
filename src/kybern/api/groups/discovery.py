"""EndpointSlice."""

from collections.abc import Collection, Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour, anything_changed
from kybern.api.groups.columns import AGE, NAME, UNSET, age, at_most, column
from kybern.api.resource import Change, Object
from kybern.api.validation.discovery import (
    validate_endpoint_slice,
    validate_endpoint_slice_update,
    warn_of_endpoint_slice,
)
from kybern.api.validation.names import dns_subdomain

COLUMNS = (
    NAME,
    column("AddressType", "discovery.v1.EndpointSlice.addressType"),
    column("Ports", "discovery.v1.EndpointSlice.ports"),
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


_HOST = "kubernetes.io/hostname"


def prepare_create(obj: Object, change: Change) -> None:
    _drop_topology(obj, ())


def prepare_update(new: Object, old: Object, change: Change) -> None:
    before = old.get("endpoints") or []
    if new.get("endpoints") != before:
        _drop_topology(new, {(endpoint.get("deprecatedTopology") or {}).get(_HOST) for endpoint in before})


def _drop_topology(obj: Object, known_nodes: Collection[str | None]) -> None:
    """v1 does not take the topology of v1beta1; a node that stood there before goes where v1 has it."""
    if not obj.get("endpoints"):
        return
    kept = []
    for endpoint in obj["endpoints"]:
        node = (endpoint.get("deprecatedTopology") or {}).get(_HOST)
        endpoint = {key: value for key, value in endpoint.items() if key != "deprecatedTopology"}
        if node and endpoint.get("nodeName") is None and node in known_nodes and not dns_subdomain(node):
            endpoint["nodeName"] = node
        kept.append(endpoint)
    obj["endpoints"] = kept


BEHAVIOUR = {
    "EndpointSlice": Behaviour(
        columns=COLUMNS,
        cells=cells,
        generation=_generation,
        counts_all_sent=True,
        prepare_create=prepare_create,
        prepare_update=prepare_update,
        warnings=lambda new, old: list(warn_of_endpoint_slice(new, old)),
        validate=lambda obj: list(validate_endpoint_slice(obj)),
        validate_update=lambda new, old: list(validate_endpoint_slice_update(new, old)),
        validate_on_update=False,
    )
}
