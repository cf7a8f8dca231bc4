"""Deletes certificate requests that nobody needs any more (pkg/controller/certificates/cleaner)."""

from base64 import b64decode

from cryptography import x509

from kybern.api.types.certificates_v1 import CertificateSigningRequest
from kybern.base.clock import parse_time
from kybern.client.cluster import Cluster
from kybern.client.objects import Key
from kybern.client.plan import Delete, Done, Outcome, Plan
from kybern.client.watches import watch
from kybern.trace import Verdict

NAME = "certificatesigningrequest-cleaner-controller"
WATCHES = watch(CertificateSigningRequest)

DECIDED_SECONDS = 3600.0
"""How long an issued, denied or failed request stays."""
PENDING_SECONDS = 24 * 3600.0
"""How long one stays that nobody decides or signs."""


async def reconcile(cluster: Cluster, key: Key) -> Outcome:
    request = cluster.get(CertificateSigningRequest, key)
    return Done() if request is None else await cluster.apply(decide(request, cluster.now()))


def decide(request: CertificateSigningRequest, now: float) -> Plan:
    """Pure: delete it, or look again when its time is over."""
    plan = Plan(request)
    until, why = deadline(request)
    if until < now:
        plan.deletes.append(Delete(request))
        plan.decide(Verdict.ACTED, "Cleaned", why)
    elif until < float("inf"):
        plan.requeue(until - now + 1.0)
        plan.decide(Verdict.WAITED, "Kept", f"{why}: it goes in {until - now:.0f} s")
    return plan


def deadline(request: CertificateSigningRequest) -> tuple[float, str]:
    """When a request may go (seconds since the epoch), and why."""
    status = request.status
    ends = [(parse_time(request.metadata.creation_timestamp) + PENDING_SECONDS, "nobody decided")]
    if status.conditions:
        ends = []
    for each in status.conditions:
        if not each.last_update_time:
            continue
        at = parse_time(each.last_update_time)
        if each.type in ("Denied", "Failed"):
            ends.append((at + DECIDED_SECONDS, f"it is {each.type.lower()}"))
        elif each.type == "Approved" and status.certificate:
            ends.append((at + DECIDED_SECONDS, "it is issued"))
        elif each.type == "Approved":
            ends.append((at + PENDING_SECONDS, "nobody signs it"))
    if status.certificate:
        try:
            issued = x509.load_pem_x509_certificate(b64decode(status.certificate))
            ends.append((issued.not_valid_after_utc.timestamp(), "its certificate ends"))
        except ValueError:
            pass  # What a foreign signer wrote may be no certificate; the other reasons hold.
    return min(ends, default=(float("inf"), "it stays"))
