"""meta/v1 ListOptions of LIST, WATCH and deletecollection, checked as upstream checks them.

Source: k8s.io/apimachinery pkg/apis/meta/internalversion/validation.
"""

from dataclasses import dataclass

from kybern.api.resource import FieldError, Resource
from kybern.api.validation.field import forbidden, not_supported
from kybern.apiserver.cache.selection import Selection, selection_of
from kybern.apiserver.call import Call
from kybern.apiserver.endpoints.revisions import integer
from kybern.apiserver.request_info import truthy
from kybern.apiserver.served import Served
from kybern.apiserver.status import invalid

EXACT, NOT_OLDER_THAN = "Exact", "NotOlderThan"
_OPTIONS = Resource("meta.k8s.io", "v1", "ListOptions", "", False)


@dataclass(frozen=True, slots=True)
class ListOptions:
    """What a client wants to see."""

    selection: Selection
    resource_version: str = ""
    match: str = ""
    limit: int = 0
    continue_: str = ""
    timeout_seconds: int = 0
    bookmarks: bool = False
    send_initial_events: bool | None = None


def list_options(call: Call, served: Served) -> ListOptions:
    """Raises BadRequest, Invalid."""
    request, info = call.request, call.info
    namespace = info.namespace if served.resource.namespaced else ""
    fields = request.parameter("fieldSelector")
    initial = request.query.get("sendInitialEvents")
    selected = served.resource if served.resource.is_custom else served.cache.resource
    options = ListOptions(
        selection_of(selected, namespace, request.parameter("labelSelector"), fields),
        request.parameter("resourceVersion"),
        request.parameter("resourceVersionMatch"),
        integer(request.parameter("limit"), "limit"),
        request.parameter("continue"),
        integer(request.parameter("timeoutSeconds"), "timeoutSeconds"),
        truthy(request.parameter("allowWatchBookmarks", "false")),
        truthy(initial[0]) if initial else None,
    )
    faults = _watch_faults(options) if info.verb == "watch" else _list_faults(options)
    if faults:
        raise invalid(_OPTIONS, "", faults)
    return options


def _list_faults(options: ListOptions) -> list[FieldError]:
    faults: list[FieldError] = []
    if options.send_initial_events is not None:
        faults.append(forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    if not options.match:
        return faults
    if not options.resource_version:
        detail = "resourceVersionMatch is forbidden unless resourceVersion is provided"
        faults.append(forbidden("resourceVersionMatch", detail))
    if options.continue_:
        faults.append(forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided"))
    if options.match not in (EXACT, NOT_OLDER_THAN):
        faults.append(not_supported("resourceVersionMatch", options.match, (EXACT, NOT_OLDER_THAN)))
    if options.match == EXACT and options.resource_version == "0":
        detail = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
        faults.append(forbidden("resourceVersionMatch", detail))
    return faults


def _watch_faults(options: ListOptions) -> list[FieldError]:
    if options.send_initial_events is None:
        if options.match:
            detail = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
            return [forbidden("resourceVersionMatch", detail)]
        return []
    if options.match != NOT_OLDER_THAN:
        detail = f"sendInitialEvents requires setting resourceVersionMatch to {NOT_OLDER_THAN}"
        return [forbidden("resourceVersionMatch", detail)]
    return []
