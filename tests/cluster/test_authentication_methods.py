"""Who is believed, asked by real requests: each way of proving who one is."""

import asyncio
import http.server
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jws
from joserfc.jwk import ECKey

from kybern.apiserver.aggregation.authentication_info import RequestHeader
from kybern.apiserver.user import User
from kybern.base.clock import format_time
from kybern.controllers.service_account_tokens import Signer
from kybern.transport.exchange import Request

from .api_server import CORE, Api, api_server, pod
from .authority import Authority

WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
REVIEW = "/apis/authentication.k8s.io/v1/tokenreviews"
SECRETS = "/api/v1/namespaces/kube-system/secrets"


@pytest.fixture
def signing_key(tmp_path: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    path = tmp_path / "sa.key"
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path.write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
    return path


async def who(api: Api, token: str = "", **headers: str) -> Any:
    """The user that a request is taken for; the status where it is refused."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if token:
        sent["authorization"] = f"Bearer {token}"
    answer = await api.as_user(None)("POST", WHO, {}, sent)
    return answer.body["status"]["userInfo"] if answer.status == 201 else answer.status


async def reviewed(api: Api, token: str) -> Any:
    return (await api("POST", REVIEW, {"spec": {"token": token}})).body["status"]


async def request_token(api: Api, **spec: Any) -> str:
    answer = await api("POST", f"{CORE}/serviceaccounts/default/token", {"spec": spec})
    assert answer.status == 201, answer
    return str(answer.body["status"]["token"])


async def test_tokens_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "tokens.csv"
    path.write_text('good,jane,7,"dev,ops"\n')
    async with api_server(token_auth_file=path) as api:
        found = await who(api, "good")
        assert found == {"username": "jane", "uid": "7", "groups": ["dev", "ops", "system:authenticated"]}
        assert await who(api, "bad") == 401
        state = await reviewed(api, "good")
        assert (state["authenticated"], state["audiences"]) == (True, ["https://kubernetes.default.svc.cluster.local"])
        other = await api("POST", REVIEW, {"spec": {"token": "good", "audiences": ["vault"]}})
        assert "authenticated" not in other.body["status"]
        refused = await api.as_user(None)("POST", WHO, {}, {"authorization": "Bearer bad"})
        assert (refused.body["reason"], refused.message) == ("Unauthorized", "Unauthorized")


async def test_a_bound_token_says_where_it_is_from_and_dies_with_its_pod(signing_key: Path) -> None:
    async with api_server(service_account_signing_key_file=signing_key) as api:
        made = await api.create(f"{CORE}/pods", pod("p", nodeName="n1"))
        uid = made["metadata"]["uid"]
        bound = {"kind": "Pod", "apiVersion": "v1", "name": "p", "uid": uid}
        token = await request_token(api, boundObjectRef=bound)
        found = await who(api, token)
        assert found["username"] == "system:serviceaccount:default:default"
        assert found["groups"] == ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"]
        extra = found["extra"]
        assert extra["authentication.kubernetes.io/pod-name"] == ["p"]
        assert extra["authentication.kubernetes.io/pod-uid"] == [uid]
        assert extra["authentication.kubernetes.io/node-name"] == ["n1"]
        assert extra["authentication.kubernetes.io/credential-id"][0].startswith("JTI=")
        assert (await reviewed(api, token))["authenticated"] is True
        await api("DELETE", f"{CORE}/pods/p", {"gracePeriodSeconds": 0})
        dead = await reviewed(api, token)
        assert "authenticated" not in dead
        assert dead["error"].startswith("[invalid bearer token, ")


async def test_a_token_for_others_is_none_here(signing_key: Path) -> None:
    async with api_server(service_account_signing_key_file=signing_key) as api:
        token = await request_token(api, audiences=["vault"])
        assert await who(api, token) == 401
        spec = {"spec": {"token": token, "audiences": ["vault", "other"]}}
        state = (await api("POST", REVIEW, spec)).body["status"]
        assert (state["authenticated"], state["audiences"]) == (True, ["vault"])


async def labels_of(api: Api, secret: str) -> dict[str, str]:
    found: dict[str, str] = (await api.get(f"{CORE}/secrets/{secret}"))["metadata"].get("labels") or {}
    return found


async def test_legacy_tokens_hold_while_their_secret_has_them(signing_key: Path) -> None:
    async with api_server(service_account_signing_key_file=signing_key) as api:
        annotations = {"kubernetes.io/service-account.name": "default"}
        metadata = {"name": "old", "annotations": annotations}
        secret = {"metadata": metadata, "type": "kubernetes.io/service-account-token"}
        await api.create(f"{CORE}/secrets", secret)
        account = (await api.get(f"{CORE}/serviceaccounts/default"))["metadata"]
        signer = Signer.read(signing_key)
        claim = "kubernetes.io/serviceaccount/"
        claims = {
            "iss": "kubernetes/serviceaccount",
            f"{claim}namespace": "default",
            f"{claim}secret.name": "old",
            f"{claim}service-account.name": "default",
            f"{claim}service-account.uid": account["uid"],
            "sub": "system:serviceaccount:default:default",
        }
        header = {"alg": signer.algorithm}
        token = jws.serialize_compact(header, orjson.dumps(claims), signer.key, algorithms=[signer.algorithm])
        state = await reviewed(api, token)
        assert state["error"] == "[invalid bearer token, Token does not match server's copy]"
        await api.patch(f"{CORE}/secrets/old", {"data": {"token": b64encode(token.encode()).decode()}})
        assert (await who(api, token))["username"] == "system:serviceaccount:default:default"
        today = datetime.now(UTC).strftime("%Y-%m-%d")
        async with asyncio.timeout(10):
            while (await labels_of(api, "old")).get("kubernetes.io/legacy-token-last-used") != today:
                await asyncio.sleep(0.01)
        tracking = "/api/v1/namespaces/kube-system/configmaps/kube-apiserver-legacy-service-account-token-tracking"
        assert (await api.get(tracking))["data"] == {"since": today}
        invalid = "kubernetes.io/legacy-token-invalid-since"
        await api.patch(f"{CORE}/secrets/old", {"metadata": {"labels": {invalid: today}}})
        assert (await reviewed(api, token))["error"] == (
            "[invalid bearer token, the token in secret default/old for service account default/default has been "
            "marked invalid. Use tokens from the TokenRequest API or manually created secret-based tokens, or remove "
            f"the '{invalid}' label from the secret to temporarily allow use of this token]"
        )
        await api("DELETE", f"{CORE}/secrets/old")
        assert (await reviewed(api, token))["error"] == "[invalid bearer token, Token has been invalidated]"


def bootstrap(**data: str) -> dict[str, Any]:
    plain = {
        "token-id": "abcdef",
        "token-secret": "0123456789abcdef",
        "usage-bootstrap-authentication": "true",
        **{name.replace("_", "-"): value for name, value in data.items()},
    }
    return {
        "metadata": {"name": "bootstrap-token-abcdef"},
        "type": "bootstrap.kubernetes.io/token",
        "stringData": plain,
    }


async def test_bootstrap_tokens() -> None:
    async with api_server(enable_bootstrap_token_auth=True) as api:
        token = "abcdef.0123456789abcdef"
        assert await who(api, token) == 401
        await api.create(SECRETS, bootstrap(auth_extra_groups="system:bootstrappers:workers"))
        found = await who(api, token)
        assert found["username"] == "system:bootstrap:abcdef"
        groups = ["system:bootstrappers", "system:bootstrappers:workers", "system:authenticated"]
        assert found["groups"] == groups
        for changed in (
            {"token-secret": "0000000000000000"},
            {"token-secret": "0123456789abcdef", "expiration": format_time(time.time() - 5)},
            {"expiration": format_time(time.time() + 500), "usage-bootstrap-authentication": "false"},
        ):
            await api.patch(f"{SECRETS}/bootstrap-token-abcdef", {"stringData": changed})
            assert "authenticated" not in await reviewed(api, token)


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


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """An issuer of tokens, and a webhook that knows one token and allows one user."""

    documents: dict[str, Any] = {}

    def do_GET(self) -> None:
        self._answer(self.documents[self.path])

    def do_POST(self) -> None:
        asked = orjson.loads(self.rfile.read(int(self.headers["content-length"])))
        if asked["kind"] == "TokenReview":
            known = asked["spec"]["token"] == "from-afar"
            user = {"username": "remote", "groups": ["far"]}
            self._answer({**asked, "status": {"authenticated": known, **({"user": user} if known else {})}})
        else:
            spec = asked["spec"]
            allowed = spec["user"] == "friend"
            denied = spec.get("resourceAttributes", {}).get("resource") == "secrets"
            state = {"allowed": allowed and not denied, "denied": denied, "reason": "told by the webhook"}
            self._answer({**asked, "status": state})

    def _answer(self, body: Any) -> None:
        data = orjson.dumps(body)
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def elsewhere(directory: Path) -> Iterator[tuple[str, str]]:
    """(URL, PEM of its authority)."""
    Authority(directory).issue("server", "server", hosts=("localhost", "127.0.0.1"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.crt", directory / "server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}", (directory / "ca.crt").read_text()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def test_identity_tokens_are_mapped_by_claims_and_expressions(tmp_path: Path) -> None:
    key = ECKey.generate_key("P-256", {"kid": "k1", "alg": "ES256", "use": "sig"})
    with elsewhere(tmp_path) as (url, authority):
        Elsewhere.documents = {
            "/.well-known/openid-configuration": {"issuer": url, "jwks_uri": f"{url}/keys"},
            "/keys": {"keys": [key.as_dict(private=False)]},
        }
        document = {
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "AuthenticationConfiguration",
            "jwt": [
                {
                    "issuer": {"url": url, "audiences": ["kybern"], "certificateAuthority": authority},
                    "claimValidationRules": [{"claim": "hd", "requiredValue": "example.com"}],
                    "claimMappings": {
                        "username": {"expression": "'oidc:' + claims.email"},
                        "groups": {"claim": "groups", "prefix": "oidc:"},
                        "extra": [{"key": "example.com/tenant", "valueExpression": "claims.tenant"}],
                    },
                    "userValidationRules": [{"expression": "!user.username.startsWith('system:')"}],
                }
            ],
        }
        path = tmp_path / "authentication.yaml"
        path.write_text(yaml.safe_dump(document))

        def token(**claims: Any) -> str:
            whole = {
                "iss": url,
                "aud": "kybern",
                "exp": int(time.time()) + 600,
                "email": "jane@example.com",
                "email_verified": True,
                "hd": "example.com",
                "groups": ["dev"],
                "tenant": "blue",
                **claims,
            }
            return jws.serialize_compact({"alg": "ES256", "kid": "k1"}, orjson.dumps(whole), key, algorithms=["ES256"])

        async with api_server(authentication_config=path) as api:
            assert await who(api, token()) == {
                "username": "oidc:jane@example.com",
                "groups": ["oidc:dev", "system:authenticated"],
                "extra": {"example.com/tenant": ["blue"]},
            }
            for bad in ({"aud": "other"}, {"hd": "evil.com"}, {"exp": 1}, {"iss": "https://other"}):
                assert await who(api, token(**bad)) == 401
            forged = token()[:-8] + "AAAAAAAA"
            assert await who(api, forged) == 401


async def test_webhooks_know_tokens_and_decide(tmp_path: Path) -> None:
    with elsewhere(tmp_path) as (url, authority):
        cluster = {"server": f"{url}/review", "certificate-authority-data": b64encode(authority.encode()).decode()}
        kubeconfig = tmp_path / "webhook.kubeconfig"
        document = {
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": {}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        kubeconfig.write_text(yaml.safe_dump(document))
        async with api_server(
            authentication_token_webhook_config_file=kubeconfig,
            authorization_webhook_config_file=kubeconfig,
            authorization_mode=("RBAC", "Webhook"),
        ) as api:
            refused = await api.as_user(None)("GET", f"{CORE}/pods", None, {"authorization": "Bearer from-afar"})
            assert refused.status == 403
            assert refused.message == (
                'pods is forbidden: User "remote" cannot list resource "pods" in API group "" in the namespace "default": '
                "told by the webhook"
            )
            assert await who(api, "unknown") == 401
            friend = api.as_user(User("friend", ("system:authenticated",)))
            assert (await friend("GET", f"{CORE}/pods")).status == 200
            assert (await friend("GET", f"{CORE}/secrets")).status == 403
            spec = {
                "user": "friend",
                "resourceAttributes": {"verb": "list", "resource": "secrets", "namespace": "default"},
            }
            review = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
            state = (await api("POST", review, {"spec": spec})).body["status"]
            assert state == {"allowed": False, "denied": True, "reason": "told by the webhook"}


def test_an_unfit_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "no.key"
    path.write_text("nothing")
    with pytest.raises(ValueError, match="PEM"):
        Signer.read(path)
