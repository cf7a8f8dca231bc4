"""Service. Addresses and ports are given out by the API server; here stands what needs no allocator."""

from collections.abc import Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour, keep
from kybern.api.groups.columns import AGE, NAME, NONE, UNKNOWN, age, column
from kybern.api.groups.core.service_fields import drop_unused
from kybern.api.resource import Change, Object
from kybern.api.selectors import format_map
from kybern.api.validation.core.service import validate_service, validate_service_status, validate_service_update
from kybern.api.validation.names import label_name

COLUMNS = (
    NAME,
    column("Type", "core.v1.ServiceSpec.type"),
    column("Cluster-IP", "core.v1.ServiceSpec.clusterIP"),
    column("External-IP", "core.v1.ServiceSpec.externalIPs"),
    column("Port(s)", "core.v1.ServiceSpec.ports"),
    AGE,
    column("Selector", "core.v1.ServiceSpec.selector", priority=1),
)


def prepare_update(new: Object, old: Object, change: Change) -> None:
    drop_unused(new, old)


def prepare_status(new: Object, old: Object, change: Change) -> None:
    """Labels and annotations may change together with the status, as upstream lets load-balancer controllers do."""
    keep("spec", new, old)


def cells(obj: Object, now: float) -> Sequence[Any]:
    spec = obj.get("spec") or {}
    addresses = spec.get("clusterIPs") or ()
    return (
        obj["metadata"]["name"],
        spec.get("type", ""),
        addresses[0] if addresses else NONE,
        _external(spec, obj.get("status") or {}),
        ",".join(map(_port, spec.get("ports") or ())) or NONE,
        age(obj, now),
        format_map(spec.get("selector")),
    )


def _port(port: Object) -> str:
    node = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port.get('port', 0)}{node}/{port.get('protocol', '')}"


def _external(spec: Object, status: Object) -> str:
    given: list[str] = spec.get("externalIPs") or []
    match spec.get("type"):
        case "ClusterIP" | "NodePort":
            return ",".join(given) or NONE
        case "LoadBalancer":
            return ",".join([*ingress_addresses(status), *given]) or "<pending>"
        case "ExternalName":
            return spec.get("externalName") or ""
        case _:
            return UNKNOWN


def ingress_addresses(status: Object) -> list[str]:
    """Of a load balancer's status (Ingress shows the same), sorted."""
    ingress = (status.get("loadBalancer") or {}).get("ingress") or ()
    return sorted({one.get("ip") or one.get("hostname") or "" for one in ingress} - {""})


def _spec(key: str) -> Any:
    return lambda obj: (obj.get("spec") or {}).get(key) or ""


def _warnings(new: Object, old: Object | None) -> Sequence[str]:
    from kybern.api.validation.core.service_warnings import service_warnings

    return list(service_warnings(new))


BEHAVIOUR = {
    "Service": Behaviour(
        columns=COLUMNS,
        cells=cells,
        selectable_fields={"spec.clusterIP": _spec("clusterIP"), "spec.type": _spec("type")},
        prepare_update=prepare_update,
        prepare_status=prepare_status,
        validate=lambda obj: list(validate_service(obj)),
        validate_update=lambda new, old: list(validate_service_update(new, old)),
        validate_status=lambda new, old: list(validate_service_status(new, old)),
        validate_name=label_name,
        warnings=_warnings,
        create_on_update=True,
    )
}
