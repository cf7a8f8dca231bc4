"""What the audit log holds after requests."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from kybern.apiserver.audit.policy import PolicyError
from kybern.apiserver.user import authenticated
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
    assert complete["objectRef"] == {"resource": "configmaps", "namespace": "default", "apiVersion": "v1"}
    assert complete["responseStatus"]["code"] == 201
    assert complete["requestObject"] == config_map("c", k="v")
    assert complete["responseObject"]["metadata"]["uid"]
    assert (complete["userAgent"], complete["sourceIPs"]) == ("test/1", ["127.0.0.1"])
    assert complete["annotations"]["authorization.k8s.io/decision"] == "allow"


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
