"""Who gets into a component's server: upstream's delegated authentication and authorisation, told without an API server."""

import json
import ssl
from pathlib import Path

import pytest

from kybern.apiserver.pki import ensure_pki
from kybern.base.clock import SystemClock
from kybern.base.errors import Unreachable
from kybern.client.client import Client
from kybern.client.transport import HttpAnswer, HttpRequest, HttpStream
from kybern.serving.gate import Gate
from kybern.serving.reviews import Reviews
from kybern.transport.exchange import Request, Response

OPEN = ("/healthz", "/readyz", "/livez", "/public/*")
USERS = {"good": "ann", "other": "bob"}


class ReviewApi:
    """Knows two tokens; ann may get everything, bob nothing. `gone`: it cannot be reached."""

    def __init__(self) -> None:
        self.gone = False
        self.asked: list[str] = []

    async def request(self, request: HttpRequest) -> HttpAnswer:
        if self.gone:
            raise Unreachable("nobody is there")
        review = json.loads(request.body)
        self.asked.append(review["kind"])
        spec = review["spec"]
        if review["kind"] == "TokenReview":
            name = USERS.get(spec["token"])
            user = {"username": name, "groups": ["system:authenticated"]}
            review["status"] = {"authenticated": True, "user": user} if name else {"authenticated": False}
        else:
            allowed = spec["user"] == "ann" and spec["nonResourceAttributes"]["verb"] == "get"
            review["status"] = {"allowed": allowed, "reason": "" if allowed else "no rule"}
        return HttpAnswer(201, {}, json.dumps(review).encode())

    async def stream(self, request: HttpRequest) -> HttpStream:
        raise AssertionError(f"{request}: nothing is watched")

    async def close(self) -> None:
        """Nothing is open."""


def told(refused: Response | None) -> tuple[int, str]:
    if refused is None:
        return 200, ""
    assert isinstance(refused.body, bytes)
    text = refused.body.decode()
    return refused.status, json.loads(text)["message"] if text.startswith("{") else text


async def knock(api: ReviewApi | None, path: str, token: str = "", method: str = "GET") -> tuple[int, str]:
    client = Client(api) if api is not None else None
    gate = Gate(Reviews(SystemClock(), client, client), OPEN)
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return told(await gate.refuse(Request(method, path, {}, headers, b"", "")))


@pytest.mark.parametrize(
    ("path", "token", "expected"),
    [
        ("/healthz", "", (200, "")),
        ("/healthz", "other", (200, "")),
        ("/healthz", "bad", (401, "Unauthorized")),
        ("/public/a", "", (200, "")),
        ("/healthz/ping", "other", (403, 'forbidden: User "bob" cannot get path "/healthz/ping": no rule')),
        ("/metrics", "", (403, 'forbidden: User "system:anonymous" cannot get path "/metrics": no rule')),
        ("/metrics", "good", (200, "")),
        ("/metrics", "other", (403, 'forbidden: User "bob" cannot get path "/metrics": no rule')),
    ],
)
async def test_who_may(path: str, token: str, expected: tuple[int, str]) -> None:
    assert await knock(ReviewApi(), path, token) == expected


async def test_what_is_asked_for_is_told_with_its_verb() -> None:
    assert await knock(ReviewApi(), "/metrics", "good", "POST") == (
        403,
        'forbidden: User "ann" cannot post path "/metrics": no rule',
    )


async def test_nobody_to_ask_leaves_the_open_paths() -> None:
    assert await knock(None, "/healthz") == (200, "")
    assert await knock(None, "/metrics") == (403, 'forbidden: User "system:anonymous" cannot get path "/metrics"')
    assert await knock(None, "/metrics", "good") == (401, "Unauthorized")


async def test_an_api_server_that_is_gone_lets_nobody_in() -> None:
    api = ReviewApi()
    api.gone = True
    assert await knock(api, "/metrics", "good") == (401, "Unauthorized")
    assert await knock(api, "/metrics") == (500, 'Internal Server Error: "/metrics": nobody is there\n')


async def test_masters_need_no_word_of_anyone(tmp_path: Path) -> None:
    gate = Gate(Reviews(SystemClock(), None, None), OPEN)
    pki = ensure_pki(tmp_path, ["127.0.0.1"], "")
    for file, status in (("admin", 200), ("front-proxy-client", 403)):
        shown = ssl.PEM_cert_to_DER_cert(pki.certificate(file).read_text())
        refused = await gate.refuse(Request("GET", "/metrics", {}, {}, b"", "", client_certificate=shown))
        assert told(refused)[0] == status


async def test_an_answer_is_kept_a_while() -> None:
    api = ReviewApi()
    client = Client(api)
    gate = Gate(Reviews(SystemClock(), client, client), OPEN)
    for _ in range(3):
        request = Request("GET", "/metrics", {}, {"authorization": "Bearer good"}, b"", "")
        assert await gate.refuse(request) is None
    assert api.asked == ["TokenReview", "SubjectAccessReview"]
