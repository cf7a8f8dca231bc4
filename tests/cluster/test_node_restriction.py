"""What a kubelet may write."""

from typing import Any

import pytest

from kybern.apiserver.user import authenticated
from tests.cluster.api_server import CORE, Api, api_server, pod

KUBELET = authenticated("system:node:n1", ("system:nodes",))
MIRROR = {"kubernetes.io/config.mirror": "x"}
OPTIONS: dict[str, Any] = {"enable_admission_plugins": ("NodeRestriction",)}


async def nodes(api: Api) -> Any:
    await api.create("/api/v1/nodes", {"metadata": {"name": "n2"}})
    return await api.as_user(KUBELET).create("/api/v1/nodes", {"metadata": {"name": "n1"}})


def mirror(uid: str, **owner: Any) -> dict[str, Any]:
    reference = {"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": uid, "controller": True, **owner}
    made = pod("p", nodeName="n1")
    made["metadata"] |= {"annotations": MIRROR, "ownerReferences": [reference]}
    return made


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ({"node-restriction.kubernetes.io/x": "y"}, "set the following labels: node-restriction.kubernetes.io/x"),
        ({"other.kubernetes.io/x": "y"}, "set the following labels: other.kubernetes.io/x"),
        ({"kubernetes.io/hostname": "n1", "example.com/x": "y", "a.kubelet.kubernetes.io/b": "c"}, ""),
    ],
)
async def test_labels_of_its_node(labels: dict[str, str], words: str) -> None:
    async with api_server(**OPTIONS) as api:
        answer = await api.as_user(KUBELET)("POST", "/api/v1/nodes", {"metadata": {"name": "n1", "labels": labels}})
        assert answer.status == (403 if words else 201)
        if words:
            assert answer.message == f'nodes "n1" is forbidden: node "n1" is not allowed to {words}'


async def test_only_its_own_node_and_no_taints() -> None:
    async with api_server(**OPTIONS) as api:
        node = await nodes(api)
        kubelet = api.as_user(KUBELET)
        path = "/api/v1/nodes/n1"
        tainted = {"spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]}}
        refused = await kubelet.patch(path, tainted)
        assert refused.message == 'nodes "n1" is forbidden: node "n1" is not allowed to modify taints'
        assert (await kubelet.patch(path, {"metadata": {"labels": {"example.com/a": "b"}}})).status == 200
        assert node["metadata"]["name"] == "n1"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"metadata": {"annotations": {}}}, 'pod does not have "kubernetes.io/config.mirror" annotation'),
        ({"spec": {"nodeName": "n2"}}, 'node "n1" can only create pods with spec.nodeName set to itself'),
        ({"metadata": {"ownerReferences": []}}, "can only create pods with an owner reference set to itself"),
        ({"spec": {"volumes": [{"name": "v", "secret": {"secretName": "s"}}]}}, "secrets"),
        (
            {"spec": {"volumes": [{"name": "v", "configMap": {"name": "s"}}]}},
            "can not create pods that reference configmaps",
        ),
    ],
)
async def test_mirror_pods(change: dict[str, Any], words: str) -> None:
    async with api_server(**OPTIONS) as api:
        node = await nodes(api)
        made = mirror(node["metadata"]["uid"])
        for key, part in change.items():
            made[key] |= part
        refused = await api.as_user(KUBELET)("POST", f"{CORE}/pods", made)
        assert refused.status == 403
        assert words in refused.message


async def test_its_own_mirrors_and_their_status() -> None:
    async with api_server(**OPTIONS) as api:
        node = await nodes(api)
        kubelet = api.as_user(KUBELET)
        await kubelet.create(f"{CORE}/pods", mirror(node["metadata"]["uid"]))
        assert (await kubelet.patch(f"{CORE}/pods/p/status", {"status": {"phase": "Running"}})).status == 200
        refused = await kubelet.patch(f"{CORE}/pods/p/status", {"metadata": {"labels": {"a": "b"}}})
        words = 'node "n1" cannot update labels through pod status'
        assert (refused.status, refused.message) == (403, f'pods "p" is forbidden: {words}')
        assert (await kubelet("DELETE", f"{CORE}/pods/p")).status == 200
