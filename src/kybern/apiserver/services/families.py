"""ipFamilies and ipFamilyPolicy of Services on a cluster of IPv4 alone.

Order and words: upstream's pkg/registry/core/service/storage/alloc.go, initIPFamilyFields.
"""

from kybern.api.resource import FieldError, Object
from kybern.api.validation.core.service import validate_cluster_ips
from kybern.api.validation.field import invalid
from kybern.apiserver.services.addresses import SERVICES
from kybern.apiserver.status import invalid as invalid_object

FAMILY, OTHER = "IPv4", "IPv6"
_POLICY = "spec.ipFamilyPolicy"


def set_families(new: Object, old: Object | None = None) -> None:
    """Raises Invalid.

    A headless Service without a selector may name both families: whoever writes its endpoints decides.
    """
    spec, before = new["spec"], (old or {}).get("spec") or {}
    if spec.get("type") == "ExternalName" or (old is not None and _prefers_both_still(spec, before)):
        return
    policy = spec.get("ipFamilyPolicy")
    spec["ipFamilyPolicy"] = policy = _policy(spec, before) if policy is None else policy
    _refuse(new, list(validate_cluster_ips(spec)))
    _refuse(new, [*_changes(spec, before, policy), *_too_many(spec, policy), *_inferred(spec)])
    if _headless(spec) and not spec.get("selector"):
        families = spec.get("ipFamilies") or [FAMILY]
        if len(families) < 2 and policy != "SingleStack":
            families = [*families, OTHER if families[0] == FAMILY else FAMILY]
        spec["ipFamilies"] = families
        return
    _refuse(new, _unavailable(spec, policy))
    spec["ipFamilies"] = spec.get("ipFamilies") or [FAMILY]


def _refuse(service: Object, faults: list[FieldError]) -> None:
    if faults:
        raise invalid_object(SERVICES, service["metadata"].get("name", ""), faults)


def _headless(spec: Object) -> bool:
    return spec.get("clusterIP") == "None"


def _prefers_both_still(spec: Object, before: Object) -> bool:
    """Nothing of it changed: neither upgraded nor downgraded behind its owner's back."""
    policies = {each.get("ipFamilyPolicy") or "PreferDualStack" for each in (spec, before)}
    return (
        bool(spec.get("ipFamilyPolicy"))
        and spec.get("type") == before.get("type")
        and policies == {"PreferDualStack"}
        and all((spec.get(key) or []) == (before.get(key) or []) for key in ("clusterIPs", "ipFamilies"))
    )


def _policy(spec: Object, before: Object) -> str:
    if before.get("ipFamilyPolicy"):
        return str(before["ipFamilyPolicy"])
    return "RequireDualStack" if _headless(spec) and not spec.get("selector") else "SingleStack"


def _changes(spec: Object, before: Object, policy: str) -> list[FieldError]:
    """A single stack releases the second entries; otherwise that must be asked for."""
    faults = []
    for key, what in (("clusterIPs", "cluster IP"), ("ipFamilies", "IP family")):
        now, then = spec.get(key) or [], before.get(key) or []
        if policy == "SingleStack":
            if now == then and len(now) > 1:
                spec[key] = now[:1]
        elif now and len(now) < len(then):
            faults.append(invalid(_POLICY, policy, f"must be 'SingleStack' to release the secondary {what}"))
    return faults


def _too_many(spec: Object, policy: str) -> list[FieldError]:
    if policy != "SingleStack":
        return []
    wanted = "must be 'RequireDualStack' or 'PreferDualStack' when multiple"
    return [
        invalid(_POLICY, policy, f"{wanted} {what} are specified")
        for key, what in (("clusterIPs", "cluster IPs"), ("ipFamilies", "IP families"))
        if len(spec.get(key) or ()) == 2
    ]


def _inferred(spec: Object) -> list[FieldError]:
    """Families that the addresses tell are added to those that were named."""
    faults = []
    addresses, families = spec.get("clusterIPs") or [], list(spec.get("ipFamilies") or [])
    for index, address in enumerate(addresses):
        if address == "None":
            break
        if index < len(families):
            continue
        family = OTHER if ":" in address else FAMILY
        if family == FAMILY:
            families.append(family)
        else:
            detail = f"{family} is not configured on this cluster"
            faults.append(invalid(f"spec.clusterIPs[{index}]", addresses, detail))
    if families:
        spec["ipFamilies"] = families
    return faults


def _unavailable(spec: Object, policy: str) -> list[FieldError]:
    faults = []
    if policy == "RequireDualStack":
        faults.append(invalid(_POLICY, policy, "this cluster is not configured for dual-stack services"))
    for index, family in enumerate(spec.get("ipFamilies") or ()):
        if family != FAMILY:
            faults.append(invalid(f"spec.ipFamilies[{index}]", family, "not configured on this cluster"))
    return faults
