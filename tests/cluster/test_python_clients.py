"""The Python clients that people use, unchanged: what they create they read, list, watch, patch and delete."""

import asyncio
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.server_over_tls import serving

TIMEOUT_SECONDS = 300

DEFINITION: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {"type": "object", "properties": {"size": {"type": "integer"}}},
                            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                        },
                    }
                },
            }
        ],
    },
}

OFFICIAL = """
import threading
from kubernetes import client, config, dynamic, watch
config.load_kube_config()
core, apps = client.CoreV1Api(), client.AppsV1Api()
seen = []
begun = threading.Event()
def follow():
    for event in watch.Watch().stream(core.list_namespaced_config_map, "default", timeout_seconds=300):
        begun.set()
        if event["object"].metadata.name == "c":
            seen.append(event["type"])
            if event["type"] == "DELETED":
                return
follower = threading.Thread(target=follow)
follower.start()
core.create_namespaced_config_map("default", client.V1ConfigMap(metadata=client.V1ObjectMeta(name="first")))
assert begun.wait(100)
core.create_namespaced_config_map("default", client.V1ConfigMap(metadata=client.V1ObjectMeta(name="c"), data={"k": "v"}))
assert core.read_namespaced_config_map("c", "default").data == {"k": "v"}
core.patch_namespaced_config_map("c", "default", {"data": {"k": "w"}})
template = client.V1PodTemplateSpec(
    metadata=client.V1ObjectMeta(labels={"a": "b"}),
    spec=client.V1PodSpec(containers=[client.V1Container(name="c", image="i")]),
)
spec = client.V1DeploymentSpec(selector=client.V1LabelSelector(match_labels={"a": "b"}), template=template)
deployment = apps.create_namespaced_deployment(
    "default", client.V1Deployment(metadata=client.V1ObjectMeta(name="d"), spec=spec)
)
assert deployment.spec.replicas == 1
apps.patch_namespaced_deployment_scale("d", "default", {"spec": {"replicas": 3}})
assert apps.read_namespaced_deployment_scale("d", "default").spec.replicas == 3
try:
    core.read_namespaced_pod("absent", "default")
    raise SystemExit("no error")
except client.ApiException as error:
    assert error.status == 404 and "NotFound" in error.body
core.delete_namespaced_config_map("c", "default")
follower.join(100)
assert seen == ["ADDED", "MODIFIED", "DELETED"], seen
dyn = dynamic.DynamicClient(client.ApiClient())
deployments = dyn.resources.get(api_version="apps/v1", kind="Deployment")
assert [each.metadata.name for each in deployments.get(namespace="default").items] == ["d"]
body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {"replicas": 5}}
applied = dyn.server_side_apply(deployments, body, namespace="default", field_manager="me", force_conflicts=True)
assert applied.spec.replicas == 5
assert client.VersionApi().get_code().minor == "36"
assert "pods" in [each.name for each in core.get_api_resources().resources]
"""

ASYNCIO = """
import asyncio
from kubernetes_asyncio import client, config, watch
async def main():
    await config.load_kube_config()
    async with client.ApiClient() as api:
        core = client.CoreV1Api(api)
        await core.create_namespaced_secret("default", {"metadata": {"name": "s"}, "stringData": {"a": "b"}})
        assert (await core.read_namespaced_secret("s", "default")).data == {"a": "Yg=="}
        async with watch.Watch().stream(core.list_namespaced_secret, "default", timeout_seconds=300) as stream:
            async for event in stream:
                assert (event["type"], event["object"].metadata.name) == ("ADDED", "s")
                break
        names = [each.metadata.name for each in (await core.list_namespace(limit=2)).items]
        assert len(names) == 2
        await core.delete_namespaced_secret("s", "default")
asyncio.run(main())
"""

LIGHTKUBE = """
from lightkube import Client, ApiError
from lightkube.generic_resource import load_in_cluster_generic_resources, get_generic_resource
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Namespace
from lightkube.resources.apps_v1 import Deployment
from lightkube.types import PatchType
client = Client(field_manager="lightkube")
client.create(ConfigMap(metadata=ObjectMeta(name="c", namespace="default"), data={"k": "v"}))
client.patch(ConfigMap, "c", {"data": {"k": "w"}}, namespace="default", patch_type=PatchType.MERGE)
assert client.get(ConfigMap, "c", namespace="default").data == {"k": "w"}
applied = client.apply(ConfigMap(metadata=ObjectMeta(name="a", namespace="default"), data={"x": "y"}))
assert applied.metadata.managedFields[0].operation == "Apply"
assert {each.metadata.name for each in client.list(Namespace)} >= {"default", "kube-system"}
for event, obj in client.watch(ConfigMap, namespace="default", fields={"metadata.name": "c"}):
    assert (event, obj.data) == ("ADDED", {"k": "w"})
    break
try:
    client.get(Deployment, "absent", namespace="default")
    raise SystemExit("no error")
except ApiError as error:
    assert error.status.reason == "NotFound"
load_in_cluster_generic_resources(client)
Widget = get_generic_resource("example.com/v1", "Widget")
client.create(Widget(metadata={"name": "w", "namespace": "default"}, spec={"size": 3}))
assert client.get(Widget, "w", namespace="default").spec["size"] == 3
client.delete(ConfigMap, "c", namespace="default")
"""

KR8S = """
import kr8s
from kr8s.objects import ConfigMap, Deployment, new_class
api = kr8s.api()
c = ConfigMap({"metadata": {"name": "c", "namespace": "default"}, "data": {"k": "v"}})
c.create()
assert ConfigMap.get("c", namespace="default").data.k == "v"
c.patch({"data": {"k": "w"}})
c.refresh()
assert c.data.k == "w"
c.label({"a": "b"})
assert [each.name for each in kr8s.get("configmaps", namespace="default", label_selector={"a": "b"})] == ["c"]
Widget = new_class(kind="Widget", version="example.com/v1", namespaced=True)
w = Widget({"metadata": {"name": "w", "namespace": "default"}, "spec": {"size": 1}})
w.create()
assert w.exists()
w.delete()
c.delete()
"""

KOPF = """
import kopf, threading, time
from kubernetes import client, config
config.load_kube_config()
custom = client.CustomObjectsApi()
where = dict(group="example.com", version="v1", namespace="default", plural="widgets")
stop, ready = threading.Event(), threading.Event()

@kopf.on.create("example.com", "v1", "widgets")
def created(spec, body, patch, **_):
    kopf.info(body, reason="Made", message="The widget is made.")
    patch.status["size"] = spec["size"]
    return {"made": True}

@kopf.on.update("example.com", "v1", "widgets", field="spec.size")
def resized(new, patch, **_):
    patch.status["size"] = new

@kopf.on.delete("example.com", "v1", "widgets")
def deleted(name, **_):
    client.CoreV1Api().create_namespaced_config_map("default", {"metadata": {"name": f"{name}-was-here"}})

@kopf.timer("example.com", "v1", "widgets", interval=0.5)
def ticks(patch, status, **_):
    patch.status["ticks"] = status.get("ticks", 0) + 1

thread = threading.Thread(
    target=kopf.run, kwargs=dict(standalone=True, namespace="default", stop_flag=stop, ready_flag=ready)
)
thread.start()

def wait(condition):
    end = time.monotonic() + 200
    while not condition():
        assert time.monotonic() < end, custom.list_namespaced_custom_object(**where)
        time.sleep(0.1)

try:
    assert ready.wait(200)
    custom.create_namespaced_custom_object(body={"apiVersion": "example.com/v1", "kind": "Widget",
                                                 "metadata": {"name": "w"}, "spec": {"size": 1}}, **where)
    status = lambda: custom.get_namespaced_custom_object(name="w", **where).get("status", {})
    wait(lambda: status().get("size") == 1 and status().get("created") == {"made": True})
    custom.patch_namespaced_custom_object(name="w", body={"spec": {"size": 7}}, **where)
    wait(lambda: status().get("size") == 7)
    wait(lambda: status().get("ticks", 0) >= 2)
    custom.delete_namespaced_custom_object(name="w", **where)
    wait(lambda: not custom.list_namespaced_custom_object(**where)["items"])
    client.CoreV1Api().read_namespaced_config_map("w-was-here", "default")
    wait(lambda: "Made" in [each.reason for each in client.CoreV1Api().list_namespaced_event("default").items])
finally:
    stop.set()
    thread.join(100)
"""


@pytest.mark.parametrize(
    "story",
    [
        pytest.param(OFFICIAL, id="kubernetes"),
        pytest.param(ASYNCIO, id="kubernetes-asyncio"),
        pytest.param(LIGHTKUBE, id="lightkube"),
        pytest.param(KR8S, id="kr8s"),
        pytest.param(KOPF, id="kopf"),
    ],
)
async def test_a_client_works_unchanged(story: str, tmp_path: Path) -> None:
    async with serving(tmp_path) as kubeconfig:
        await _run(kubeconfig, _PREPARE.format(definition=DEFINITION))
        await _run(kubeconfig, story)


_PREPARE = """
from kubernetes import client, config
config.load_kube_config()
client.ApiextensionsV1Api().create_custom_resource_definition({definition})
client.CoreV1Api().create_namespaced_service_account("default", {{"metadata": {{"name": "default"}}}})
import time
while True:
    try:
        client.CustomObjectsApi().list_namespaced_custom_object("example.com", "v1", "default", "widgets")
        break
    except client.ApiException:
        time.sleep(0.05)
"""


async def _run(kubeconfig: Path, program: str) -> None:
    """A program of its own, as a user would run it."""
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "HOME": str(kubeconfig.parent)}
    pipe = subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(program), stdout=pipe, stderr=pipe, env=environment
    )
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            _, error = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, error.decode()[-4000:]
