"""IPAddress and ServiceCIDR."""

from collections.abc import Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour, checked_first, keep_metadata
from kybern.api.groups.columns import AGE, NAME, NONE, age, column
from kybern.api.resource import Object
from kybern.api.validation.networking.addresses import (
    address_name,
    validate_ip_address,
    validate_ip_address_update,
    validate_service_cidr,
    validate_service_cidr_update,
)

ADDRESS_COLUMNS = (
    NAME,
    column("ParentRef", "networking.v1.IPAddressSpec.parentRef"),
)
CIDR_COLUMNS = (
    NAME,
    column("CIDRs", "networking.v1.ServiceCIDRSpec.cidrs"),
    AGE,
)


def address_cells(obj: Object, now: float) -> Sequence[Any]:
    """One more than there are columns, as upstream's."""
    parent = (obj.get("spec") or {}).get("parentRef")
    return obj["metadata"]["name"], NONE if parent is None else _reference(parent), age(obj, now)


def _reference(parent: Object) -> str:
    group, resource = parent.get("group") or "", parent.get("resource") or ""
    parts = [(f"{resource}.{group}" if group else resource).lower()]
    if parent.get("namespace"):
        parts.append(parent["namespace"])
    return "/".join([*parts, parent.get("name") or ""])


def cidr_cells(obj: Object, now: float) -> Sequence[Any]:
    return obj["metadata"]["name"], ",".join((obj.get("spec") or {}).get("cidrs") or ()), age(obj, now)


BEHAVIOUR = {
    "IPAddress": Behaviour(
        columns=ADDRESS_COLUMNS,
        cells=address_cells,
        validate=lambda obj: list(validate_ip_address(obj)),
        validate_update=checked_first(validate_ip_address, validate_ip_address_update),
        validate_on_update=False,
        validate_name=address_name,
    ),
    "ServiceCIDR": Behaviour(
        columns=CIDR_COLUMNS,
        cells=cidr_cells,
        prepare_status=keep_metadata,
        validate=lambda obj: list(validate_service_cidr(obj)),
        validate_update=lambda new, old: list(validate_service_cidr_update(new, old)),
        validate_on_update=False,
    ),
}
