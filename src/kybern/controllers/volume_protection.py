"""Storage that is in use is not deleted: claims stay while a Pod uses them, volumes while they are bound.

Admission adds the finalizers; here they are taken away (pkg/controller/volume/pvcprotection, pvprotection).
"""

from collections.abc import Iterable

from kybern.api.types.core_v1 import PersistentVolume, PersistentVolumeClaim, Pod
from kybern.api.types.storage_v1 import VolumeAttributesClass
from kybern.client.cluster import Cluster
from kybern.client.objects import Key, KubeObject
from kybern.client.plan import Done, Outcome, Patch, Plan
from kybern.client.reconciler import Controller
from kybern.client.watches import watch
from kybern.controllers.volume_claims import USED_CLAIM, claims_used
from kybern.trace import Verdict

CLASS_FINALIZER = "kubernetes.io/vac-protection"
CLAIM_FINALIZER = "kubernetes.io/pvc-protection"
VOLUME_FINALIZER = "kubernetes.io/pv-protection"


def _keys(pod: Pod, cluster: Cluster) -> Iterable[Key]:
    return [Key(*each.split("/")) for each in claims_used(pod)]


CLAIMS = watch(PersistentVolumeClaim).also(Pod, _keys).indexed(Pod, USED_CLAIM, claims_used)
VOLUMES = watch(PersistentVolume)


def _classes(user: PersistentVolume | PersistentVolumeClaim, cluster: Cluster) -> Iterable[Key]:
    return [Key("", name) for name in _class_names(user)]


def _class_names(user: PersistentVolume | PersistentVolumeClaim) -> set[str]:
    """The VolumeAttributesClasses that storage names, now or before a change that is under way."""
    names = {user.spec.volume_attributes_class_name}
    if isinstance(user, PersistentVolumeClaim):
        names.add(user.status.current_volume_attributes_class_name)
        if user.status.modify_volume_status is not None:
            names.add(user.status.modify_volume_status.target_volume_attributes_class_name)
    return names - {""}


CLASSES = watch(VolumeAttributesClass).also(PersistentVolume, _classes).also(PersistentVolumeClaim, _classes)


def claims() -> Controller:
    return Controller("persistentvolumeclaim-protection-controller", CLAIMS, reconcile_claim)


def volumes() -> Controller:
    return Controller("persistentvolume-protection-controller", VOLUMES, reconcile_volume)


def classes() -> Controller:
    return Controller("volumeattributesclass-protection-controller", CLASSES, reconcile_class)


async def reconcile_class(cluster: Cluster, key: Key) -> Outcome:
    """A class of volume attributes goes when no volume and no claim names it."""
    attributes = cluster.get(VolumeAttributesClass, key)
    if attributes is None:
        return Done()
    volumes, claims = cluster.list(PersistentVolume), cluster.list(PersistentVolumeClaim)
    users = [f"volume {each.metadata.name}" for each in volumes if key.name in _class_names(each)]
    users += [f"claim {each.metadata.name}" for each in claims if key.name in _class_names(each)]
    return await cluster.apply(decide(attributes, CLASS_FINALIZER, users))


async def reconcile_claim(cluster: Cluster, key: Key) -> Outcome:
    """A claim that is being deleted goes when no scheduled Pod names it; the server is asked, for data hangs on it."""
    claim = cluster.get(PersistentVolumeClaim, key)
    if claim is None:
        return Done()
    users = [pod for pod in cluster.by_index(Pod, USED_CLAIM, str(key)) if pod.spec.node_name]
    if not users and _leaves(claim, CLAIM_FINALIZER):
        live = (await cluster.client.list(Pod, key.namespace)).items
        users = [pod for pod in live if pod.spec.node_name and str(key) in claims_used(pod)]
    return await cluster.apply(decide(claim, CLAIM_FINALIZER, [f"Pod {pod.metadata.name}" for pod in users]))


async def reconcile_volume(cluster: Cluster, key: Key) -> Outcome:
    """A volume that is being deleted goes when it is not bound."""
    volume = cluster.get(PersistentVolume, key)
    if volume is None:
        return Done()
    return await cluster.apply(decide(volume, VOLUME_FINALIZER, ["a claim"] if volume.status.phase == "Bound" else []))


def decide(obj: KubeObject, finalizer: str, users: list[str]) -> Plan:
    """Pure: put the finalizer on what lacks it, take it from what leaves and is not used."""
    plan, meta = Plan(obj), obj.metadata
    if _leaves(obj, finalizer):
        if users:
            plan.decide(Verdict.WAITED, "InUse", f"{', '.join(users)} uses it: it stays")
        else:
            plan.patches.append(_finalizers(obj, [each for each in meta.finalizers if each != finalizer]))
            plan.decide(Verdict.ACTED, "Unused", "nothing uses it: it may go")
    elif not meta.deletion_timestamp and finalizer not in meta.finalizers:
        plan.patches.append(_finalizers(obj, [*meta.finalizers, finalizer]))
    return plan


def _leaves(obj: KubeObject, finalizer: str) -> bool:
    return bool(obj.metadata.deletion_timestamp) and finalizer in obj.metadata.finalizers


def _finalizers(obj: KubeObject, wanted: list[str]) -> Patch:
    meta = {"resourceVersion": obj.metadata.resource_version, "uid": obj.metadata.uid, "finalizers": wanted}
    return Patch(obj, {"metadata": meta})
