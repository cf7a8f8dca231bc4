"""Another HTTP server that decides: webhooks named by a kubeconfig, issuers of identity tokens.

Requests run in threads: they are few, for what they answer is remembered.
"""

import asyncio
import ssl
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import orjson
import yaml

from kybern.api.resource import Object
from kybern.api.schema.inspection import Mismatch, inspect

TIMEOUT_SECONDS = 30.0
BODY_LIMIT = 4 * 1024 * 1024


class RemoteError(Exception):
    """It did not answer, or not with success."""


class Remote:
    """One place, with what is needed to be believed there."""

    def __init__(self, url: str, context: ssl.SSLContext | None, headers: Mapping[str, str] | None = None) -> None:
        self.url = url
        self._context = context
        self._headers = dict(headers or {})

    async def get(self, url: str = "") -> Any:
        """The JSON at a URL. Raises RemoteError."""
        return await asyncio.to_thread(self._ask, url or self.url, None)

    async def post(self, body: Any) -> Any:
        """The JSON that is answered. Raises RemoteError."""
        return await asyncio.to_thread(self._ask, self.url, orjson.dumps(body))

    async def send(self, body: Any) -> None:
        """Whatever is answered. Raises RemoteError."""
        await asyncio.to_thread(self._ask, self.url, orjson.dumps(body), is_read=False)

    def _ask(self, url: str, body: bytes | None, *, is_read: bool = True) -> Any:
        headers = {"Accept": "application/json", "Content-Type": "application/json", **self._headers}
        try:
            request = Request(url, body, headers)
            with urlopen(request, timeout=TIMEOUT_SECONDS, context=self._context) as answer:
                text = answer.read(BODY_LIMIT)
                return orjson.loads(text) if is_read else None
        except HTTPError as error:
            raise RemoteError(f"{url}: status {error.code}") from error
        except (URLError, OSError, ValueError) as error:
            raise RemoteError(f"{url}: {error}") from error


def review_status(answer: Any, definition: str) -> Object:
    """The status of an answered review, of the definition's types: nobody is let in by `"false"`. Raises RemoteError."""
    status = answer.get("status") if isinstance(answer, dict) else None
    if not isinstance(status, dict):
        if answer is None or (isinstance(answer, dict) and status is None):
            return {}
        raise RemoteError("the answer is no review")
    try:
        return inspect(definition, status, "status")[0]
    except Mismatch as mismatch:
        raise RemoteError(str(mismatch)) from None


def trusting(bundle: str = "") -> ssl.SSLContext:
    """A context that trusts the authorities of a PEM bundle; "": the machine's. Raises ssl.SSLError."""
    return ssl.create_default_context(cadata=bundle or None)


def from_kubeconfig(path: Path) -> Remote:
    """The place and the identity of the current context. Raises OSError, ValueError."""
    document = yaml.safe_load(path.read_bytes()) or {}
    contexts = {each["name"]: each["context"] for each in document.get("contexts") or ()}
    current = contexts.get(document.get("current-context") or "")
    if current is None:
        raise ValueError(f"{path}: no current context")
    cluster = next((each["cluster"] for each in document["clusters"] if each["name"] == current["cluster"]), None)
    if cluster is None:
        raise ValueError(f"{path}: no cluster {current['cluster']!r}")
    users = {each["name"]: each.get("user") or {} for each in document.get("users") or ()}
    user: Mapping[str, str] = users.get(current.get("user") or "") or {}
    context = trusting((_content(path, cluster, "certificate-authority") or b"").decode())
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    certificate, key = _content(path, user, "client-certificate"), _content(path, user, "client-key")
    if certificate and key:
        with tempfile.NamedTemporaryFile() as pair:  # `ssl` reads key pairs from files only.
            pair.write(certificate + b"\n" + key)
            pair.flush()
            context.load_cert_chain(pair.name)
    headers = {}
    if user.get("token"):
        headers["Authorization"] = f"Bearer {user['token']}"
    elif user.get("username"):
        pair_text = f"{user['username']}:{user.get('password', '')}"
        headers["Authorization"] = f"Basic {b64encode(pair_text.encode()).decode()}"
    return Remote(cluster["server"], context, headers)


def _content(path: Path, part: Mapping[str, str], key: str) -> bytes | None:
    """What the kubeconfig holds itself, or names as a file beside it."""
    if part.get(f"{key}-data"):
        return b64decode(part[f"{key}-data"])
    return (path.parent / part[key]).read_bytes() if part.get(key) else None
