"""Signs approved certificate requests of the built-in signers (pkg/controller/certificates/signer)."""

from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from kybern.api.types.certificates_v1 import CertificateSigningRequest, CertificateSigningRequestCondition
from kybern.base.clock import format_time
from kybern.client.cluster import Cluster
from kybern.client.objects import Key
from kybern.client.plan import Done, Outcome, Plan
from kybern.client.reconciler import Controller
from kybern.client.watches import watch
from kybern.controllers.certificate_authority import Authority
from kybern.controllers.certificate_requests import SIGNERS, NotAccepted, check, has_condition, parse
from kybern.trace import Verdict

NAME = "certificatesigningrequest-signing-controller"
WATCHES = watch(CertificateSigningRequest)
MINIMUM_SECONDS = 600.0
YEAR_SECONDS = 365 * 24 * 3600.0


def controller(certificate: str, key: str, duration_seconds: float) -> Controller:
    return Controller(NAME, WATCHES, Signing(Authority(Path(certificate), Path(key)), duration_seconds).reconcile)


@dataclass(frozen=True, slots=True)
class Signing:
    authority: Authority
    duration_seconds: float
    """How long a certificate lives at most."""

    async def reconcile(self, cluster: Cluster, key: Key) -> Outcome:
        """Sign what is approved and not signed yet; say why not where the signer does not sign such a thing."""
        request = cluster.get(CertificateSigningRequest, key)
        if request is None or not is_due(request):
            return Done()
        return await cluster.apply(self.decide(request, cluster.now()))

    def decide(self, request: CertificateSigningRequest, now: float) -> Plan:
        """The certificate, or the condition Failed."""
        plan = Plan(request)
        signer = request.spec.signer_name
        parsed = parse(request)
        try:
            check(signer, parsed, request.spec.usages)
        except NotAccepted as error:
            failed = CertificateSigningRequestCondition(
                type="Failed",
                status="True",
                reason="SignerValidationFailure",
                message=str(error),
                last_update_time=format_time(now),
            )
            status = replace(request.status, conditions=[*request.status.conditions, failed])
            plan.decide(Verdict.REFUSED, "SignerValidationFailure", str(error))
        else:
            seconds = self._seconds(request.spec.expiration_seconds)
            pem = self.authority.sign(parsed, request.spec.usages, seconds, now)
            status = replace(request.status, certificate=b64encode(pem.encode()).decode())
            plan.decide(Verdict.ACTED, "Signed", f"{signer} signed for {seconds:.0f} s")
        plan.status(replace(request, status=status))
        return plan

    def _seconds(self, asked: int | None) -> float:
        return self.duration_seconds if asked is None else min(max(asked, MINIMUM_SECONDS), self.duration_seconds)


def is_due(request: CertificateSigningRequest) -> bool:
    return (
        request.spec.signer_name in SIGNERS
        and not request.status.certificate
        and has_condition(request, "Approved")
        and not has_condition(request, "Denied")
        and not has_condition(request, "Failed")
    )
