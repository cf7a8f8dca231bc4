"""Which objects an owner may call its own, adopts and lets go (upstream's ControllerRefManager), as data."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic

from kybern.api.types.meta_v1 import LabelSelector, ObjectMeta
from kybern.base.errors import Conflict, NotFound
from kybern.client.cluster import Cluster
from kybern.client.objects import KubeObject, Objects, T, controller_reference
from kybern.client.plan import Patch, Plan
from kybern.client.selectors import matches


@dataclass(frozen=True, slots=True)
class Claims(Generic[T]):
    """`owned` includes what is to be adopted."""

    owned: Objects[T]
    adopted: Objects[T]
    released: Objects[T]


def decide_claims(
    owner: KubeObject, selector: LabelSelector | None, owned: Iterable[T], orphans: Iterable[T]
) -> Claims[T]:
    """Own what is controlled and still matches; release what no longer matches; adopt matching orphans.

    Nothing that is being deleted is adopted, and an owner that is being deleted adopts and releases nothing.
    """
    keep: list[T] = []
    released: list[T] = []
    leaving = bool(owner.metadata.deletion_timestamp)
    for each in owned:
        if matches(selector, each.metadata.labels):
            keep.append(each)
        elif not leaving:
            released.append(each)
    adopted = [
        each
        for each in orphans
        if not leaving and not each.metadata.deletion_timestamp and matches(selector, each.metadata.labels)
    ]
    return Claims(keep + adopted, adopted, released)


def add_claims(plan: Plan, owner: KubeObject, claims: Claims[T], *, finalizer: str = "") -> None:
    """The patches that make the claims true; the finalizer comes with what is adopted and goes with what is released."""
    for each in claims.adopted:
        plan.patches.append(Patch(each, adoption(owner, each.metadata, finalizer)))
    for each in claims.released:
        plan.patches.append(Patch(each, release(owner, each.metadata, finalizer)))


async def verify_owner(cluster: Cluster, owner: KubeObject) -> None:
    """Ask the server itself before an adoption: a cache may still show an owner that is gone, and what a dead owner
    adopts is garbage at once. Raises Conflict."""
    try:
        live = await cluster.client.get(type(owner), owner.metadata.name, owner.metadata.namespace)
    except NotFound:
        raise Conflict(f"{owner.KIND} {owner.metadata.name} is gone") from None
    if live.metadata.uid != owner.metadata.uid:
        raise Conflict(f"original {owner.KIND} {owner.metadata.name} is gone: got uid {live.metadata.uid}")
    if live.metadata.deletion_timestamp:
        raise Conflict(f"{owner.KIND} {owner.metadata.name} has just been deleted")


def adoption(owner: KubeObject, meta: ObjectMeta, finalizer: str = "") -> dict[str, object]:
    """A merge patch that adds the controller to the references; the uid guards against a namesake."""
    changes: dict[str, object] = {"ownerReferences": [*meta.owner_references, controller_reference(owner)]}
    if finalizer and finalizer not in meta.finalizers:
        changes["finalizers"] = [*meta.finalizers, finalizer]
    return _metadata_patch(meta, changes)


def release(owner: KubeObject, meta: ObjectMeta, finalizer: str = "") -> dict[str, object]:
    """A merge patch that takes the owner out of the references, and its finalizer."""
    left = [each for each in meta.owner_references if each.uid != owner.metadata.uid]
    changes: dict[str, object] = {"ownerReferences": left}
    if finalizer and finalizer in meta.finalizers:
        changes["finalizers"] = [each for each in meta.finalizers if each != finalizer]
    return _metadata_patch(meta, changes)


def _metadata_patch(meta: ObjectMeta, changes: dict[str, object]) -> dict[str, object]:
    return {"metadata": {"uid": meta.uid, "resourceVersion": meta.resource_version, **changes}}
