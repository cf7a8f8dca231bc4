"""`Impersonate-*` headers: acting as someone else, for those who may.

Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import unquote

from kybern.api.validation.names import dns_label, dns_subdomain
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
_VERSION = "authentication.k8s.io/v1"

Allow = Callable[[User, RequestInfo], None]
"""Raises Forbidden."""


class Asked(NamedTuple):
    """One thing to be: printed as Go prints the ObjectReference by which upstream names it."""

    kind: str
    namespace: str
    name: str
    api_version: str = ""
    field: str = ""

    def __str__(self) -> str:
        return f"{{{self.kind} {self.namespace} {self.name}  {self.api_version}  {self.field}}}"


def impersonated(request: Request, user: User, allow: Allow) -> User | None:
    """Whom the request speaks for; None: for the user. Raises Forbidden, BadRequest."""
    asked = list(_asked(request.headers))
    if not asked:
        return None
    if asked[0].kind not in ("User", "ServiceAccount"):
        raise BadRequest(f"requested [{' '.join(map(str, asked))}] without impersonating a user")
    for each in asked:
        allow(user, _right(each))
    return _user(asked)


def _asked(headers: Mapping[str, str]) -> Iterator[Asked]:
    name = headers.get(USER, "")
    account = _account(name)
    if account is not None:
        yield Asked("ServiceAccount", *account)
    elif name:
        yield Asked("User", "", name)
    for group in _values(headers.get(GROUP, "")):
        yield Asked("Group", "", group)
    for header, value in headers.items():
        if header.startswith(EXTRA):
            key = unquote(header[len(EXTRA) :])
            for each in _values(value):
                yield Asked("UserExtra", "", each, _VERSION, key)
    if headers.get(UID):
        yield Asked("UID", "", headers[UID], _VERSION)


def _values(joined: str) -> list[str]:
    """The transport joins several headers of one name."""
    return [value.strip() for value in joined.split(",") if value.strip()]


def _account(name: str) -> tuple[str, str] | None:
    """(namespace, name) of a ServiceAccount's user name."""
    if not name.startswith(SERVICE_ACCOUNT_PREFIX):
        return None
    namespace, colon, account = name[len(SERVICE_ACCOUNT_PREFIX) :].partition(":")
    return (namespace, account) if colon and not dns_label(namespace) and not dns_subdomain(account) else None


def _right(asked: Asked) -> RequestInfo:
    """What the caller must be allowed to do."""
    group, version = ("authentication.k8s.io", "v1") if asked.api_version else ("", "")
    resources = {"ServiceAccount": "serviceaccounts", "User": "users", "Group": "groups", "UID": "uids"}
    resource = resources.get(asked.kind, "userextras")
    return RequestInfo(True, "impersonate", "", group, version, asked.namespace, resource, asked.field, asked.name)


def _user(asked: list[Asked]) -> User:
    first = asked[0]
    groups = [each.name for each in asked if each.kind == "Group"]
    name, uid = first.name, next((each.name for each in asked if each.kind == "UID"), "")
    if first.kind == "ServiceAccount":
        name = f"{SERVICE_ACCOUNT_PREFIX}{first.namespace}:{first.name}"
        groups = groups or [SERVICE_ACCOUNTS, f"{SERVICE_ACCOUNTS}:{first.namespace}"]
    if name == ANONYMOUS:
        if ALL_UNAUTHENTICATED not in groups:
            groups.append(ALL_UNAUTHENTICATED)
    elif not {ALL_AUTHENTICATED, ALL_UNAUTHENTICATED} & set(groups):
        groups.append(ALL_AUTHENTICATED)
    extra: dict[str, tuple[str, ...]] = {}
    for each in asked:
        if each.kind == "UserExtra":
            extra[each.field] = (*extra.get(each.field, ()), each.name)
    return User(name, tuple(groups), uid, tuple(sorted(extra.items())))
