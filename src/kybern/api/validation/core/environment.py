"""Environment variables and where their values come from."""

from collections.abc import Iterator, Sequence

from kybern.api import quantity
from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.core.paths import no_backsteps
from kybern.api.validation.field import each_invalid, invalid, not_supported, quote, required

_FIELDS = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
VOLUME_FIELDS = ("metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid")
_CONVERTIBLE = frozenset(_FIELDS + VOLUME_FIELDS + ("spec.restartPolicy", "spec.schedulerName", "status.phase"))
_RESOURCES = (
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
)
_HUGE_PAGES = ("limits.hugepages-", "requests.hugepages-")
_CPU_DIVISORS = ("1m", "1")
_BYTE_DIVISORS = ("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei")
_SOURCES = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"
_SOURCES_AND_FILES = _SOURCES.replace("` or `secretKeyRef`", "`, `secretKeyRef` or `fileKeyRef`")


def validate_env(variables: Sequence[Object], path: str) -> Iterator[FieldError]:
    for index, variable in enumerate(variables):
        at, name = f"{path}[{index}]", variable.get("name") or ""
        if not name:
            yield required(f"{at}.name")
        else:
            yield from each_invalid(f"{at}.name", name, names.env_name(name))
        if variable.get("valueFrom") is not None:
            yield from _value_from(variable, f"{at}.valueFrom")


def _value_from(variable: Object, path: str) -> Iterator[FieldError]:
    source = variable["valueFrom"]
    given = 0
    if source.get("fieldRef") is not None:
        given += 1
        yield from validate_field_ref(source["fieldRef"], _FIELDS, f"{path}.fieldRef")
    if source.get("resourceFieldRef") is not None:
        given += 1
        yield from validate_resource_ref(source["resourceFieldRef"], f"{path}.resourceFieldRef", in_volume=False)
    for key in ("configMapKeyRef", "secretKeyRef"):
        if source.get(key) is not None:
            given += 1
            yield from _key_ref(source[key], f"{path}.{key}")
    if source.get("fileKeyRef") is not None:
        given += 1
        yield from _file_key_ref(source["fileKeyRef"], f"{path}.fileKeyRef")
    if not given:
        yield invalid(path, "", _SOURCES_AND_FILES)
    elif variable.get("value"):
        yield invalid(path, "", "may not be specified when `value` is not empty")
    elif given > 1:
        yield invalid(path, "", "may not have more than one field specified at a time")


def validate_field_ref(reference: Object, supported: Sequence[str], path: str) -> Iterator[FieldError]:
    """The downward API's fields."""
    if not reference.get("apiVersion"):
        yield required(f"{path}.apiVersion")
        return
    field = reference.get("fieldPath") or ""
    if not field:
        yield required(f"{path}.fieldPath")
        return
    base, subscript = _split_subscript(field)
    if reference["apiVersion"] != "v1":
        version = f"unsupported pod version: {reference['apiVersion']}"
        yield invalid(f"{path}.fieldPath", field, f"error converting fieldPath: {version}")
    elif subscript is None and field not in _CONVERTIBLE:
        yield invalid(f"{path}.fieldPath", field, f"error converting fieldPath: field label not supported: {field}")
    elif subscript is None:
        if field not in supported:
            yield not_supported(f"{path}.fieldPath", field, sorted(supported))
    elif base == "metadata.annotations":
        yield from each_invalid(path, subscript.lower(), names.qualified_name(subscript.lower()))
    elif base == "metadata.labels":
        yield from each_invalid(path, subscript, names.qualified_name(subscript))
    else:
        detail = f"error converting fieldPath: field label does not support subscript: {quote(field)}"
        yield invalid(f"{path}.fieldPath", field, detail)


def _split_subscript(field: str) -> tuple[str, str | None]:
    """`metadata.labels['a']` -> ("metadata.labels", "a")."""
    base, bracket, rest = field.partition("['")
    return (base, rest[:-2]) if bracket and rest.endswith("']") and base else (field, None)


def validate_resource_ref(reference: Object, path: str, *, in_volume: bool) -> Iterator[FieldError]:
    name = reference.get("resource") or ""
    if in_volume and not reference.get("containerName"):
        yield required(f"{path}.containerName")
    elif not name:
        yield required(f"{path}.resource")
    elif name not in _RESOURCES and not name.startswith(_HUGE_PAGES):
        yield not_supported(f"{path}.resource", name, _RESOURCES)
    divisor = quantity.canonical(str(reference.get("divisor") or "0"))
    if divisor == "0":
        return
    allowed, what = _divisors(name)
    if what and divisor not in allowed:
        listed = "1m and 1" if allowed is _CPU_DIVISORS else ", ".join(_BYTE_DIVISORS)
        yield invalid(f"{path}.divisor", name, f"only divisor's values {listed} are supported with the {what} resource")


def _divisors(name: str) -> tuple[tuple[str, ...], str]:
    resource = name.partition(".")[2]
    if resource == "cpu":
        return _CPU_DIVISORS, "cpu"
    if resource == "memory":
        return _BYTE_DIVISORS, "memory"
    if resource == "ephemeral-storage":
        return _BYTE_DIVISORS, "local ephemeral storage"
    return _BYTE_DIVISORS, "hugepages" if name.startswith(_HUGE_PAGES) else ""


def _key_ref(reference: Object, path: str) -> Iterator[FieldError]:
    """A key of a ConfigMap or a Secret."""
    name, key = reference.get("name") or "", reference.get("key") or ""
    yield from each_invalid(f"{path}.name", name, names.dns_subdomain(name))
    if not key:
        yield required(f"{path}.key")
    else:
        yield from each_invalid(f"{path}.key", key, names.config_key(key))


def _file_key_ref(reference: Object, path: str) -> Iterator[FieldError]:
    checks = (("key", names.env_name), ("volumeName", names.dns_label))
    for key, check in checks:
        value = reference.get(key) or ""
        if not value:
            yield required(f"{path}.{key}")
        else:
            yield from each_invalid(f"{path}.{key}", value, check(value))
    if not reference.get("path"):
        yield required(f"{path}.path")
    else:
        yield from no_backsteps(reference["path"], f"{path}.path")


def validate_env_from(sources: Sequence[Object], path: str) -> Iterator[FieldError]:
    for index, source in enumerate(sources):
        at, prefix = f"{path}[{index}]", source.get("prefix") or ""
        if prefix:
            yield from each_invalid(f"{at}.prefix", prefix, names.env_name(prefix))
        given = [key for key in ("configMapRef", "secretRef") if source.get(key) is not None]
        for key in given:
            name = source[key].get("name") or ""
            if not name:
                yield required(f"{at}.{key}.name")
            else:
                yield from each_invalid(f"{at}.{key}.name", name, names.subdomain_name(name, True))
        if not given:
            yield invalid(path, "", "must specify one of: `configMapRef` or `secretRef`")
        elif len(given) > 1:
            yield invalid(path, "", "may not have more than one field specified at a time")
