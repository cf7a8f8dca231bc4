"""Whole documents: the index and one document for each group and version (v3), and all in one (v2)."""

import hashlib
from collections.abc import Iterable, Mapping

import orjson

from kybern.api.openapi import gnostic, parameters, paths, render, roots, schemas
from kybern.api.openapi.paths import Operation
from kybern.api.openapi.roots import Root
from kybern.api.openapi.schemas import Dialect, Schema
from kybern.api.resource import Resource

TITLE = "Kubernetes"
V2_PROTOBUF_ASKED = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
V2_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
"""How the answer is called; a slip of upstream's that stayed."""

_SECURITY = {
    "BearerToken": {
        "type": "apiKey",
        "description": "Bearer Token authentication",
        "name": "authorization",
        "in": "header",
    }
}


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
    rows = list(resources)
    by_path = group_versions(rows)
    names = sorted({root.document for root in roots.roots(rows)})
    return {
        "paths": {
            path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={_hash(path, by_path.get(path, ()), version)}"}
            for path in names
        }
    }


def v3(resources: Iterable[Resource], path: str, version: str) -> bytes | None:
    """`GET /openapi/v3/PATH`; None: there is no such document."""
    known = list(resources)
    told = [root for root in roots.roots(known) if root.document == path]
    if not told:
        return None
    rows = group_versions(known).get(path, [])
    operations = _operations(rows)
    definitions = _schemas(operations, told, Dialect.V3)
    versions = {("", "v1"), *((row.group, row.version) for row in rows)}
    for each in (definitions[name] for name in _OF_EVERY_GROUP if name in definitions):
        each[_KINDS] = [kind for kind in each[_KINDS] if (kind["group"], kind["version"]) in versions]
    document = {
        "openapi": "3.0.0",
        "info": {"title": TITLE, "version": _short(version)},
        "paths": _paths(operations, told, Dialect.V3),
        "components": {"schemas": definitions, "securitySchemes": _SECURITY},
    }
    return orjson.dumps(document)


def v2(resources: Iterable[Resource], version: str) -> bytes:
    """`GET /openapi/v2`, as JSON."""
    rows = list(resources)
    told, operations = list(roots.roots(rows)), _operations(rows)
    items, shared = parameters.share(_paths(operations, told, Dialect.V2))
    document = {
        "swagger": "2.0",
        "info": {"title": TITLE, "version": _short(version)},
        "paths": items,
        "definitions": _schemas(operations, told, Dialect.V2),
        "parameters": shared,
        "securityDefinitions": _SECURITY,
        "security": [{name: [] for name in _SECURITY}],
    }
    return orjson.dumps(document)


def v2_protobuf(resources: Iterable[Resource], version: str) -> bytes:
    """The same in protobuf."""
    return in_protobuf(v2(resources, version))


def in_protobuf(document: bytes) -> bytes:
    """A v2 document's JSON in protobuf."""
    return gnostic.document(orjson.loads(document))


def _short(version: str) -> str:
    """`v1.36.2` -> `1.36`: documents tell which release's API they are."""
    return ".".join(version.removeprefix("v").split(".")[:2])


def _hash(path: str, rows: Iterable[Resource], version: str) -> str:
    known = [[row.plural, row.kind, list(row.verbs), [each.name for each in row.subresources]] for row in rows]
    return hashlib.sha512(orjson.dumps([version, path, known])).hexdigest().upper()


def _operations(rows: Iterable[Resource]) -> list[Operation]:
    return [each for row in rows for each in paths.operations(row)]


def _schemas(operations: Iterable[Operation], told: Iterable[Root], dialect: Dialect) -> Mapping[str, Schema]:
    wanted = {root.definition for root in told if root.definition}
    for operation in operations:
        names = (render.definition(operation, form) for form in (operation.body, operation.answer))
        wanted.update(name for name in names if name)
    texts = schemas.descriptions()
    return {name: schemas.schema(name, texts, dialect) for name in schemas.closure(wanted)}


def _paths(operations: Iterable[Operation], told: Iterable[Root], dialect: Dialect) -> dict[str, Schema]:
    out = {root.path: roots.item(root, dialect) for root in told}
    out |= render.items(operations, dialect)
    return dict(sorted(out.items()))
