"""What the audit log holds after requests."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from kybern.apiserver.audit.policy import PolicyError
from kybern.apiserver.pki import ensure_pki, write_kubeconfig
from kybern.apiserver.user import authenticated
from kybern.transport import Server, Tls, TlsFiles
from kybern.transport.exchange import Request, Response
from tests.cluster.api_server import CORE, MERGE, api_server, config_map

POLICY = """
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- {level: None, nonResourceURLs: ["*"]}
- {level: RequestResponse, resources: [{group: "", resources: [configmaps]}]}
- {level: Metadata}
"""


def _policy(folder: Path, text: str = POLICY) -> dict[str, Any]:
    path = folder / "policy.yaml"
    path.write_text(text)
    return {"audit_policy_file": path, "audit_log_path": folder / "audit.log"}


def _events(folder: Path, **wanted: str) -> list[Any]:
    events = [orjson.loads(line) for line in (folder / "audit.log").read_bytes().splitlines()]
    return [event for event in events if all(event[key] == value for key, value in wanted.items())]


async def test_a_write_is_told_with_its_bodies(tmp_path: Path) -> None:
    async with api_server(**_policy(tmp_path)) as api:
        answer = await api.raw("POST", f"{CORE}/configmaps", config_map("c", k="v"), {"user-agent": "test/1"})
        received, complete = _events(tmp_path, verb="create", requestURI=f"{CORE}/configmaps")
    assert (received["stage"], complete["stage"]) == ("RequestReceived", "ResponseComplete")
    assert received["auditID"] == complete["auditID"] == dict(answer.headers)["Audit-Id"]
    assert complete["level"] == "RequestResponse"
    assert complete["user"] == {"username": "admin", "groups": ["system:masters", "system:authenticated"]}
    place = {"resource": "configmaps", "namespace": "default", "apiVersion": "v1"}
    assert (received["objectRef"], complete["objectRef"]) == (place, {**place, "name": "c"})
    assert complete["responseStatus"]["code"] == 201
    assert "requestObject" not in received
    assert complete["requestObject"] == {"kind": "ConfigMap", "apiVersion": "v1", **config_map("c", k="v")}
    assert complete["responseObject"]["metadata"]["uid"]
    assert (complete["userAgent"], complete["sourceIPs"]) == ("test/1", ["127.0.0.1"])
    assert complete["annotations"]["authorization.k8s.io/decision"] == "allow"


async def test_what_is_answered_in_protobuf_is_told_in_json(tmp_path: Path) -> None:
    async with api_server(**_policy(tmp_path)) as api:
        accept = {"accept": "application/vnd.kubernetes.protobuf"}
        await api.raw("POST", f"{CORE}/configmaps", config_map("c", k="v"), accept)
        await api.raw("GET", f"{CORE}/configmaps/none", None, accept)
    (_, created), (_, missing) = _events(tmp_path, verb="create")[-2:], _events(tmp_path, verb="get")
    assert created["responseObject"]["data"] == {"k": "v"}
    assert missing["responseStatus"]["reason"] == "NotFound"
    assert missing["responseObject"]["message"] == 'configmaps "none" not found'


async def test_metadata_tells_no_body(tmp_path: Path) -> None:
    async with api_server(**_policy(tmp_path)) as api:
        await api.create(f"{CORE}/secrets", {"metadata": {"name": "s"}, "stringData": {"p": "hidden words"}})
        await api("GET", f"{CORE}/secrets/s")
        await api("GET", "/version")
    assert len(_events(tmp_path, verb="get")) == 2
    text = (tmp_path / "audit.log").read_text()
    assert "requestObject" not in text
    assert "hidden words" not in text
    assert "/version" not in text


async def test_refusals_are_told(tmp_path: Path) -> None:
    async with api_server(**_policy(tmp_path)) as api:
        await api.as_user(authenticated("jane", ()))("GET", f"{CORE}/pods")
        await api("GET", f"{CORE}/pods/absent")
        (_, forbidden) = _events(tmp_path, verb="list")
        (_, absent) = _events(tmp_path, verb="get")
    assert forbidden["responseStatus"]["code"] == 403
    assert forbidden["annotations"]["authorization.k8s.io/decision"] == "forbid"
    assert absent["responseStatus"]["reason"] == "NotFound"
    assert absent["responseStatus"]["message"] == 'pods "absent" not found'


async def test_the_reason_follows_the_bindings(tmp_path: Path) -> None:
    bindings = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"

    def binding(name: str) -> dict[str, Any]:
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
        return {"metadata": {"name": name}, "roleRef": role, "subjects": [{"kind": "User", "name": "jane"}]}

    async with api_server(**_policy(tmp_path)) as api:
        jane = api.as_user(authenticated("jane", ()))
        for name in ("first", "second"):
            await api.create(bindings, binding(name))
            for _ in range(2):
                assert (await jane("GET", f"{CORE}/pods")).status == 200
            assert (await api("DELETE", f"{bindings}/{name}")).status == 200
        assert (await jane("GET", f"{CORE}/pods")).status == 403
        told = [event["annotations"] for event in _events(tmp_path, verb="list", stage="ResponseComplete")]
    reason = 'RBAC: allowed by ClusterRoleBinding "{}" of ClusterRole "cluster-admin" to User "jane"'
    expected = [reason.format(name) for name in ("first", "first", "second", "second")]
    assert [each["authorization.k8s.io/reason"] for each in told] == [*expected, ""]


async def test_all_events_of_a_request_tell_the_same_arrival(tmp_path: Path) -> None:
    async with api_server(**_policy(tmp_path)) as api:
        await api.create(f"{CORE}/configmaps", config_map("c"))
        received, complete = _events(tmp_path, verb="create", requestURI=f"{CORE}/configmaps")
    assert received["requestReceivedTimestamp"] == complete["requestReceivedTimestamp"] == received["stageTimestamp"]
    assert complete["stageTimestamp"] > received["stageTimestamp"]


async def test_a_watch_is_told_when_it_begins(tmp_path: Path) -> None:
    async with api_server(**_policy(tmp_path)) as api:
        await api.watch(f"{CORE}/configmaps")
        assert [event["stage"] for event in _events(tmp_path, verb="watch")] == ["RequestReceived", "ResponseStarted"]


async def test_impersonation_and_a_patch(tmp_path: Path) -> None:
    async with api_server(**_policy(tmp_path)) as api:
        await api.create(f"{CORE}/configmaps", config_map("c"))
        headers = {"content-type": MERGE, "impersonate-user": "root", "impersonate-group": "system:masters"}
        await api("PATCH", f"{CORE}/configmaps/c", {"data": {"k": "v"}}, {**headers, "audit-id": "my-own"})
        event = _events(tmp_path, auditID="my-own")[-1]
    assert event["user"]["username"] == "admin"
    assert event["impersonatedUser"]["username"] == "root"
    assert event["requestObject"] == {"data": {"k": "v"}}


async def test_what_was_sent_is_told_as_it_was_understood(tmp_path: Path) -> None:
    text = POLICY.replace("configmaps", "configmaps, services")
    async with api_server(**_policy(tmp_path, text)) as api:
        spec = {"clusterIP": "None", "ports": [{"port": 80}]}
        await api.create(f"{CORE}/services", {"metadata": {"name": "s"}, "spec": spec})
        await api("POST", f"{CORE}/configmaps", b"{no", {"audit-id": "broken"})
        await api.create(f"{CORE}/configmaps", config_map("c"))
        await api("DELETE", f"{CORE}/configmaps/c", {"propagationPolicy": "Background"}, {"audit-id": "gone"})
        (service,) = _events(tmp_path, requestURI=f"{CORE}/services", stage="ResponseComplete")
        (broken,) = _events(tmp_path, auditID="broken", stage="ResponseComplete")
        (gone,) = _events(tmp_path, auditID="gone", stage="ResponseComplete")
    assert service["requestObject"]["spec"]["ports"] == [{"protocol": "TCP", "port": 80, "targetPort": 80}]
    assert "managedFields" not in service["requestObject"]["metadata"]
    assert "requestObject" not in broken
    assert gone["requestObject"] == {
        "kind": "DeleteOptions",
        "apiVersion": "meta.k8s.io/__internal",
        "propagationPolicy": "Background",
    }
    told = gone["responseStatus"]
    assert (told["status"], told["details"]["name"], told["code"]) == ("Success", "c", 200)


async def test_who_may_not_impersonate_is_told_of_as_himself(tmp_path: Path) -> None:
    async with api_server(**_policy(tmp_path)) as api:
        jane = api.as_user(authenticated("jane", ()))
        assert (await jane("GET", f"{CORE}/configmaps", None, {"impersonate-user": "root"})).status == 403
        (received, refused) = _events(tmp_path, verb="list")
    assert received["user"]["username"] == refused["user"]["username"] == "jane"
    assert "impersonatedUser" not in refused
    assert refused["responseStatus"]["code"] == 403


async def test_who_is_not_known_is_told_once(tmp_path: Path) -> None:
    async with api_server(**_policy(tmp_path)) as api:
        nobody = api.as_user(None)
        assert (await nobody("GET", f"{CORE}/configmaps", None, {"authorization": "Bearer none"})).status == 401
        (event,) = _events(tmp_path, verb="list")
    assert (event["stage"], event["user"]) == ("ResponseStarted", {})
    assert event["responseStatus"]["reason"] == "Unauthorized"


async def test_managed_fields_may_be_left_out(tmp_path: Path) -> None:
    text = POLICY.replace("kind: Policy", "kind: Policy\nomitManagedFields: true")
    async with api_server(**_policy(tmp_path, text)) as api:
        body = {**config_map("c"), "metadata": {"name": "c", "managedFields": [{}]}}
        await api("POST", f"{CORE}/configmaps", body)
        event = _events(tmp_path, verb="create", stage="ResponseComplete")[-1]
    assert "managedFields" not in event["requestObject"]["metadata"]
    assert "managedFields" not in event["responseObject"]["metadata"]


async def test_a_bad_policy_ends_the_start(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="loading audit policy file: loaded illegal policy with 0 rules"):
        async with api_server(**_policy(tmp_path, "apiVersion: audit.k8s.io/v1\nkind: Policy\n")):
            pass


async def test_events_are_sent_to_a_webhook_in_batches(tmp_path: Path) -> None:
    received: list[Any] = []

    def take(request: Request) -> Response:
        received.append(orjson.loads(request.body))
        return Response(200 if len(received) > 1 else 503, b"")

    pki = ensure_pki(tmp_path / "pki", ["127.0.0.1"], "")
    server = Server(take, tls=Tls(TlsFiles(pki.certificate("apiserver"), pki.key("apiserver"))))
    await server.start([("127.0.0.1", 0)])
    kubeconfig = tmp_path / "kubeconfig"
    write_kubeconfig(kubeconfig, pki, "admin", "audit", f"https://127.0.0.1:{server.addresses[0][1]}/audit")
    options = {**_policy(tmp_path), "audit_webhook_config_file": kubeconfig}
    options["audit_webhook_batch_max_wait_seconds"] = 0.05
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kybern.apiserver.audit.webhook.BACKOFF_SECONDS", 0.01)
        try:
            async with api_server(**options) as api:
                await api.create(f"{CORE}/configmaps", config_map("sent"))
                async with asyncio.timeout(60):
                    while not any('"sent"' in orjson.dumps(body).decode() for body in received[1:]):
                        await asyncio.sleep(0.01)
        finally:
            await server.stop(1.0)
    assert {body["kind"] for body in received} == {"EventList"}
    assert received[0] == received[1]  # What was refused is sent again.
    assert _events(tmp_path, verb="create")


async def test_a_webhook_that_does_not_answer_holds_nobody_up(tmp_path: Path) -> None:
    pki = ensure_pki(tmp_path / "pki", ["127.0.0.1"], "")
    kubeconfig = tmp_path / "kubeconfig"
    write_kubeconfig(kubeconfig, pki, "admin", "audit", "https://127.0.0.1:1/audit")
    options = {**_policy(tmp_path), "audit_webhook_config_file": kubeconfig}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kybern.apiserver.audit.webhook.BUFFER_LIMIT", 5)
        async with api_server(**options) as api:
            for number in range(10):
                await api.create(f"{CORE}/configmaps", config_map(f"c{number}"))
            assert api.server.audit.errors
    assert len(_events(tmp_path, verb="create", stage="ResponseComplete")) >= 10
