"""`Impersonate-*` headers: acting as someone else, for those who may.

Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation
"""

from collections.abc import Callable
from urllib.parse import unquote

from kybern.apiserver.request_info import RequestInfo
from kybern.apiserver.user import (
    ALL_AUTHENTICATED,
    ALL_UNAUTHENTICATED,
    ANONYMOUS,
    SERVICE_ACCOUNT_PREFIX,
    SERVICE_ACCOUNTS,
    User,
)
from kybern.base.errors import BadRequest
from kybern.transport.exchange import Request

USER, UID, GROUP, EXTRA = "impersonate-user", "impersonate-uid", "impersonate-group", "impersonate-extra-"

Allow = Callable[[User, RequestInfo], None]
"""Raises Forbidden."""


def impersonated(request: Request, user: User, allow: Allow) -> User | None:
    """Whom the request speaks for; None: for the user. Raises Forbidden, BadRequest."""
    headers = request.headers
    name = headers.get(USER, "")
    groups = tuple(group.strip() for group in headers.get(GROUP, "").split(",") if group.strip())
    extra = {
        unquote(header[len(EXTRA) :]): tuple(value.strip() for value in headers[header].split(","))
        for header in headers
        if header.startswith(EXTRA)
    }
    if not name:
        if groups or extra or UID in headers:
            raise BadRequest(f"requested {groups or extra or headers.get(UID)} without impersonating a user")
        return None
    _check(user, allow, name, groups, headers.get(UID, ""), extra)
    if name.startswith(SERVICE_ACCOUNT_PREFIX) and not groups:
        namespace = name[len(SERVICE_ACCOUNT_PREFIX) :].partition(":")[0]
        groups = (SERVICE_ACCOUNTS, f"{SERVICE_ACCOUNTS}:{namespace}")
    every = ALL_UNAUTHENTICATED if name == ANONYMOUS else ALL_AUTHENTICATED
    if every not in groups:
        groups = (*groups, every)
    return User(name, groups, headers.get(UID, ""), tuple(sorted(extra.items())))


def _check(
    user: User, allow: Allow, name: str, groups: tuple[str, ...], uid: str, extra: dict[str, tuple[str, ...]]
) -> None:
    def ask(group: str, resource: str, asked: str, subresource: str = "", namespace: str = "") -> None:
        version = "v1"
        allow(user, RequestInfo(True, "impersonate", "", group, version, namespace, resource, subresource, asked))

    if name.startswith(SERVICE_ACCOUNT_PREFIX) and name.count(":") == 3:
        _, _, namespace, account = name.split(":")
        ask("", "serviceaccounts", account, namespace=namespace)
    else:
        ask("", "users", name)
    for group in groups:
        ask("", "groups", group)
    if uid:
        ask("authentication.k8s.io", "uids", uid)
    for key, values in extra.items():
        for value in values:
            ask("authentication.k8s.io", "userextras", value, key)
