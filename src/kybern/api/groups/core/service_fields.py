"""Fields of a Service that one type has and another has not. Source: pkg/registry/core/service/strategy.go."""

from kybern.api.resource import Object


def normalize_cluster_ips(new: Object, old: Object | None) -> None:
    """clusterIP is the first of clusterIPs: clients that know only one of them need not set the other."""
    after = new.setdefault("spec", {})
    address, addresses = after.get("clusterIP") or "", after.get("clusterIPs") or []
    if old is None:
        if address and not addresses:
            after["clusterIPs"] = [address]
        return
    before = old.get("spec") or {}
    known, known_all = before.get("clusterIP") or "", before.get("clusterIPs") or []
    if known_all and not addresses and address == known:
        after["clusterIPs"] = addresses = known_all
    if address != known and addresses == known_all:
        after["clusterIPs"] = [address] if address else []
    if not after.get("clusterIPs"):
        after.pop("clusterIPs", None)


def patch_allocated(new: Object, old: Object) -> None:
    """An update that leaves out what was allocated keeps it, as long as the type still needs it."""
    before, after = old.get("spec") or {}, new.setdefault("spec", {})
    if _has_cluster_ip(before) and _has_cluster_ip(after):
        if not after.get("clusterIP"):
            _keep_given(after, before, "clusterIP")
        if not after.get("clusterIPs"):
            _keep_given(after, before, "clusterIPs")
    if _has_node_ports(before) and _has_node_ports(after):
        _keep_node_ports(after, before)
    if _has_health_check(before) and _has_health_check(after) and not after.get("healthCheckNodePort"):
        _keep_given(after, before, "healthCheckNodePort")


def _keep_given(after: Object, before: Object, key: str) -> None:
    if before.get(key):
        after[key] = before[key]


def _keep_node_ports(after: Object, before: Object) -> None:
    """By the port's name, unless the number is asked for by another port."""
    held, asked = (
        {port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")} for spec in (before, after)
    )
    known = {port.get("name") or "": port.get("nodePort") for port in before.get("ports") or ()}
    for port in after.get("ports") or ():
        number = known.get(port.get("name") or "")
        if not port.get("nodePort") and number and number not in held & asked:
            port["nodePort"] = number


def drop_unused(new: Object, old: Object) -> None:
    """What an update does not touch, though the new type has no use for it, goes."""
    after = new.setdefault("spec", {})
    before = old.get("spec") or {}
    if _has_cluster_ip(before) and not _has_cluster_ip(after):
        _drop_same(after, before, "clusterIP", "clusterIPs")
        _drop_same(after, before, "ipFamilies")
        _drop_same(after, before, "ipFamilyPolicy")
    if _may_have_node_ports(before) and not _may_have_node_ports(after):
        _drop_node_ports(after, before)
    if _has_health_check(before) and not _has_health_check(after):
        _drop_same(after, before, "healthCheckNodePort")
    if before.get("type") == "LoadBalancer" and after.get("type") != "LoadBalancer":
        _drop_same(after, before, "allocateLoadBalancerNodePorts")
        _drop_same(after, before, "loadBalancerClass")
    if _external(before) and not _external(after):
        _drop_same(after, before, "externalTrafficPolicy")
    if after.get("type") == "ExternalName":
        after.pop("internalTrafficPolicy", None)  # Upstream stores it and shows it not.
    if after.get("type") != "LoadBalancer":
        new["status"] = {**(new.get("status") or {}), "loadBalancer": {}}


def _drop_same(after: Object, before: Object, *keys: str) -> None:
    if all(after.get(key) == before.get(key) for key in keys):
        for key in keys:
            after.pop(key, None)


def _drop_node_ports(after: Object, before: Object) -> None:
    numbers = {port.get("nodePort") for port in before.get("ports") or ()}
    if all(port.get("nodePort") in numbers for port in after.get("ports") or () if port.get("nodePort")):
        for port in after.get("ports") or ():
            port.pop("nodePort", None)


def _has_cluster_ip(spec: Object) -> bool:
    return spec.get("type") != "ExternalName"


def _may_have_node_ports(spec: Object) -> bool:
    return spec.get("type") in ("NodePort", "LoadBalancer")


def _has_node_ports(spec: Object) -> bool:
    return spec.get("type") == "NodePort" or (
        spec.get("type") == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is not False
    )


def _has_health_check(spec: Object) -> bool:
    return spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


def _external(spec: Object) -> bool:
    return spec.get("type") in ("NodePort", "LoadBalancer") or bool(spec.get("externalIPs"))
