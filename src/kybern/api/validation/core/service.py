"""Service."""

from collections.abc import Iterator, Sequence

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.addresses import parse_ip, validate_cidr, validate_endpoint_ip, validate_ip
from kybern.api.validation.core.endpoints import validate_protocol
from kybern.api.validation.core.service_update import BALANCER_ONLY, validate_balancer_class, validate_changes
from kybern.api.validation.field import duplicate, each_invalid, forbidden, invalid, not_supported, required
from kybern.api.validation.metadata import validate_labels

_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_AFFINITIES = ("ClientIP", "None")
_FAMILIES = ("IPv4", "IPv6")
_FAMILY_POLICIES = ("PreferDualStack", "RequireDualStack", "SingleStack")
_TRAFFIC_POLICIES = ("Cluster", "Local")
_DISTRIBUTIONS = ("PreferClose", "PreferSameZone", "PreferSameNode")
_AFFINITY_LIMIT_SECONDS = 86400
_HINTS, _MODE = "service.kubernetes.io/topology-aware-hints", "service.kubernetes.io/topology-mode"
_RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges"


def validate_service(obj: Object) -> Iterator[FieldError]:
    spec = obj.get("spec") or {}
    annotations = obj["metadata"].get("annotations") or {}
    if _MODE in annotations and _HINTS in annotations and annotations[_MODE] != annotations[_HINTS]:
        detail = f"must match annotations[{_HINTS}] when both are specified"
        yield invalid(f"metadata.annotations[{_MODE}]", annotations[_MODE], detail)
    ports: Sequence[Object] = spec.get("ports") or ()
    kind = spec.get("type") or ""
    if not ports and not headless(spec) and kind != "ExternalName":
        yield required("spec.ports")
    yield from _of_type(spec, kind)
    names_seen: set[str] = set()
    for index, port in enumerate(ports):
        yield from _port(port, len(ports) > 1, names_seen, f"spec.ports[{index}]")
    yield from validate_labels(spec.get("selector"), "spec.selector")
    yield from _affinity(spec)
    yield from validate_cluster_ips(spec)
    yield from _external_ips(spec)
    if not kind:
        yield required("spec.type")
    elif kind not in _TYPES:
        yield not_supported("spec.type", kind, _TYPES)
    yield from _port_uniqueness(ports, kind)
    yield from _load_balancer(spec, kind, annotations)
    yield from _traffic(spec, kind)


def headless(spec: Object) -> bool:
    return spec.get("clusterIPs") == ["None"]


def _of_type(spec: Object, kind: str) -> Iterator[FieldError]:
    if kind in ("LoadBalancer", "NodePort") and headless(spec):
        yield invalid("spec.clusterIPs[0]", "None", f"may not be set to 'None' for {kind} services")
    if kind != "ExternalName":
        return
    for key in ("clusterIPs", "ipFamilies", "ipFamilyPolicy"):
        if spec.get(key):
            yield forbidden(f"spec.{key}", "may not be set for ExternalName services")
    name = (spec.get("externalName") or "").removesuffix(".")
    if not name:
        yield required("spec.externalName")
    else:
        yield from each_invalid("spec.externalName", name, names.dns_subdomain(name))


def _port(port: Object, name_required: bool, seen: set[str], path: str) -> Iterator[FieldError]:
    name = port.get("name") or ""
    if name_required and not name:
        yield required(f"{path}.name")
    elif name:
        yield from each_invalid(f"{path}.name", name, names.dns_label(name))
        if name in seen:
            yield duplicate(f"{path}.name", name)
        seen.add(name)
    number = port.get("port") or 0
    yield from each_invalid(f"{path}.port", number, names.port_number(number))
    yield from validate_protocol(port.get("protocol"), f"{path}.protocol")
    yield from validate_port_reference(port.get("targetPort", 0), f"{path}.targetPort")
    if port.get("appProtocol") is not None:
        yield from each_invalid(f"{path}.appProtocol", port["appProtocol"], names.qualified_name(port["appProtocol"]))


def validate_port_reference(port: int | str, path: str) -> Iterator[FieldError]:
    """A number or the name of a container's port."""
    yield from each_invalid(path, port, names.port_name(port) if isinstance(port, str) else names.port_number(port))


def _affinity(spec: Object) -> Iterator[FieldError]:
    kind = spec.get("sessionAffinity") or ""
    config = spec.get("sessionAffinityConfig")
    if not kind:
        yield required("spec.sessionAffinity")
    elif kind not in _AFFINITIES:
        yield not_supported("spec.sessionAffinity", kind, _AFFINITIES)
    path = "spec.sessionAffinityConfig"
    if kind == "None" and config is not None:
        yield forbidden(path, "must not be set when session affinity is None")
    if kind != "ClientIP":
        return
    needed = "when session affinity type is ClientIP"
    if config is None:
        yield required(path, needed)
    elif config.get("clientIP") is None:
        yield required(f"{path}.clientIP", needed)
    elif config["clientIP"].get("timeoutSeconds") is None:
        yield required(f"{path}.clientIP.timeoutSeconds", needed)
    elif not 0 < config["clientIP"]["timeoutSeconds"] <= _AFFINITY_LIMIT_SECONDS:
        seconds = config["clientIP"]["timeoutSeconds"]
        detail = f"must be greater than 0 and less than {_AFFINITY_LIMIT_SECONDS}"
        yield invalid(f"{path}.clientIP.timeoutSeconds", seconds, detail)


def validate_cluster_ips(spec: Object) -> Iterator[FieldError]:
    """Addresses, families and their policy, before any is given out."""
    if spec.get("type") == "ExternalName":
        return
    first, addresses = spec.get("clusterIP") or "", spec.get("clusterIPs") or []
    path = "spec.clusterIPs"
    if first and not addresses:
        yield required(path)
    elif first and addresses[0] != first:
        yield invalid(path, addresses, "first value must match `clusterIP`")
    elif not first and addresses:
        yield invalid(path, addresses, "must be empty when `clusterIP` is not specified")
    yield from _families(spec)
    errors = list(_each_cluster_ip(addresses))
    yield from errors
    if len(addresses) > 2:
        yield invalid(path, addresses, "may only hold up to 2 values")
    if errors:
        return
    parsed = [parse_ip(address) for address in addresses]
    if len(addresses) > 1 and len({one.version for one in parsed if one is not None}) < 2:
        yield invalid(path, addresses, "may specify no more than one IP for each IP family")
    if not headless(spec):
        for index, (one, family) in enumerate(zip(parsed, spec.get("ipFamilies") or (), strict=False)):
            if family in _FAMILIES and one is not None and family != f"IPv{one.version}":
                detail = f"expected an {family} value as indicated by `ipFamilies[{index}]`"
                yield invalid(f"{path}[{index}]", addresses[index], detail)


def _families(spec: Object) -> Iterator[FieldError]:
    seen = set()
    for index, family in enumerate(spec.get("ipFamilies") or ()):
        if family not in _FAMILIES:
            yield not_supported(f"spec.ipFamilies[{index}]", family, _FAMILIES)
        if family in seen:
            yield duplicate(f"spec.ipFamilies[{index}]", family)
        seen.add(family)
    policy = spec.get("ipFamilyPolicy")
    if policy is not None and policy not in _FAMILY_POLICIES:
        yield not_supported("spec.ipFamilyPolicy", policy, _FAMILY_POLICIES)


def _each_cluster_ip(addresses: Sequence[str]) -> Iterator[FieldError]:
    for index, address in enumerate(addresses):
        if index == 0 and address == "None":
            if len(addresses) > 1:
                yield invalid("spec.clusterIPs", addresses, "'None' must be the first and only value")
            continue
        yield from validate_ip(f"spec.clusterIPs[{index}]", address)


def _external_ips(spec: Object) -> Iterator[FieldError]:
    for index, address in enumerate(spec.get("externalIPs") or ()):
        path = f"spec.externalIPs[{index}]"
        yield from list(validate_ip(path, address)) or validate_endpoint_ip(path, address)


def _port_uniqueness(ports: Sequence[Object], kind: str) -> Iterator[FieldError]:
    if kind == "ClusterIP":
        for index, port in enumerate(ports):
            if port.get("nodePort"):
                yield forbidden(f"spec.ports[{index}].nodePort", "may not be used when `type` is 'ClusterIP'")
    node_ports = set()
    for index, port in enumerate(ports):
        key = (port.get("protocol"), port.get("nodePort"))
        if port.get("nodePort"):
            if key in node_ports:
                yield duplicate(f"spec.ports[{index}].nodePort", port["nodePort"])
            node_ports.add(key)
    seen = set()
    for index, port in enumerate(ports):
        if (port.get("protocol"), port.get("port")) in seen:
            yield duplicate(f"spec.ports[{index}]", _shown_port(port))
        seen.add((port.get("protocol"), port.get("port")))


def _shown_port(port: Object) -> Object:
    """Upstream shows its internal ServicePort, which has no JSON names."""
    shown = {"Name": "", "Protocol": port.get("protocol"), "AppProtocol": None, "Port": port.get("port")}
    return {**shown, "TargetPort": 0, "NodePort": 0}


def _load_balancer(spec: Object, kind: str, annotations: Object) -> Iterator[FieldError]:
    balancer = kind == "LoadBalancer"
    ranges = spec.get("loadBalancerSourceRanges") or ()
    if ranges:
        path = "spec.LoadBalancerSourceRanges"
        if not balancer:
            yield forbidden(path, BALANCER_ONLY)
        for index, cidr in enumerate(ranges):
            yield from validate_cidr(f"{path}[{index}]", cidr.strip())
    elif _RANGES in annotations:
        path = f"metadata.annotations[{_RANGES}]"
        if not balancer:
            yield forbidden(path, BALANCER_ONLY)
        for cidr in filter(None, annotations[_RANGES].strip().split(",")):
            yield from validate_cidr(path, cidr.strip())
    allocate = spec.get("allocateLoadBalancerNodePorts")
    if allocate is not None and not balancer:
        yield forbidden("spec.allocateLoadBalancerNodePorts", BALANCER_ONLY)
    if allocate is None and balancer:
        yield required("allocateLoadBalancerNodePorts")
    yield from validate_balancer_class(spec)


def _traffic(spec: Object, kind: str) -> Iterator[FieldError]:
    external = spec.get("externalTrafficPolicy") or ""
    path = "spec.externalTrafficPolicy"
    if not externally_accessible(spec):
        if external:
            yield invalid(path, external, "may only be set for externally-accessible services")
    elif not external:
        yield required(path)
    elif external not in _TRAFFIC_POLICIES:
        yield not_supported(path, external, _TRAFFIC_POLICIES)
    yield from _health_check(spec)
    inner = spec.get("internalTrafficPolicy")
    path = "spec.internalTrafficPolicy"
    if inner is None:
        if kind in ("NodePort", "LoadBalancer", "ClusterIP"):
            yield required(path)
    elif inner not in _TRAFFIC_POLICIES:
        yield not_supported(path, inner, _TRAFFIC_POLICIES)
    distribution = spec.get("trafficDistribution")
    if distribution is not None and distribution not in _DISTRIBUTIONS:
        yield not_supported("spec.trafficDistribution", distribution, _DISTRIBUTIONS)


def externally_accessible(spec: Object) -> bool:
    kind = spec.get("type")
    return kind in ("LoadBalancer", "NodePort") or (kind == "ClusterIP" and bool(spec.get("externalIPs")))


def needs_health_check(spec: Object) -> bool:
    return spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


def _health_check(spec: Object) -> Iterator[FieldError]:
    port = spec.get("healthCheckNodePort") or 0
    path = "spec.healthCheckNodePort"
    if not needs_health_check(spec):
        if port:
            detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
            yield invalid(path, port, detail)
    elif port:  # An absent one is still to be allocated.
        yield from each_invalid(path, port, names.port_number(port))


def validate_service_update(new: Object, old: Object) -> Iterator[FieldError]:
    yield from validate_changes(new.get("spec") or {}, old.get("spec") or {})


def validate_service_status(new: Object, old: Object) -> Iterator[FieldError]:
    ingress = ((new.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    yield from validate_ingress(ingress, (new.get("spec") or {}).get("type") or "")


def validate_ingress(ingress: Sequence[Object], kind: str) -> Iterator[FieldError]:
    """What a load balancer says of itself."""
    path = "status.loadBalancer.ingress"
    if kind != "LoadBalancer" and ingress:
        yield forbidden(path, "may only be used when `spec.type` is 'LoadBalancer'")
        return
    for index, one in enumerate(ingress):
        at, ip, mode, host = f"{path}[{index}]", one.get("ip") or "", one.get("ipMode"), one.get("hostname") or ""
        if ip:
            yield from validate_ip(f"{at}.ip", ip)
        if mode is None and ip:
            yield required(f"{at}.ipMode", "must be specified when `ip` is set")
        elif mode is not None and not ip:
            yield forbidden(f"{at}.ipMode", "may not be specified when `ip` is not set")
        elif mode is not None and mode not in ("Proxy", "VIP"):
            yield not_supported(f"{at}.ipMode", mode, ("Proxy", "VIP"))
        if host:
            yield from each_invalid(f"{at}.hostname", host, names.dns_subdomain(host))
            if parse_ip(host) is not None:
                yield invalid(f"{at}.hostname", host, "must be a DNS name, not an IP address")
