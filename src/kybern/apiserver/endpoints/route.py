"""From what a request asks for to the function that answers it. Raises NotFound, MethodNotAllowed."""

from collections.abc import Awaitable, Callable, Mapping

from kybern.api.resource import Resource
from kybern.api.rows import NAMES
from kybern.apiserver import negotiate, status
from kybern.apiserver.call import Call
from kybern.apiserver.endpoints.create import create_object
from kybern.apiserver.endpoints.delete import delete_collection, delete_object
from kybern.apiserver.endpoints.get import get_object
from kybern.apiserver.endpoints.list import list_objects
from kybern.apiserver.endpoints.patch import patch_media, patch_object
from kybern.apiserver.endpoints.surroundings import Surroundings
from kybern.apiserver.endpoints.update import update_object
from kybern.apiserver.endpoints.watch import watch_objects
from kybern.apiserver.negotiate import PLAINLY_ASKED
from kybern.apiserver.request_info import RequestInfo
from kybern.apiserver.served import Served
from kybern.base.errors import BadRequest
from kybern.transport.exchange import Answer

Endpoint = Callable[[Surroundings, Call, Served], Answer | Awaitable[Answer]]

VERBS: Mapping[str, Endpoint] = {
    "get": get_object,
    "list": list_objects,
    "watch": watch_objects,
    "create": create_object,
    "update": update_object,
    "patch": patch_object,
    "delete": delete_object,
    "deletecollection": delete_collection,
}
"""For objects, and (get, update, patch) for the subresources that are parts of them."""


_OF_OBJECTS = ("get", "update", "patch", "delete")
_OF_COLLECTIONS = ("create", "deletecollection")
"""A list or watch may be of one name."""


def _is_creation(info: RequestInfo) -> bool:
    return info.verb == "create" and not info.subresource


def _is_path(resource: Resource, info: RequestInfo) -> bool:
    """Whether any method leads anywhere: kinds that are only created have no path for one object or for all."""
    placed = not resource.namespaced or bool(info.namespace)
    is_selected = bool(info.field_selector)  # The name stands in a selector then, not in the path.
    if not info.name or (info.verb in ("list", "watch") and is_selected):
        return placed or "list" in resource.verbs
    return placed and any(verb in resource.verbs for verb in _OF_OBJECTS)


_BUILT_IN = frozenset(row.group for row in NAMES)
_CONNECTED = frozenset(("proxy", "exec", "attach", "portforward"))
_PASSED_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_WITHOUT_TABLE = frozenset(("binding", "eviction", "token"))
"""Subresources that are answered with what is no object of a kind with columns."""


def _check_media(call: Call, resource: Resource) -> None:
    """What the client sends and takes is looked at before what it wants.

    Raises UnsupportedMediaType, NotAcceptable; BadRequest for a dry run of a connection.
    """
    info = call.info
    if info.subresource in _CONNECTED:
        if "dryRun" in call.request.query:
            raise BadRequest("dryRun is not supported")
        return
    if info.verb == "patch":
        patch_media(call, resource)
    accept = call.request.headers.get("accept", "")
    if accept in PLAINLY_ASKED or info.subresource == "log":
        return
    streams = info.verb in ("list", "watch") and "watch" in resource.verbs
    tables = info.subresource not in _WITHOUT_TABLE and "get" in resource.verbs
    negotiate.shape_of(accept, custom=resource.is_custom, streams=streams, tables=tables)


class Router:
    """All endpoints of resources."""

    def __init__(self, at: Surroundings, special: Mapping[tuple[str, str], Mapping[str, Endpoint]]) -> None:
        self._at = at
        self._special = special
        """(group_resource, subresource or "") -> verb -> endpoint, where it is another than the general one."""

    def find(self, call: Call) -> Endpoint:
        """The endpoint; tells the call what it names."""
        info = call.info
        served = call.served = self._at.served.find(info.group, info.version, info.resource)
        if served is None and info.group not in _BUILT_IN:
            raise status.PageNotFound
        if served is None:
            raise status.no_such_path()
        if served.resource.is_custom:
            return self._find_custom(call, served)
        if info.subresource and info.subresource not in served.subresources:
            raise status.no_such_path()
        if info.namespace and not served.resource.namespaced and info.resource != "namespaces":
            raise status.no_such_path()
        if info.rest and info.subresource != "proxy":
            raise status.no_such_path()
        endpoint = self._find(call, served)
        if served.resource.deprecation:
            call.warnings.append(served.resource.deprecation)
        return endpoint

    def _find(self, call: Call, served: Served) -> Endpoint:
        info = call.info
        if info.verb == "proxy" or (info.verb == "watch" and info.subresource):
            raise status.no_such_path()  # No such path has been there for long, or ever.
        if not _is_path(served.resource, info):
            raise status.no_such_path()
        if info.subresource == "proxy":
            if call.request.method not in _PASSED_METHODS:
                raise status.method_not_allowed()
        elif call.request.method == "HEAD":
            raise status.method_not_allowed()  # Upstream routes it for proxies alone, though its verb is that of GET.
        special = served.special.get(info.subresource) or self._special.get(
            (served.resource.group_resource, info.subresource)
        )
        if special is not None:
            endpoint = special.get(info.verb)
            if endpoint is not None and not (info.name and _is_creation(info)):
                return endpoint
        if info.verb == "watch" and call.request.method != "GET":
            raise status.method_not_allowed()
        verbs = served.subresources[info.subresource].verbs if info.subresource else served.resource.verbs
        if info.verb not in verbs:
            raise status.method_not_allowed()
        if not info.subresource and info.verb in (_OF_COLLECTIONS if info.name else _OF_OBJECTS):
            raise status.method_not_allowed()
        if served.resource.namespaced and not info.namespace and info.verb not in ("list", "watch"):
            raise status.method_not_allowed()
        return VERBS[info.verb]

    def _find_custom(self, call: Call, served: Served) -> Endpoint:
        """Custom resources pass by upstream's router: verbs are looked at, not methods."""
        info, resource = call.info, served.resource
        is_everywhere = resource.namespaced and info.verb in ("list", "watch")
        if bool(info.namespace) != resource.namespaced and not (is_everywhere and not info.namespace):
            raise status.PageNotFound
        if resource.deprecation:
            call.warnings.append(resource.deprecation)
        if info.subresource and info.subresource not in served.subresources:
            raise status.not_found(resource, info.name)
        endpoint = served.special.get(info.subresource, {}).get(info.verb)
        if endpoint is not None:
            found: Endpoint = endpoint
            return found
        verbs = served.subresources[info.subresource].verbs if info.subresource else resource.verbs
        if info.verb not in verbs:
            raise status.unsupported_verb(resource, info.verb)
        if not info.name and info.verb in _OF_OBJECTS:
            if info.verb == "patch":
                patch_media(call, resource)  # Upstream's first look is at what the patch is.
            raise BadRequest("name must be provided")
        return VERBS[info.verb]

    def answer(self, call: Call) -> Answer | Awaitable[Answer]:
        """The last stage."""
        endpoint = self.find(call)
        assert call.served is not None
        info = call.info
        if info.subresource or info.verb == "patch" or call.request.headers.get("accept", "") not in PLAINLY_ASKED:
            _check_media(call, call.served.resource)
        if call.served.around is not None:
            endpoint = call.served.around(endpoint)
        return endpoint(self._at, call, call.served)
