"""What a path and a method ask for: verb, group, version, namespace, resource, subresource, name.

Pure. Source of the rules: upstream's RequestInfo, as told in
https://kubernetes.io/docs/reference/access-authn-authz/authorization/#determine-the-request-verb
"""

from dataclasses import dataclass
from typing import ClassVar

from kybern.api.selectors import SelectorError, parse_fields
from kybern.transport.exchange import Request

_VERBS = {"POST": "create", "GET": "get", "HEAD": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_PREFIXED_VERBS = ("watch", "proxy")
"""Those that stand in old paths themselves."""
_NAMESPACE_SUBRESOURCES = frozenset(("status", "finalize"))


@dataclass(slots=True)
class RequestInfo:
    """One request, as authorisation and routing see it."""

    is_resource: bool
    verb: str
    path: str
    group: str = ""
    version: str = ""
    namespace: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""
    rest: str = ""
    """What follows the subresource, for proxying."""
    field_selector: str = ""
    """Of a list, watch or deletion of a collection, as it was asked for."""

    READ_VERBS: ClassVar[frozenset[str]] = frozenset(("get", "list", "watch"))

    @property
    def read_only(self) -> bool:
        return self.verb in self.READ_VERBS or self.verb == "head"

    @property
    def long_running(self) -> bool:
        """Watches, streams and profiles, which the limit on requests in flight leaves out."""
        if not self.is_resource:
            return self.path.startswith("/debug/pprof/")
        return self.verb in _PREFIXED_VERBS or self.subresource in ("proxy", "attach", "exec", "log", "portforward")


def request_info(request: Request) -> RequestInfo:
    """Never raises: a path that is none of a resource is just that."""
    path = request.path
    parts = path.strip("/").split("/")
    plain = RequestInfo(False, request.method.lower(), path)
    if len(parts) < 3:
        return plain
    if parts[0] == "api":
        group, rest = "", parts[1:]
    elif parts[0] == "apis" and len(parts) >= 4:
        group, rest = parts[1], parts[2:]
    else:
        return plain
    version, rest = rest[0], rest[1:]
    verb = _VERBS.get(request.method, "")
    if rest[0] in _PREFIXED_VERBS:
        if len(rest) == 1:
            return plain  # It is not said what is watched.
        verb, rest = rest[0], rest[1:]
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        if len(rest) > 2 and rest[2] not in _NAMESPACE_SUBRESOURCES:
            rest = rest[2:]
    name = rest[1] if len(rest) > 1 else ""
    subresource = rest[2] if len(rest) > 2 else ""
    info = RequestInfo(True, verb, path, group, version, namespace, rest[0], subresource, name, "/".join(rest[3:]))
    if not name:
        _collection(info, request)
    return info


def _collection(info: RequestInfo, request: Request) -> None:
    """GET without a name lists or watches, DELETE without one deletes the collection."""
    if info.verb == "delete":
        info.verb = "deletecollection"
    elif info.verb == "get":
        info.verb = "watch" if truthy(request.parameter("watch", "false")) else "list"
    selector = info.field_selector = request.parameter("fieldSelector")
    if selector and info.verb in ("list", "watch"):
        info.name = _selected_name(selector)


def _selected_name(selector: str) -> str:
    """The one name that a field selector asks for, which counts as if the path named it; "" if there is none."""
    try:
        name = parse_fields(selector).required_value("metadata.name") or ""
    except SelectorError:
        return ""
    return "" if name in (".", "..") or "/" in name or "%" in name else name


def truthy(text: str) -> bool:
    """A boolean query parameter: present and not false, as upstream's conversion takes it."""
    return text.lower() not in ("false", "0")
