"""A store that upstream's API server has written: read, changed and watched as one's own."""

from typing import Any

import orjson
import pytest

from kybern.api import protobuf
from kybern.apiserver.cache.version import encode
from kybern.base.errors import InternalError
from kybern.storage.memory import MemoryBackend
from tests.cluster.api_server import CORE, api_server

MADE = "2026-01-02T03:04:05Z"


def _metadata(name: str, namespace: str = "default") -> dict[str, Any]:
    told = {"name": name, "uid": f"uid-of-{name}", "creationTimestamp": MADE}
    return {**told, "namespace": namespace} if namespace else told


async def _filled(objects: dict[str, bytes]) -> MemoryBackend:
    backend = MemoryBackend()
    for key, value in objects.items():
        await backend.put(f"/registry/{key}", value, expected=0)
    return backend


def _binary(api_version: str, kind: str, name: str, **fields: Any) -> bytes:
    return protobuf.encode({"apiVersion": api_version, "kind": kind, "metadata": _metadata(name), **fields})


BETA = {
    "kind": "CustomResourceDefinition", "apiVersion": "apiextensions.k8s.io/v1beta1",
    "metadata": _metadata("widgets.example.com", ""),
    "spec": {
        "group": "example.com", "version": "v1", "scope": "Namespaced", "preserveUnknownFields": False,
        "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
        "validation": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {
            "type": "object", "properties": {"size": {"type": "integer", "default": 3}}}}}},
        "subresources": {"status": {}}, "versions": [{"name": "v1", "served": True, "storage": True}],
        "additionalPrinterColumns": [{"name": "Size", "type": "integer", "JSONPath": ".spec.size"}],
        "conversion": {"strategy": "None"},
    },
    "status": {"conditions": [], "acceptedNames": {"plural": "", "kind": ""}, "storedVersions": ["v1"]},
}  # fmt: skip


async def test_objects_in_protobuf() -> None:
    containers = [{"name": "c", "image": "example.com/app:v1"}]
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": containers}}
    backend = await _filled(
        {
            "pods/default/web": _binary("v1", "Pod", "web", spec={"containers": containers, "nodeName": "box"}),
            "secrets/default/s": _binary("v1", "Secret", "s", data={"a": "AP8="}, type="Opaque"),
            "statefulsets.apps/default/db": _binary(
                "apps/v1", "StatefulSet", "db",
                spec={"selector": {"matchLabels": {"a": "b"}}, "template": template, "volumeClaimTemplates": [claim]},
            ),
        }
    )  # fmt: skip
    async with api_server(backend, shared_store=True) as api:
        pod = await api.get(f"{CORE}/pods/web")
        assert (pod["kind"], pod["apiVersion"], pod["metadata"]["resourceVersion"]) == ("Pod", "v1", "2")
        assert pod["spec"]["containers"][0]["terminationMessagePath"] == "/dev/termination-log"
        assert await api.names(f"{CORE}/pods", fieldSelector="spec.nodeName=box") == "web"
        assert (await api.get(f"{CORE}/secrets/s"))["data"] == {"a": "AP8="}
        (found,) = (await api.get("/apis/apps/v1/namespaces/default/statefulsets/db"))["spec"]["volumeClaimTemplates"]
        assert (found["kind"], found["apiVersion"]) == ("PersistentVolumeClaim", "v1")
        labelled = await api.patch(f"{CORE}/pods/web", {"metadata": {"labels": {"x": "y"}}})
        assert labelled.status == 200, labelled
        assert await api.names(f"{CORE}/pods", labelSelector="x=y") == "web"
        entry = await backend.get("/registry/pods/default/web")
        assert entry is not None
        assert orjson.loads(entry.value)["metadata"]["labels"] == {"x": "y"}
        gone = await api("DELETE", f"{CORE}/secrets/s")
        assert gone.status == 200


async def test_what_the_other_server_writes_meanwhile() -> None:
    backend = MemoryBackend()
    async with api_server(backend, shared_store=True) as api:
        made = await api.create(f"{CORE}/configmaps", {"metadata": {"name": "c"}, "data": {"a": "1"}})
        watch = await api.watch(f"{CORE}/configmaps", resourceVersion=made["metadata"]["resourceVersion"])
        value = _binary("v1", "ConfigMap", "c", data={"a": "2"})
        await backend.put("/registry/configmaps/default/c", value, expected=int(made["metadata"]["resourceVersion"]))
        event = await watch.next()
        assert (event["type"], event["object"]["data"]) == ("MODIFIED", {"a": "2"})
        assert event["object"]["kind"] == "ConfigMap"
        answer = await api("PUT", f"{CORE}/configmaps/c", made)
        assert answer.status == 409, "theirs came first"


async def test_definitions_in_the_version_that_upstream_stores() -> None:
    key = "customresourcedefinitions.apiextensions.k8s.io/widgets.example.com"
    widget = {"a": 1, "apiVersion": "example.com/v1", "kind": "Widget", "metadata": _metadata("w"), "spec": {"size": 5}}
    backend = await _filled({key: orjson.dumps(BETA), "widgets.example.com/default/w": orjson.dumps(widget)})
    async with api_server(backend, shared_store=True) as api:
        found = await api.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com")
        (version,) = found["spec"]["versions"]
        assert found["apiVersion"] == "apiextensions.k8s.io/v1"
        assert version["schema"] == BETA["spec"]["validation"]
        assert version["subresources"] == {"status": {}}
        assert version["additionalPrinterColumns"] == [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}]
        assert not {"version", "validation", "preserveUnknownFields"} & found["spec"].keys()
        listed = await api.get("/apis/example.com/v1/namespaces/default/widgets")
        assert [each["spec"] for each in listed["items"]] == [{"size": 5}]


async def test_an_older_version_of_the_same_objects() -> None:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    old = _binary(
        "autoscaling/v1", "HorizontalPodAutoscaler", "h",
        spec={"scaleTargetRef": target, "maxReplicas": 5, "targetCPUUtilizationPercentage": 70},
    )  # fmt: skip
    backend = await _filled({"horizontalpodautoscalers.autoscaling/default/h": old})
    async with api_server(backend, shared_store=True) as api:
        found = await api.get("/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers/h")
        assert found["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 70
        shown = await api.get("/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers/h")
        assert shown["spec"]["targetCPUUtilizationPercentage"] == 70


@pytest.mark.parametrize("value", [b"k8s\0\x0a\xff", b"{", _binary("v1", "Pod", "c").replace(b"Pod", b"Pop", 1)])
async def test_what_cannot_be_read_is_named(value: bytes) -> None:
    with pytest.raises(InternalError, match='unable to decode key "/registry/configmaps/default/c"'):
        async with api_server(await _filled({"configmaps/default/c": value}), shared_store=True):
            pass


async def test_own_values_pass_as_they_are() -> None:
    obj = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": _metadata("c"), "data": {"a": "b"}}
    backend = await _filled({"configmaps/default/c": encode(obj), "ranges/servicenodeports": b"k8s\0 of no use here"})
    async with api_server(backend, shared_store=True) as api:
        assert (await api.get(f"{CORE}/configmaps/c"))["data"] == {"a": "b"}
