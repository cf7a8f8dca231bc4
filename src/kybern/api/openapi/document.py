"""Whole documents: the index and one document for each group and version (v3), and all in one (v2)."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson

from kybern.api.openapi import gnostic, paths, schemas
from kybern.api.openapi.schemas import META, Dialect, Schema
from kybern.api.resource import Resource

TITLE = "Kubernetes"
JSON = "application/json"
V2_PROTOBUF_ASKED = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
V2_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
"""How the answer is called; a slip of upstream's that stayed."""

_ALWAYS = (META + "DeleteOptions", META + "Status", META + "Patch")
"""Definitions that operations name beside those of the kinds."""

_DELETE_OPTIONS = META + "DeleteOptions"
_STATUS = META + "Status"


def group_versions(resources: Iterable[Resource]) -> dict[str, list[Resource]]:
    """Rows by the path of their group and version below `/openapi/v3`: `api/v1`, `apis/apps/v1`."""
    found: dict[str, list[Resource]] = {}
    for row in resources:
        path = f"apis/{row.group}/{row.version}" if row.group else f"api/{row.version}"
        found.setdefault(path, []).append(row)
    return found


_KINDS = "x-kubernetes-group-version-kind"
_OF_EVERY_GROUP = tuple(f"io.k8s.apimachinery.pkg.apis.meta.v1.{kind}" for kind in ("DeleteOptions", "WatchEvent"))
"""Kinds of every group and version; a document tells only its own."""


def v3_index(resources: Iterable[Resource], version: str) -> Schema:
    """`GET /openapi/v3`. The hash changes when rows or the release do; clients cache a document for ever by it."""
    return {
        "paths": {
            path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={_hash(rows, version)}"}
            for path, rows in sorted(group_versions(resources).items())
        }
    }


def v3(resources: Iterable[Resource], path: str, version: str) -> bytes | None:
    """`GET /openapi/v3/PATH`; None: there is no such group and version."""
    rows = group_versions(resources).get(path)
    if rows is None:
        return None
    definitions = _schemas(rows, Dialect.V3)
    versions = {("", "v1"), *((row.group, row.version) for row in rows)}
    for each in (definitions[name] for name in _OF_EVERY_GROUP if name in definitions):
        each[_KINDS] = [kind for kind in each[_KINDS] if (kind["group"], kind["version"]) in versions]
    document = {
        "openapi": "3.0.0",
        "info": {"title": TITLE, "version": version},
        "paths": _paths(rows, _operation_v3, Dialect.V3),
        "components": {"schemas": definitions},
    }
    return orjson.dumps(document)


def v2(resources: Iterable[Resource], version: str) -> bytes:
    """`GET /openapi/v2`, as JSON."""
    rows = list(resources)
    document = {
        "swagger": "2.0",
        "info": {"title": TITLE, "version": version},
        "paths": _paths(rows, _operation_v2, Dialect.V2),
        "definitions": _schemas(rows, Dialect.V2),
    }
    return orjson.dumps(document)


def v2_protobuf(resources: Iterable[Resource], version: str) -> bytes:
    """The same in protobuf."""
    return in_protobuf(v2(resources, version))


def in_protobuf(document: bytes) -> bytes:
    """A v2 document's JSON in protobuf."""
    return gnostic.document(orjson.loads(document))


def _hash(rows: Iterable[Resource], version: str) -> str:
    known = [[row.plural, row.kind, list(row.verbs), [each.name for each in row.subresources]] for row in rows]
    return hashlib.sha512(orjson.dumps([version, known])).hexdigest().upper()


def _schemas(rows: Iterable[Resource], dialect: Dialect) -> Mapping[str, Schema]:
    wanted = set(_ALWAYS)
    for row in rows:
        for operation in paths.operations(row):
            wanted.update(_names(operation.kind))
    texts = schemas.descriptions()
    return {name: schemas.schema(name, texts, dialect) for name in schemas.closure(wanted)}


def _names(kind: tuple[str, str, str]) -> list[str]:
    group, version, name = kind
    candidates = (schemas.definition_name(group, version, each) for each in (name, name + "List"))
    return [each for each in candidates if each is not None]


def _paths(
    rows: Iterable[Resource], render: Callable[[paths.Operation, str], Schema], dialect: Dialect
) -> Mapping[str, Schema]:
    out: dict[str, Schema] = {}
    for row in rows:
        tag = _tag(row)
        for operation in paths.operations(row):
            item = out.setdefault(operation.path, {})
            item[operation.method] = render(operation, tag)
            item["parameters"] = path_parameters(operation.path, dialect)
    return dict(sorted(out.items()))


def _tag(row: Resource) -> str:
    group = "core" if not row.group else row.group.removesuffix(".k8s.io").replace(".", "")
    return f"{group}_{row.version}"


def _common(operation: paths.Operation, tag: str) -> Schema:
    group, version, kind = operation.kind
    return {
        "tags": [tag],
        "operationId": operation.id,
        "x-kubernetes-action": operation.action,
        "x-kubernetes-group-version-kind": {"group": group, "kind": kind, "version": version},
    }


def _parameter(name: str, type_: str, where: str, dialect: Dialect) -> Schema:
    typed = {"type": type_, "uniqueItems": True}
    out: Schema = {"in": where, "name": name}
    if where == "path":
        out["required"] = True
    return out | (typed if dialect is Dialect.V2 else {"schema": typed})


def path_parameters(path: str, dialect: Dialect) -> list[Schema]:
    names = [name for name in ("name", "namespace") if f"{{{name}}}" in path]
    return [
        *(_parameter(name, "string", "path", dialect) for name in names),
        _parameter("pretty", "string", "query", dialect),
    ]


def _query(operation: paths.Operation, dialect: Dialect) -> list[Schema]:
    named = (each.partition(":") for each in operation.query)
    return [_parameter(name, type_, "query", dialect) for name, _, type_ in named]


NameOf = Callable[[paths.Operation], str | None]
"""The definition of what an operation reads and answers; None: it has none."""


def _builtin_name(operation: paths.Operation) -> str | None:
    group, version, kind = operation.kind
    return schemas.definition_name(group, version, kind + "List" if operation.list_kind else kind)


def operation_of(
    operation: paths.Operation, tag: str, dialect: Dialect, name_of: NameOf, patches: Sequence[str]
) -> Schema:
    """An operation of a custom resource."""
    render = _operation_v2 if dialect is Dialect.V2 else _operation_v3
    return render(operation, tag, name_of, patches)


def _body(operation: paths.Operation, name_of: NameOf) -> str | None:
    if operation.method == "patch":
        return META + "Patch"
    if operation.status_answer:
        return _DELETE_OPTIONS
    return name_of(operation) if operation.takes_body else None


def _answer(operation: paths.Operation, name_of: NameOf) -> str | None:
    return _STATUS if operation.status_answer else name_of(operation)


def _operation_v3(
    operation: paths.Operation,
    tag: str,
    name_of: NameOf = _builtin_name,
    patches: Sequence[str] = paths.ALL_PATCHES,
) -> Schema:
    out, query = _common(operation, tag), _query(operation, Dialect.V3)
    if query:
        out["parameters"] = query
    body = _body(operation, name_of)
    if body:
        types = patches if operation.method == "patch" else ("*/*",)
        out["requestBody"] = {"content": {each: {"schema": {"$ref": Dialect.V3.value + body}} for each in types}}
    answer = _answer(operation, name_of)
    content = {"content": {JSON: {"schema": {"$ref": Dialect.V3.value + answer}}}} if answer else {}
    return out | {"responses": {"200": {"description": "OK", **content}, "401": {"description": "Unauthorized"}}}


def _operation_v2(
    operation: paths.Operation,
    tag: str,
    name_of: NameOf = _builtin_name,
    patches: Sequence[str] = paths.ALL_PATCHES,
) -> Schema:
    parameters = _query(operation, Dialect.V2)
    body = _body(operation, name_of)
    if body:
        parameters.append({"in": "body", "name": "body", "schema": {"$ref": Dialect.V2.value + body}})
    answer = _answer(operation, name_of)
    content: dict[str, Any] = {"schema": {"$ref": Dialect.V2.value + answer}} if answer else {}
    return _common(operation, tag) | {
        "consumes": list(patches) if operation.method == "patch" else ["*/*"],
        "produces": [JSON],
        "schemes": ["https"],
        **({"parameters": parameters} if parameters else {}),
        "responses": {"200": {"description": "OK", **content}, "401": {"description": "Unauthorized"}},
    }
