"""DELETE of one object, and of a whole collection."""

from collections.abc import Sequence

from kybern.apiserver import answer, decode, status
from kybern.apiserver.cache.version import Version
from kybern.apiserver.call import Call
from kybern.apiserver.endpoints.list_options import list_options
from kybern.apiserver.endpoints.surroundings import Surroundings, attributes_of
from kybern.apiserver.objects.delete import DeleteOptions, delete
from kybern.apiserver.objects.life import Outcome
from kybern.apiserver.served import Served
from kybern.base.errors import NotFound
from kybern.transport.exchange import Response

ANSWERED_WITH_OBJECT = frozenset(
    (
        "pods",
        "services",
        "serviceaccounts",
        "persistentvolumes",
        "persistentvolumeclaims",
        "podtemplates",
        "resourcequotas",
        "storageclasses.storage.k8s.io",
        "volumeattachments.storage.k8s.io",
        "csidrivers.storage.k8s.io",
        "csinodes.storage.k8s.io",
        "volumeattributesclasses.storage.k8s.io",
        "deviceclasses.resource.k8s.io",
        "resourceclaims.resource.k8s.io",
        "resourceclaimtemplates.resource.k8s.io",
        "resourceslices.resource.k8s.io",
    )
)
"""Deleting these answers with the object, the others with a Status (upstream's ReturnDeletedObject)."""


async def delete_object(at: Surroundings, call: Call, served: Served) -> Response:
    """200 and a Status, or the object where it lives on or its kind is answered so."""
    options = decode.delete_options(call)
    attributes = attributes_of(call, served, "DELETE")
    attributes.dry_run = attributes.dry_run or bool(options.raw.get("dryRun"))
    attributes.options = lambda: options.raw
    _warn(call, served, options)
    outcome = await delete(at.life, served, options, attributes)
    return _deleted(at, call, served, outcome)


def _warn(call: Call, served: Served, options: DeleteOptions) -> None:
    """Who deletes Jobs and says nothing of their Pods may not know that those stay."""
    if served.resource.group_resource == "jobs.batch" and not options.propagation_policy:
        call.warnings.append(
            "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them "
            "or set propagationPolicy=Orphan to suppress this warning"
        )


def _deleted(at: Surroundings, call: Call, served: Served, outcome: Outcome) -> Response:
    if outcome.deleted and served.resource.group_resource not in ANSWERED_WITH_OBJECT:
        metadata = outcome.obj["metadata"]
        return answer.document(call, status.success(served.resource, metadata["name"], metadata.get("uid", "")))
    if outcome.version is not None:
        return answer.stored(call, served, outcome.version, at.now())
    return answer.shaped(call, served, outcome.obj, at.now())


async def delete_collection(at: Surroundings, call: Call, served: Served) -> Response:
    """200 and the list of what was there."""
    options = decode.delete_options(call)
    _warn(call, served, options)
    return await delete_all(at, call, served, served.cache.select(list_options(call, served).selection), options)


async def delete_all(
    at: Surroundings, call: Call, served: Served, selected: Sequence[Version], options: DeleteOptions
) -> Response:
    """Delete what was chosen; 200 and the list of it."""
    for version in selected:
        attributes = attributes_of(call, served, "DELETE")
        attributes.namespace, attributes.name = version.namespace, version.name
        attributes.dry_run = attributes.dry_run or bool(options.raw.get("dryRun"))
        attributes.options = lambda: options.raw
        try:
            await delete(at.life, served, options, attributes)
        except NotFound:
            continue  # Someone else was quicker: it is gone, which is what was asked for.
    return answer.listed(call, served, selected, {"resourceVersion": str(at.cache.revision)}, at.now())
