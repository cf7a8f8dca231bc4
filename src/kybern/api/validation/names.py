"""Checks of single strings and numbers: each answers with upstream's messages, none when the value is good.

Source: apimachinery util/validation and api/validate/content; RFC 1123, RFC 1035.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

Check = Callable[[str], Sequence[str]]

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = _LABEL + r"(\." + _LABEL + ")*"
_UNDERSCORED_LABEL = "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_UNDERSCORED_SUBDOMAIN = _UNDERSCORED_LABEL + r"(\." + _UNDERSCORED_LABEL + ")*"
_LABEL_1035 = "[a-z]([-a-z0-9]*[a-z0-9])?"
_WILDCARD = r"\*\." + _SUBDOMAIN
_QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL_VALUE = f"({_QUALIFIED})?"
_CONFIG_KEY = "[-._a-zA-Z0-9]+"
_C_IDENTIFIER = "[A-Za-z_][A-Za-z0-9_]*"
_PERCENT = "[0-9]+%"
_HEADER = "[-A-Za-z0-9]+"
_HTTP_PATH = r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+"

_label = re.compile(_LABEL).fullmatch
_subdomain = re.compile(_SUBDOMAIN).fullmatch
_underscored_subdomain = re.compile(_UNDERSCORED_SUBDOMAIN).fullmatch
_label_1035 = re.compile(_LABEL_1035).fullmatch
_wildcard = re.compile(_WILDCARD).fullmatch
_qualified = re.compile(_QUALIFIED).fullmatch
_label_value = re.compile(_LABEL_VALUE).fullmatch
_config_key = re.compile(_CONFIG_KEY).fullmatch
_c_identifier = re.compile(_C_IDENTIFIER).fullmatch
_percent = re.compile(_PERCENT).fullmatch
_header = re.compile(_HEADER).fullmatch
_http_path = re.compile(_HTTP_PATH).fullmatch
_port_name = re.compile("[-a-z0-9]+").fullmatch
_plain_port_name = re.compile("[a-z](-?[a-z0-9])*").fullmatch
"""Of most good ones, which need no closer look."""

_ALPHANUMERIC_ENDS = "and must start and end with an alphanumeric character"
_LABEL_MESSAGE = (
    f"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', {_ALPHANUMERIC_ENDS}"
)
_SUBDOMAIN_MESSAGE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    + _ALPHANUMERIC_ENDS
)
_UNDERSCORED_MESSAGE = _SUBDOMAIN_MESSAGE.replace("characters, '-'", "characters, '_', '-'")
_LABEL_1035_MESSAGE = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', "
    "start with an alphabetic character, and end with an alphanumeric character"
)
_WILDCARD_MESSAGE = (
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of "
    "lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character"
)
_QUALIFIED_MESSAGE = f"must consist of alphanumeric characters, '-', '_' or '.', {_ALPHANUMERIC_ENDS}"
_LABEL_VALUE_MESSAGE = (
    f"a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
    f"{_ALPHANUMERIC_ENDS}"
)
_CONFIG_KEY_MESSAGE = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
_C_IDENTIFIER_MESSAGE = (
    "a valid C identifier must start with alphabetic character or '_', "
    "followed by a string of alphanumeric characters or '_'"
)
_RELAXED_ENV_MESSAGE = (
    "a valid environment variable name must consist only of printable ASCII characters other than '='"
)


def regex_error(message: str, pattern: str, *examples: str) -> str:
    if not examples:
        return f"{message} (regex used for validation is '{pattern}')"
    shown = " or ".join(f"'{example}', " for example in examples)
    return f"{message} (e.g. {shown}regex used for validation is '{pattern}')"


def max_length(limit: int) -> str:
    return f"must be no more than {limit} characters"


def max_bytes(limit: int) -> str:
    """How the checks of labels, which are newer, word `max_length`."""
    return f"must be no more than {limit} bytes"


def between(low: int, high: int) -> str:
    return f"must be between {low} and {high}, inclusive"


def size(text: str) -> int:
    """In bytes, as Go counts."""
    return len(text) if text.isascii() else len(text.encode())


def dns_label(value: str) -> Sequence[str]:
    if _label(value) and len(value) <= 63:
        return ()
    messages = [max_length(63)] if size(value) > 63 else []
    if not _label(value):
        dotted = _subdomain(value) is not None
        messages.append(
            "must not contain dots" if dotted else regex_error(_LABEL_MESSAGE, _LABEL, "my-name", "123-abc")
        )
    return messages


def dns_subdomain(value: str) -> Sequence[str]:
    if len(value) <= 253 and _subdomain(value):
        return ()
    return _sized(value, 253, _subdomain(value), regex_error(_SUBDOMAIN_MESSAGE, _SUBDOMAIN, "example.com"))


def long_name(name: str, prefix: bool) -> Sequence[str]:
    """A subdomain, as the newer checks word it."""
    return _sized(name, 253, _subdomain(name), regex_error(_SUBDOMAIN_MESSAGE, _SUBDOMAIN, "example.com"), max_bytes)


def dns_subdomain_with_underscore(value: str) -> Sequence[str]:
    message = regex_error(_UNDERSCORED_MESSAGE, _UNDERSCORED_SUBDOMAIN, "example.com")
    return _sized(value, 253, _underscored_subdomain(value), message)


def dns_1035_label(value: str) -> Sequence[str]:
    message = regex_error(_LABEL_1035_MESSAGE, _LABEL_1035, "my-name", "abc-123")
    return _sized(value, 63, _label_1035(value), message)


def wildcard_subdomain(value: str) -> Sequence[str]:
    return _sized(value, 253, _wildcard(value), regex_error(_WILDCARD_MESSAGE, _WILDCARD, "*.example.com"))


def label_value(value: str) -> Sequence[str]:
    if len(value) <= 63 and _label_value(value):
        return ()
    message = regex_error(_LABEL_VALUE_MESSAGE, _LABEL_VALUE, "MyValue", "my_value", "12345")
    return _sized(value, 63, _label_value(value), message, max_bytes)


def config_key(value: str) -> Sequence[str]:
    message = regex_error(_CONFIG_KEY_MESSAGE, _CONFIG_KEY, "key.name", "KEY_NAME", "key-name")
    return (*_sized(value, 253, _config_key(value), message), *_climbs(value))


def _sized(
    value: str, limit: int, matched: object, message: str, too_long: Callable[[int], str] = max_length
) -> Sequence[str]:
    messages = [too_long(limit)] if size(value) > limit else []
    return messages if matched else [*messages, message]


def _climbs(value: str) -> Sequence[str]:
    if value in (".", ".."):
        return (f"must not be '{value}'",)
    return ("must not start with '..'",) if value.startswith("..") else ()


def qualified_name(value: str) -> Sequence[str]:
    """A label's key: `[prefix/]name`. The same few come again and again: what was found of them is remembered."""
    return _known_qualified_name(value) if len(value) <= _QUALIFIED_LIMIT else _qualified_name(value)


def _qualified_name(value: str) -> Sequence[str]:
    prefix, slash, name = value.rpartition("/")
    if not slash and len(name) <= 63 and _qualified(name):
        return ()
    expected = regex_error(_QUALIFIED_MESSAGE, _QUALIFIED, "MyName", "my.name", "123-abc")
    if "/" in prefix:
        return (
            f"a valid label key {expected} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')",
        )
    messages: list[str] = []
    if slash and not prefix:
        messages.append("prefix part must be non-empty")
    elif slash:
        message = regex_error(_SUBDOMAIN_MESSAGE, _SUBDOMAIN, "example.com")
        faults = _sized(prefix, 253, _subdomain(prefix), message, max_bytes)
        messages += [f"prefix part {fault}" for fault in faults]
    if not name:
        messages.append("name part must be non-empty")
    elif size(name) > 63:
        messages.append(f"name part {max_bytes(63)}")
    if not _qualified(name):
        messages.append(f"name part {expected}")
    return tuple(messages)


_QUALIFIED_LIMIT = 253 + 1 + 63
_known_qualified_name = lru_cache(maxsize=4096)(_qualified_name)


def c_identifier(value: str) -> Sequence[str]:
    message = regex_error(_C_IDENTIFIER_MESSAGE, _C_IDENTIFIER, "my_name", "MY_NAME", "MyName")
    return () if _c_identifier(value) else (message,)


def env_name(value: str) -> Sequence[str]:
    """The relaxed rule, which is upstream's since RelaxedEnvironmentVariableValidation is on."""
    if not value:
        return ("environment variable name must be non-empty",)
    return () if all(" " <= rune <= "~" and rune != "=" for rune in value) else (_RELAXED_ENV_MESSAGE,)


def percent(value: str) -> Sequence[str]:
    message = "a valid percent string must be a numeric string followed by an ending '%'"
    return () if _percent(value) else (regex_error(message, _PERCENT, "1%", "93%"),)


def http_header(value: str) -> Sequence[str]:
    message = "a valid HTTP header must consist of alphanumeric characters or '-'"
    return () if _header(value) else (regex_error(message, _HEADER, "X-Header-Name"),)


def http_path(value: str) -> Sequence[str]:
    return () if _http_path(value) else (regex_error("Invalid path", _HTTP_PATH),)


def port_number(value: int) -> Sequence[str]:
    return () if 1 <= value <= 65535 else (between(1, 65535),)


def port_name(value: str) -> Sequence[str]:
    if len(value) <= 15 and _plain_port_name(value):
        return ()
    messages = [max_length(15)] if size(value) > 15 else []
    if not _port_name(value):
        messages.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not any("a" <= rune <= "z" for rune in value):
        messages.append("must contain at least one letter (a-z)")
    if "--" in value:
        messages.append("must not contain consecutive hyphens")
    if value.startswith("-") or value.endswith("-"):
        messages.append("must not begin or end with a hyphen")
    return messages


def user_or_group_id(value: int) -> Sequence[str]:
    limit = 2**31 - 1
    return () if 0 <= value <= limit else (between(0, limit),)


def path_segment(value: str) -> Sequence[str]:
    """What may stand in a URL path (RBAC names and the common check after a kind's own)."""
    if value in (".", ".."):
        return (f"may not be '{value}'",)
    return [f"may not contain '{part}'" for part in ("/", "%") if part in value]


def object_name(check: Check) -> Callable[[str, bool], Sequence[str]]:
    """A check of names that also takes prefixes for generated ones: a last `-` stands for what follows."""

    def validate(name: str, prefix: bool) -> Sequence[str]:
        if prefix and len(name) > 1 and name.endswith("-"):
            name = name[:-2] + "a"
        return check(name)

    return validate


label_name = object_name(dns_label)
subdomain_name = object_name(dns_subdomain)
label_1035_name = object_name(dns_1035_label)


def path_segment_name(name: str, prefix: bool) -> Sequence[str]:
    messages = path_segment(name)
    return [message for message in messages if message.startswith("may not contain")] if prefix else messages
