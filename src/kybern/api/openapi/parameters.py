"""Parameters of operations: their types and texts, which are shared in a v2 document, and which stand at the path.

Source of names and of the rules: k8s.io/kube-openapi pkg/builder (parameters.go, openapi.go), of which query has which:
the Options types of meta/v1 and core/v1.
"""

import base64
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import orjson

from kybern.api.openapi.schemas import Dialect, Schema

LIST = (
    "allowWatchBookmarks", "continue", "fieldSelector", "labelSelector", "limit", "resourceVersion",
    "resourceVersionMatch", "sendInitialEvents", "shardSelector", "timeoutSeconds", "watch",
)  # fmt: skip
WRITE = ("dryRun", "fieldManager", "fieldValidation")
PATCH = ("dryRun", "patch.fieldManager", "fieldValidation", "force")
DELETE = (
    "dryRun", "gracePeriodSeconds", "ignoreStoreReadErrorWithClusterBreakingPotential", "orphanDependents",
    "propagationPolicy",
)  # fmt: skip
DELETE_COLLECTION = (*DELETE, *(name for name in LIST if name not in ("allowWatchBookmarks", "watch")))
LOG = (
    "log.container", "follow", "insecureSkipTLSVerifyBackend", "limitBytes", "previous", "sinceSeconds", "stream",
    "tailLines", "timestamps",
)  # fmt: skip
CONNECT: Mapping[str, tuple[str, ...]] = {
    "NodeProxyOptions": ("node.path",),
    "PodAttachOptions": ("attach.container", "attach.stderr", "attach.stdin", "attach.stdout", "attach.tty"),
    "PodExecOptions": ("command", "exec.container", "exec.stderr", "exec.stdin", "exec.stdout", "exec.tty"),
    "PodPortForwardOptions": ("ports",),
    "PodProxyOptions": ("pod.path",),
    "ServiceProxyOptions": ("service.path",),
}
"""Kind of the options -> their parameters."""

_QUERY: Mapping[str, tuple[str, str]] = {
    "allowWatchBookmarks": ("boolean", "Whether a watch may carry events of type BOOKMARK."),
    "attach.container": ("string", "Container to attach to; the only one by default."),
    "attach.stderr": ("boolean", "Whether the standard error of the container is sent. True by default."),
    "attach.stdin": ("boolean", "Whether the standard input of the container is fed. False by default."),
    "attach.stdout": ("boolean", "Whether the standard output of the container is sent. True by default."),
    "attach.tty": ("boolean", "Whether the container's terminal is attached to. False by default."),
    "command": ("string", "One argument of the command to run; given once for each. No shell reads it."),
    "continue": ("string", "Token of the page before, for the next page of a list."),
    "dryRun": ("string", "`All`: every step of the request is done except that nothing is stored."),
    "exec.container": ("string", "Container to run the command in; the only one by default."),
    "exec.stderr": ("boolean", "Whether the standard error of the command is sent."),
    "exec.stdin": ("boolean", "Whether the standard input of the command is fed. False by default."),
    "exec.stdout": ("boolean", "Whether the standard output of the command is sent."),
    "exec.tty": ("boolean", "Whether the command gets a terminal. False by default."),
    "fieldManager": ("string", "Who makes the change, at most 128 printable characters."),
    "fieldSelector": (
        "string",
        "Restricts the list of returned objects by the values of their fields. All by default.",
    ),
    "fieldValidation": ("string", "What unknown and repeated fields lead to: Ignore, Warn (the default) or Strict."),
    "follow": ("boolean", "Whether lines to come are sent as well. False by default."),
    "force": ("boolean", "Whether an apply takes fields over that others manage. Of apply patches only."),
    "gracePeriodSeconds": ("integer", "Seconds until the object is deleted; 0: at once. The kind's own by default."),
    "ignoreStoreReadErrorWithClusterBreakingPotential": (
        "boolean",
        "Whether an object that cannot be read any more is removed, finalizers or not. False by default.",
    ),
    "insecureSkipTLSVerifyBackend": ("boolean", "Whether any certificate of the kubelet is taken. False by default."),
    "labelSelector": ("string", "Restricts the list of returned objects by their labels. All by default."),
    "limit": ("integer", "How many objects a page of the list has at most."),
    "limitBytes": ("integer", "How many bytes of the log are sent at most."),
    "log.container": ("string", "Container whose log is read; the only one by default."),
    "node.path": ("string", "Path of the request that is sent to the node."),
    "orphanDependents": ("boolean", "Deprecated for propagationPolicy: whether dependents stay."),
    "patch.fieldManager": ("string", "Who makes the change, at most 128 printable characters. Apply patches need it."),
    "pod.path": ("string", "Path of the request that is sent to the pod."),
    "ports": ("integer", "A port to forward; WebSockets need it."),
    "pretty": ("string", "`true`: the answer is indented. Browsers, curl and wget get it so by default."),
    "previous": ("boolean", "Whether the log of the container's run before is read. False by default."),
    "propagationPolicy": ("string", "What becomes of dependents: Orphan, Background or Foreground."),
    "resourceVersion": ("string", "Which versions may be answered; resourceVersionMatch tells how it is compared."),
    "resourceVersionMatch": ("string", "How resourceVersion is compared by a list: Exact or NotOlderThan."),
    "sendInitialEvents": ("boolean", "Whether a watch begins with an event for each object there is."),
    "service.path": ("string", "Path of the request that is sent to the service, its query included."),
    "shardSelector": ("string", "Which part of the objects, by ranges of a hash. Alpha: ignored while off."),
    "sinceSeconds": ("integer", "How many seconds back the log begins."),
    "stream": ("string", "Which stream of the log: All (the default), Stdout or Stderr."),
    "tailLines": ("integer", "How many lines from the log's end are sent."),
    "timeoutSeconds": ("integer", "Seconds after which a list or watch ends."),
    "timestamps": ("boolean", "Whether each line begins with its time, as RFC 3339 writes it. False by default."),
    "watch": ("boolean", "Watch for changes to the described resources, told as a stream of events."),
}
"""Name -> type and text. What stands before a dot tells parameters of one name apart."""

_IN_PATH = {
    "namespace": "Namespace of the object, a realm of names and rights.",
    "path": "Rest of the path, for whom the request is sent to.",
}
_INLINE = ("dryRun", "fieldValidation")
"""Never shared: older kubectl looks for them at the operation."""

Shared = dict[str, Schema]
"""Name -> parameter: the `parameters` of a v2 document."""


def of_query(keys: Iterable[str], dialect: Dialect, *more: Schema) -> list[Schema]:
    """Query parameters, and `more` (a body), by name."""
    return _sorted([*(_query(key, dialect) for key in keys), *more])


def at_path(path: str, kind: str, common: Iterable[str], dialect: Dialect) -> list[Schema]:
    """Those of every operation of `path`, whose objects are of `kind`: variables, then `common` query parameters."""
    variables = [_variable(name, dialect) for name in _IN_PATH if f"{{{name}}}" in path]
    if "{name}" in path:
        variables.append(_written("name", "string", f"name of the {kind}", "path", dialect))
    return _sorted([*variables, *(_query(key, dialect) for key in common)])


def common_keys(queries: Iterable[Iterable[str]]) -> list[str]:
    """What all operations of a path take."""
    all_of = [{key.rpartition(".")[2]: key for key in query} for query in queries]
    first, *others = all_of
    return [key for name, key in first.items() if all(name in other for other in others)]


def share(paths: Mapping[str, Schema]) -> tuple[dict[str, Schema], Shared]:
    """A v2 document's paths with references for what is shared, and what they lead to."""
    sharing, out = _Sharing(), dict[str, Schema]()
    for path, item in paths.items():
        out[path] = {
            key: sharing.all_of(value) if key == "parameters" else sharing.operation(value)
            for key, value in item.items()
        }
    return out, dict(sorted(sharing.shared.items()))


class _Sharing:
    """What is shared already. Parameters are the same objects everywhere (see `_written`): each is looked at once."""

    def __init__(self) -> None:
        self.shared: Shared = {}
        self._known: dict[int, tuple[Schema, Schema]] = {}
        """id -> a parameter, held lest its id means another, and what stands for it."""

    def operation(self, operation: Schema) -> Schema:
        found = operation.get("parameters")
        return {**operation, "parameters": self.all_of(found)} if found else operation

    def all_of(self, parameters: Iterable[Schema]) -> list[Schema]:
        return [self._one(each) for each in parameters]

    def _one(self, parameter: Schema) -> Schema:
        known = self._known.get(id(parameter))
        if known is None:
            known = self._known[id(parameter)] = (parameter, self._reference(parameter))
        return known[1]

    def _reference(self, parameter: Schema) -> Schema:
        name = parameter["name"]
        if name == "name" or name in _INLINE:
            return parameter
        schema = parameter.get("schema")
        if schema is not None and not schema["$ref"].startswith(Dialect.V2.value + "io.k8s.apimachinery"):
            return parameter
        called = _called(orjson.dumps(parameter))
        self.shared[called] = parameter
        return {"$ref": f"#/parameters/{called}"}


@lru_cache(maxsize=128)
def _called(encoded: bytes) -> str:
    """Its name and a hash (FNV-1, 64 bits, of which 48) of its JSON."""
    value = 0xCBF29CE484222325
    for byte in encoded:
        value = value * 0x100000001B3 % 2**64 ^ byte
    name: str = orjson.loads(encoded)["name"]
    return f"{name}-{base64.urlsafe_b64encode(value.to_bytes(8)[:6]).decode()}"


def _sorted(found: list[Schema]) -> list[Schema]:
    return sorted(found, key=lambda each: (each["name"], each["in"]))


def _query(key: str, dialect: Dialect) -> Schema:
    type_, text = _QUERY[key]
    return _written(key.rpartition(".")[2], type_, text, "query", dialect)


def _variable(name: str, dialect: Dialect) -> Schema:
    return _written(name, "string", _IN_PATH[name], "path", dialect)


@lru_cache(maxsize=256)
def _written(name: str, type_: str, text: str, where: str, dialect: Dialect) -> Schema:
    """One object for all operations: nobody changes it."""
    required: dict[str, Any] = {"required": True} if where == "path" else {}
    typed = {"uniqueItems": True, "type": type_}
    if dialect is Dialect.V2:
        return {**typed, "description": text, "name": name, "in": where, **required}
    return {"name": name, "in": where, "description": text, **required, "schema": typed}
