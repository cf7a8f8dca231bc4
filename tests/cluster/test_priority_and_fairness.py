"""Priority and fairness as clients meet it: headers, refusals, conditions."""

import asyncio
from typing import Any

from kybern.apiserver.user import authenticated
from tests.cluster.api_server import CORE, Api, api_server, config_map

GROUP = "/apis/flowcontrol.apiserver.k8s.io/v1"
JANE = authenticated("jane", ("readers",))


async def _allow_all(api: Api) -> None:
    subject = {"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "readers"}
    role = {"kind": "ClusterRole", "apiGroup": "rbac.authorization.k8s.io", "name": "cluster-admin"}
    body = {"metadata": {"name": "readers"}, "subjects": [subject], "roleRef": role}
    await api.create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", body)


async def _isolate(api: Api, response: Any) -> None:
    """A level with one seat for the group `readers`."""
    limited = {"nominalConcurrencyShares": 1, "limitResponse": response, "borrowingLimitPercent": 0}
    level = {"metadata": {"name": "narrow"}, "spec": {"type": "Limited", "limited": limited}}
    await api.create(f"{GROUP}/prioritylevelconfigurations", level)
    everything = {
        "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "clusterScope": True, "namespaces": ["*"]
    }  # fmt: skip
    rule = {"subjects": [{"kind": "Group", "group": {"name": "readers"}}], "resourceRules": [everything]}
    spec = {"priorityLevelConfiguration": {"name": "narrow"}, "matchingPrecedence": 500, "rules": [rule]}
    await api.create(f"{GROUP}/flowschemas", {"metadata": {"name": "narrow"}, "spec": spec})


async def test_an_answer_names_its_flow_schema_and_level() -> None:
    async with api_server() as api:
        await _allow_all(api)
        answer = await api.as_user(JANE).raw("GET", f"{CORE}/configmaps")
        headers = dict(answer.headers)
        schema = await api.get(f"{GROUP}/flowschemas/global-default")
        level = await api.get(f"{GROUP}/prioritylevelconfigurations/global-default")
        assert headers["X-Kubernetes-PF-FlowSchema-UID"] == schema["metadata"]["uid"]
        assert headers["X-Kubernetes-PF-PriorityLevel-UID"] == level["metadata"]["uid"]


async def test_a_level_that_rejects_refuses_what_is_too_much() -> None:
    async with api_server(max_requests_inflight=10, max_mutating_requests_inflight=10) as api:
        await _allow_all(api)
        await _isolate(api, {"type": "Reject"})
        jane = api.as_user(JANE)
        posts = (jane("POST", f"{CORE}/configmaps", config_map(f"c{number}")) for number in range(30))
        answers = await asyncio.gather(*posts)
        codes = [answer.status for answer in answers]
        assert set(codes) == {201, 429}
        refused = next(answer for answer in answers if answer.status == 429)
        assert refused.message == "Too many requests, please try again later."
        assert refused.body["details"]["retryAfterSeconds"] == 1
        assert (await jane("POST", f"{CORE}/configmaps", config_map("later"))).status == 201


async def test_a_level_that_queues_serves_all_in_turn() -> None:
    async with api_server(max_requests_inflight=10, max_mutating_requests_inflight=10) as api:
        await _allow_all(api)
        queuing = {"queues": 4, "handSize": 2, "queueLengthLimit": 50}
        await _isolate(api, {"type": "Queue", "queuing": queuing})
        jane = api.as_user(JANE)
        posts = (jane("POST", f"{CORE}/configmaps", config_map(f"c{number}")) for number in range(60))
        answers = await asyncio.gather(*posts)
        assert {answer.status for answer in answers} == {201}


async def test_superusers_are_exempt() -> None:
    async with api_server(max_requests_inflight=1, max_mutating_requests_inflight=1) as api:
        posts = (api("POST", f"{CORE}/configmaps", config_map(f"c{number}")) for number in range(100))
        assert {answer.status for answer in await asyncio.gather(*posts)} == {201}


async def test_a_schema_without_its_level_is_dangling() -> None:
    async with api_server() as api:
        watch = await api.watch(f"{GROUP}/flowschemas", fieldSelector="metadata.name=lost")
        spec = {"priorityLevelConfiguration": {"name": "absent"}, "rules": []}
        await api.create(f"{GROUP}/flowschemas", {"metadata": {"name": "lost"}, "spec": spec})

        async def condition(status: str) -> Any:
            async with asyncio.timeout(60):
                while True:
                    told = (await watch.next())["object"].get("status", {}).get("conditions", [])
                    if told and told[0]["status"] == status:
                        return told[0]

        dangling = await condition("True")
        assert (dangling["type"], dangling["reason"]) == ("Dangling", "NotFound")
        limited = {"nominalConcurrencyShares": 1, "limitResponse": {"type": "Reject"}}
        level = {"metadata": {"name": "absent"}, "spec": {"type": "Limited", "limited": limited}}
        await api.create(f"{GROUP}/prioritylevelconfigurations", level)
        assert (await condition("False"))["message"].endswith('named "absent" and it exists')
