"""Generic ephemeral volumes: a claim for each, which lives and dies with its Pod (KEP-1698)."""

from kybern.api.types import convert, to_dict
from kybern.api.types.core_v1 import PersistentVolumeClaim, PersistentVolumeClaimTemplate, Pod
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.client.cluster import Cluster
from kybern.client.objects import Key, controller_of, controller_reference
from kybern.client.plan import Create, Done, Outcome, Plan
from kybern.client.watches import watch
from kybern.trace import Verdict

NAME = "ephemeral-volume-controller"
REPORTER = "ephemeral_volume"
WATCHES = watch(Pod).owns(PersistentVolumeClaim)


async def reconcile(cluster: Cluster, key: Key) -> Outcome:
    """Make the claims that are missing."""
    pod = cluster.get(Pod, key)
    if pod is None or pod.metadata.deletion_timestamp or not any(each.ephemeral for each in pod.spec.volumes):
        return Done()
    claims = {each.metadata.name: each for each in cluster.list(PersistentVolumeClaim, key.namespace)}
    return await cluster.apply(decide(pod, claims))


def decide(pod: Pod, claims: dict[str, PersistentVolumeClaim]) -> Plan:
    """Pure. A claim of the name that is not the Pod's is left alone, and said."""
    plan = Plan(pod)
    for volume in pod.spec.volumes:
        if volume.ephemeral is None:
            continue
        name = f"{pod.metadata.name}-{volume.name}"
        known = claims.get(name)
        if known is None:
            plan.creates.append(Create(_claim(pod, name, volume.ephemeral.volume_claim_template)))
            continue
        owner = controller_of(known)
        if owner is None or owner.uid != pod.metadata.uid:
            namespace = pod.metadata.namespace
            why = f"PVC {namespace}/{name} was not created for pod {namespace}/{pod.metadata.name} (pod is not owner)"
            plan.event("Warning", "FailedBinding", f"ephemeral volume {volume.name}: {why}")
            plan.decide(Verdict.REFUSED, "ForeignClaim", why)
    return plan


def _claim(pod: Pod, name: str, template: PersistentVolumeClaimTemplate | None) -> PersistentVolumeClaim:
    own = convert(to_dict(template), PersistentVolumeClaimTemplate) if template else PersistentVolumeClaimTemplate()
    return PersistentVolumeClaim(
        metadata=ObjectMeta(
            name=name,
            namespace=pod.metadata.namespace,
            labels=own.metadata.labels,
            annotations=own.metadata.annotations,
            owner_references=[controller_reference(pod)],
        ),
        spec=own.spec,
    )
