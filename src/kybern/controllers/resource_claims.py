"""Pods' ResourceClaims: one made from each template that a Pod names, told in its status (KEP-4381).

What runs on a node already is given its reservations here; for Pods that wait for a node the scheduler makes them. A
claim is found again by its owner and an annotation, so that one made just before a crash is not made twice.
Source: pkg/controller/resourceclaim.
"""

from collections.abc import Iterable, Mapping, Sequence

from kybern.api.types import convert, to_dict
from kybern.api.types.core_v1 import Pod, PodResourceClaim
from kybern.api.types.meta_v1 import ObjectMeta, OwnerReference
from kybern.api.types.resource_v1 import (
    ResourceClaim,
    ResourceClaimConsumerReference,
    ResourceClaimStatus,
    ResourceClaimTemplate,
    ResourceClaimTemplateSpec,
)
from kybern.client.client import PatchType
from kybern.client.cluster import Cluster
from kybern.client.objects import Key, controller_of
from kybern.client.plan import Create, Done, Outcome, Patch, Plan, Update
from kybern.client.watches import watch
from kybern.trace import Verdict

NAME = "resourceclaim-controller"
REPORTER = "resource_claim"
POD_CLAIM = "resource.kubernetes.io/pod-claim-name"
"""The annotation that tells for which of its Pod's claims one was made."""
FIELD_MANAGER = "ResourceClaimController"
PREFIX_LIMIT = 57
"""Of a claim's name before the random part."""
RESERVED_LIMIT = 256
"""Consumers of one claim."""

_TEMPLATE = "resource claim template"


def _templates(pod: Pod) -> list[str]:
    namespace = pod.metadata.namespace
    names = {each.resource_claim_template_name for each in pod.spec.resource_claims} - {""}
    return [f"{namespace}/{name}" for name in names]


def _waiting(template: ResourceClaimTemplate, cluster: Cluster) -> Iterable[Key]:
    meta = template.metadata
    pods = cluster.by_index(Pod, _TEMPLATE, f"{meta.namespace}/{meta.name}")
    return [Key(pod.metadata.namespace, pod.metadata.name) for pod in pods]


WATCHES = watch(Pod).owns(ResourceClaim).also(ResourceClaimTemplate, _waiting).indexed(Pod, _TEMPLATE, _templates)


async def reconcile(cluster: Cluster, key: Key) -> Outcome:
    """Make the claims that are missing, tell them, reserve those of a Pod that has a node."""
    pod = cluster.get(Pod, key)
    if pod is None or pod.metadata.deletion_timestamp or not pod.spec.resource_claims:
        return Done()
    claims = {each.metadata.name: each for each in cluster.list(ResourceClaim, key.namespace)}
    templates = {each.metadata.name: each for each in cluster.list(ResourceClaimTemplate, key.namespace)}
    return await cluster.apply(decide(pod, claims, templates))


def decide(pod: Pod, claims: Mapping[str, ResourceClaim], templates: Mapping[str, ResourceClaimTemplate]) -> Plan:
    """Pure. The first claim that cannot be made ends it."""
    plan = Plan(pod)
    told = {each.name: each.resource_claim_name for each in pod.status.resource_claim_statuses}
    found: dict[str, str] = {}
    for wanted in pod.spec.resource_claims:
        if not wanted.resource_claim_template_name or told.get(wanted.name) == "":
            continue  # The Pod names one that somebody else makes, or it needs none.
        existing = _existing(pod, wanted, told.get(wanted.name, ""), claims)
        if existing is not None:
            found[wanted.name] = existing.metadata.name
            continue
        template = templates.get(wanted.resource_claim_template_name)
        if template is None:
            _refuse(plan, wanted)
            break
        why = f"PodResourceClaim {wanted.name}: create ResourceClaim : {{error}}"
        failed = plan.notice("Warning", "FailedResourceClaimCreation", why)
        plan.creates.append(Create(make(pod, wanted, template), failed=failed))
    if any(told.get(name) != claim for name, claim in found.items()):
        plan.patches.append(_status(pod, {**told, **found}))
    if pod.spec.node_name:
        _reserve(plan, pod, {**told, **found}, claims)
    return plan


def _existing(
    pod: Pod, wanted: PodResourceClaim, told: str, claims: Mapping[str, ResourceClaim]
) -> ResourceClaim | None:
    """The claim that the status names, if it is the Pod's, or else one that was made and not told."""
    known = claims.get(told)
    if known is not None and _owned(known, pod):
        return known
    mine = (
        each
        for each in claims.values()
        if _owned(each, pod) and each.metadata.annotations.get(POD_CLAIM) == wanted.name
    )
    return next(mine, None)


def _owned(claim: ResourceClaim, pod: Pod) -> bool:
    owner = controller_of(claim)
    return owner is not None and owner.uid == pod.metadata.uid


def _refuse(plan: Plan, wanted: PodResourceClaim) -> None:
    name = wanted.resource_claim_template_name
    why = f'resource claim template "{name}": resourceclaimtemplate.resource.k8s.io "{name}" not found'
    plan.event("Warning", "FailedResourceClaimCreation", f"PodResourceClaim {wanted.name}: {why}")
    plan.decide(Verdict.WAITED, "NoResourceClaimTemplate", why)


def make(pod: Pod, wanted: PodResourceClaim, template: ResourceClaimTemplate) -> ResourceClaim:
    """The claim that a Pod's template asks for."""
    own = convert(to_dict(template.spec), ResourceClaimTemplateSpec)
    meta = pod.metadata
    owner = OwnerReference(api_version="v1", kind="Pod", name=meta.name, uid=meta.uid, controller=True)
    return ResourceClaim(
        metadata=ObjectMeta(
            generate_name=generate_name(meta.name, wanted.name),
            namespace=meta.namespace,
            labels=own.metadata.labels,
            annotations={**own.metadata.annotations, POD_CLAIM: wanted.name},
            owner_references=[owner],
        ),
        spec=own.spec,
    )


def generate_name(pod: str, claim: str) -> str:
    """`POD-CLAIM-`; what is too long is cut in proportion, so that something of both is left."""
    whole = f"{pod}-{claim}-"
    if len(whole) <= PREFIX_LIMIT:
        return whole
    head = f"{pod[: len(pod) * PREFIX_LIMIT // len(whole)]}-"
    return head + claim[: len(claim) * PREFIX_LIMIT // len(whole)]


def _status(pod: Pod, names: Mapping[str, str]) -> Patch:
    """Applied, for the kubelet and the scheduler write the rest of a Pod's status."""
    statuses = [{"name": name, "resourceClaimName": claim} for name, claim in sorted(names.items()) if claim]
    meta = pod.metadata
    patch = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": meta.name, "namespace": meta.namespace, "uid": meta.uid},
        "status": {"resourceClaimStatuses": statuses},
    }
    query = {"fieldManager": FIELD_MANAGER, "force": "true"}
    return Patch(pod, patch, PatchType.APPLY, "status", query=query)


def _reserve(plan: Plan, pod: Pod, names: Mapping[str, str], claims: Mapping[str, ResourceClaim]) -> None:
    """A Pod that was given its node by hand has no reservations yet."""
    for wanted in pod.spec.resource_claims:
        claim = claims.get(wanted.resource_claim_name or names.get(wanted.name, ""))
        if claim is None or (wanted.resource_claim_template_name and not _owned(claim, pod)):
            continue
        reserved: Sequence[ResourceClaimConsumerReference] = claim.status.reserved_for
        if claim.status.allocation is None or len(reserved) >= RESERVED_LIMIT:
            continue
        if any(each.uid == pod.metadata.uid for each in reserved):
            continue
        consumer = ResourceClaimConsumerReference(resource="pods", name=pod.metadata.name, uid=pod.metadata.uid)
        status = ResourceClaimStatus(claim.status.allocation, [*reserved, consumer], claim.status.devices)
        changed = ResourceClaim(metadata=claim.metadata, spec=claim.spec, status=status)
        plan.status_updates.append(Update(changed, "status"))
        plan.decide(Verdict.ACTED, "Reserved", f"ResourceClaim {claim.metadata.name} is this Pod's as well")
