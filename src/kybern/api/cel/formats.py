"""Named formats: `format.dns1123Label().validate(name)` gives what is wrong with a text, or none."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from kybern.api.cel.declarations import Overload, overload
from kybern.api.cel.urls import parse_error
from kybern.api.cel.values import NONE, Opaque, Optional
from kybern.api.validation import names

_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.I | re.ASCII)
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ](\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", re.I | re.ASCII)
_UUID_PATTERN, _DATE_TIME_PATTERN = 80, 101
"""Characters of upstream's patterns, which the costs count."""

Validate = Callable[[str], Sequence[str]]


class Format(Opaque):
    """A format; `regex_size` is what costs take its pattern for."""

    __slots__ = ("name", "regex_size", "validate")

    type_name = "kubernetes.NamedFormat"

    def __init__(self, name: str, validate: Validate, regex_size: int) -> None:
        self.name = name
        self.validate = validate
        self.regex_size = regex_size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Format) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)


def _unless(test: Callable[[str], bool], message: str) -> Validate:
    return lambda text: () if test(text) else (message,)


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text.encode(), validate=True)
    except (binascii.Error, UnicodeError):
        return False
    return bool(text)


def _is_date(text: str) -> bool:
    try:
        datetime.strptime(text, "%Y-%m-%d")
    except ValueError:
        return False
    return len(text) == 10


def _is_date_time(text: str) -> bool:
    match = _DATE_TIME.fullmatch(text)
    return (
        match is not None and _is_date(text[:10]) and int(match[1]) < 24 and int(match[2]) < 60 and int(match[3]) < 60
    )


def _uri(text: str) -> Sequence[str]:
    error = parse_error(text)
    return (error,) if error else ()


def _prefixed(check: Callable[[str, bool], Sequence[str]], prefix: bool) -> Validate:
    return lambda text: check(text, prefix)


FORMATS: dict[str, Format] = {
    "dns1123Label": Format("DNS1123Label", _prefixed(names.label_name, False), 30),
    "dns1123Subdomain": Format("DNS1123Subdomain", _prefixed(names.subdomain_name, False), 60),
    "dns1035Label": Format("DNS1035Label", _prefixed(names.label_1035_name, False), 30),
    "qualifiedName": Format("QualifiedName", names.qualified_name, 60),
    "dns1123LabelPrefix": Format("DNS1123LabelPrefix", _prefixed(names.label_name, True), 30),
    "dns1123SubdomainPrefix": Format("DNS1123SubdomainPrefix", _prefixed(names.subdomain_name, True), 60),
    "dns1035LabelPrefix": Format("DNS1035LabelPrefix", _prefixed(names.label_1035_name, True), 30),
    "labelValue": Format("LabelValue", names.label_value, 40),
    "uri": Format("URI", _uri, 1103),
    "uuid": Format(
        "uuid", _unless(lambda t: bool(_UUID.fullmatch(t)), "does not match the UUID format"), _UUID_PATTERN
    ),
    "byte": Format("byte", _unless(_is_base64, "invalid base64"), 84),
    "date": Format("date", _unless(_is_date, "invalid date"), _DATE_TIME_PATTERN),
    "datetime": Format("datetime", _unless(_is_date_time, "invalid datetime"), _DATE_TIME_PATTERN),
}


def validate(form: Format, text: str) -> Optional:
    """The faults, or none."""
    faults = form.validate(text)
    return Optional(list(faults)) if faults else NONE


def named(name: str) -> Optional:
    return Optional(FORMATS[name]) if name in FORMATS else NONE


def _constant(form: Format) -> Callable[[], Any]:
    return lambda: form


_T = "kubernetes.NamedFormat"

OVERLOADS: list[Overload] = [
    overload("format-validate", "validate", f"{_T}.(string) -> optional<list<string>>", validate),
    overload("format-named", "format.named", f"(string) -> optional<{_T}>", named),
    *(overload(f"format.{name}", f"format.{name}", f"() -> {_T}", _constant(form)) for name, form in FORMATS.items()),
]
