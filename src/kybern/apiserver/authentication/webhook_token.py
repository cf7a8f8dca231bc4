"""Tokens that a webhook knows (`--authentication-token-webhook-config-file`).

Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#webhook-token-authentication
"""

import logging
from collections.abc import Sequence

from kybern.apiserver.authentication.remote import Remote, RemoteError, review_status
from kybern.apiserver.user import User, authenticated
from kybern.base.errors import Unauthorized

log = logging.getLogger(__name__)

ATTEMPTS = 5
_STATUS = "io.k8s.api.authentication.v1.TokenReviewStatus"


class WebhookTokens:
    """Answers are remembered by the Authenticator."""

    def __init__(self, remote: Remote, audiences: Sequence[str], version: str = "v1") -> None:
        self._remote = remote
        self._audiences = list(audiences)
        self._version = f"authentication.k8s.io/{version}"

    async def authenticate(self, token: str) -> User | None:
        """None for a token that the webhook does not know. Raises Unauthorized."""
        review = {
            "apiVersion": self._version,
            "kind": "TokenReview",
            "metadata": {"creationTimestamp": None},
            "spec": {"token": token, "audiences": self._audiences},
            "status": {"user": {}},
        }
        for attempt in range(ATTEMPTS):
            try:
                state = review_status(await self._remote.post(review), _STATUS)
                break
            except RemoteError as error:
                log.warning("webhook authenticator: %s", error)
                if attempt == ATTEMPTS - 1:
                    raise Unauthorized(str(error)) from error
        if not state.get("authenticated"):
            if state.get("error"):
                raise Unauthorized(state["error"])
            return None
        given = state.get("audiences")
        if given and not set(given) & set(self._audiences):
            return None
        user = state.get("user") or {}
        extra = {key: tuple(values) for key, values in (user.get("extra") or {}).items()}
        return authenticated(user.get("username") or "", tuple(user.get("groups") or ()), user.get("uid") or "", extra)
