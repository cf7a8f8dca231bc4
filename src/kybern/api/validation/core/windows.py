"""Windows options of security contexts. Source: pkg/apis/core/validation, KEP-689, KEP-1043."""

import re
from collections.abc import Iterator

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.field import each_invalid, invalid

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
