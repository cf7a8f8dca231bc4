"""Probes and lifecycle hooks: what the kubelet runs or calls."""

from collections.abc import Iterator

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.core.stop_signals import validate_stop_signal
from kybern.api.validation.field import each_invalid, forbidden, invalid, non_negative, not_supported, required

_SCHEMES = ("HTTP", "HTTPS")
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc", "sleep")
_SECONDS = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")


def validate_probe(probe: Object, kind: str, grace_seconds: int | None, path: str) -> Iterator[FieldError]:
    """`kind`: livenessProbe, readinessProbe or startupProbe."""
    yield from _handler(probe, grace_seconds, path)
    for key in _SECONDS:
        yield from non_negative(f"{path}.{key}", probe.get(key))
    grace = probe.get("terminationGracePeriodSeconds")
    if grace is not None and grace <= 0:
        yield invalid(f"{path}.terminationGracePeriodSeconds", grace, "must be greater than 0")
    if kind != "readinessProbe":
        if (probe.get("successThreshold") or 0) != 1:
            yield invalid(f"{path}.successThreshold", probe.get("successThreshold") or 0, "must be 1")
    elif grace is not None:
        yield invalid(f"{path}.terminationGracePeriodSeconds", grace, "must not be set for readinessProbes")


def validate_lifecycle(
    lifecycle: Object, grace_seconds: int | None, os_name: str | None, path: str
) -> Iterator[FieldError]:
    for key in ("postStart", "preStop"):
        if lifecycle.get(key) is not None:
            yield from _handler(lifecycle[key], grace_seconds, f"{path}.{key}")
    if lifecycle.get("stopSignal") is not None:
        yield from validate_stop_signal(lifecycle["stopSignal"], os_name, f"{path}.stopSignal")


def _handler(handler: Object, grace_seconds: int | None, path: str) -> Iterator[FieldError]:
    """Exactly one of the ways."""
    given = [key for key in _HANDLERS if handler.get(key) is not None]
    if not given:
        yield required(path, "must specify a handler type")
        return
    yield from _action(given[0], handler[given[0]], grace_seconds, f"{path}.{given[0]}")
    for key in given[1:]:
        yield forbidden(f"{path}.{key}", "may not specify more than 1 handler type")


def _action(key: str, action: Object, grace_seconds: int | None, path: str) -> Iterator[FieldError]:
    match key:
        case "exec":
            if not action.get("command"):
                yield required(f"{path}.command")
        case "httpGet":
            yield from _http(action, path)
        case "sleep":
            seconds = action.get("seconds") or 0
            if grace_seconds is not None and not 0 <= seconds <= grace_seconds:
                limit = f"must be non-negative and less than terminationGracePeriodSeconds ({grace_seconds})"
                yield invalid(path, seconds, limit)
        case _:
            yield from _port(action.get("port", 0), f"{path}.port")


def _http(action: Object, path: str) -> Iterator[FieldError]:
    if not action.get("path"):
        yield required(f"{path}.path")
    yield from _port(action.get("port", 0), f"{path}.port")
    if action.get("scheme") not in _SCHEMES:
        yield not_supported(f"{path}.scheme", action.get("scheme") or "", _SCHEMES)
    for header in action.get("httpHeaders") or ():
        name = header.get("name") or ""
        yield from each_invalid(f"{path}.httpHeaders", name, names.http_header(name))


def _port(port: int | str, path: str) -> Iterator[FieldError]:
    yield from each_invalid(path, port, names.port_name(port) if isinstance(port, str) else names.port_number(port))
