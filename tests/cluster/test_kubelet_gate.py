"""Who gets into a node's server: the API server is asked, in the node's own name, who they are and what they may."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kybern.apiserver.user import User, authenticated
from kybern.base.clock import SystemClock
from kybern.client.client import Client
from kybern.client.inprocess import InProcessTransport
from kybern.kubelet.server.gate import Gate
from kybern.transport.exchange import Request
from tests.cluster.api_server import CORE, Api, api_server
from tests.unit.transport.certificates import issue

NODE = authenticated("system:node:n1", ("system:nodes",))
RBAC = "/apis/rbac.authorization.k8s.io/v1"
SCRAPER = "system:serviceaccount:default:scraper"


class Door:
    """A node's gate, and the token of the ServiceAccount `scraper`, who may get nodes/metrics and nodes/stats."""

    def __init__(self, api: Api, token: str, user: User = NODE) -> None:
        client = Client(InProcessTransport(api.server, Request, context={"user": user}))
        self._gate = Gate("n1", client, SystemClock())
        self.token = token

    async def knock(self, path: str, token: str | None = None, method: str = "GET") -> tuple[int, str]:
        headers = {"authorization": f"Bearer {self.token if token is None else token}"}
        refused = await self._gate.refuse(Request(method, path, {}, headers, b"", ""))
        if refused is None:
            return 200, ""
        assert isinstance(refused.body, bytes)
        return refused.status, refused.body.decode()


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    _, key = issue("sa").write(tmp_path, "sa")
    async with api_server(service_account_signing_key_file=key) as api:
        await api.create(f"{CORE}/serviceaccounts", {"metadata": {"name": "scraper"}})
        rules = [{"apiGroups": [""], "resources": ["nodes/metrics", "nodes/stats"], "verbs": ["get"]}]
        await api.create(f"{RBAC}/clusterroles", {"metadata": {"name": "scrape"}, "rules": rules})
        await api.create(
            f"{RBAC}/clusterrolebindings",
            {
                "metadata": {"name": "scrape"},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "scrape"},
                "subjects": [{"kind": "ServiceAccount", "name": "scraper", "namespace": "default"}],
            },
        )
        yield api


async def token_of(api: Api) -> str:
    told = await api.create(f"{CORE}/serviceaccounts/scraper/token", {"spec": {}})
    return str(told["status"]["token"])


async def test_a_scraper_gets_in_where_its_role_lets_it(api: Api) -> None:
    door = Door(api, await token_of(api))
    assert await door.knock("/metrics/resource") == (200, "")
    assert await door.knock("/stats/summary") == (200, "")
    refused = f"Forbidden (user={SCRAPER}, verb=get, resource=nodes, subresource(s)=[pods proxy])\n"
    assert await door.knock("/pods") == (403, refused)
    assert (await door.knock("/exec/default/web/c", method="POST"))[0] == 403


async def test_an_answer_is_kept_for_a_while(api: Api) -> None:
    door = Door(api, await token_of(api))
    assert (await door.knock("/metrics"))[0] == 200
    assert (await api("DELETE", f"{RBAC}/clusterrolebindings/scrape")).status == 200
    assert (await door.knock("/metrics"))[0] == 200
    assert (await door.knock("/stats"))[0] == 403


async def test_tokens_that_are_none(api: Api) -> None:
    door = Door(api, await token_of(api))
    for token in ("", "nonsense"):
        assert await door.knock("/metrics", token) == (401, "Unauthorized")


async def test_a_node_that_may_not_ask_lets_nobody_in(api: Api) -> None:
    assert await Door(api, await token_of(api), authenticated("nobody", ())).knock("/metrics") == (401, "Unauthorized")
