"""Volume mounts and block devices of a container."""

from collections.abc import Iterator, Mapping

from kybern.api.resource import FieldError, Object
from kybern.api.validation.core.paths import descending, no_backsteps
from kybern.api.validation.field import forbidden, invalid, not_found, not_supported, required

_PROPAGATIONS = ("Bidirectional", "HostToContainer", "None")
_RECURSIVE = ("Disabled", "Enabled", "IfPossible")


def validate_mounts(container: Object, volumes: Mapping[str, Object], path: str) -> Iterator[FieldError]:
    devices = container.get("volumeDevices") or ()
    device_names = {device.get("name") for device in devices}
    device_paths = {device.get("devicePath") for device in devices}
    seen = set()
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        at, name, target = f"{path}[{index}]", mount.get("name") or "", mount.get("mountPath") or ""
        if not name:
            yield required(f"{at}.name")
        if name not in volumes:
            yield not_found(f"{at}.name", name)
        if not target:
            yield required(f"{at}.mountPath")
        if target in seen:
            yield invalid(f"{at}.mountPath", target, "must be unique")
        seen.add(target)
        if name in device_names:
            yield invalid(f"{at}.name", name, "must not already exist in volumeDevices")
        if target in device_paths:
            yield invalid(f"{at}.mountPath", target, "must not already exist as a path in volumeDevices")
        yield from _sub_paths(mount, at, path)
        yield from _propagation(mount, container, path)


def _sub_paths(mount: Object, at: str, path: str) -> Iterator[FieldError]:
    plain, expression = mount.get("subPath") or "", mount.get("subPathExpr") or ""
    if plain:
        yield from descending(plain, f"{path}.subPath")
    if expression:
        if plain:
            yield invalid(f"{at}.subPathExpr", expression, "subPathExpr and subPath are mutually exclusive")
        yield from descending(expression, f"{path}.subPathExpr")


def _propagation(mount: Object, container: Object, path: str) -> Iterator[FieldError]:
    mode = mount.get("mountPropagation")
    if mode is not None:
        if mode not in _PROPAGATIONS:
            yield not_supported(f"{path}.mountPropagation", mode, _PROPAGATIONS)
        if mode == "Bidirectional" and not (container.get("securityContext") or {}).get("privileged"):
            detail = "Bidirectional mount propagation is available only to privileged containers"
            yield forbidden(f"{path}.mountPropagation", detail)
    recursive = mount.get("recursiveReadOnly")
    at = f"{path}.recursiveReadOnly"
    if recursive in ("Enabled", "IfPossible"):
        if not mount.get("readOnly"):
            yield forbidden(at, "may only be specified when readOnly is true")
        if mode not in (None, "None"):
            yield forbidden(at, "may only be specified when mountPropagation is None or not specified")
    elif recursive is not None and recursive not in _RECURSIVE:
        yield not_supported(at, recursive, ("Disabled", "Enabled", "IfPossible"))


def validate_devices(container: Object, volumes: Mapping[str, Object], path: str) -> Iterator[FieldError]:
    mounts = container.get("volumeMounts") or ()
    mount_names = {mount.get("name") for mount in mounts}
    mount_paths = {mount.get("mountPath") for mount in mounts}
    seen_names: set[str] = set()
    seen_paths: set[str] = set()
    for index, device in enumerate(container.get("volumeDevices") or ()):
        at, name, target = f"{path}[{index}]", device.get("name") or "", device.get("devicePath") or ""
        yield from _device_name(name, seen_names, volumes, f"{at}.name")
        if not target:
            yield required(f"{at}.devicePath")
        if target in seen_paths:
            yield invalid(f"{at}.devicePath", target, "must be unique")
        if list(no_backsteps(target, "")):
            yield invalid(f"{at}.devicePath", target, "can not contain backsteps ('..')")
        else:
            seen_paths.add(target)
        if name in mount_names:
            yield invalid(f"{at}.name", name, "must not already exist in volumeMounts")
        if target in mount_paths:
            yield invalid(f"{at}.devicePath", target, "must not already exist as a path in volumeMounts")
        if name:
            seen_names.add(name)


def _device_name(name: str, seen: set[str], volumes: Mapping[str, Object], path: str) -> Iterator[FieldError]:
    if not name:
        yield required(path)
    if name in seen:
        yield invalid(path, name, "must be unique")
    volume = volumes.get(name)
    if volume is None:
        yield not_found(path, name)
    elif volume.get("persistentVolumeClaim") is None and volume.get("ephemeral") is None:
        detail = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
        yield invalid(path, name, detail)
