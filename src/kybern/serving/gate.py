"""The door of a component's server. Who shows nothing is anonymous; some paths are open to all; the rest is asked about.

The answers are those of upstream's delegated authentication and authorisation.
"""

from collections.abc import Sequence
from typing import Final

import orjson

from kybern.api.types.authorization_v1 import NonResourceAttributes
from kybern.base.errors import KybernError
from kybern.serving.caller import ANONYMOUS, Caller
from kybern.serving.reviews import Reviews, bearer
from kybern.transport.exchange import Request, Response

TEXT: Final = "text/plain; charset=utf-8"


class Gate:
    """Decides who gets in. `open_paths`: for whoever is somebody, or nobody; with `*` at the end all that begin so."""

    def __init__(self, reviews: Reviews, open_paths: Sequence[str]) -> None:
        self._reviews = reviews
        self._open = frozenset(path for path in open_paths if not path.endswith("*"))
        self._open_below = tuple(path.removesuffix("*") for path in open_paths if path.endswith("*"))

    def lets_all_in(self, request: Request) -> bool:
        """Whether nobody need be asked: an open path, and a client that does not say who it is."""
        return self._is_open(request.path) and request.client_certificate is None and not bearer(request)

    async def refuse(self, request: Request) -> Response | None:
        """None for those who may."""
        caller = await self._caller(request)
        if caller is None:
            return _status(401, "Unauthorized", "Unauthorized")
        if caller.is_master or self._is_open(request.path):
            return None
        verb = request.method.lower()
        try:
            word = await self._reviews.word(caller, NonResourceAttributes(path=request.path, verb=verb))
        except KybernError as error:
            return Response(500, f'Internal Server Error: "{request.path}": {error}\n'.encode(), TEXT)
        if word.allowed:
            return None
        told = f'forbidden: User "{caller.name}" cannot {verb} path "{request.path}"'
        return _status(403, "Forbidden", f"{told}: {word.reason}" if word.reason else told, details={})

    async def _caller(self, request: Request) -> Caller | None:
        """None for who shows a token that is none, or that nobody can vouch for."""
        try:
            caller = await self._reviews.caller(request)
        except KybernError:
            return None
        if caller is None and request.client_certificate is None and not bearer(request):
            return ANONYMOUS
        return caller

    def _is_open(self, path: str) -> bool:
        return path in self._open or path.startswith(self._open_below)


def _status(code: int, reason: str, message: str, **more: object) -> Response:
    told = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message}
    return Response(code, orjson.dumps({**told, "reason": reason, **more, "code": code}) + b"\n")
