"""What tells of the API itself: discovery, the release and the issuer of tokens, each a document of its own in v3."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from kybern.api.openapi import paths
from kybern.api.openapi.schemas import META, Dialect, Schema
from kybern.api.resource import Resource

_VERSION = "io.k8s.apimachinery.pkg.version.Info"
_KEYS = "get service account issuer OpenID JSON Web Key Set (contains public token verification keys)"
_ISSUER = "get service account issuer OpenID configuration, also known as the 'OIDC discovery doc'"
_JSON = ("application/json",)


class Root(NamedTuple):
    """One GET without parameters."""

    path: str
    document: str
    """The v3 document that tells of it."""
    tag: str
    id: str
    description: str
    definition: str = ""
    """Of the answer; none: text."""
    produces: tuple[str, ...] = paths.MEDIA
    consumes: tuple[str, ...] = paths.MEDIA


def roots(rows: Iterable[Resource]) -> Iterator[Root]:
    """All of them, by the groups and versions of `rows`."""
    known = {(row.group, row.version) for row in rows}
    versions, groups = "get available API versions", "get information of a group"
    for group in sorted({group for group, _ in known}):
        path, called = (f"apis/{group}", paths.operation_tag(group)) if group else ("api", "CoreAPIVersions")
        if group:
            yield _root(path, paths.tag(group), f"get{called}APIGroup", groups, "APIGroup")
        else:
            yield _root(path, paths.tag(group), f"get{called}", versions, "APIVersions")
    for group, version in sorted(known):
        path = f"apis/{group}/{version}" if group else f"api/{version}"
        name = f"get{paths.operation_tag(group, version)}APIResources"
        yield _root(path, paths.tag(group, version), name, "get available resources", "APIResourceList")
    yield _root("apis", "apis", "getAPIVersions", versions, "APIGroupList")
    about = "get the version information for this server"
    yield Root("/version/", "version", "version", "getCodeVersion", about, _VERSION, _JSON, _JSON)
    issuer = ".well-known/openid-configuration"
    name = "getServiceAccountIssuerOpenIDConfiguration"
    yield Root(f"/{issuer}/", issuer, "WellKnown", name, _ISSUER, "", _JSON, ())
    name, keys = "getServiceAccountIssuerOpenIDKeyset", "openid/v1/jwks"
    yield Root(f"/{keys}/", keys, "openid", name, _KEYS, "", ("application/jwk-set+json",), ())


def _root(path: str, tag: str, name: str, text: str, kind: str) -> Root:
    return Root(f"/{path}/", path, tag, name, text, META + kind)


def item(root: Root, dialect: Dialect) -> Schema:
    """The path of it."""
    schema: Schema = {"$ref": dialect.value + root.definition} if root.definition else {"type": "string"}
    content: Schema = {"schema": schema}
    out: Schema = {"description": root.description, "tags": [root.tag], "operationId": root.id}
    if dialect is Dialect.V2:
        consumes: Schema = {"consumes": list(root.consumes)} if root.consumes else {}
        out |= {**consumes, "produces": list(root.produces), "schemes": ["https"]}
    else:
        content = {"content": dict.fromkeys(sorted(root.produces), content)}
    return {
        "get": {**out, "responses": {"200": {"description": "OK", **content}, "401": {"description": "Unauthorized"}}}
    }
