"""Who may approve and sign certificate requests, and that nobody asks for the superusers' group.

Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/ (CertificateApproval,
CertificateSigning, CertificateSubjectRestriction).
"""

from base64 import b64decode

from kybern.api.resource import Object
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.chain import Plugin
from kybern.apiserver.authorization.authorizer import Authorizer
from kybern.apiserver.request_info import RequestInfo
from kybern.apiserver.user import SUPERUSERS, User

GROUP = "certificates.k8s.io"
REQUESTS = f"certificatesigningrequests.{GROUP}"
CLIENT_SIGNER = "kubernetes.io/kube-apiserver-client"


class CertificateApproval(Plugin):
    """Who approves may do so for the request's signer."""

    about = (REQUESTS,)

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    def validate(self, attributes: Attributes, obj: Object | None, old: Object | None) -> None:
        if attributes.group_resource != REQUESTS or attributes.subresource != "approval" or old is None:
            return
        signer = old["spec"].get("signerName", "")
        if not _may(self._authorizer, attributes.user, "approve", signer):
            raise attributes.forbidden(obj, f'user not permitted to approve requests with signerName "{signer}"')


class CertificateSigning(Plugin):
    """Who writes a certificate may sign for the request's signer."""

    about = (REQUESTS,)

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    def validate(self, attributes: Attributes, obj: Object | None, old: Object | None) -> None:
        if attributes.group_resource != REQUESTS or attributes.subresource != "status" or obj is None or old is None:
            return
        before, after = old.get("status") or {}, obj.get("status") or {}
        if all(before.get(key) == after.get(key) for key in ("certificate", "conditions")):
            return
        signer = old["spec"].get("signerName", "")
        if not _may(self._authorizer, attributes.user, "sign", signer):
            raise attributes.forbidden(obj, f'user not permitted to sign requests with signerName "{signer}"')


class CertificateSubjectRestriction(Plugin):
    """Nobody gets a certificate of the superusers' group by asking."""

    about = (REQUESTS,)

    def validate(self, attributes: Attributes, obj: Object | None, old: Object | None) -> None:
        if attributes.group_resource != REQUESTS or attributes.subresource or obj is None or old is not None:
            return
        if obj["spec"].get("signerName") == CLIENT_SIGNER and SUPERUSERS in _organisations(obj):
            why = f"use of {CLIENT_SIGNER} signer with {SUPERUSERS} group is not allowed"
            raise attributes.forbidden(obj, why)


def _may(authorizer: Authorizer, user: User, verb: str, signer: str) -> bool:
    names = (signer, f"{signer.partition('/')[0]}/*")
    return any(
        authorizer.allows(user, RequestInfo(True, verb, "", GROUP, "v1", "", "signers", "", name)) for name in names
    )


def common_name(request: Object) -> str:
    """Of a request of a certificate; "" where it cannot be read."""
    names = _subject(request, "COMMON_NAME")
    return names[0] if names else ""


def _organisations(request: Object) -> list[str]:
    return _subject(request, "ORGANIZATION_NAME")


def _subject(request: Object, part: str) -> list[str]:
    """The values of a part of the subject."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    try:
        parsed = x509.load_pem_x509_csr(b64decode(request["spec"].get("request", "")))
    except ValueError:
        return []
    return [str(each.value) for each in parsed.subject.get_attributes_for_oid(getattr(NameOID, part))]
