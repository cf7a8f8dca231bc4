"""Ingress and IngressClass."""

from collections.abc import Iterator

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.addresses import parse_ip, validate_ip
from kybern.api.validation.domains import validate_domain_prefixed_path
from kybern.api.validation.field import (
    each_invalid,
    forbidden,
    immutable,
    invalid,
    not_supported,
    required,
    too_long,
)

_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
_BAD_SEQUENCES = ("//", "/./", "/../", "%2f", "%2F")
_BAD_SUFFIXES = ("/..", "/.")
_CLASS = "kubernetes.io/ingress.class"
_CONTROLLER_LIMIT = 250
_SCOPES = ("Cluster", "Namespace")
_NOT_IP = "must be a DNS name, not an IP address"


def validate_ingress(obj: Object) -> Iterator[FieldError]:
    spec = obj.get("spec") or {}
    rules, backend = spec.get("rules") or (), spec.get("defaultBackend")
    if not rules and backend is None:
        yield invalid("spec", spec.get("rules"), "either `defaultBackend` or `rules` must be specified")
    if backend is not None:
        yield from _backend(backend, "spec.defaultBackend")
    for index, rule in enumerate(rules):
        yield from _rule(rule, f"spec.rules[{index}]")
    for index, tls in enumerate(spec.get("tls") or ()):
        yield from _tls(tls, f"spec.tls[{index}]")
    name = spec.get("ingressClassName")
    if name is not None:
        yield from each_invalid("spec.ingressClassName", name, names.dns_subdomain(name))
    annotation = (obj["metadata"].get("annotations") or {}).get(_CLASS)
    if not obj["metadata"].get("resourceVersion") and annotation is not None and name not in (None, annotation):
        detail = "must match `ingressClassName` when both are specified"
        yield invalid(f"annotations.{_CLASS}", annotation, detail)


def _rule(rule: Object, path: str) -> Iterator[FieldError]:
    host = rule.get("host") or ""
    if host:
        if parse_ip(host) is not None:
            yield invalid(f"{path}.host", host, _NOT_IP)
        yield from each_invalid(f"{path}.host", host, _host(host))
    http = rule.get("http")
    if http is not None:
        paths = http.get("paths") or ()
        if not paths:
            yield required(f"{path}.http.paths")
        for index, one in enumerate(paths):
            yield from _path(one, f"{path}.http.paths[{index}]")


def _host(host: str) -> list[str]:
    return list(names.wildcard_subdomain(host) if "*" in host else names.dns_subdomain(host))


def _path(one: Object, path: str) -> Iterator[FieldError]:
    kind, text = one.get("pathType"), one.get("path") or ""
    if kind is None:
        yield required(f"{path}.pathType", "pathType must be specified")
        return
    at = f"{path}.path"
    if kind not in _PATH_TYPES:
        yield not_supported(f"{path}.pathType", kind, _PATH_TYPES)
    elif not text.startswith("/") and (text or kind != "ImplementationSpecific"):
        yield invalid(at, text, "must be an absolute path")
    if kind in ("Exact", "Prefix"):
        for sequence in _BAD_SEQUENCES:
            if sequence in text:
                yield invalid(at, text, f"must not contain '{sequence}'")
        for suffix in _BAD_SUFFIXES:
            if text.endswith(suffix):
                yield invalid(at, text, f"cannot end with '{suffix}'")
    yield from _backend(one.get("backend") or {}, f"{path}.backend")


def _backend(backend: Object, path: str) -> Iterator[FieldError]:
    service, resource = backend.get("service"), backend.get("resource")
    if service is not None and resource is not None:
        yield invalid(path, "", "cannot set both resource and service backends")
    elif resource is not None:
        yield from _typed_reference(resource, f"{path}.resource")
    elif service is not None:
        yield from _service(service, path)
    else:
        yield invalid(path, "", "resource or service backend is required")


def _service(service: Object, path: str) -> Iterator[FieldError]:
    name, port = service.get("name") or "", service.get("port") or {}
    if not name:
        yield required(f"{path}.service.name")
    else:
        yield from each_invalid(f"{path}.service.name", name, names.dns_label(name))
    port_name, number = port.get("name") or "", port.get("number") or 0
    if port_name and number:
        yield invalid(path, "", "cannot set both port name & port number")
    elif port_name:
        yield from each_invalid(f"{path}.service.port.name", port_name, names.port_name(port_name))
    elif number:
        yield from each_invalid(f"{path}.service.port.number", number, names.port_number(number))
    else:
        yield required(path, "port name or number is required")


def _typed_reference(reference: Object, path: str) -> Iterator[FieldError]:
    group = reference.get("apiGroup")
    if group is not None:
        yield from each_invalid(f"{path}.apiGroup", group, names.dns_subdomain(group))
    for key in ("kind", "name"):
        value = reference.get(key) or ""
        if not value:
            yield required(f"{path}.{key}")
        else:
            yield from each_invalid(f"{path}.{key}", value, names.path_segment(value))


def _tls(tls: Object, path: str) -> Iterator[FieldError]:
    for index, host in enumerate(tls.get("hosts") or ()):
        yield from each_invalid(f"{path}.hosts[{index}]", host, _host(host))
    secret = tls.get("secretName") or ""
    if secret:
        yield from each_invalid(f"{path}.secretName", secret, names.dns_subdomain(secret))


def validate_ingress_status(new: Object, old: Object) -> Iterator[FieldError]:
    ingress = ((new.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    for index, one in enumerate(ingress):
        path, host = f"status.loadBalancer.ingress[{index}]", one.get("hostname") or ""
        if one.get("ip"):
            yield from validate_ip(f"{path}.ip", one["ip"])
        if host:
            yield from each_invalid(f"{path}.hostname", host, names.dns_subdomain(host))
            if parse_ip(host) is not None:
                yield invalid(f"{path}.hostname", host, _NOT_IP)


def validate_ingress_class(obj: Object) -> Iterator[FieldError]:
    spec = obj.get("spec") or {}
    controller = spec.get("controller") or ""
    if names.size(controller) > _CONTROLLER_LIMIT:
        yield too_long("spec.controller", _CONTROLLER_LIMIT)
    yield from validate_domain_prefixed_path(controller, "spec.controller")
    parameters, path = spec.get("parameters"), "spec.parameters"
    if parameters is None:
        return
    yield from _typed_reference(parameters, path)
    scope, namespace = parameters.get("scope"), parameters.get("namespace")
    if scope is None:
        yield required(f"{path}.scope")
    elif scope not in _SCOPES:
        yield not_supported(f"{path}.scope", scope, _SCOPES)
    elif scope == "Cluster":
        if namespace is not None:
            yield forbidden(f"{path}.namespace", "`parameters.scope` is set to 'Cluster'")
    elif namespace is None:
        yield required(f"{path}.namespace", "`parameters.scope` is set to 'Namespace'")
    else:
        yield from each_invalid(f"{path}.namespace", namespace, names.dns_label(namespace))


def validate_ingress_class_update(new: Object, old: Object) -> Iterator[FieldError]:
    after, before = ((obj.get("spec") or {}).get("controller") or "" for obj in (new, old))
    yield from immutable("spec.controller", after, before)
