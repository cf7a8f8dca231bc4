"""How webhooks are reached, for admission and for the conversion of custom resources. Source: apiserver util/webhook."""

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.field import invalid, quote, required

_FORM = "; desired format: https://host[/path]"


def validate_client_config(config: Object, path: str) -> Iterator[FieldError]:
    """Either a URL or a Service."""
    url, service = config.get("url"), config.get("service")
    if (url is None) == (service is None):
        yield required(path, "exactly one of url or service is required")
    elif url is not None:
        yield from _url(url, f"{path}.url")
    else:
        yield from _service(service or {}, f"{path}.service")


def _url(text: str, path: str) -> Iterator[FieldError]:
    from kybern.api.cel.urls import parse_error  # Loaded when there is a URL to check.

    fault = parse_error(text) if text else None
    if fault is not None and not fault.endswith("invalid URI for request"):
        reason = fault.removeprefix(f'parse "{text}": ')
        yield required(path, f"url must be a valid URL: parse {quote(text)}: {reason}{_FORM}")
        return
    url = urlsplit(text)
    if url.scheme != "https":
        yield invalid(path, url.scheme, f"'https' is the only allowed URL scheme{_FORM}")
    user, at, host = url.netloc.rpartition("@")
    if not host:
        yield invalid(path, host, f"host must be specified{_FORM}")
    if at:
        yield invalid(path, user, "user information is not permitted in the URL")
    if url.fragment:
        yield invalid(path, url.fragment, "fragments are not permitted in the URL")
    if url.query:
        yield invalid(path, url.query, "query parameters are not permitted in the URL")


def _service(service: Object, path: str) -> Iterator[FieldError]:
    # Upstream confuses the two when it says that one is missing.
    for shown, key in (("name", "namespace"), ("namespace", "name")):
        if not service.get(key):
            yield required(f"{path}.{shown}")
    port = service.get("port", 443)
    if messages := names.port_number(port):
        yield invalid(f"{path}.port", port, "port is not valid: " + ", ".join(messages))
    yield from _service_path(service.get("path") or "", f"{path}.path")


def _service_path(text: str, path: str) -> Iterator[FieldError]:
    if text in ("", "/"):
        return
    if text == "//":
        yield invalid(path, text, "segment[0] may not be empty")
        return
    if not text.startswith("/"):
        yield invalid(path, text, "must start with a '/'")
    rest = text.encode()[1:].decode(errors="replace")
    for index, segment in enumerate(rest.removesuffix("/").split("/")):
        if not segment:
            yield invalid(path, text, f"segment[{index}] may not be empty")
            continue
        for message in names.dns_subdomain(segment):
            yield invalid(path, text, f"segment[{index}]: {message}")


def validate_review_versions(
    versions: Sequence[str], path: str, accepted: Sequence[str], missing: str = ""
) -> Iterator[FieldError]:
    """Of AdmissionReview and ConversionReview: at least one that this server speaks."""
    if not versions:
        yield required(path, missing)
        return
    for index, version in enumerate(versions):
        if version in versions[:index]:
            yield invalid(f"{path}[{index}]", version, "duplicate version")
            continue
        for message in names.dns_1035_label(version):
            yield invalid(f"{path}[{index}]", version, message)
    if not set(accepted).intersection(versions):
        yield invalid(path, list(versions), f"must include at least one of {', '.join(accepted)}")
