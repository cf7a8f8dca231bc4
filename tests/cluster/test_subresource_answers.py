"""Subresources that take an object of their own: bindings, tokens, evictions; and what statuses leave alone."""

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.cluster.api_server import CORE, MERGE, Api, api_server, config_map, pod

PODS, MAPS = f"{CORE}/pods", f"{CORE}/configmaps"
TOKEN = f"{CORE}/serviceaccounts/default/token"
BUDGETS = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
NODE = {"kind": "Node", "name": "n"}


@pytest.fixture(scope="module")
def signing_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The private key of the server's own tokens."""
    key = ec.generate_private_key(ec.SECP256R1())
    path = tmp_path_factory.mktemp("keys") / "service-accounts.key"
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path.write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
    return path


@pytest.mark.parametrize(
    ("metadata", "target", "status", "message"),
    [
        ({}, NODE, 400, "name in URL does not match name in Binding object"),
        ({"name": "q"}, NODE, 400, "name in URL does not match name in Binding object"),
        (
            {"name": "p", "namespace": "other"},
            NODE,
            400,
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
        ({"name": "p"}, {}, 500, "target.name: Required value"),
        (
            {"name": "p"},
            {"kind": "Pod"},
            500,
            '[target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>", target.name: Required value]',
        ),
    ],
)
async def test_bindings_that_cannot_be(metadata: Any, target: Any, status: int, message: str) -> None:
    async with api_server() as api:
        await api.create(PODS, pod("p"))
        answer = await api("POST", f"{PODS}/p/binding", {"metadata": metadata, "target": target})
        assert (answer.status, answer.message) == (status, message)


async def test_a_binding_needs_a_name_somewhere() -> None:
    async with api_server() as api:
        answer = await api("POST", f"{CORE}/bindings", {"target": NODE})
        assert (answer.status, answer.message) == (400, "Name parameter required.")


@pytest.mark.parametrize("status", ["True", "False"])
async def test_a_binding_leaves_its_condition_in_its_place(status: str) -> None:
    then = "2026-01-02T03:04:05Z"
    async with api_server() as api:
        await api.create(PODS, pod("p"))
        told = [{"type": "PodScheduled", "status": status, "lastTransitionTime": then}, {"type": "X", "status": "True"}]
        assert (await api.patch(f"{PODS}/p/status", {"status": {"conditions": told}}, MERGE)).status == 200
        assert (await api("POST", f"{PODS}/p/binding", {"metadata": {"name": "p"}, "target": NODE})).status == 201
        scheduled, other = (await api.get(f"{PODS}/p"))["status"]["conditions"]
        assert (scheduled["type"], scheduled["status"], other["type"]) == ("PodScheduled", "True", "X")
        assert (scheduled["lastTransitionTime"] == then) == (status == "True")


async def test_a_token_tells_whose_it_is_and_who_asked(signing_key: Path) -> None:
    async with api_server(service_account_signing_key_file=signing_key) as api:
        account = await api.get(f"{CORE}/serviceaccounts/default")
        made = await api("POST", TOKEN, {"spec": {"expirationSeconds": 700}}, fieldManager="door")
        metadata = made.body["metadata"]
        assert metadata["uid"] == account["metadata"]["uid"]
        (entry,) = metadata["managedFields"]
        assert (entry["manager"], entry["subresource"]) == ("door", "token")
        assert entry["fieldsV1"] == {"f:spec": {"f:expirationSeconds": {}}}


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (
            {"metadata": {"name": "other"}},
            422,
            'TokenRequest.authentication.k8s.io "default" is invalid: metadata.name: Invalid value: "other": must match '
            "the service account name if specified",
        ),
        (
            {"metadata": {"namespace": "other"}},
            400,
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
        ({"spec": {"boundObjectRef": {}}}, 400, "cannot bind token to object of type /, Kind="),
        (
            {"spec": {"boundObjectRef": {"kind": "ConfigMap", "apiVersion": "v1", "name": "c"}}},
            400,
            "cannot bind token to object of type /v1, Kind=ConfigMap",
        ),
        (
            {"spec": {"boundObjectRef": {"kind": "Secret", "apiVersion": "v1", "name": "s", "uid": "u"}}},
            409,
            'Operation cannot be fulfilled on Secret "s": the UID in the bound object reference (u) does not match the '
            "UID in record. The object might have been deleted and then recreated",
        ),
    ],
)
async def test_tokens_that_cannot_be(body: Any, status: int, message: str, signing_key: Path) -> None:
    async with api_server(service_account_signing_key_file=signing_key) as api:
        await api.create(f"{CORE}/secrets", {"metadata": {"name": "s"}})
        answer = await api("POST", TOKEN, body)
        assert (answer.status, answer.message) == (status, message)


async def test_a_token_of_another_account_of_that_name(signing_key: Path) -> None:
    async with api_server(service_account_signing_key_file=signing_key) as api:
        answer = await api("POST", TOKEN, {"metadata": {"uid": "u"}})
        assert answer.status == 409
        assert answer.body["details"]["kind"] == "TokenRequest"


async def test_a_budget_that_is_spent_says_so() -> None:
    async with api_server() as api:
        await api.create(PODS, {**pod("p"), "metadata": {"name": "p", "labels": {"a": "b"}}})
        ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        await api.patch(f"{PODS}/p/status", {"status": ready}, MERGE)
        spec = {"minAvailable": 0, "selector": {"matchLabels": {"a": "b"}}}
        await api.create(BUDGETS, {"metadata": {"name": "b"}, "spec": spec})
        counts = {"disruptionsAllowed": 1, "currentHealthy": 1, "desiredHealthy": 0, "expectedPods": 1}
        await api.patch(f"{BUDGETS}/b/status", {"status": {**counts, "observedGeneration": 1}}, MERGE)
        assert (await api("POST", f"{PODS}/p/eviction", {"metadata": {"name": "p"}})).status == 201
        (told,) = (await api.get(f"{BUDGETS}/b"))["status"]["conditions"]
        assert told.pop("lastTransitionTime")
        assert told == {
            "type": "DisruptionAllowed",
            "status": "False",
            "observedGeneration": 1,
            "reason": "InsufficientPods",
            "message": "",
        }


@pytest.mark.parametrize(
    ("preconditions", "why"),
    [
        (
            {"uid": "u"},
            "the UID in the precondition (u) does not match the UID in record ({uid}). The object might have ",
        ),
        (
            {"resourceVersion": "1"},
            "the ResourceVersion in the precondition (1) does not match the ResourceVersion in record ({version}). ",
        ),
    ],
)
async def test_preconditions_of_deletions(preconditions: dict[str, str], why: str) -> None:
    async with api_server() as api:
        made = (await api.create(MAPS, config_map("c")))["metadata"]
        answer = await api("DELETE", f"{MAPS}/c", {"preconditions": preconditions})
        expected = why.format(uid=made["uid"], version=made["resourceVersion"])
        assert answer.status == 409
        assert answer.message.startswith(f'Operation cannot be fulfilled on ConfigMap "c": {expected}')


async def labels_after_status(api: Api, path: str) -> Any:
    """What a write of the status made of the labels."""
    answer = await api.patch(f"{path}/status", {"metadata": {"labels": {"a": "b"}}}, MERGE)
    assert answer.status == 200, answer
    return answer.body["metadata"].get("labels")


async def test_statuses_that_leave_labels_alone() -> None:
    async with api_server() as api:
        source = {"attacher": "a", "nodeName": "n", "source": {"persistentVolumeName": "v"}}
        attachments = "/apis/storage.k8s.io/v1/volumeattachments"
        await api.create(attachments, {"metadata": {"name": "va"}, "spec": source})
        assert await labels_after_status(api, f"{attachments}/va") is None
        flow = "/apis/flowcontrol.apiserver.k8s.io/v1"
        assert await labels_after_status(api, f"{flow}/flowschemas/exempt") is None
        assert await labels_after_status(api, f"{flow}/prioritylevelconfigurations/exempt") is None
        await api.create(PODS, pod("p"))
        assert await labels_after_status(api, f"{PODS}/p") == {"a": "b"}


@pytest.mark.parametrize(
    ("path", "body", "times"),
    [
        (MAPS, config_map("c"), 4),
        (BUDGETS, {"metadata": {"name": "c"}, "spec": {"minAvailable": 1}}, 2),
        (
            "/apis/apps/v1/namespaces/default/controllerrevisions",
            {"metadata": {"name": "c"}, "data": {}, "revision": 1},
            4,
        ),
        (f"{CORE}/limitranges", {"metadata": {"name": "c"}, "spec": {"limits": []}}, 3),
    ],
)
async def test_how_often_a_bad_label_is_told(path: str, body: Any, times: int) -> None:
    """Each layer that looks at the metadata of an update tells of it: clients see the causes of all."""
    async with api_server() as api:
        await api.create(path, body)
        answer = await api.patch(f"{path}/c", {"metadata": {"labels": {"bad key": "1"}}}, MERGE)
        fields = [cause["field"] for cause in answer.body["details"]["causes"]]
        assert fields.count("metadata.labels") == times


async def test_an_update_that_creates_takes_any_version() -> None:
    async with api_server() as api:
        body = {"metadata": {"name": "l", "resourceVersion": "7"}, "spec": {"limits": []}}
        assert (await api("PUT", f"{CORE}/limitranges/l", body)).status == 201


async def test_a_scale_is_of_the_namespace_of_the_request() -> None:
    async with api_server() as api:
        labels = {"a": "b"}
        template = {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": "c", "image": "example.com/app:v1"}]},
        }
        path = "/apis/apps/v1/namespaces/default/replicasets"
        spec = {"selector": {"matchLabels": labels}, "template": template}
        await api.create(path, {"metadata": {"name": "r"}, "spec": spec})
        wrong = {"metadata": {"name": "r", "namespace": "other"}, "spec": {"replicas": 2}}
        for answer in (await api("PUT", f"{path}/r/scale", wrong), await api.patch(f"{path}/r/scale", wrong, MERGE)):
            assert (answer.status, answer.message) == (
                400,
                "the namespace of the provided object does not match the namespace sent on the request",
            )


@pytest.mark.parametrize(
    ("method", "part"), [("GET", "log"), ("POST", "exec"), ("POST", "attach"), ("POST", "portforward")]
)
async def test_a_pod_whose_node_is_not_there(method: str, part: str) -> None:
    async with api_server() as api:
        await api.create(PODS, pod("p", nodeName="gone"))
        answer = await api(method, f"{PODS}/p/{part}")
        assert (answer.status, answer.message) == (404, 'pods "gone" not found')
        await api.create(PODS, pod("q"))
        waiting = await api(method, f"{PODS}/q/{part}")
        told = (204, "") if part == "log" else (400, "pod q does not have a host assigned")
        assert (waiting.status, waiting.body and waiting.message) == told


async def test_a_binding_of_another_pod() -> None:
    async with api_server() as api:
        made = await api.create(PODS, pod("p"))
        other = {"metadata": {"name": "p", "uid": "another"}, "target": NODE}
        refused = await api("POST", f"{PODS}/p/binding", other)
        assert refused.status == 409
        assert refused.message == (
            'Operation cannot be fulfilled on pods "p": StorageError: invalid object, Code: 4, Key: '
            "/registry/pods/default/p, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: "
            f"another, UID in object meta: {made['metadata']['uid']}"
        )
        assert (await api("POST", f"{CORE}/bindings", other)).status == 201
        assert (await api.get(f"{PODS}/p"))["spec"]["nodeName"] == "n"


async def test_evictions_that_cannot_be() -> None:
    async with api_server() as api:
        made = await api.create(PODS, pod("p"))
        eviction = {"metadata": {"name": "p"}, "deleteOptions": {"preconditions": {"uid": "another"}}}
        refused = await api("POST", f"{PODS}/p/eviction", eviction)
        assert refused.message == (
            'Operation cannot be fulfilled on Pod "p": the UID in the precondition (another) does not match the UID in '
            f"record ({made['metadata']['uid']}). The object might have been deleted and then recreated"
        )
        odd = await api("POST", f"{PODS}/p/eviction", {**eviction, "deleteOptions": {"dryRun": ["Some"]}})
        assert odd.message == (
            'DeleteOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["Some"]: supported values: "All"'
        )
        assert (await api.get(f"{PODS}/p"))["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


async def test_nobody_owns_the_condition_of_an_evicted_pod() -> None:
    async with api_server() as api:
        bound = pod("p")
        bound["spec"]["nodeName"] = "n"
        made = await api.create(PODS, bound)
        assert (await api("POST", f"{PODS}/p/eviction", {"metadata": {"name": "p"}})).status == 201
        found = await api.get(f"{PODS}/p")
        assert [each["type"] for each in found["status"]["conditions"]] == ["DisruptionTarget"]
        assert found["metadata"]["managedFields"] == made["metadata"]["managedFields"]


async def test_another_uid_is_refused_by_every_part_of_a_pod() -> None:
    async with api_server() as api:
        await api.create(PODS, pod("p"))
        for part in ("resize", "ephemeralcontainers"):
            answer = await api.patch(f"{PODS}/p/{part}", {"metadata": {"uid": "another"}}, MERGE)
            assert answer.status == 422
            assert 'metadata.uid: Invalid value: "another": field is immutable' in answer.message


@pytest.mark.parametrize(
    ("labels", "cause", "message"),
    [
        (
            {"kubernetes.io/os": "windows"},
            "UnsupportedPlatform",
            'pods "p" is forbidden: pod resize is only supported on linux nodes, node "n" is "windows"',
        ),
        (
            {},
            "NodeCapacity",
            'pods "p" is forbidden: node didn\'t have enough allocatable resources: cpu, requested: 8000, allocatable: 4000',
        ),
    ],
)
async def test_a_resize_that_no_node_of_this_kind_can_do(labels: dict[str, str], cause: str, message: str) -> None:
    async with api_server() as api:
        room = {"cpu": "4", "memory": "1Gi", "pods": "10"}
        node = {"metadata": {"name": "n", "labels": labels}, "status": {"allocatable": room, "capacity": room}}
        await api.create("/api/v1/nodes", node)
        made = pod("p")
        made["spec"]["nodeName"] = "n"
        made["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "1"}}
        await api.create(PODS, made)
        container = made["spec"]["containers"][0]["name"]
        grown = [{"name": container, "resources": {"requests": {"cpu": "8"}}}]
        kind = "application/strategic-merge-patch+json"
        answer = await api.patch(f"{PODS}/p/resize", {"spec": {"containers": grown}}, kind)
        assert (answer.status, answer.message) == (403, message)
        assert answer.body["details"]["causes"] == [{"reason": cause}]


async def test_scales_in_other_shapes_and_of_other_objects() -> None:
    async with api_server() as api:
        template = {
            "metadata": {"labels": {"a": "b"}},
            "spec": {"containers": [{"name": "c", "image": "example.com/a"}]},
        }
        spec = {"replicas": 4, "selector": {"matchLabels": {"a": "b"}}, "template": template}
        path = "/apis/apps/v1/namespaces/default/replicasets"
        made = await api.create(path, {"metadata": {"name": "r"}, "spec": spec})
        shape = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
        table = (await api("GET", f"{path}/r/scale", None, shape)).body
        assert [each["name"] for each in table["columnDefinitions"]] == ["Name", "Desired", "Available", "Age"]
        assert table["rows"][0]["cells"][:3] == ["r", 4, 0]
        partial = (
            await api(
                "GET", f"{path}/r/scale", None, {"accept": shape["accept"].replace("Table", "PartialObjectMetadata")}
            )
        ).body
        assert (partial["kind"], partial["metadata"]["uid"]) == ("PartialObjectMetadata", made["metadata"]["uid"])
        other = {"metadata": {"name": "r", "uid": "another"}, "spec": {"replicas": 2}}
        why = f"Precondition failed: UID in precondition: another, UID in object meta: {made['metadata']['uid']}"
        patched = await api.patch(f"{path}/r/scale", other, MERGE)
        assert patched.message == f'Operation cannot be fulfilled on replicasets/scale.apps "r": {why}'
        put = await api("PUT", f"{path}/r/scale", other)
        assert put.message == (
            'Operation cannot be fulfilled on replicasets.apps "r": StorageError: invalid object, Code: 4, Key: '
            f"/registry/replicasets/default/r, ResourceVersion: 0, AdditionalErrorMsg: {why}"
        )
        old = await api(
            "PUT", f"{path}/r/scale", {"apiVersion": "apps/v1beta2", "kind": "Scale", "metadata": {"name": "r"}}
        )
        assert old.message == (
            "the API version in the data (apps/v1beta2) does not match the expected API version (autoscaling/v1)"
        )
