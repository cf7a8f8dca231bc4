"""Approves kubelets' requests for client certificates, where who asks may have them (sarapprove.go)."""

from msgspec.structs import replace

from kybern.api.types.authorization_v1 import ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec
from kybern.api.types.certificates_v1 import CertificateSigningRequest, CertificateSigningRequestCondition
from kybern.client.cluster import Cluster
from kybern.client.objects import Key
from kybern.client.plan import Done, Outcome, Plan, Update
from kybern.client.watches import watch
from kybern.controllers.certificate_requests import (
    KUBELET_CLIENT,
    common_name,
    has_condition,
    is_kubelet_client,
    parse,
)
from kybern.trace import Verdict

NAME = "certificatesigningrequest-approving-controller"
WATCHES = watch(CertificateSigningRequest)

SELF = ("selfnodeclient", "Auto approving self kubelet client certificate after SubjectAccessReview.")
OTHER = ("nodeclient", "Auto approving kubelet client certificate after SubjectAccessReview.")


async def reconcile(cluster: Cluster, key: Key) -> Outcome:
    """Approve by the first of the two permissions that the asking user has."""
    request = cluster.get(CertificateSigningRequest, key)
    if request is None or request.status.certificate or request.spec.signer_name != KUBELET_CLIENT:
        return Done()
    if has_condition(request, "Approved") or has_condition(request, "Denied"):
        return Done()
    parsed = parse(request)
    if not is_kubelet_client(parsed, request.spec.usages):
        return Done()
    is_own = request.spec.username == common_name(parsed)
    plan = Plan(request)
    for subresource, message in (SELF, OTHER) if is_own else (OTHER,):
        if await _may(cluster, request, subresource):
            approved = CertificateSigningRequestCondition(
                type="Approved", status="True", reason="AutoApproved", message=message
            )
            status = replace(request.status, conditions=[*request.status.conditions, approved])
            plan.updates.append(Update(replace(request, status=status), "approval"))
            plan.decide(Verdict.ACTED, "AutoApproved", message)
            break
    else:
        plan.decide(Verdict.REFUSED, "NotAllowed", f"{request.spec.username} may not have its request approved")
    return await cluster.apply(plan)


async def _may(cluster: Cluster, request: CertificateSigningRequest, subresource: str) -> bool:
    spec = request.spec
    attributes = ResourceAttributes(
        group="certificates.k8s.io",
        resource="certificatesigningrequests",
        verb="create",
        subresource=subresource,
        version="*",
    )
    review = SubjectAccessReview(
        spec=SubjectAccessReviewSpec(
            user=spec.username, uid=spec.uid, groups=spec.groups, extra=spec.extra, resource_attributes=attributes
        )
    )
    return (await cluster.client.create(review)).status.allowed
