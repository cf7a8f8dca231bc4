"""What paths and methods ask for."""

from kybern.apiserver.request_info import request_info
from kybern.transport.exchange import Request


def check(method: str, path: str, expected: str, **query: str) -> None:
    """`expected`: verb group/version namespace resource subresource name, `-` for none; `path VERB` for no resource."""
    request = Request(method, path, {key: [value] for key, value in query.items()}, {}, b"", "")
    info = request_info(request)
    if not info.is_resource:
        assert f"path {info.verb}" == expected
        return
    found = (info.verb, f"{info.group}/{info.version}", info.namespace, info.resource, info.subresource, info.name)
    assert " ".join(part or "-" for part in found) == expected


def test_resources() -> None:
    check("GET", "/api/v1/namespaces/a/pods/p", "get /v1 a pods - p")
    check("GET", "/api/v1/namespaces/a/pods", "list /v1 a pods - -")
    check("GET", "/api/v1/pods", "list /v1 - pods - -")
    check("GET", "/api/v1/pods", "watch /v1 - pods - -", watch="1")
    check("GET", "/api/v1/pods", "watch /v1 - pods - -", watch="")
    check("GET", "/api/v1/pods", "list /v1 - pods - -", watch="false")
    check("POST", "/apis/apps/v1/namespaces/a/deployments", "create apps/v1 a deployments - -")
    check("PUT", "/apis/apps/v1/namespaces/a/deployments/d/scale", "update apps/v1 a deployments scale d")
    check("PATCH", "/api/v1/nodes/n/status", "patch /v1 - nodes status n")
    check("DELETE", "/api/v1/namespaces/a/pods", "deletecollection /v1 a pods - -")
    check("DELETE", "/api/v1/namespaces/a/pods/p", "delete /v1 a pods - p")


def test_namespaces_are_a_resource_too() -> None:
    check("GET", "/api/v1/namespaces/a", "get /v1 a namespaces - a")
    check("PUT", "/api/v1/namespaces/a/finalize", "update /v1 a namespaces finalize a")
    check("PUT", "/api/v1/namespaces/a/status", "update /v1 a namespaces status a")
    check("GET", "/api/v1/namespaces", "list /v1 - namespaces - -")


def test_the_old_watch_prefix_and_selected_names() -> None:
    check("GET", "/api/v1/watch/namespaces/a/pods", "watch /v1 a pods - -")
    check("GET", "/api/v1/pods", "list /v1 - pods - p", fieldSelector="metadata.name=p")
    check("GET", "/api/v1/pods", "list /v1 - pods - p", fieldSelector="spec.nodeName=n,metadata.name==p")
    check("GET", "/api/v1/pods", "list /v1 - pods - -", fieldSelector="metadata.name!=p")
    check("GET", "/api/v1/pods", "list /v1 - pods - -", fieldSelector="metadata.name=a/b")
    check("GET", "/api/v1/pods", "list /v1 - pods - -", fieldSelector="metadata.name=a\\b")


def test_other_paths() -> None:
    for path in ("/", "/healthz", "/api", "/api/v1", "/apis/apps", "/apis/apps/v1", "/openapi/v3/apis/apps/v1"):
        check("GET", path, "path get")
