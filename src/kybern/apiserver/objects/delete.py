"""Deletion: at once, gracefully, or held back by finalizers.

Order and words are upstream's (k8s.io/apiserver pkg/registry/rest/delete.go, generic/registry/store.go; for Pods
pkg/registry/core/pod/strategy.go, for Namespaces pkg/registry/core/namespace/storage).
"""

from dataclasses import dataclass, field, replace
from typing import Any

from kybern.api.resource import Object, Resource
from kybern.apiserver import status
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.cache.version import Version
from kybern.apiserver.commit import Changed
from kybern.apiserver.custom.deletion import DEFINITIONS, begin_deletion
from kybern.apiserver.objects.life import Life, Outcome, remove
from kybern.apiserver.objects.update import ANY, ATTEMPTS, Preconditions
from kybern.apiserver.served import Served
from kybern.base.clock import format_time, parse_time

ORPHAN, FOREGROUND = "orphan", "foregroundDeletion"
_ORPHANS_BY_DEFAULT = frozenset(("replicationcontrollers", "jobs.batch"))
"""Kept so for old clients; kubectl always says what it wants."""
_WITHOUT_DEPENDENTS = frozenset(("events", "events.events.k8s.io"))
"""The garbage collector looks at none of these."""


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """meta/v1 DeleteOptions, checked."""

    grace_period_seconds: int | None = None
    propagation_policy: str = ""
    """Orphan, Background, Foreground or "" (the kind's default)."""
    preconditions: Preconditions = ANY
    raw: dict[str, Any] = field(default_factory=dict)


async def delete(life: Life, served: Served, options: DeleteOptions, attributes: Attributes) -> Outcome:
    """Delete, or begin to delete, the object named by `attributes`. Raises StatusError."""
    for _ in range(ATTEMPTS):
        version = served.find(attributes.namespace, attributes.name)
        if version is None:
            raise status.not_found(served.resource, attributes.name)
        old = served.parse(version)
        _check_preconditions(options.preconditions, served, version, old)
        await life.admission.validate(attributes, None, old)
        new = served.parse(version)
        gone = _begin(life, served, new, options)
        try:
            return await _store(life, served, new, old, version, attributes, gone=gone)
        except Changed:
            continue
    raise status.conflict(served.resource, attributes.name)


_OWN_PRECONDITIONS = frozenset(("namespaces", DEFINITIONS))
"""Upstream compares these in their own storage, in the words of updates."""


def _check_preconditions(wanted: Preconditions, served: Served, version: Version, old: Object) -> None:
    """Raises Conflict."""
    if served.resource.group_resource in _OWN_PRECONDITIONS:
        wanted.check(served, old["metadata"]["name"], version, old)
    else:
        check_record(wanted, served.resource, old)


def check_record(wanted: Preconditions, resource: Resource, old: Object) -> None:
    """Whether the stored object is the one that is to go. Raises Conflict."""
    name, uid, revision = (old["metadata"].get(key, "") for key in ("name", "uid", "resourceVersion"))
    why = ""
    if wanted.uid is not None and wanted.uid != uid:
        why = (
            f"the UID in the precondition ({wanted.uid}) does not match the UID in record ({uid}). The object might "
            "have been deleted and then recreated"
        )
    elif wanted.resource_version is not None and wanted.resource_version != revision:
        why = (
            f"the ResourceVersion in the precondition ({wanted.resource_version}) does not match the ResourceVersion "
            f"in record ({revision}). The object might have been modified"
        )
    if why:
        raise status.conflict(replace(resource, plural=resource.kind), name, why)  # Upstream names the kind here.


async def _store(
    life: Life, served: Served, new: Object, old: Object, version: Version, attributes: Attributes, *, gone: bool
) -> Outcome:
    if attributes.dry_run:
        return Outcome(new, deleted=gone)
    if gone:
        revision = await remove(life, served, version, old)
        new["metadata"]["resourceVersion"] = str(revision)
        return Outcome(new, deleted=True)
    if new == old:
        return Outcome(old, version)
    return Outcome(new, await life.committer.put(served, new, expected=version.revision))


def _begin(life: Life, served: Served, obj: Object, options: DeleteOptions) -> bool:
    """Mark `obj` as being deleted; whether nothing holds it back any more."""
    if served.resource.kind == "Namespace":
        return _begin_namespace(life, served, obj, options)
    if served.resource.group_resource == DEFINITIONS and begin_deletion(obj, life.timestamp()):
        return False
    metadata = obj["metadata"]
    _set_finalizers(served, metadata, options)
    pending = _graceful(life, served, obj, options)
    if pending:
        return False
    if metadata.get("finalizers"):
        _mark(life, metadata)
        return False
    return True


def _graceful(life: Life, served: Served, obj: Object, options: DeleteOptions) -> bool:
    """Whether the object lives on until its grace period is over (only Pods have one)."""
    metadata = obj["metadata"]
    deleted = metadata.get("deletionTimestamp")
    period = options.grace_period_seconds
    if deleted:
        current = metadata.get("deletionGracePeriodSeconds") or 0
        if current == 0:
            return False
        if period is not None and period < current:
            begun = parse_time(deleted) - current
            metadata["deletionTimestamp"] = format_time(begun + period)
            metadata["deletionGracePeriodSeconds"] = period
            return period > 0
        return True
    if served.resource.group_resource != "pods":
        return False
    seconds = _pod_grace(obj, period)
    if seconds == 0:
        metadata["deletionTimestamp"] = life.timestamp()
        metadata["deletionGracePeriodSeconds"] = 0
        _next_generation(metadata)
        return False
    metadata["deletionTimestamp"] = format_time(life.clock.now() + seconds)
    metadata["deletionGracePeriodSeconds"] = seconds
    _next_generation(metadata)
    return True


def _pod_grace(pod: Object, asked: int | None) -> int:
    """Seconds; 0 where no kubelet has to end anything."""
    spec = pod.get("spec") or {}
    seconds = asked if asked is not None else spec.get("terminationGracePeriodSeconds", 0)
    if not spec.get("nodeName") or (pod.get("status") or {}).get("phase") in ("Failed", "Succeeded"):
        return 0
    return 1 if seconds < 0 else int(seconds)


def _mark(life: Life, metadata: Object) -> None:
    """Deleted, but for the finalizers."""
    if not metadata.get("deletionTimestamp"):
        metadata["deletionTimestamp"] = life.timestamp()
        _next_generation(metadata)
    metadata["deletionGracePeriodSeconds"] = 0


def _next_generation(metadata: Object) -> None:
    if metadata.get("generation"):
        metadata["generation"] += 1


def _begin_namespace(life: Life, served: Served, namespace: Object, options: DeleteOptions) -> bool:
    """What it holds goes first. Only the first deletion says what becomes of dependents."""
    metadata = namespace["metadata"]
    if not metadata.get("deletionTimestamp"):
        _set_finalizers(served, metadata, options)
        metadata["deletionTimestamp"] = life.timestamp()
        namespace["status"] = {**(namespace.get("status") or {}), "phase": "Terminating"}
    return not (namespace.get("spec") or {}).get("finalizers") and not metadata.get("finalizers")


def _set_finalizers(served: Served, metadata: Object, options: DeleteOptions) -> None:
    """The garbage collector's two finalizers, as the propagation policy wants them."""
    present = metadata.get("finalizers") or []
    orphan, foreground = _propagation(served, present, options.propagation_policy)
    wanted = [each for each in present if each not in (ORPHAN, FOREGROUND)]
    if orphan:
        wanted.append(ORPHAN)
    if foreground:
        wanted.append(FOREGROUND)
    if sorted(wanted) != sorted(present):
        if wanted:
            metadata["finalizers"] = wanted
        else:
            metadata.pop("finalizers", None)


def _propagation(served: Served, present: list[str], policy: str) -> tuple[bool, bool]:
    """(dependents are orphaned, dependents go first)."""
    if served.resource.group_resource in _WITHOUT_DEPENDENTS:
        return False, False
    if policy:
        return policy == "Orphan", policy == "Foreground"
    if ORPHAN in present:
        return True, False
    if FOREGROUND in present:
        return False, True
    return served.resource.group_resource in _ORPHANS_BY_DEFAULT, False
