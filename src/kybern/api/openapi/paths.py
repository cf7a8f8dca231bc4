"""The paths and operations of a resource. Neutral of the dialect, which is `render`'s.

Source of texts, ids and answers: apiserver pkg/endpoints/installer.go; of custom resources: apiextensions-apiserver
pkg/controller/openapi/builder.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from kybern.api.deletion import answers_with_object
from kybern.api.openapi import parameters
from kybern.api.resource import Resource, Subresource

MEDIA = ("application/json", "application/yaml", "application/vnd.kubernetes.protobuf")
CUSTOM_MEDIA = MEDIA[:2]
ANY = ("*/*",)
_STREAMS = ("application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch")
_PATCHES = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
)
_CUSTOM_PATCHES = tuple(each for each in _PATCHES if "strategic" not in each)
_WATCH_INSTEAD = "deprecated: use the 'watch' parameter with a list operation instead"

COLLECTION_VERBS = ("list", "create", "deletecollection")


class Form(Enum):
    """What a body or an answer is."""

    NONE = ""
    OBJECT = "object"
    LIST = "list"
    TEXT = "text"
    DELETE_OPTIONS = "DeleteOptions"
    PATCH = "Patch"
    STATUS = "Status"
    WATCH_EVENT = "WatchEvent"


_FORMS = {
    # verb: (method, action, operationId's verb, query parameters, body)
    "list": ("get", "list", "list", parameters.LIST, Form.NONE),
    "create": ("post", "post", "create", parameters.WRITE, Form.OBJECT),
    "deletecollection": (
        "delete", "deletecollection", "deleteCollection", parameters.DELETE_COLLECTION, Form.DELETE_OPTIONS,
    ),
    "get": ("get", "get", "read", (), Form.NONE),
    "update": ("put", "put", "replace", parameters.WRITE, Form.OBJECT),
    "patch": ("patch", "patch", "patch", parameters.PATCH, Form.PATCH),
    "delete": ("delete", "delete", "delete", parameters.DELETE, Form.DELETE_OPTIONS),
}  # fmt: skip
_STATUSES = {"create": (200, 201, 202), "update": (200, 201), "patch": (200, 201), "delete": (200, 202)}
_METHODS = {"get": "get", "create": "post", "update": "put", "patch": "patch", "delete": "delete"}


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    path: str
    method: str
    action: str
    id: str
    description: str
    kind: tuple[str, str, str]
    """group, version, kind that it tells of."""
    subject: tuple[str, str, str]
    """group, version, kind of objects that it reads and answers."""
    query: tuple[str, ...]
    """Keys of `parameters`, in any order."""
    body: Form
    answer: Form
    statuses: Sequence[int] = (200,)
    """Of answers that are no errors."""
    consumes: Sequence[str] = ANY
    produces: Sequence[str] = MEDIA


def operations(row: Resource) -> Iterator[Operation]:
    """Every operation of a resource and its subresources, path by path."""
    root = f"/apis/{row.group}/{row.version}" if row.group else f"/api/{row.version}"
    below = f"namespaces/{{namespace}}/{row.plural}" if row.namespaced else row.plural
    base, scope = f"{root}/{below}", "Namespaced" if row.namespaced else ""
    yield from _of(base, [verb for verb in row.verbs if verb in COLLECTION_VERBS], row, None, scope, row.kind)
    named = [verb for verb in row.verbs if verb not in COLLECTION_VERBS]
    yield from _of(base + "/{name}", named, row, None, scope, row.kind)
    for each in row.subresources:
        suffix = row.kind + each.name[:1].upper() + each.name[1:]
        if each.group_version_kind is not None and each.group_version_kind[2] in parameters.CONNECT:
            yield from _connect(f"{base}/{{name}}/{each.name}", row, each, f"{scope}{suffix}")
        else:
            yield from _of(f"{base}/{{name}}/{each.name}", each.verbs, row, each, scope, suffix)
    if row.namespaced and "list" in row.verbs:
        yield from _of(f"{root}/{row.plural}", ["list"], row, None, "", f"{row.kind}ForAllNamespaces")
    if "watch" in row.verbs:
        yield from _watches(root, below, row, scope)


def _of(
    path: str, verbs: Iterable[str], row: Resource, each: Subresource | None, scope: str, suffix: str
) -> Iterator[Operation]:
    tag = operation_tag(row.group, row.version)
    own = (row.group, row.version, row.kind)
    subject = (each.group_version_kind if each else None) or own
    for verb in verbs:
        if verb not in _FORMS:
            continue  # `watch` is a parameter of list, and has paths of its own.
        method, action, word, query, body = _FORMS[verb]
        collection = "Collection" if verb == "deletecollection" else ""
        name = f"{'delete' if collection else word}{tag}{collection}{scope}{suffix}"
        made = Operation(
            path,
            method,
            action,
            name,
            _description(verb, row, each.name if each else ""),
            own if row.is_custom else subject,
            subject,
            (*query, "pretty"),
            body,
            _answer(verb, row),
            _STATUSES.get(verb, (200,)),
            _PATCHES if verb == "patch" else ANY,
            (*MEDIA, *_STREAMS) if verb == "list" else MEDIA,
        )
        yield _custom(made, verb) if row.is_custom else _of_log(made) if _is_log(row, each) else made


def _custom(made: Operation, verb: str) -> Operation:
    """As operations of custom resources differ."""
    query, body, statuses = made.query, made.body, made.statuses
    if verb == "get":
        query = ("resourceVersion", *query)
    elif verb == "deletecollection":
        query, body = (*parameters.LIST, "pretty"), Form.NONE
    elif verb == "patch":
        statuses = (200,)
    consumes = _CUSTOM_PATCHES if verb == "patch" else CUSTOM_MEDIA
    return replace(made, query=query, body=body, statuses=statuses, consumes=consumes, produces=CUSTOM_MEDIA)


def _is_log(row: Resource, each: Subresource | None) -> bool:
    return each is not None and (row.group, row.plural, each.name) == ("", "pods", "log")


def _of_log(made: Operation) -> Operation:
    return replace(made, query=(*made.query, *parameters.LOG), answer=Form.TEXT, produces=("text/plain", *MEDIA))


def _answer(verb: str, row: Resource) -> Form:
    if verb == "list":
        return Form.LIST
    if verb == "deletecollection" or (verb == "delete" and not answers_with_object(row)):
        return Form.STATUS
    return Form.OBJECT


def _description(verb: str, row: Resource, subresource: str) -> str:
    kind, of = row.kind, f"{subresource} of " if subresource else ""
    match verb:
        case "list":
            return f"list {'or watch ' if 'watch' in row.verbs else ''}objects of kind {kind}"
        case "get":
            return f"read {of}the specified {kind}"
        case "update":
            return f"replace {of}the specified {kind}"
        case "patch":
            return f"partially update {of}the specified {kind}"
        case "deletecollection":
            return f"delete collection of {kind}"
    return f"{verb} {of}{_with_article(kind)}"


def _with_article(kind: str) -> str:
    """Plurals, as upstream takes them, have none."""
    if kind.endswith("s") and not kind.endswith("ss"):
        return kind
    return f"{'an' if kind[0].lower() in 'aeiou' else 'a'} {kind}"


def _connect(path: str, row: Resource, each: Subresource, suffix: str) -> Iterator[Operation]:
    """What leads to a node: whatever method the verbs allow, and of proxies paths below."""
    kind = each.group_version_kind
    assert kind is not None
    methods = [_METHODS[verb] for verb in each.verbs]
    is_proxy = "delete" in each.verbs
    tag = operation_tag(row.group, row.version)
    for below, called in (("", ""), ("/{path}", "WithPath")) if is_proxy else (("", ""),):
        for method in (*methods, "head", "options") if is_proxy else methods:
            yield Operation(
                path + below,
                method,
                "connect",
                f"connect{tag}{method.capitalize()}{suffix}{called}",
                f"connect {method.upper()} requests to {each.name} of {row.kind}",
                kind,
                kind,
                parameters.CONNECT[kind[2]],
                Form.NONE,
                Form.TEXT,
                produces=ANY,
            )


def _watches(root: str, below: str, row: Resource, scope: str) -> Iterator[Operation]:
    """The old paths of watches, which are served still."""
    tag, kind = operation_tag(row.group, row.version), (row.group, row.version, row.kind)
    one = f"watch changes to an object of kind {row.kind}. {_WATCH_INSTEAD}, filtered to a single item with the "
    many = f"watch individual changes to a list of {row.kind}. {_WATCH_INSTEAD}."
    found = [
        (f"{below}/{{name}}", "watch", f"{scope}{row.kind}", one + "'fieldSelector' parameter."),
        (below, "watchlist", f"{scope}{row.kind}List", many),
    ]
    if row.namespaced:
        found.append((row.plural, "watchlist", f"{row.kind}ListForAllNamespaces", many))
    for path, action, suffix, text in found:
        yield Operation(
            f"{root}/watch/{path}", "get", action, f"watch{tag}{suffix}", text, kind, kind,
            (*parameters.LIST, "pretty"), Form.NONE, Form.WATCH_EVENT, produces=(*MEDIA, *_STREAMS),
        )  # fmt: skip


def _words(group: str) -> list[str]:
    short = group.removesuffix(".k8s.io") if group else "core"
    return short.replace("-", ".").split(".")


def operation_tag(group: str, version: str = "") -> str:
    """`CoreV1`, `AppsV1`, `RbacAuthorizationV1`: as upstream's operation ids name a group and version."""
    return "".join(word[:1].upper() + word[1:] for word in [*_words(group), version])


def tag(group: str, version: str = "") -> str:
    """`core_v1`, `rbacAuthorization_v1`, `apps`: how operations are grouped."""
    first, *others = _words(group)
    name = "".join([first, *(word[:1].upper() + word[1:] for word in others)])
    return f"{name}_{version}" if version else name
