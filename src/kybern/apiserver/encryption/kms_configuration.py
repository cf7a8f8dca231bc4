"""The provider `kms` of a configuration: where a plugin is, and what is wrong with how it is named. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from kybern.api.cel.instants import parse_duration
from kybern.api.cel.values import NANOS

DEFAULT_TIMEOUT = "3s"
DEPRECATED = "KMSv1 is deprecated and will only receive security updates going forward. Use KMSv2 instead."
"""What upstream says of version v1 unless a feature gate allows it; here there is none that would."""


@dataclass(frozen=True, slots=True)
class KmsEndpoint:
    """A plugin (v2)."""

    name: str
    endpoint: str
    """`unix:///run/kms.sock`."""
    timeout_seconds: float


def kms_endpoint(kms: Mapping[str, Any]) -> KmsEndpoint:
    """Of a provider without faults."""
    return KmsEndpoint(kms["name"], kms["endpoint"], _seconds(kms.get("timeout")))


def kms_faults(path: str, kms: Mapping[str, Any], names: set[str]) -> Iterator[str]:
    """`names` are those of the providers before."""
    version = kms.get("apiVersion") or "v1"
    yield from _name_faults(f"{path}.name", str(kms.get("name") or ""), version, names)
    if _seconds(kms.get("timeout")) <= 0:
        yield f'{path}.timeout: Invalid value: "{kms["timeout"]}": timeout should be a positive value'
    yield from _endpoint_faults(f"{path}.endpoint", str(kms.get("endpoint") or ""))
    size = kms.get("cachesize")
    if version != "v1" and size is not None:
        yield f"{path}.cachesize: Invalid value: {size}: cachesize is not supported in v2"
    if version == "v1":
        yield DEPRECATED
    elif version != "v2":
        yield (
            f'{path}.apiVersion: Invalid value: "{version}": unsupported apiVersion apiVersion for KMS provider, '
            "only v1 and v2 are supported"
        )


def _name_faults(path: str, name: str, version: str, names: set[str]) -> Iterator[str]:
    if not name:
        yield f"{path}: Required value: name is a mandatory field for a provider"
    if version != "v1" and ":" in name:
        yield f"{path}: Invalid value: \"{name}\": invalid KMS provider name {name}, must not contain ':'"
    if name in names:
        yield f'{path}: Invalid value: "{name}": duplicate KMS provider name {name}, names must be unique'


def _endpoint_faults(path: str, endpoint: str) -> Iterator[str]:
    if not endpoint:
        yield f'{path}: Invalid value: "": endpoint is a mandatory field for a kms'
        return
    try:
        scheme = urlsplit(endpoint).scheme
    except ValueError as error:
        yield f'{path}: Invalid value: "{endpoint}": invalid endpoint for kms provider, error: {error}'
        return
    if scheme != "unix":
        yield (
            f'{path}: Invalid value: "{endpoint}": unsupported scheme "{scheme}" for KMS provider, '
            "only unix is supported"
        )


def _seconds(timeout: Any) -> float:
    """Of a duration like 3s, 1m30s; 0 for what is none."""
    duration = parse_duration(str(DEFAULT_TIMEOUT if timeout is None else timeout))
    return 0.0 if duration is None else duration.nanos / NANOS
