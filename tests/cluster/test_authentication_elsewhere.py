"""Tokens that others issue or know, and webhooks that decide: asked by real requests."""

import http.server
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import yaml
from joserfc import jws
from joserfc.jwk import ECKey

from kybern.apiserver.user import User

from .api_server import CORE, api_server
from .asking_who import who
from .authority import Authority


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
