"""What the built-in signers accept: certificate requests of kubelets and of clients of the API server. Pure.

Rules and words are upstream's (pkg/apis/certificates/helpers.go, pkg/controller/certificates).
"""

from base64 import b64decode
from collections.abc import Callable, Collection

from cryptography import x509
from cryptography.x509.oid import NameOID

from kybern.api.types.certificates_v1 import CertificateSigningRequest
from kybern.base.errors import KybernError

CLIENT = "kubernetes.io/kube-apiserver-client"
KUBELET_CLIENT = "kubernetes.io/kube-apiserver-client-kubelet"
KUBELET_SERVING = "kubernetes.io/kubelet-serving"
LEGACY = "kubernetes.io/legacy-unknown"

_BASE, _RSA = "digital signature", "key encipherment"


class NotAccepted(KybernError):
    """The signer does not sign such a request; the message goes into the condition."""


def has_condition(request: CertificateSigningRequest, type: str) -> bool:
    """Whether a condition is there; only its absence is False, as approvals carry no other status."""
    return any(each.type == type and each.status in ("True", "") for each in request.status.conditions)


def parse(request: CertificateSigningRequest) -> x509.CertificateSigningRequest:
    """Raises NotAccepted."""
    try:
        return x509.load_pem_x509_csr(b64decode(request.spec.request))
    except ValueError as error:
        raise NotAccepted(f'unable to parse csr "{request.metadata.name}": {error}') from error


def common_name(parsed: x509.CertificateSigningRequest) -> str:
    names = parsed.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


def check(signer: str, parsed: x509.CertificateSigningRequest, usages: Collection[str]) -> None:
    """Raises NotAccepted for what the signer does not sign."""
    _CHECKS[signer](parsed, frozenset(usages))


def is_kubelet_client(parsed: x509.CertificateSigningRequest, usages: Collection[str]) -> bool:
    try:
        check(KUBELET_CLIENT, parsed, usages)
    except NotAccepted:
        return False
    return True


def _alternatives(parsed: x509.CertificateSigningRequest, kind: type[x509.GeneralName]) -> bool:
    """Whether the request names a subject of a kind."""
    try:
        names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    return any(isinstance(each, kind) for each in names)


def _check_kubelet_client(parsed: x509.CertificateSigningRequest, usages: frozenset[str]) -> None:
    _check_organisation(parsed)
    for kind, word in (
        (x509.DNSName, "DNS"),
        (x509.RFC822Name, "Email"),
        (x509.IPAddress, "IP"),
        (x509.UniformResourceIdentifier, "URI"),
    ):
        if _alternatives(parsed, kind):
            raise NotAccepted(f"{word} subjectAltNames are not allowed")
    _check_node(parsed)
    _check_usages(usages, "client auth")


def _check_kubelet_serving(parsed: x509.CertificateSigningRequest, usages: frozenset[str]) -> None:
    _check_organisation(parsed)
    if not (_alternatives(parsed, x509.DNSName) or _alternatives(parsed, x509.IPAddress)):
        raise NotAccepted("DNS or IP subjectAltName is required")
    for kind, word in ((x509.RFC822Name, "Email"), (x509.UniformResourceIdentifier, "URI")):
        if _alternatives(parsed, kind):
            raise NotAccepted(f"{word} subjectAltNames are not allowed")
    _check_usages(usages, "server auth")
    _check_node(parsed)


def _check_client(parsed: x509.CertificateSigningRequest, usages: frozenset[str]) -> None:
    for usage in sorted(usages):
        if usage not in (_BASE, _RSA, "client auth"):
            raise NotAccepted(f"invalid usage for client certificate: {usage}")
    if "client auth" not in usages:
        raise NotAccepted("missing required usage for client certificate: client auth")


def _check_organisation(parsed: x509.CertificateSigningRequest) -> None:
    found = [str(each.value) for each in parsed.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    if found != ["system:nodes"]:
        raise NotAccepted("subject organization is not system:nodes")


def _check_node(parsed: x509.CertificateSigningRequest) -> None:
    if not common_name(parsed).startswith("system:node:"):
        raise NotAccepted("subject common name does not begin with system:node:")


def _check_usages(usages: frozenset[str], purpose: str) -> None:
    if usages not in ({_BASE, _RSA, purpose}, {_BASE, purpose}):
        raise NotAccepted(f"usages did not match [{' '.join(sorted((_BASE, _RSA, purpose)))}]")


def _accept(parsed: x509.CertificateSigningRequest, usages: frozenset[str]) -> None:
    """The legacy signer takes anything that was approved."""


_CHECKS: dict[str, Callable[[x509.CertificateSigningRequest, frozenset[str]], None]] = {
    CLIENT: _check_client,
    KUBELET_CLIENT: _check_kubelet_client,
    KUBELET_SERVING: _check_kubelet_serving,
    LEGACY: _accept,
}
SIGNERS = tuple(_CHECKS)
