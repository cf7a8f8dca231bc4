"""APIService. Source: kube-aggregator pkg/apis/apiregistration/validation."""

from collections.abc import Iterator

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.field import each_invalid, invalid, not_supported, quote, required

_HIGHEST_GROUP, _HIGHEST_VERSION = 20_000, 1_000
_STATUSES = ("True", "False", "Unknown")


def validate_api_service(obj: Object) -> Iterator[FieldError]:
    spec, name = obj.get("spec") or {}, obj["metadata"].get("name") or ""
    group, version = spec.get("group") or "", spec.get("version") or ""
    wanted = f"{version}.{group}"
    if name and not names.path_segment(name) and name != wanted:
        yield invalid("metadata.name", name, f'must be `spec.version+"."+spec.group`: {quote(wanted)}')
    if not group and version != "v1":
        yield required("spec.group", "only v1 may have an empty group and it better be legacy kube")
    if group:
        yield from each_invalid("spec.group", group, names.dns_subdomain(group))
    yield from each_invalid("spec.version", version, names.dns_1035_label(version))
    priorities = (("groupPriorityMinimum", _HIGHEST_GROUP), ("versionPriority", _HIGHEST_VERSION))
    for key, highest in priorities:
        value = spec.get(key) or 0
        if not 0 < value <= highest:
            yield invalid(f"spec.{key}", value, f"must be positive and less than {highest}")
    yield from _reached(spec)


def _reached(spec: Object) -> Iterator[FieldError]:
    service, bundle, insecure = spec.get("service"), spec.get("caBundle"), spec.get("insecureSkipTLSVerify")
    if service is None:
        if bundle:
            size = len(bundle) * 3 // 4 - bundle.count("=")
            yield invalid("spec.caBundle", f"{size} bytes", "local APIServices may not have a caBundle")
        if insecure:
            detail = "local APIServices may not have insecureSkipTLSVerify"
            yield invalid("spec.insecureSkipTLSVerify", True, detail)
        return
    for key in ("namespace", "name"):
        if not service.get(key):
            yield required(f"spec.service.{key}")
    port = service.get("port", 443)
    if messages := names.port_number(port):
        yield invalid("spec.service.port", port, "port is not valid: " + ", ".join(messages))
    if insecure and bundle:
        yield invalid("spec.insecureSkipTLSVerify", True, "may not be true if caBundle is present")


def validate_api_service_status(new: Object, old: Object) -> Iterator[FieldError]:
    for index, condition in enumerate((new.get("status") or {}).get("conditions") or ()):
        if condition.get("status") not in _STATUSES:
            yield not_supported(f"status.conditions[{index}].status", condition.get("status") or "", _STATUSES)
