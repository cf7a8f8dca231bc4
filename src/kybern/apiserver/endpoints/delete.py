"""DELETE of one object, and of a whole collection."""

from collections.abc import Mapping, Sequence
from typing import Any

from kybern.api.deletion import answers_with_object
from kybern.apiserver import answer, decode, status
from kybern.apiserver.bootstrap.cluster import SYSTEM_CLASSES
from kybern.apiserver.cache.version import Version
from kybern.apiserver.call import Call
from kybern.apiserver.endpoints.list import Page, page_of
from kybern.apiserver.endpoints.list_options import list_options
from kybern.apiserver.endpoints.surroundings import Surroundings, attributes_of
from kybern.apiserver.objects.delete import DeleteOptions, delete
from kybern.apiserver.objects.life import Outcome
from kybern.apiserver.served import Served
from kybern.base.errors import NotFound
from kybern.transport.exchange import Response

PRIORITY_CLASSES = "priorityclasses.scheduling.k8s.io"


async def delete_object(at: Surroundings, call: Call, served: Served) -> Response:
    """200 and a Status, or the object where it lives on or its kind is answered so."""
    options = decode.delete_options(call)
    attributes = attributes_of(call, served, "DELETE")
    attributes.dry_run = bool(options.raw.get("dryRun"))
    attributes.options = lambda: options.raw
    if served.resource.group_resource == PRIORITY_CLASSES and call.info.name in SYSTEM_CLASSES:
        why = "this is a system priority class and cannot be deleted"
        raise status.forbidden(served.resource, call.info.name, why)
    _warn(call, served, options)
    outcome = await delete(at.life, served, options, attributes)
    # Whoever asks in the old way for dependents to go first is told that this takes time; others never were.
    waits = not outcome.deleted and options.raw.get("orphanDependents") is False
    return _deleted(at, call, served, outcome, status.ACCEPTED if waits else status.OK)


def _warn(call: Call, served: Served, options: DeleteOptions) -> None:
    """Who deletes Jobs and says nothing of their Pods may not know that those stay."""
    if served.resource.group_resource == "jobs.batch" and not options.propagation_policy:
        call.warnings.append(
            "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them "
            "or set propagationPolicy=Orphan to suppress this warning"
        )


def _deleted(at: Surroundings, call: Call, served: Served, outcome: Outcome, code: int) -> Response:
    if outcome.deleted and not answers_with_object(served.resource):
        metadata = outcome.obj["metadata"]
        return answer.document(call, status.success(served.resource, metadata["name"], metadata.get("uid", "")))
    if outcome.version is not None:
        return answer.stored(call, served, outcome.version, at.now(), code)
    return answer.shaped(call, served, outcome.obj, at.now(), code)


async def delete_collection(at: Surroundings, call: Call, served: Served) -> Response:
    """200 and the list of what was there."""
    wanted = list_options(call, served)
    options = decode.delete_options(call)
    _warn(call, served, options)
    page = page_of(at, served, wanted)
    if not isinstance(page, Page):
        page = await page
    return await delete_all(at, call, served, page.versions, options, page.metadata)


async def delete_all(
    at: Surroundings,
    call: Call,
    served: Served,
    selected: Sequence[Version],
    options: DeleteOptions,
    metadata: Mapping[str, Any] | None = None,
) -> Response:
    """Delete what was chosen; 200 and the list of it."""
    for version in selected:
        attributes = attributes_of(call, served, "DELETE")
        attributes.namespace, attributes.name = version.namespace, version.name
        attributes.dry_run = bool(options.raw.get("dryRun"))
        attributes.options = lambda: options.raw
        try:
            await delete(at.life, served, options, attributes)
        except NotFound:
            continue  # Someone else was quicker: it is gone, which is what was asked for.
    told = {"resourceVersion": str(at.cache.revision)} if metadata is None else dict(metadata)
    return answer.listed(call, served, selected, told, at.now())
