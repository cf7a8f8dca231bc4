"""Operations in the words of a dialect."""

from collections.abc import Callable, Iterable
from typing import Any

from kybern.api.openapi import parameters, paths, schemas
from kybern.api.openapi.paths import Form, Operation
from kybern.api.openapi.schemas import META, Dialect, Schema

NameOf = Callable[[Operation, Form], str | None]
"""The definition of the objects, or lists of them, that an operation reads and answers; None: it has none."""

_TEXTS = {200: "OK", 201: "Created", 202: "Accepted"}
_META_FORMS = (Form.DELETE_OPTIONS, Form.PATCH, Form.STATUS, Form.WATCH_EVENT)


def builtin_name(operation: Operation, form: Form) -> str | None:
    group, version, kind = operation.subject
    return schemas.definition_name(group, version, kind + "List" if form is Form.LIST else kind)


def definition(operation: Operation, form: Form, name_of: NameOf = builtin_name) -> str | None:
    """The definition of what an operation reads or answers; None: text, or nothing."""
    if form in (Form.NONE, Form.TEXT):
        return None
    return META + form.value if form in _META_FORMS else name_of(operation, form)


def items(operations: Iterable[Operation], dialect: Dialect, name_of: NameOf = builtin_name) -> dict[str, Schema]:
    """Path -> its operations by method, and the parameters that all of them take. In v2 nothing is shared yet."""
    by_path: dict[str, list[Operation]] = {}
    for each in operations:
        by_path.setdefault(each.path, []).append(each)
    return {path: _item(path, found, dialect, name_of) for path, found in by_path.items()}


def _item(path: str, found: list[Operation], dialect: Dialect, name_of: NameOf) -> Schema:
    common = parameters.common_keys(each.query for each in found)
    names = {key.rpartition(".")[2] for key in common}
    out: Schema = {}
    for each in found:
        own = [key for key in each.query if key.rpartition(".")[2] not in names]
        out[each.method] = (_v2 if dialect is Dialect.V2 else _v3)(each, own, name_of)
    out["parameters"] = parameters.at_path(path, found[0].kind[2], common, dialect)
    return out


def _v3(operation: Operation, query: list[str], name_of: NameOf) -> Schema:
    out: Schema = {
        "tags": [paths.tag(*_group_version(operation))],
        "description": operation.description,
        "operationId": operation.id,
    }
    found = parameters.of_query(query, Dialect.V3)
    if found:
        out["parameters"] = found
    body = _schema(operation, operation.body, Dialect.V3, name_of)
    if body:
        required = {} if operation.body is Form.DELETE_OPTIONS else {"required": True}
        out["requestBody"] = {"content": _content(operation.consumes, body), **required}
    answer = _schema(operation, operation.answer, Dialect.V3, name_of)
    content = {"content": _content(operation.produces, answer)} if answer else {}
    return {**out, "responses": _responses(operation, content), **_extensions(operation)}


def _v2(operation: Operation, query: list[str], name_of: NameOf) -> Schema:
    out: Schema = {
        "description": operation.description,
        "consumes": list(operation.consumes),
        "produces": list(operation.produces),
        "schemes": ["https"],
        "tags": [paths.tag(*_group_version(operation))],
        "operationId": operation.id,
    }
    body = _schema(operation, operation.body, Dialect.V2, name_of)
    required = {} if operation.body is Form.DELETE_OPTIONS else {"required": True}
    more = [{"name": "body", "in": "body", **required, "schema": body}] if body else []
    found = parameters.of_query(query, Dialect.V2, *more)
    if found:
        out["parameters"] = found
    answer = _schema(operation, operation.answer, Dialect.V2, name_of)
    content = {"schema": answer} if answer else {}
    return {**out, "responses": _responses(operation, content), **_extensions(operation)}


def _group_version(operation: Operation) -> tuple[str, str]:
    """Of the path, which for subresources is not that of the kind."""
    parts = operation.path.split("/")
    return ("", parts[2]) if parts[1] == "api" else (parts[2], parts[3])


def _schema(operation: Operation, form: Form, dialect: Dialect, name_of: NameOf) -> Schema | None:
    if form is Form.TEXT:
        return {"type": "string"}
    name = definition(operation, form, name_of)
    return {"$ref": dialect.value + name} if name else None


def _content(types: Iterable[str], schema: Schema) -> dict[str, Any]:
    return {each: {"schema": schema} for each in sorted(types)}


def _responses(operation: Operation, content: dict[str, Any]) -> dict[str, Any]:
    found = {str(code): {"description": _TEXTS[code], **content} for code in operation.statuses}
    return {**found, "401": {"description": "Unauthorized"}}


def _extensions(operation: Operation) -> Schema:
    group, version, kind = operation.kind
    return {
        "x-kubernetes-action": operation.action,
        "x-kubernetes-group-version-kind": {"group": group, "kind": kind, "version": version},
    }
