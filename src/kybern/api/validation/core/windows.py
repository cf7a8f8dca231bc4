"""Windows options of security contexts. Source: pkg/apis/core/validation, KEP-689, KEP-1043."""

import re
from collections.abc import Iterator

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.field import each_invalid, invalid

_GROUPS = ("initContainers", "containers", "ephemeralContainers")
_SPEC_LIMIT_KIB = 64
_DOMAIN_LIMIT, _USER_LIMIT = 256, 104
_control = re.compile(r"[\x00-\x1f\x7f-\x9f]").search
_net_bios = re.compile(r'[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}').fullmatch
_domain = re.compile(
    r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*"
).fullmatch
_forbidden = re.compile(r'["/\\:;|=,+*?<>@\[\]]').search
_dots = re.compile(r"[. ]+").fullmatch


def validate_windows_options(options: Object | None, path: str) -> Iterator[FieldError]:
    if options is None:
        return
    name = options.get("gmsaCredentialSpecName")
    if name is not None:
        yield from each_invalid(f"{path}.gmsaCredentialSpecName", name, names.dns_subdomain(name))
    spec = options.get("gmsaCredentialSpec")
    if spec is not None:
        if not spec:
            yield invalid(f"{path}.gmsaCredentialSpec", spec, "gmsaCredentialSpec cannot be an empty string")
        elif names.size(spec) > _SPEC_LIMIT_KIB * 1024:
            yield invalid(
                f"{path}.gmsaCredentialSpec", spec, f"gmsaCredentialSpec size must be under {_SPEC_LIMIT_KIB} KiB"
            )
    if options.get("runAsUserName") is not None:
        user = options["runAsUserName"]
        for message in _user_name(user):
            yield invalid(f"{path}.runAsUserName", user, message)


def validate_host_process(spec: Object, path: str) -> Iterator[FieldError]:
    """All containers are HostProcess containers, on the host's network, or none is (KEP-1981)."""
    of_pod = _host_process(spec)
    containers = [(group, index, one) for group in _GROUPS for index, one in enumerate(spec.get(group) or ())]
    count = 0
    for group, index, container in containers:
        own = _host_process(container)
        if of_pod is not None and own is not None and own != of_pod:
            shown = "true" if of_pod else "false"
            detail = f"pod hostProcess value must be identical if both are specified, was {shown}"
            yield invalid(f"{path}.{group}[{index}].securityContext.windowsOptions.hostProcess", own, detail)
        count += bool(of_pod if own is None else own)
    if not count:
        return
    if count != len(containers):
        detail = "If pod contains any hostProcess containers then all containers must be HostProcess containers"
        yield invalid(path, "", detail)
    if not spec.get("hostNetwork"):
        detail = "hostNetwork must be true if pod contains any hostProcess containers"
        yield invalid(f"{path}.hostNetwork", False, detail)


def _host_process(owner: Object) -> bool | None:
    """Of a PodSpec or of a container."""
    value: bool | None = ((owner.get("securityContext") or {}).get("windowsOptions") or {}).get("hostProcess")
    return value


def _user_name(text: str) -> Iterator[str]:
    if not text:
        yield "runAsUserName cannot be an empty string"
        return
    if _control(text):
        yield "runAsUserName cannot contain control characters"
        return
    if text.count("\\") > 1:
        yield "runAsUserName cannot contain more than one backslash"
        return
    domain, backslash, user = text.rpartition("\\")
    if names.size(domain) >= _DOMAIN_LIMIT:
        yield f"runAsUserName's Domain length must be under {_DOMAIN_LIMIT} characters"
    if backslash and not _net_bios(domain) and not _domain(domain):
        yield "runAsUserName's Domain doesn't match the NetBios nor the DNS format"
    if not user:
        yield "runAsUserName's User cannot be empty"
    elif names.size(user) > _USER_LIMIT:
        yield f"runAsUserName's User length must not be longer than {_USER_LIMIT} characters"
    if _dots(user):
        yield "runAsUserName's User cannot contain only periods or spaces"
    if _forbidden(user):
        yield "runAsUserName's User cannot contain the following characters: \"/\\:;|=,+*?<>@[]"
