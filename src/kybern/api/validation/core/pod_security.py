"""Security contexts of Pods and containers, and what each operating system excludes."""

import re
from collections.abc import Iterator

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.core.paths import descending
from kybern.api.validation.core.windows import validate_windows_options
from kybern.api.validation.field import duplicate, each_invalid, forbidden, invalid, not_supported, required, too_long

_PROFILES = ("Localhost", "RuntimeDefault", "Unconfined")
_SYSCTL_SEGMENT = "[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_SYSCTL = rf"({_SYSCTL_SEGMENT}[\./])*{_SYSCTL_SEGMENT}"
_is_sysctl = re.compile(_SYSCTL).fullmatch
_SYSCTL_LIMIT, _PROFILE_LIMIT = 253, 4095
_GROUPS = ("initContainers", "containers", "ephemeralContainers")
_WINDOWS_POD = [
    "appArmorProfile",
    "seLinuxOptions",
    "seccompProfile",
    "fsGroup",
    "fsGroupChangePolicy",
    "sysctls",
    "runAsUser",
    "runAsGroup",
    "supplementalGroups",
    "supplementalGroupsPolicy",
    "seLinuxChangePolicy",
]
_WINDOWS_SPEC = ("hostUsers", "hostPID", "hostIPC", "shareProcessNamespace")
_WINDOWS_CONTAINER = [
    "appArmorProfile",
    "seLinuxOptions",
    "seccompProfile",
    "capabilities",
    "readOnlyRootFilesystem",
    "privileged",
    "allowPrivilegeEscalation",
    "procMount",
    "runAsUser",
    "runAsGroup",
]


def validate_pod_security(spec: Object, path: str) -> Iterator[FieldError]:
    context = spec.get("securityContext") or {}
    for key in ("fsGroup", "runAsUser", "runAsGroup"):
        yield from _id(context.get(key), f"{path}.{key}")
    for index, group in enumerate(context.get("supplementalGroups") or ()):
        yield from _id(group, f"{path}.supplementalGroups[{index}]")
    if spec.get("shareProcessNamespace") and spec.get("hostPID"):
        detail = "ShareProcessNamespace and HostPID cannot both be enabled"
        yield invalid(f"{path}.shareProcessNamespace", True, detail)
    yield from _sysctls(context, spec, f"{path}.sysctls")
    if context.get("fsGroupChangePolicy") is not None:
        yield from _one_of(context, "fsGroupChangePolicy", ("Always", "OnRootMismatch"), path)
    yield from _profiles(context, path)
    if context.get("supplementalGroupsPolicy") is not None:
        yield from _one_of(context, "supplementalGroupsPolicy", ("Merge", "Strict"), path)
    if context.get("seLinuxChangePolicy") is not None:
        yield from _one_of(context, "seLinuxChangePolicy", ("Recursive",), path)  # SELinuxMount is off.


def _id(value: int | None, path: str) -> Iterator[FieldError]:
    if value is not None:
        yield from each_invalid(path, value, names.user_or_group_id(value))


def _one_of(context: Object, key: str, supported: tuple[str, ...], path: str) -> Iterator[FieldError]:
    if context[key] not in supported:
        yield not_supported(f"{path}.{key}", context[key], supported)


def _profiles(context: Object, path: str) -> Iterator[FieldError]:
    yield from _seccomp(context.get("seccompProfile"), f"{path}.seccompProfile")
    yield from validate_windows_options(context.get("windowsOptions"), f"{path}.windowsOptions")
    yield from _apparmor(context.get("appArmorProfile"), f"{path}.appArmorProfile")


def _sysctls(context: Object, spec: Object, path: str) -> Iterator[FieldError]:
    seen = set()
    for index, sysctl in enumerate(context.get("sysctls") or ()):
        at, name = f"{path}[{index}].name", sysctl.get("name") or ""
        if not name:
            yield required(at)
        elif len(name) > _SYSCTL_LIMIT or not _is_sysctl(name):
            yield invalid(at, name, f"must have at most {_SYSCTL_LIMIT} characters and match regex ^{_SYSCTL}$")
        elif name in seen:
            yield duplicate(at, name)
        dotted = name.replace("/", ".")
        if spec.get("hostNetwork") and dotted.startswith("net."):
            yield invalid(at, name, "may not be specified when 'hostNetwork' is true")
        if spec.get("hostIPC") and dotted.startswith(("kernel.shm", "kernel.msg", "kernel.sem", "fs.mqueue.")):
            yield invalid(at, name, "may not be specified when 'hostIPC' is true")
        seen.add(name)


def _seccomp(profile: Object | None, path: str) -> Iterator[FieldError]:
    if profile is None:
        return
    kind, local = profile.get("type") or "", profile.get("localhostProfile")
    if not kind:
        yield required(f"{path}.type", "type is required when seccompProfile is set")
    elif kind not in _PROFILES:
        yield not_supported(f"{path}.type", kind, _PROFILES)
    if kind == "Localhost":
        if local is None:
            yield required(f"{path}.localhostProfile", "must be set when seccomp type is Localhost")
        else:
            yield from descending(local, f"{path}.localhostProfile")
    elif local is not None:
        shown = {"Type": kind, "LocalhostProfile": local}
        yield invalid(f"{path}.localhostProfile", shown, "can only be set when seccomp type is Localhost")


def _apparmor(profile: Object | None, path: str) -> Iterator[FieldError]:
    if profile is None:
        return
    kind, local, at = profile.get("type") or "", profile.get("localhostProfile"), f"{path}.localhostProfile"
    if not kind:
        yield required(f"{path}.type", "type is required when appArmorProfile is set")
    elif kind not in _PROFILES:
        yield not_supported(f"{path}.type", kind, _PROFILES)
    elif kind != "Localhost":
        if local is not None:
            yield invalid(at, local, "can only be set when AppArmor type is Localhost")
    elif local is None or local == "":
        yield required(at, "must be set when AppArmor type is Localhost")
    else:
        if local != local.strip():
            yield invalid(at, local, "must not be padded with whitespace")
        if names.size(local) > _PROFILE_LIMIT:
            yield too_long(at, _PROFILE_LIMIT)


def validate_security_context(context: Object | None, path: str, *, host_users: bool) -> Iterator[FieldError]:
    """A container's."""
    if context is None:
        return
    for key in ("runAsUser", "runAsGroup"):
        yield from _id(context.get(key), f"{path}.{key}")
    mount = context.get("procMount")
    if mount is not None:
        yield from _one_of(context, "procMount", ("Default", "Unmasked"), path)
        if host_users and mount == "Unmasked":
            yield invalid(f"{path}.procMount", mount, "`hostUsers` must be false to use `Unmasked`")
    yield from _seccomp(context.get("seccompProfile"), f"{path}.seccompProfile")
    if context.get("allowPrivilegeEscalation") is False:
        if context.get("privileged"):
            detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
            yield invalid(path, _shown(context), detail)
        if "CAP_SYS_ADMIN" in ((context.get("capabilities") or {}).get("add") or ()):
            detail = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
            yield invalid(path, _shown(context), detail)
    yield from validate_windows_options(context.get("windowsOptions"), f"{path}.windowsOptions")
    yield from _apparmor(context.get("appArmorProfile"), f"{path}.appArmorProfile")


_FIELDS = [
    "capabilities",
    "privileged",
    "seLinuxOptions",
    "windowsOptions",
    "runAsUser",
    "runAsGroup",
    "runAsNonRoot",
    "readOnlyRootFilesystem",
    "allowPrivilegeEscalation",
    "procMount",
    "seccompProfile",
    "appArmorProfile",
]
_INTERNAL = {"seLinuxOptions": "SELinuxOptions"}


def _shown(context: Object) -> Object:
    """Upstream shows its internal SecurityContext, which has no JSON names and leaves nothing out."""
    return {_INTERNAL.get(key, key[0].upper() + key[1:]): context.get(key) for key in _FIELDS}


def validate_host_users(spec: Object, path: str) -> Iterator[FieldError]:
    """A Pod in a user namespace of its own shares nothing with the host."""
    if spec.get("hostUsers") is not False:
        return
    detail = "when `hostUsers` is false"
    for key, shown in (("hostNetwork", "hostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC")):
        if spec.get(key):
            yield forbidden(f"{path}.{shown}", detail)
    for group in _GROUPS:
        for index, container in enumerate(spec.get(group) or ()):
            if container.get("volumeDevices"):
                yield forbidden(f"{path}.{group}[{index}].volumeDevices", detail)


def validate_os(spec: Object, path: str) -> Iterator[FieldError]:
    if spec.get("os") is None:
        return
    name = spec["os"].get("name") or ""
    if not name:
        yield required(f"{path}.os.name")
    elif name == "linux":
        yield from _contexts(
            spec, path, ("windowsOptions",), ("windowsOptions",), "windows options cannot be set for a linux pod"
        )
    elif name == "windows":
        detail = "cannot be set for a windows pod"
        for key in _WINDOWS_SPEC:
            if spec.get(key) is not None and (spec[key] or key in ("hostUsers", "shareProcessNamespace")):
                yield forbidden(f"{path}.{key}", detail)
        yield from _contexts(spec, path, _WINDOWS_POD, _WINDOWS_CONTAINER, detail)
    else:
        yield not_supported(f"{path}.os", name, ("linux", "windows"))


def _contexts(
    spec: Object, path: str, of_pod: tuple[str, ...] | list[str], of_container: tuple[str, ...] | list[str], detail: str
) -> Iterator[FieldError]:
    """Fields that may not be set in any security context."""
    for key in of_pod:
        if (spec.get("securityContext") or {}).get(key) is not None:
            yield forbidden(f"{path}.securityContext.{key}", detail)
    for group in _GROUPS:
        for index, container in enumerate(spec.get(group) or ()):
            for key in of_container:
                if (container.get("securityContext") or {}).get(key) is not None:
                    yield forbidden(f"{path}.{group}[{index}].securityContext.{key}", detail)
