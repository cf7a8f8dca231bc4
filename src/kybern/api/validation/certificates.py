"""CertificateSigningRequest. Source: pkg/apis/certificates/validation."""

import base64
import binascii
from collections.abc import Iterator, Sequence

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from kybern.api.resource import FieldError, Object
from kybern.api.validation.core.projected import validate_signer_name
from kybern.api.validation.field import duplicate, forbidden, invalid, not_supported, required

LEGACY_SIGNER = "kubernetes.io/legacy-unknown"
FINAL_CONDITIONS = ("Approved", "Denied", "Failed")
_APPROVALS = ("Approved", "Denied")
_SHORTEST_SECONDS = 600
_CONDITIONS = "status.conditions"
_STATUSES = ("False", "True", "Unknown")
_USAGES = (
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
)


def validate_request(obj: Object) -> Iterator[FieldError]:
    yield from _spec(obj.get("spec") or {})
    yield from _conditions(obj)
    yield from _certificate(obj)


def _spec(spec: Object) -> Iterator[FieldError]:
    if fault := _request_fault(spec.get("request") or ""):
        yield invalid("spec.request", spec.get("request"), fault)
    usages: Sequence[str] = spec.get("usages") or ()
    if not usages:
        yield required("spec.usages")
    for index, usage in enumerate(usages):
        if usage not in _USAGES:
            yield not_supported(f"spec.usages[{index}]", usage, _USAGES)
    for index, usage in enumerate(usages):
        if usage in usages[:index]:
            yield duplicate(f"spec.usages[{index}]", usage)
    signer = spec.get("signerName") or ""
    if signer == LEGACY_SIGNER:
        yield invalid("spec.signerName", signer, "the legacy signerName is not allowed via this API version")
    elif not signer:
        yield required("spec.signerName")
    else:
        yield from validate_signer_name(signer, "spec.signerName")
    seconds = spec.get("expirationSeconds")
    if seconds is not None and seconds < _SHORTEST_SECONDS:
        detail = "may not specify a duration less than 600 seconds (10 minutes)"
        yield invalid("spec.expirationSeconds", seconds, detail)


def _request_fault(encoded: str) -> str:
    """What is wrong with the PEM of a PKCS #10 request; the parser's own words differ from Go's."""
    try:
        pem = base64.b64decode(encoded)
        if b"-----BEGIN CERTIFICATE REQUEST-----" not in pem:
            return "PEM block type must be CERTIFICATE REQUEST"
        request = x509.load_pem_x509_csr(pem)
        return "" if request.is_signature_valid else "x509: signature verification failed"
    except (ValueError, binascii.Error, UnsupportedAlgorithm) as error:
        return str(error)


def _certificate(obj: Object) -> Iterator[FieldError]:
    encoded = (obj.get("status") or {}).get("certificate")
    if not encoded:
        return
    try:
        pem = base64.b64decode(encoded)
        fault = "" if x509.load_pem_x509_certificates(pem) else "must contain at least one CERTIFICATE PEM block"
    except (ValueError, binascii.Error):
        fault = "must contain at least one CERTIFICATE PEM block"
    if fault:
        yield invalid("status.certificate", "<certificate data>", fault)


def _conditions(obj: Object) -> Iterator[FieldError]:
    seen: set[str] = set()
    for index, condition in enumerate((obj.get("status") or {}).get("conditions") or ()):
        path, kind, status = f"{_CONDITIONS}[{index}]", condition.get("type") or "", condition.get("status") or ""
        if not kind:
            yield required(f"{path}.type")
        allowed = ("True",) if kind in FINAL_CONDITIONS else _STATUSES
        if not status:
            yield required(f"{path}.status")
        elif status not in allowed:
            yield not_supported(f"{path}.status", status, allowed)
        if kind in _APPROVALS and seen.intersection(_APPROVALS) - {kind}:
            yield invalid(f"{path}.type", kind, "Approved and Denied conditions are mutually exclusive")
        if kind in seen:
            yield duplicate(f"{path}.type", kind)
        seen.add(kind)


def validate_request_update(new: Object, old: Object) -> Iterator[FieldError]:
    """Through the resource itself, which changes no status."""
    yield from _spec(new.get("spec") or {})


def validate_approval(new: Object, old: Object) -> Iterator[FieldError]:
    yield from _spec(new.get("spec") or {})
    yield from _conditions(new)
    yield from _removals(new, old)


def validate_request_status(new: Object, old: Object) -> Iterator[FieldError]:
    yield from validate_approval(new, old)
    for kind in _APPROVALS:
        after, before = _of_type(new, kind), _of_type(old, kind)
        if len(after) > len(before):
            yield forbidden(_CONDITIONS, f'updates may not add a condition of type "{kind}"')
        elif len(after) == len(before) and after != before:
            yield forbidden(_CONDITIONS, f'updates may not modify a condition of type "{kind}"')
    certificate, earlier = ((obj.get("status") or {}).get("certificate") or "" for obj in (new, old))
    if certificate == earlier:
        return
    yield from _certificate(new)
    if earlier:
        yield forbidden("status.certificate", "updates may not modify existing certificate content")


def _removals(new: Object, old: Object) -> Iterator[FieldError]:
    for kind in FINAL_CONDITIONS:
        if len(_of_type(new, kind)) < len(_of_type(old, kind)):
            yield forbidden(_CONDITIONS, f'updates may not remove a condition of type "{kind}"')


def _of_type(obj: Object, kind: str) -> list[Object]:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return [condition for condition in conditions if condition.get("type") == kind]
