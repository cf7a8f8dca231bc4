"""meta/v1 ListOptions of LIST, WATCH and deletecollection, checked as upstream checks them.

Source: k8s.io/apimachinery pkg/apis/meta/internalversion (validation, and the defaults of the feature WatchList).
"""

from dataclasses import dataclass, replace

from kybern.api.resource import FieldError, Resource
from kybern.api.selectors import FieldRequirement, FieldSelector
from kybern.api.validation.field import forbidden, not_supported
from kybern.apiserver.cache.selection import Selection, parsed_selection, with_known_fields
from kybern.apiserver.call import Call
from kybern.apiserver.endpoints.revisions import integer
from kybern.apiserver.request_info import truthy
from kybern.apiserver.served import Served
from kybern.apiserver.status import invalid
from kybern.base.errors import BadRequest
from kybern.transport.exchange import Request

EXACT, NOT_OLDER_THAN = "Exact", "NotOlderThan"
_MATCH = "resourceVersionMatch"
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
    request = call.request
    namespace = call.info.namespace if served.resource.namespaced else ""
    initial = request.query.get("sendInitialEvents")
    timeout_seconds, limit = _number(request, "timeoutSeconds"), max(0, _number(request, "limit"))
    options = ListOptions(
        parsed_selection(namespace, request.parameter("labelSelector"), request.parameter("fieldSelector")),
        request.parameter("resourceVersion"),
        request.parameter("resourceVersionMatch"),
        limit,
        request.parameter("continue"),
        timeout_seconds,
        truthy(request.parameter("allowWatchBookmarks", "false")),
        truthy(initial[0]) if initial else None,
    )
    # The old paths with /watch/ watch without saying so in the query: upstream checks them as it checks lists.
    watching = truthy(request.parameter("watch", "false"))
    if watching and _is_legacy(options):
        options = replace(options, send_initial_events=True, match=NOT_OLDER_THAN)
    faults = _watch_faults(options) if watching else _list_faults(options)
    if faults:
        raise invalid(_OPTIONS, "", faults)
    if options.selection.fields.requirements:
        options = replace(options, selection=with_known_fields(options.selection, served.resource))
    return _of_one(options, call.info.name) if call.info.name else options


def _number(request: Request, name: str) -> int:
    values = request.query.get(name)
    return integer(values[0]) if values else 0


def _is_legacy(options: ListOptions) -> bool:
    """A watch from "now or any state", as it was asked for before there was sendInitialEvents: it has them."""
    return options.send_initial_events is None and not options.match and options.resource_version in ("", "0")


def _of_one(options: ListOptions, name: str) -> ListOptions:
    """The path names an object: as if a field selector did. Raises BadRequest when that names another."""
    selection = options.selection
    if selection.exact("metadata.name") == name:
        return options
    if selection.fields.requirements:
        raise BadRequest("fieldSelector metadata.name doesn't match requested name")
    fields = FieldSelector((FieldRequirement("metadata.name", name),))
    return replace(options, selection=replace(selection, fields=fields))


def _list_faults(options: ListOptions) -> list[FieldError]:
    faults: list[FieldError] = []
    match = options.match
    if match and not options.resource_version:
        faults.append(forbidden(_MATCH, "resourceVersionMatch is forbidden unless resourceVersion is provided"))
    if match and options.continue_:
        faults.append(forbidden(_MATCH, "resourceVersionMatch is forbidden when continue is provided"))
    if match not in ("", EXACT, NOT_OLDER_THAN):
        faults.append(not_supported(_MATCH, match, (EXACT, NOT_OLDER_THAN, "")))
    if match == EXACT and options.resource_version == "0":
        faults.append(forbidden(_MATCH, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'))
    if options.send_initial_events is not None:
        faults.append(forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    return faults


def _watch_faults(options: ListOptions) -> list[FieldError]:
    faults: list[FieldError] = []
    match, initial = options.match, options.send_initial_events
    if initial is not None and match != NOT_OLDER_THAN:
        detail = f"sendInitialEvents requires setting resourceVersionMatch to {NOT_OLDER_THAN}"
        faults.append(forbidden(_MATCH, detail))
    if match and initial is None:
        detail = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
        faults.append(forbidden(_MATCH, detail))
    if match not in ("", NOT_OLDER_THAN):
        faults.append(not_supported(_MATCH, match, (NOT_OLDER_THAN,)))
    if match and options.continue_:
        faults.append(forbidden(_MATCH, "resourceVersionMatch is forbidden when continue is provided"))
    return faults
