"""What /metrics and the audit log tell of admission."""

from pathlib import Path
from typing import Any

import orjson

from tests.cluster.api_server import CORE, Api, api_server, config_map, pod
from tests.cluster.test_admission_policies import bind
from tests.cluster.test_webhooks import configure, hook, rule
from tests.cluster.webhook_server import patching, webhook_server

POLICY = """
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- {level: Request, resources: [{group: "", resources: [configmaps]}]}
- {level: Metadata}
"""
ADD = {"op": "add", "path": "/metadata/labels", "value": {"k": "v"}}


async def lines(api: Api, name: str) -> dict[str, float]:
    """The samples of a metric by their labels."""
    text: str = (await api("GET", "/metrics")).body
    found = (line.rpartition(" ") for line in text.splitlines() if line.startswith(f"{name}{{"))
    return {labels.removeprefix(name): float(value) for labels, _, value in found}


async def test_steps_are_timed() -> None:
    async with api_server() as api:
        await api.create(f"{CORE}/configmaps", config_map("a"))
        await api("DELETE", f"{CORE}/configmaps/a")
        await api("POST", "/api/v1/namespaces/absent/configmaps", config_map("a"))
        counts = await lines(api, "apiserver_admission_step_admission_duration_seconds_count")
    assert counts['{operation="DELETE",rejected="false",type="admit"}'] == 1
    assert counts['{operation="DELETE",rejected="false",type="validate"}'] == 1
    assert counts['{operation="CREATE",rejected="true",type="admit"}'] == 1
    assert counts['{operation="CREATE",rejected="false",type="validate"}'] > 0


async def test_webhooks_are_counted_and_their_patches_audited(tmp_path: Path) -> None:
    def reply(request: dict[str, Any]) -> dict[str, Any]:
        if request["object"]["metadata"]["name"] == "bad":
            return {"allowed": False, "status": {"code": 418}}
        return patching(ADD)

    (tmp_path / "policy.yaml").write_text(POLICY)
    audit = {"audit_policy_file": tmp_path / "policy.yaml", "audit_log_path": tmp_path / "audit.log"}
    async with webhook_server(reply, tmp_path) as server, api_server(**audit) as api:
        absent = {"url": "https://127.0.0.1:1/"}
        await configure(
            api,
            "Mutating",
            "m",
            hook(server, rule("configmaps", "secrets")),
            hook(server, rule("configmaps"), name="open.example.com", failurePolicy="Ignore", clientConfig=absent),
            hook(server, rule("endpoints"), name="shut.example.com", clientConfig=absent),
        )
        await api.create(f"{CORE}/configmaps", config_map("good"))
        await api("POST", f"{CORE}/configmaps", config_map("bad"))
        await api("POST", f"{CORE}/endpoints", {"metadata": {"name": "e"}})
        await api.create(f"{CORE}/secrets", {"metadata": {"name": "hidden"}})
        prefix = "apiserver_admission_webhook_"
        assert await lines(api, prefix + "request_total") == {
            '{code="200",name="a.example.com",operation="CREATE",rejected="false",type="admit"}': 2,
            '{code="418",name="a.example.com",operation="CREATE",rejected="true",type="admit"}': 1,
            '{code="503",name="open.example.com",operation="CREATE",rejected="false",type="admit"}': 1,
            '{code="503",name="shut.example.com",operation="CREATE",rejected="true",type="admit"}': 1,
        }
        assert await lines(api, prefix + "rejection_count") == {
            '{error_type="no_error",name="a.example.com",operation="CREATE",rejection_code="418",type="admit"}': 1,
            '{error_type="calling_webhook_error",name="shut.example.com",operation="CREATE",'
            'rejection_code="503",type="admit"}': 1,
        }
        assert await lines(api, prefix + "fail_open_count") == {'{name="open.example.com",type="admit"}': 1}
    events = [orjson.loads(line) for line in (tmp_path / "audit.log").read_bytes().splitlines()]
    told = {
        event["objectRef"]["resource"]: event["annotations"]
        for event in events
        if event["verb"] == "create" and event.get("responseStatus", {}).get("code") == 201
    }
    mark = "patch.webhook.admission.k8s.io/round_0_index_0"
    patch = {"configuration": "m", "webhook": "a.example.com", "patch": [ADD], "patchType": "JSONPatch"}
    assert orjson.loads(told["configmaps"][mark]) == patch
    assert mark not in told["secrets"]
    assert "mutation.webhook.admission.k8s.io/round_0_index_0" in told["secrets"]


async def test_failed_validations_are_counted_by_what_was_done() -> None:
    async with api_server() as api:
        await bind(
            api,
            {"expression": "object.metadata.name != 'bad'"},
            {"expression": "object.data.absent == 'x'"},
            actions=("Audit", "Warn"),
        )
        await api.create(f"{CORE}/configmaps", config_map("bad", k="v"))
        name = "apiserver_validating_admission_policy_check_total"
        assert await lines(api, name) == {
            f'{{enforcement_action="{action}",error_type="invalid_error",policy="p",policy_binding="b"}}': 2
            for action in ("audit", "warn")
        }


async def test_pod_security_counts_its_evaluations() -> None:
    async with api_server() as api:
        await api.create(f"{CORE}/pods", pod("free"))
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        await api.create("/api/v1/namespaces", {"metadata": {"name": "strict", "labels": labels}})
        await api.create("/api/v1/namespaces/strict/serviceaccounts", {"metadata": {"name": "default"}})
        assert (await api("POST", "/api/v1/namespaces/strict/pods", pod("bound"))).status == 403
        counts = await lines(api, "pod_security_evaluations_total")
    for decision, level in (("allow", "privileged"), ("deny", "restricted")):
        told = f'{{decision="{decision}",mode="enforce",policy_level="{level}",policy_version="latest",'
        assert counts[told + 'request_operation="create",resource="pod",subresource=""}'] == 1
