"""The paths and operations of a resource. Neutral of the dialect, which is `document`'s."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kybern.api.resource import Resource, Subresource

ALL_PATCHES = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)
"""What a PATCH may carry, for every built-in kind."""

_READ_LIST = (
    "allowWatchBookmarks:boolean",
    "continue:string",
    "fieldSelector:string",
    "labelSelector:string",
    "limit:integer",
    "resourceVersion:string",
    "resourceVersionMatch:string",
    "sendInitialEvents:boolean",
    "timeoutSeconds:integer",
    "watch:boolean",
)
_WRITE = ("dryRun:string", "fieldManager:string", "fieldValidation:string")
_DELETE = (
    "dryRun:string",
    "gracePeriodSeconds:integer",
    "ignoreStoreReadErrorWithClusterBreakingPotential:boolean",
    "orphanDependents:boolean",
    "propagationPolicy:string",
)

_FORMS = {
    # verb: (method, action, operationId's verb, query parameters, has a body of the kind)
    "list": ("get", "list", "list", _READ_LIST, False),
    "create": ("post", "post", "create", _WRITE, True),
    "deletecollection": ("delete", "deletecollection", "deleteCollection", (*_DELETE, *_READ_LIST), False),
    "get": ("get", "get", "read", (), False),
    "update": ("put", "put", "replace", _WRITE, True),
    "patch": ("patch", "patch", "patch", (*_WRITE, "force:boolean"), False),
    "delete": ("delete", "delete", "delete", _DELETE, False),
}

COLLECTION_VERBS = ("list", "create", "deletecollection")


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    path: str
    method: str
    action: str
    id: str
    kind: tuple[str, str, str]
    """group, version, kind of the operation's object."""
    list_kind: bool
    query: tuple[str, ...]
    """`name:type` of each query parameter."""
    takes_body: bool
    status_answer: bool
    """Whether it answers with a Status rather than the object."""


def operations(row: Resource) -> Iterator[Operation]:
    """Every operation of a resource and its subresources, path by path."""
    root = f"/apis/{row.group}/{row.version}" if row.group else f"/api/{row.version}"
    base = f"{root}/namespaces/{{namespace}}/{row.plural}" if row.namespaced else f"{root}/{row.plural}"
    kind = (row.group, row.version, row.kind)
    scope = "Namespaced" if row.namespaced else ""
    yield from _of(base, [verb for verb in row.verbs if verb in COLLECTION_VERBS], row, kind, scope, row.kind)
    named = [verb for verb in row.verbs if verb not in COLLECTION_VERBS]
    yield from _of(base + "/{name}", named, row, kind, scope, row.kind)
    for each in row.subresources:
        yield from _subresource(base, row, each, scope)
    if row.namespaced and "list" in row.verbs:
        yield from _of(f"{root}/{row.plural}", ["list"], row, kind, "", f"{row.kind}ForAllNamespaces")


def _subresource(base: str, row: Resource, each: Subresource, scope: str) -> Iterator[Operation]:
    kind = each.group_version_kind or (row.group, row.version, row.kind)
    suffix = row.kind + each.name[:1].upper() + each.name[1:]
    yield from _of(f"{base}/{{name}}/{each.name}", each.verbs, row, kind, scope, suffix)


def _of(
    path: str, verbs: Iterable[str], row: Resource, kind: tuple[str, str, str], scope: str, suffix: str
) -> Iterator[Operation]:
    tag = operation_tag(row)
    for verb in verbs:
        if verb not in _FORMS:
            continue  # `watch` is a parameter of list, and proxies have no schema.
        method, action, word, query, takes_body = _FORMS[verb]
        collection = "Collection" if verb == "deletecollection" else ""
        name = f"{'delete' if collection else word}{tag}{collection}{scope}{suffix}"
        yield Operation(path, method, action, name, kind, verb == "list", query, takes_body, verb.startswith("delete"))


def operation_tag(row: Resource) -> str:
    """`CoreV1`, `AppsV1`, `RbacAuthorizationV1`: as upstream's operation ids name a group and version."""
    group = "core" if not row.group else row.group.removesuffix(".k8s.io")
    words = [word for part in group.split(".") for word in part.split("-")]
    return "".join(word[:1].upper() + word[1:] for word in [*words, row.version])
