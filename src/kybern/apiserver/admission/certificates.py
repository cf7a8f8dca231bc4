"""Who may approve and sign certificate requests, and that nobody asks for the superusers' group.

Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/ (CertificateApproval,
CertificateSigning, CertificateSubjectRestriction).
"""

from base64 import b64decode

from kybern.api.resource import Object
from kybern.apiserver import status
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.chain import Plugin
from kybern.apiserver.authorization.authorizer import Authorizer
from kybern.apiserver.request_info import RequestInfo
from kybern.apiserver.user import SUPERUSERS, User

GROUP = "certificates.k8s.io"
REQUESTS = f"certificatesigningrequests.{GROUP}"
CLIENT_SIGNER = "kubernetes.io/kube-apiserver-client"


class Certificates(Plugin):
    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    def validate(self, attributes: Attributes, obj: Object | None, old: Object | None) -> None:
        if attributes.group_resource != REQUESTS or obj is None:
            return
        signer = obj["spec"].get("signerName", "")
        if attributes.subresource == "approval":
            self._check(attributes, "approve", signer)
        elif attributes.subresource == "status":
            before = ((old or {}).get("status") or {}).get("certificate")
            if (obj.get("status") or {}).get("certificate") != before:
                self._check(attributes, "sign", signer)
        elif old is None and signer == CLIENT_SIGNER and SUPERUSERS in _organisations(obj):
            why = f"use of {CLIENT_SIGNER} signer with {SUPERUSERS} group is not allowed"
            raise status.forbidden(attributes.resource, obj["metadata"].get("name", ""), why)

    def _check(self, attributes: Attributes, verb: str, signer: str) -> None:
        if not _may(self._authorizer, attributes.user, verb, signer):
            done = "approve" if verb == "approve" else "sign"
            why = f'user not permitted to {done} requests with signerName "{signer}"'
            raise status.forbidden(attributes.resource, attributes.name, why)


def _may(authorizer: Authorizer, user: User, verb: str, signer: str) -> bool:
    names = (signer, f"{signer.partition('/')[0]}/*")
    return any(
        authorizer.allows(user, RequestInfo(True, verb, "", GROUP, "v1", "", "signers", "", name)) for name in names
    )


def _organisations(request: Object) -> list[str]:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    try:
        parsed = x509.load_pem_x509_csr(b64decode(request["spec"].get("request", "")))
    except ValueError:
        return []
    return [str(each.value) for each in parsed.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
