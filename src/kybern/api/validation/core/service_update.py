"""What may not change of a Service once it is there."""

from collections.abc import Iterator

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.field import each_invalid, forbidden, invalid

BALANCER_ONLY = "may only be used when `type` is 'LoadBalancer'"
_ONCE = "may not change once set"


def validate_changes(after: Object, before: Object) -> Iterator[FieldError]:
    """Both are specs."""
    if "ExternalName" not in (after.get("type"), before.get("type")):
        yield from _cluster_ips(after, before)
        yield from _families(after, before)
    both_balance = after.get("type") == before.get("type") == "LoadBalancer"
    if both_balance and after.get("loadBalancerClass") != before.get("loadBalancerClass"):
        yield invalid("spec.loadBalancerClass", after.get("loadBalancerClass"), _ONCE)
    # The whole Service is asked the same again: clients see such a cause twice.
    yield from validate_balancer_class(after)
    local = after.get("externalTrafficPolicy") == before.get("externalTrafficPolicy") == "Local"
    if both_balance and local and after.get("healthCheckNodePort") != before.get("healthCheckNodePort"):
        yield forbidden("spec.healthCheckNodePort", "field is immutable")


def validate_balancer_class(spec: Object) -> Iterator[FieldError]:
    name = spec.get("loadBalancerClass")
    if name is None:
        return
    if spec.get("type") == "LoadBalancer":
        yield from each_invalid("spec.loadBalancerClass", name, names.qualified_name(name))
    else:
        yield forbidden("spec.loadBalancerClass", BALANCER_ONLY)


def _headless(spec: Object) -> bool:
    return spec.get("clusterIPs") == ["None"]


def _cluster_ips(after: Object, before: Object) -> Iterator[FieldError]:
    new, old = after.get("clusterIPs") or [], before.get("clusterIPs") or []
    if _headless(after) and _headless(before):
        return
    if len(old) == len(new):
        for index, (address, known) in enumerate(zip(new, old, strict=True)):
            if address != known:
                yield invalid(f"spec.clusterIPs[{index}]", new, _ONCE)
        return
    if len(old) > len(new) and not new:
        yield invalid("spec.clusterIPs[0]", None, "primary clusterIP can not be unset")
    if old and new and new[0] != old[0]:
        yield invalid("spec.clusterIPs[0]", new, _ONCE)
    if len(old) > len(new) == 1 and after.get("ipFamilyPolicy") != "SingleStack":
        detail = "must be set to 'SingleStack' when releasing the secondary clusterIP"
        yield invalid("spec.ipFamilyPolicy", after.get("ipFamilyPolicy"), detail)


def _families(after: Object, before: Object) -> Iterator[FieldError]:
    new, old = after.get("ipFamilies") or [], before.get("ipFamilies") or []
    if _headless(after) or _headless(before):
        return
    if len(old) == len(new):
        for family, known in zip(new, old, strict=True):
            if family != known:
                yield invalid("spec.ipFamilies[0]", new, _ONCE)
        return
    if len(old) > len(new) and not after.get("clusterIPs"):
        yield invalid("spec.ipFamilies[0]", after.get("ipFamilies"), "primary ipFamily can not be unset")
    if old and new and new[0] != old[0]:
        yield invalid("spec.ipFamilies[0]", after.get("clusterIPs"), _ONCE)
    if len(old) > len(new) == 1 and after.get("ipFamilyPolicy") != "SingleStack":
        detail = "must be set to 'SingleStack' when releasing the secondary ipFamily"
        yield invalid("spec.ipFamilyPolicy", after.get("ipFamilyPolicy"), detail)
