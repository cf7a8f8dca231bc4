"""Annotations that mean something on Pods."""

from collections.abc import Iterator, Mapping

from kybern.api.resource import FieldError, Object
from kybern.api.validation.field import invalid, quote

_MIRROR = "kubernetes.io/config.mirror"
_DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
_INT32 = range(-(2**31), 2**31)


def validate_pod_annotations(annotations: Mapping[str, str] | None, spec: Object, path: str) -> Iterator[FieldError]:
    if not annotations:
        return
    if _MIRROR in annotations and not spec.get("nodeName"):
        detail = "must set spec.nodeName if mirror pod annotation is set"
        yield invalid(f"{path}[{_MIRROR}]", annotations[_MIRROR], detail)
    cost = annotations.get(_DELETION_COST)
    if cost is not None and not _is_int32(cost):
        yield invalid(f"{path}[{_DELETION_COST}]", cost, "must be a 32bit integer")
    known = {container.get("name") for group in _GROUPS for container in spec.get(group) or ()}
    for key, profile in annotations.items():
        if key.startswith(_APPARMOR):
            container = key.removeprefix(_APPARMOR)
            if container not in known:
                yield invalid(f"{path}[{key}]", container, "container not found")
            if profile not in ("", "runtime/default", "unconfined") and not profile.startswith("localhost/"):
                yield invalid(f"{path}[{key}]", profile, f"invalid AppArmor profile name: {quote(profile)}")


_GROUPS = ("initContainers", "containers", "ephemeralContainers")


def _is_int32(text: str) -> bool:
    """As upstream writes them: no leading zero, no plus sign."""
    digits = text.removeprefix("-")
    plain = digits.isdecimal() and digits.isascii() and (digits == "0" or not digits.startswith("0"))
    return plain and text != "-0" and int(text) in _INT32
