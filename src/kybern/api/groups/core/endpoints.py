"""Endpoints (deprecated in favour of EndpointSlices)."""

from collections.abc import Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour
from kybern.api.groups.columns import AGE, NAME, NONE, age, at_most, column
from kybern.api.resource import Object
from kybern.api.validation.core.endpoints import endpoints_warnings, validate_endpoints

COLUMNS = (
    NAME,
    column("Endpoints", "core.v1.Endpoints.subsets"),
    AGE,
)
_SHOWN = 3


def cells(obj: Object, now: float) -> Sequence[Any]:
    return obj["metadata"]["name"], _addresses(obj.get("subsets") or ()), age(obj, now)


def _addresses(subsets: Sequence[Object]) -> str:
    if not subsets:
        return NONE
    shown = [
        _host_port(address["ip"], port)
        for subset in subsets
        for port in subset.get("ports") or (None,)
        for address in subset.get("addresses") or ()
    ]
    return at_most(_SHOWN, shown, len(shown))


def _host_port(address: str, port: Object | None) -> str:
    if port is None:
        return address
    host = f"[{address}]" if ":" in address else address
    return f"{host}:{port.get('port', 0)}"


BEHAVIOUR = {
    "Endpoints": Behaviour(
        columns=COLUMNS,
        cells=cells,
        validate=lambda obj: list(validate_endpoints(obj)),
        warnings=lambda new, old: list(endpoints_warnings(new)),
        deprecation="v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
        create_on_update=True,
    )
}
