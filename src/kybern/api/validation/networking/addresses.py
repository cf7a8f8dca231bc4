"""IPAddress and ServiceCIDR."""

from collections.abc import Iterator, Sequence

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.addresses import parse_cidr, validate_canonical_cidr, validate_canonical_ip
from kybern.api.validation.field import IMMUTABLE, each_invalid, invalid, required
from kybern.api.validation.internal_form import internal_form


def address_name(name: str, prefix: bool) -> Sequence[str]:
    """The address itself, in its canonical form."""
    return [error.message.partition(": ")[2].partition(": ")[2] for error in validate_canonical_ip("", name)]


def validate_ip_address(obj: Object) -> Iterator[FieldError]:
    parent, path = (obj.get("spec") or {}).get("parentRef"), "spec.parentRef"
    if parent is None:
        yield required(path)
        return
    if parent.get("group"):
        yield from each_invalid(f"{path}.group", parent["group"], names.dns_subdomain(parent["group"]))
    for key in ("resource", "name", "namespace"):
        value = parent.get(key) or ""
        if value:
            yield from each_invalid(f"{path}.{key}", value, names.path_segment(value))
        elif key != "namespace":
            yield required(f"{path}.{key}")


def validate_ip_address_update(new: Object, old: Object) -> Iterator[FieldError]:
    after, before = ((obj.get("spec") or {}).get("parentRef") for obj in (new, old))
    if after != before:
        yield invalid("spec.parentRef", internal_form("io.k8s.api.networking.v1.ParentReference", after), IMMUTABLE)


def validate_service_cidr(obj: Object) -> Iterator[FieldError]:
    cidrs, path = (obj.get("spec") or {}).get("cidrs") or [], "spec.cidrs"
    if not cidrs:
        yield required(path, "at least one CIDR required")
    elif len(cidrs) > 2:
        yield invalid(path, {"CIDRs": cidrs}, "may only hold up to 2 values")
    else:
        for index, cidr in enumerate(cidrs):
            yield from validate_canonical_cidr(f"{path}[{index}]", cidr)
        versions = [network.version for cidr in cidrs if (network := parse_cidr(cidr)) is not None]
        if len(versions) == 2 and versions[0] == versions[1]:
            detail = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"
            yield invalid(path, cidrs, detail)


def validate_service_cidr_update(new: Object, old: Object) -> Iterator[FieldError]:
    cidrs, before = ((obj.get("spec") or {}).get("cidrs") or [] for obj in (new, old))
    path = "spec.cidrs"
    if len(cidrs) == len(before) or (len(before) == 1 and len(cidrs) == 2):
        for index, (cidr, known) in enumerate(zip(cidrs, before, strict=False)):
            if cidr != known:
                yield invalid(f"{path}[{index}]", cidr, IMMUTABLE)
        if len(cidrs) > len(before):
            yield from validate_service_cidr(new)
    else:
        yield invalid(path, (new.get("spec") or {}).get("cidrs"), IMMUTABLE)
