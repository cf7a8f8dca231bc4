"""Projected volumes, and the files that ConfigMaps, Secrets and the downward API become."""

from collections.abc import Iterator, Mapping

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.core.environment import VOLUME_FIELDS, validate_field_ref, validate_resource_ref
from kybern.api.validation.core.paths import not_reserved
from kybern.api.validation.field import each_invalid, forbidden, invalid, not_supported, required, too_long
from kybern.api.validation.metadata import ANNOTATIONS_LIMIT_BYTES, validate_label_selector

MODE_MESSAGE = "must be a number between 0 and 0777 (octal), both inclusive"
_CONFLICT = "conflicting duplicate paths"
_KEY_TYPES = ("RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519")
_TOKEN_SECONDS = (600, 2**32)
_CERTIFICATE_SECONDS = (3600, 91 * 86400)


def validate_mode(mode: int | None, path: str) -> Iterator[FieldError]:
    if mode is not None and not 0 <= mode <= 0o777:
        yield invalid(path, mode, MODE_MESSAGE)


def validate_key_to_path(item: Object, path: str) -> Iterator[FieldError]:
    for key in ("key", "path"):
        if not item.get(key):
            yield required(f"{path}.{key}")
    yield from not_reserved(item.get("path") or "", f"{path}.path")
    yield from validate_mode(item.get("mode"), f"{path}.mode")


def validate_downward_file(item: Object, path: str) -> Iterator[FieldError]:
    if not item.get("path"):
        yield required(f"{path}.path")
    yield from not_reserved(item.get("path") or "", f"{path}.path")
    if item.get("fieldRef") is not None:
        yield from validate_field_ref(item["fieldRef"], VOLUME_FIELDS, f"{path}.fieldRef")
        if item.get("resourceFieldRef") is not None:
            yield invalid(path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously")
    elif item.get("resourceFieldRef") is not None:
        yield from validate_resource_ref(item["resourceFieldRef"], f"{path}.resourceFieldRef", in_volume=True)
    else:
        yield required(path, "one of fieldRef and resourceFieldRef is required")
    yield from validate_mode(item.get("mode"), f"{path}.mode")


def validate_projected(volume: Object, path: str) -> Iterator[FieldError]:
    yield from validate_mode(volume.get("defaultMode"), f"{path}.defaultMode")
    seen: set[str] = set()
    for index, source in enumerate(volume.get("sources") or ()):
        at = f"{path}.sources[{index}]"
        given = [key for key in _SOURCES if source.get(key) is not None]
        for key in given:
            yield from _projection(key, source[key], f"{at}.{key}", path, seen)
        if len(given) > 1:
            yield forbidden(at, "may not specify more than 1 volume type per source")


_SOURCES = ("secret", "configMap", "downwardAPI", "serviceAccountToken", "clusterTrustBundle", "podCertificate")


def _projection(key: str, source: Object, at: str, path: str, seen: set[str]) -> Iterator[FieldError]:
    match key:
        case "secret" | "configMap":
            if not source.get("name"):
                yield required(f"{at}.name")
            for index, item in enumerate(source.get("items") or ()):
                yield from validate_key_to_path(item, f"{at}.items[{index}]")
                yield from _once(item.get("path"), source.get("name") or "", path, seen)
        case "downwardAPI":
            for item in source.get("items") or ():
                yield from validate_downward_file(item, at)
                yield from _once(item.get("path"), item.get("path") or "", path, seen)
        case "serviceAccountToken":
            yield from _token(source, at, path)
        case "clusterTrustBundle":
            yield from _trust_bundle(source, at)
            yield from _once(source.get("path"), source.get("path") or "", path, seen)
        case _:
            yield from _certificate(source, at, path, seen)


def _once(target: str | None, shown: str, path: str, seen: set[str]) -> Iterator[FieldError]:
    """No two sources may make the same file."""
    if target:
        if target in seen:
            yield invalid(path, shown, _CONFLICT)
        seen.add(target)


def _token(source: Object, at: str, path: str) -> Iterator[FieldError]:
    seconds = source.get("expirationSeconds") or 0
    if seconds < _TOKEN_SECONDS[0]:
        yield invalid(f"{at}.expirationSeconds", seconds, "may not specify a duration less than 10 minutes")
    if seconds > _TOKEN_SECONDS[1]:
        yield invalid(f"{at}.expirationSeconds", seconds, "may not specify a duration larger than 2^32 seconds")
    if not source.get("path"):
        yield required(f"{path}.path")
    else:
        yield from not_reserved(source["path"], f"{path}.path")


# Upstream shows its internal projection, which has no JSON names and leaves nothing out.
_INTERNAL = {
    "name": "Name",
    "signerName": "SignerName",
    "labelSelector": "LabelSelector",
    "optional": "Optional",
    "path": "Path",
}
_BLANK = {"path": ""}


def _trust_bundle(source: Object, at: str) -> Iterator[FieldError]:
    name, signer = source.get("name"), source.get("signerName")
    if name is not None and signer is not None:
        shown = {_INTERNAL[key]: source.get(key, _BLANK.get(key)) for key in _INTERNAL}
        yield invalid(at, shown, "only one of name and signerName may be used")
    elif name is not None:
        if not name:
            yield required(f"{at}.name", "must be a valid object name")
        for message in names.dns_subdomain(name.rpartition(":")[2]):
            yield invalid(f"{at}.name", name, f"not a valid clustertrustbundlename: {message}")
        if source.get("labelSelector") is not None:
            detail = "labelSelector must be unset if name is specified"
            yield invalid(f"{at}.labelSelector", source["labelSelector"], detail)
    elif signer is not None:
        if not signer:
            yield required(f"{at}.signerName", "must be a valid signer name")
        yield from validate_signer_name(signer, f"{at}.signerName")
        yield from validate_label_selector(source.get("labelSelector"), f"{at}.labelSelector")
    else:
        yield required(at, "either name or signerName must be specified")
    if not source.get("path"):
        yield required(f"{at}.path")
    yield from not_reserved(source.get("path") or "", f"{at}.path")


def validate_signer_name(signer: str, path: str) -> Iterator[FieldError]:
    """`example.com/my-signer`."""
    if not signer:
        yield required(path)
        return
    domain, slash, rest = signer.partition("/")
    if not slash or "/" in rest:
        yield invalid(path, signer, "must be a fully qualified domain and path of the form 'example.com/signer-name'")
        return
    for message in names.dns_subdomain(domain):
        yield invalid(path, domain, f'validating label "{domain}": {message}')
    if "." not in domain:
        yield invalid(path, domain, "should be a domain with at least two segments separated by dots")
    for message in names.dns_subdomain(rest):
        yield invalid(path, rest, f'validating label "{rest}": {message}')
    if len(signer) > 571:
        yield invalid(path, signer, "must be no more than 571 characters")


def _certificate(source: Object, at: str, path: str, seen: set[str]) -> Iterator[FieldError]:
    yield from validate_signer_name(source.get("signerName") or "", f"{at}.signerName")
    yield from _user_annotations(source.get("userAnnotations") or {}, f"{at}.userAnnotations")
    if source.get("keyType") not in _KEY_TYPES:
        yield not_supported(f"{at}.keyType", source.get("keyType") or "", _KEY_TYPES)
    seconds = source.get("maxExpirationSeconds")
    if seconds is not None:
        low, high = _CERTIFICATE_SECONDS
        if (source.get("signerName") or "").startswith("kubernetes.io/"):
            high = 86400
        if seconds < low:
            yield invalid(f"{at}.maxExpirationSeconds", seconds, "if provided, maxExpirationSeconds must be >= 3600")
        if seconds > high:
            detail = f"if provided, maxExpirationSeconds must be <= {high}"
            yield invalid(f"{at}.maxExpirationSeconds", seconds, detail)
    keys = [key for key in ("credentialBundlePath", "keyPath", "certificateChainPath") if source.get(key)]
    for key in keys:
        yield from not_reserved(source[key], f"{at}.{key}")
        yield from _once(source[key], source[key], path, seen)
    if not keys:
        detail = "specify at least one of credentialBundlePath, keyPath, and certificateChainPath"
        yield required(at, detail)


def _user_annotations(annotations: Mapping[str, str], path: str) -> Iterator[FieldError]:
    """What the signer is told; every key carries a domain."""
    for key in map(str.lower, annotations):
        messages = names.qualified_name(key)
        yield from each_invalid(path, key, messages)
        if not messages and "/" not in key:
            yield invalid(path, key, 'must be a domain-prefixed key (such as "acme.io/foo")')
    if sum(names.size(key) + names.size(value) for key, value in annotations.items()) > ANNOTATIONS_LIMIT_BYTES:
        yield too_long(path, ANNOTATIONS_LIMIT_BYTES)
