"""Who a request is taken for, asked of the server itself."""

from typing import Any

from .api_server import Api

WHO = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
REVIEW = "/apis/authentication.k8s.io/v1/tokenreviews"


async def who(api: Api, token: str = "", **headers: str) -> Any:
    """The user that a request is taken for; the status where it is refused."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if token:
        sent["authorization"] = f"Bearer {token}"
    answer = await api.as_user(None)("POST", WHO, {}, sent)
    return answer.body["status"]["userInfo"] if answer.status == 201 else answer.status


async def reviewed(api: Api, token: str) -> Any:
    return (await api("POST", REVIEW, {"spec": {"token": token}})).body["status"]
