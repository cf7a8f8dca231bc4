"""Who is believed, asked by real requests: certificates, front proxies, nobody, and those who ask for others."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import yaml

from kybern.apiserver.aggregation.authentication_info import RequestHeader
from kybern.apiserver.user import User
from kybern.transport.exchange import Request

from .api_server import CORE, Api, api_server
from .asking_who import WHO
from .authority import Authority


async def test_anonymous_on_some_paths_only(tmp_path: Path) -> None:
    path = tmp_path / "authentication.yaml"
    told = {"enabled": True, "conditions": [{"path": "/livez"}]}
    document = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AuthenticationConfiguration",
        "anonymous": told,
    }
    path.write_text(yaml.safe_dump(document))
    async with api_server(authentication_config=path) as api:
        nobody = api.as_user(None)
        assert (await nobody("GET", "/livez")).status == 200
        assert (await nobody("GET", "/readyz")).status == 401
        assert (await nobody("GET", f"{CORE}/pods")).status == 401


async def test_nobody_is_anonymous_or_refused() -> None:
    async with api_server() as api:
        answer = await api.as_user(None)("GET", f"{CORE}/pods")
        assert answer.status == 403
        assert answer.message == (
            'pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" in the namespace "default"'
        )
    async with api_server(anonymous_auth=False) as api:
        assert (await api.as_user(None)("GET", f"{CORE}/pods")).status == 401


async def with_certificate(api: Api, der: bytes, **headers: str) -> Any:
    sent = {"content-type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    answer = api.server(Request("POST", WHO, {}, sent, b"{}", "127.0.0.1:1", WHO, client_certificate=der))
    if asyncio.iscoroutine(answer):
        answer = await answer
    body = orjson.loads(answer.body)
    return body["status"]["userInfo"] if answer.status == 201 else answer.status


async def test_certificates_and_front_proxies(tmp_path: Path) -> None:
    clients, proxies = tmp_path / "clients", tmp_path / "proxies"
    jane = Authority(clients).issue("jane", "jane", "dev")
    authority = Authority(proxies)
    proxy = authority.issue("front-proxy-client", "front-proxy-client")
    other = authority.issue("other", "other", "system:masters")
    header = RequestHeader(proxies / "ca.crt", ("front-proxy-client",))
    async with api_server(client_ca_file=clients / "ca.crt", request_header=header) as api:
        found = await with_certificate(api, jane)
        assert (found["username"], found["groups"]) == ("jane", ["dev", "system:authenticated"])
        credential = found["extra"]["authentication.kubernetes.io/credential-id"][0]
        assert credential.startswith("X509SHA256=")
        told = {"x_remote_user": "bob", "x_remote_group": "dev,system:masters", "x_remote_extra_scopes": "read"}
        proxied = await with_certificate(api, proxy, **told)
        assert proxied["username"] == "bob"
        assert (proxied["groups"], proxied["extra"]) == (
            ["dev,system:masters", "system:authenticated"],
            {"scopes": ["read"]},
        ), "a comma in a group's name makes no second group"
        spoofed = await with_certificate(api, jane, **told)
        assert spoofed["username"] == "jane", "a client's certificate proves no proxy"
        stranger = await with_certificate(api, other, **told)
        assert stranger == 403, "a proxy's authority makes no clients, and not every name is a proxy"


async def test_impersonation() -> None:
    async with api_server() as api:
        found = await api("POST", WHO, {}, {"impersonate-user": "bob", "impersonate-group": ",dev,ops"})
        assert found.body["status"]["userInfo"] == {"username": "bob", "groups": [",dev,ops", "system:authenticated"]}
        account = "system:serviceaccount:default:default"
        found = await api("POST", WHO, {}, {"impersonate-user": account})
        assert found.body["status"]["userInfo"]["groups"][1] == "system:serviceaccounts:default"
        headers = {"impersonate-user": "bob", "impersonate-uid": "u1", "impersonate-extra-scopes%2Fx": "a"}
        found = await api("POST", WHO, {}, headers)
        assert found.body["status"]["userInfo"]["uid"] == "u1"
        assert found.body["status"]["userInfo"]["extra"] == {"scopes/x": ["a"]}
        jane = api.as_user(User("jane", ("system:authenticated",)))
        for asked, mode in (("bob", "user-info"), (account, "serviceaccount")):
            refused = await jane("POST", WHO, {}, {"impersonate-user": asked})
            assert (refused.status, refused.message) == (
                403,
                f'selfsubjectreviews.authentication.k8s.io is forbidden: User "jane" cannot impersonate-on:{mode}:create '
                'resource "selfsubjectreviews" in API group "authentication.k8s.io" at the cluster scope',
            )
        group = "rbac.authorization.k8s.io"
        rules = [{"verbs": ["impersonate"], "apiGroups": [""], "resources": ["users"], "resourceNames": ["bob"]}]
        await api.create(f"/apis/{group}/v1/clusterroles", {"metadata": {"name": "be-bob"}, "rules": rules})
        subject = {"apiGroup": group, "kind": "User", "name": "jane"}
        reference = {"apiGroup": group, "kind": "ClusterRole", "name": "be-bob"}
        bound = {"metadata": {"name": "be-bob"}, "roleRef": reference, "subjects": [subject]}
        await api.create(f"/apis/{group}/v1/clusterrolebindings", bound)
        assert (await jane("POST", WHO, {}, {"impersonate-user": "bob"})).body["status"]["userInfo"][
            "username"
        ] == "bob"
        bad = await api("POST", WHO, {}, {"impersonate-group": "dev"})
        info = '&user.DefaultInfo{Name:"", UID:"", Groups:[]string{"dev"}, Extra:map[string][]string(nil)}'
        assert (bad.status, bad.message) == (400, f"requested {info} without impersonating a user name")
