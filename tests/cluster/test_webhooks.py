"""Webhooks of admission, called over HTTPS by a real server."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.api_server import CORE, Api, api_server, config_map, pod
from tests.cluster.webhook_server import WebhookServer, patching, webhook_server

GROUP = "/apis/admissionregistration.k8s.io/v1"
ALLOW = {"allowed": True}


def rule(*resources: str, operations: tuple[str, ...] = ("*",), **more: Any) -> dict[str, Any]:
    return {"operations": [*operations], "apiGroups": ["*"], "apiVersions": ["*"], "resources": [*resources], **more}


async def configure(api: Api, kind: str, name: str, *hooks: dict[str, Any]) -> None:
    """`kind`: Mutating or Validating."""
    body = {"metadata": {"name": name}, "webhooks": [*hooks]}
    await api.create(f"{GROUP}/{kind.lower()}webhookconfigurations", body)


def hook(server: WebhookServer, *rules: dict[str, Any], name: str = "a.example.com", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "clientConfig": server.by_url,
        "rules": [*rules],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        **more,
    }


async def test_a_validating_webhook_is_asked_and_refuses(tmp_path: Path) -> None:
    def reply(request: dict[str, Any]) -> dict[str, Any]:
        refused = "bad" in request["object"]["metadata"]["name"]
        status = {"message": "no bad names", "code": 418, "reason": "Teapot"}
        annotations = {"seen": "yes"}
        return {"allowed": not refused, "status": status, "warnings": ["look out"], "auditAnnotations": annotations}

    async with webhook_server(reply, tmp_path) as server, api_server() as api:
        await configure(api, "Validating", "v", hook(server, rule("configmaps", operations=("CREATE",))))
        answer = await api("POST", f"{CORE}/configmaps", config_map("good"), fieldManager="me")
        assert answer.status == 201
        assert answer.warnings == ["look out"]
        refused = await api("POST", f"{CORE}/configmaps", config_map("bad"))
        assert refused.status == 418
        assert refused.body == {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": 'admission webhook "a.example.com" denied the request: no bad names',
            "reason": "Teapot",
            "code": 418,
        }
        request = server.requests[0]
        assert request.pop("uid")
        shown = request.pop("object")
        assert (shown["kind"], shown["apiVersion"], shown["metadata"]["name"]) == ("ConfigMap", "v1", "good")
        assert request == {
            "kind": {"group": "", "version": "v1", "kind": "ConfigMap"},
            "resource": {"group": "", "version": "v1", "resource": "configmaps"},
            "requestKind": {"group": "", "version": "v1", "kind": "ConfigMap"},
            "requestResource": {"group": "", "version": "v1", "resource": "configmaps"},
            "name": "good",
            "namespace": "default",
            "operation": "CREATE",
            "userInfo": {"username": "admin", "groups": ["system:masters", "system:authenticated"]},
            "oldObject": None,
            "dryRun": False,
            "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1", "fieldManager": "me"},
        }
        assert server.paths[0] == "/hook?timeout=10s"


async def test_refusals_without_words(tmp_path: Path) -> None:
    async with webhook_server(lambda request: {"allowed": False}, tmp_path) as server, api_server() as api:
        await configure(api, "Validating", "v", hook(server, rule("configmaps")))
        refused = await api("POST", f"{CORE}/configmaps", config_map("m"))
        assert (refused.status, refused.message) == (
            400,
            'admission webhook "a.example.com" denied the request without explanation',
        )


async def test_mutating_webhooks_change_what_is_stored(tmp_path: Path) -> None:
    def reply(request: dict[str, Any]) -> dict[str, Any]:
        return patching(
            {"op": "add", "path": "/metadata/labels", "value": {"by": "hook"}},
            {"op": "add", "path": "/spec/containers/-", "value": {"name": "side", "image": "side:v1"}},
        )

    async with webhook_server(reply, tmp_path) as server, api_server() as api:
        await configure(api, "Mutating", "m", hook(server, rule("pods", operations=("CREATE",))))
        made = await api.create(f"{CORE}/pods", pod("p"))
        assert made["metadata"]["labels"] == {"by": "hook"}
        assert [each["name"] for each in made["spec"]["containers"]] == ["c", "side"]
        assert made["spec"]["containers"][1]["imagePullPolicy"] == "IfNotPresent"
        assert made["spec"]["containers"][1]["terminationMessagePath"] == "/dev/termination-log"


async def test_reinvocation_shows_later_changes(tmp_path: Path) -> None:
    def reply(request: dict[str, Any]) -> dict[str, Any]:
        data = request["object"].get("data") or {}
        if request["object"]["metadata"].get("labels", {}).get("turn") == "second":
            return ALLOW
        return patching({"op": "add", "path": "/data", "value": {**data, "count": f"{len(data)}"}})

    async with webhook_server(reply, tmp_path) as server, api_server() as api:

        def second(request: dict[str, Any]) -> dict[str, Any]:
            return patching({"op": "add", "path": "/data/added", "value": "late"})

        other = tmp_path / "other"
        other.mkdir()
        async with webhook_server(second, other) as later:
            again = {"reinvocationPolicy": "IfNeeded"}
            first_hook = hook(server, rule("configmaps", operations=("CREATE",)), **again)
            late_hook = hook(later, rule("configmaps", operations=("CREATE",)), name="b.example.com")
            await configure(api, "Mutating", "m", first_hook, late_hook)
            made = await api.create(f"{CORE}/configmaps", config_map("m", a="1"))
            assert made["data"] == {"a": "1", "count": "3", "added": "late"}
            assert (len(server.requests), len(later.requests)) == (2, 1)


async def test_selectors_and_scope(tmp_path: Path) -> None:
    async with webhook_server(lambda request: {"allowed": False}, tmp_path) as server, api_server() as api:
        await api.create("/api/v1/namespaces", {"metadata": {"name": "watched", "labels": {"watch": "yes"}}})
        selectors = {
            "namespaceSelector": {"matchLabels": {"watch": "yes"}},
            "objectSelector": {"matchExpressions": [{"key": "skip", "operator": "DoesNotExist"}]},
        }
        await configure(api, "Validating", "v", hook(server, rule("configmaps", scope="Namespaced"), **selectors))
        assert (await api("POST", f"{CORE}/configmaps", config_map("m"))).status == 201
        watched = "/api/v1/namespaces/watched/configmaps"
        assert (await api("POST", watched, config_map("m"))).status == 400
        skipped = config_map("m")
        skipped["metadata"]["labels"] = {"skip": ""}
        assert (await api("POST", watched, skipped)).status == 201
        assert len(server.requests) == 1


async def test_updates_deletions_and_subresources(tmp_path: Path) -> None:
    async with webhook_server(lambda request: dict(ALLOW), tmp_path) as server, api_server() as api:
        rules = (rule("configmaps", operations=("UPDATE", "DELETE")), rule("deployments/scale", "pods/binding"))
        await configure(api, "Validating", "v", hook(server, *rules))
        await api.create(f"{CORE}/configmaps", config_map("m"))
        await api.patch(f"{CORE}/configmaps/m", {"data": {"a": "1"}}, fieldManager="me")
        await api("DELETE", f"{CORE}/configmaps/m", {"propagationPolicy": "Background"})
        update, deletion = server.requests
        assert (update["operation"], update["object"]["data"], update["oldObject"].get("data")) == (
            "UPDATE",
            {"a": "1"},
            None,
        )
        assert update["options"] == {"kind": "UpdateOptions", "apiVersion": "meta.k8s.io/v1", "fieldManager": "me"}
        assert (deletion["operation"], deletion["object"], deletion["oldObject"]["data"]) == (
            "DELETE",
            None,
            {"a": "1"},
        )
        assert deletion["options"] == {
            "kind": "DeleteOptions",
            "apiVersion": "meta.k8s.io/v1",
            "propagationPolicy": "Background",
        }
        template = {"metadata": {"labels": {"a": "b"}}, "spec": pod("x")["spec"]}
        spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
        path = "/apis/apps/v1/namespaces/default/deployments"
        await api.create(path, {"metadata": {"name": "d"}, "spec": spec})
        await api.patch(f"{path}/d/scale", {"spec": {"replicas": 3}})
        scale = server.requests[-1]
        assert scale["kind"] == {"group": "autoscaling", "version": "v1", "kind": "Scale"}
        assert (scale["subResource"], scale["object"]["spec"]) == ("scale", {"replicas": 3})
        assert scale["oldObject"]["spec"] == {"replicas": 1}


async def test_equivalent_versions_are_converted(tmp_path: Path) -> None:
    async with webhook_server(lambda request: dict(ALLOW), tmp_path) as server, api_server() as api:
        versioned = rule("horizontalpodautoscalers") | {"apiGroups": ["autoscaling"], "apiVersions": ["v2"]}
        await configure(api, "Validating", "v", hook(server, versioned))
        body = {
            "metadata": {"name": "h"},
            "spec": {
                "maxReplicas": 3,
                "scaleTargetRef": {"kind": "Deployment", "name": "d", "apiVersion": "apps/v1"},
                "targetCPUUtilizationPercentage": 50,
            },
        }
        await api.create("/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers", body)
        request = server.requests[0]
        assert request["kind"] == {"group": "autoscaling", "version": "v2", "kind": "HorizontalPodAutoscaler"}
        assert request["requestKind"]["version"] == "v1"
        assert request["object"]["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 50


async def test_configurations_themselves_are_exempt(tmp_path: Path) -> None:
    async with webhook_server(lambda request: {"allowed": False}, tmp_path) as server, api_server() as api:
        await configure(api, "Validating", "v", hook(server, rule("*")))
        deleted = await api("DELETE", f"{GROUP}/validatingwebhookconfigurations/v")
        assert deleted.status == 200
        assert (await api("POST", f"{CORE}/configmaps", config_map("m"))).status == 201


async def test_failure_policies(tmp_path: Path) -> None:
    async with webhook_server(lambda request: b"not json", tmp_path) as server, api_server() as api:
        await configure(api, "Validating", "v", hook(server, rule("configmaps")))
        refused = await api("POST", f"{CORE}/configmaps", config_map("m"))
        assert refused.status == 500
        assert refused.message.startswith(
            'Internal error occurred: failed calling webhook "a.example.com": failed to call webhook: '
            "couldn't get version/kind; json parse error:"
        )
        path = f"{GROUP}/validatingwebhookconfigurations/v"
        change = [{"op": "replace", "path": "/webhooks/0/failurePolicy", "value": "Ignore"}]
        assert (await api.patch(path, change, "application/json-patch+json")).status == 200
        assert (await api("POST", f"{CORE}/configmaps", config_map("m"))).status == 201


async def test_timeouts_refused_connections_and_strangers(tmp_path: Path) -> None:
    async def slow(request: dict[str, Any]) -> dict[str, Any]:
        await asyncio.Event().wait()
        return ALLOW

    async with webhook_server(slow, tmp_path) as server, api_server() as api:
        await configure(api, "Validating", "v", hook(server, rule("configmaps"), timeoutSeconds=1))
        refused = await api("POST", f"{CORE}/configmaps", config_map("m"))
        assert refused.message == (
            'Internal error occurred: failed calling webhook "a.example.com": failed to call webhook: Post '
            f'"https://127.0.0.1:{server.port}/hook?timeout=1s": context deadline exceeded'
        )
        path = f"{GROUP}/validatingwebhookconfigurations/v"
        lost = [
            {"op": "replace", "path": "/webhooks/0/clientConfig/url", "value": "https://127.0.0.1:1/x"},
            {"op": "replace", "path": "/webhooks/0/timeoutSeconds", "value": 30},
        ]
        assert (await api.patch(path, lost, "application/json-patch+json")).status == 200
        refused = await api("POST", f"{CORE}/configmaps", config_map("m"))
        assert refused.message.endswith(
            'Post "https://127.0.0.1:1/x?timeout=30s": dial tcp 127.0.0.1:1: connect: connection refused'
        )
        strange = [
            {"op": "replace", "path": "/webhooks/0/clientConfig/url", "value": server.by_url["url"]},
            {"op": "remove", "path": "/webhooks/0/clientConfig/caBundle"},
        ]
        assert (await api.patch(path, strange, "application/json-patch+json")).status == 200
        refused = await api("POST", f"{CORE}/configmaps", config_map("m"))
        assert refused.message.endswith(
            "tls: failed to verify certificate: x509: certificate signed by unknown authority"
        )


async def test_a_service_leads_to_its_endpoints(tmp_path: Path) -> None:
    async with webhook_server(lambda request: dict(ALLOW), tmp_path) as server, api_server() as api:
        ports = {"ports": [{"port": 443, "targetPort": server.port}]}
        await api.create(f"{CORE}/services", {"metadata": {"name": "hook"}, "spec": ports})
        reference = {"service": {"namespace": "default", "name": "hook", "path": "/check"}, "caBundle": server.bundle}
        await configure(api, "Validating", "v", hook(server, rule("configmaps")) | {"clientConfig": reference})
        refused = await api("POST", f"{CORE}/configmaps", config_map("m"))
        assert refused.message.endswith(
            'failed to call webhook: Post "https://hook.default.svc:443/check?timeout=10s": '
            'no endpoints available for service "hook"'
        )
        endpoints = {
            "metadata": {"name": "hook-1", "namespace": "default", "labels": {"kubernetes.io/service-name": "hook"}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}],
            "ports": [{"port": server.port, "name": ""}],
        }
        # Validation lets no endpoint lie on the loopback interface.
        await _store(api, "discovery.k8s.io", "EndpointSlice", "endpointslices", endpoints)
        assert (await api("POST", f"{CORE}/configmaps", config_map("m"))).status == 201
        assert server.paths == ["/check?timeout=10s"]


@pytest.mark.parametrize(("effects", "status"), [("None", 201), ("NoneOnDryRun", 201), ("Some", 400)])
async def test_dry_run(effects: str, status: int, tmp_path: Path) -> None:
    async with webhook_server(lambda request: dict(ALLOW), tmp_path) as server, api_server() as api:
        made = hook(server, rule("configmaps"))
        if effects == "Some":  # No validation lets such a one in: an older server has stored it.
            old = {"metadata": {"name": "v"}, "webhooks": [{**made, "sideEffects": "Some"}]}
            await _store(
                api,
                "admissionregistration.k8s.io",
                "ValidatingWebhookConfiguration",
                "validatingwebhookconfigurations",
                old,
            )
        else:
            await configure(api, "Validating", "v", made | {"sideEffects": effects})
        answer = await api("POST", f"{CORE}/configmaps", config_map("m"), dryRun="All")
        assert answer.status == status
        if status == 400:
            assert answer.message == 'admission webhook "a.example.com" does not support dry run'
        else:
            assert server.requests[0]["dryRun"] is True


async def _store(api: Api, group: str, kind: str, plural: str, obj: dict[str, Any]) -> None:
    """Past all validation."""
    whole = {"kind": kind, "apiVersion": f"{group}/v1", **obj}
    await api.server.life.committer.put(api.server.served[group, "v1", plural], whole, expected=0)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"uid": "x", **ALLOW}, 'received invalid webhook response: expected response.uid="'),
        ({**ALLOW, "patch": "W10="}, "received invalid webhook response: webhook returned response.patch but not"),
        ({**ALLOW, "patchType": "JSONPatch"}, "webhook returned response.patchType but not response.patch"),
        ({**ALLOW, "patchType": "JSONPatch", "patch": "eA=="}, "received undecodable patch in webhook response"),
    ],
)
async def test_answers_that_are_none(answer: dict[str, Any], words: str, tmp_path: Path) -> None:
    async with webhook_server(lambda request: answer, tmp_path) as server, api_server() as api:
        await configure(api, "Mutating", "m", hook(server, rule("configmaps")))
        refused = await api("POST", f"{CORE}/configmaps", config_map("m"))
        assert refused.status == 500
        assert words in refused.message


async def test_a_broken_patch_is_an_internal_error(tmp_path: Path) -> None:
    def reply(request: dict[str, Any]) -> dict[str, Any]:
        return patching({"op": "remove", "path": "/nowhere/at/all"})

    async with webhook_server(reply, tmp_path) as server, api_server() as api:
        await configure(api, "Mutating", "m", hook(server, rule("configmaps")))
        refused = await api("POST", f"{CORE}/configmaps", config_map("m"))
        assert refused.status == 500
        assert refused.message.startswith("Internal error occurred: ")


async def test_connections_are_admitted(tmp_path: Path) -> None:
    async with webhook_server(lambda request: {"allowed": False}, tmp_path) as server, api_server() as api:
        await configure(api, "Validating", "v", hook(server, rule("pods/exec", "pods/portforward", "services/proxy")))
        await api.create(f"{CORE}/pods", pod("p", nodeName="n"))
        refused = await api("POST", f"{CORE}/pods/p/exec", None, None, stdout="true", command="ls", container="c")
        assert refused.message == 'admission webhook "a.example.com" denied the request without explanation'
        request = server.requests[0]
        assert (request["operation"], request["kind"]["kind"], request["options"]) == (
            "CONNECT",
            "PodExecOptions",
            None,
        )
        assert request["object"] == {
            "kind": "PodExecOptions",
            "apiVersion": "v1",
            "stdout": True,
            "container": "c",
            "command": ["ls"],
        }


@pytest.mark.parametrize(
    ("condition", "policy", "status"),
    [
        ("request.userInfo.username == 'eve'", "Fail", 201),
        ("request.userInfo.username == 'admin'", "Fail", 400),
        ("object.nothing == 1", "Fail", 403),
        ("object.nothing == 1", "Ignore", 201),
    ],
)
async def test_match_conditions(condition: str, policy: str, status: int, tmp_path: Path) -> None:
    async with webhook_server(lambda request: {"allowed": False}, tmp_path) as server, api_server() as api:
        conditions = {"matchConditions": [{"name": "c", "expression": condition}], "failurePolicy": policy}
        await configure(api, "Validating", "v", hook(server, rule("configmaps"), **conditions))
        answer = await api("POST", f"{CORE}/configmaps", config_map("m"))
        assert answer.status == status
        if status == 403:
            words = "expression 'object.nothing == 1' resulted in error: no such key: nothing"
            assert answer.message == f'configmaps "m" is forbidden: {words}'
        assert len(server.requests) == (1 if status == 400 else 0)


async def test_conditions_must_compile(tmp_path: Path) -> None:
    async with webhook_server(lambda request: dict(ALLOW), tmp_path) as server, api_server() as api:
        made = hook(server, rule("configmaps"), matchConditions=[{"name": "c", "expression": "1"}])
        body = {"metadata": {"name": "v"}, "webhooks": [made]}
        refused = await api("POST", f"{GROUP}/validatingwebhookconfigurations", body)
        assert refused.message.endswith(
            'webhooks[0].matchConditions[0].expression: Invalid value: "1": must evaluate to bool but got int'
        )
