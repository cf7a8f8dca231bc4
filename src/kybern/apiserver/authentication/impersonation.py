"""`Impersonate-*` headers: acting as someone else, for those who may.

Who may is asked in modes, the narrow ones first: a node's own agent as that node, any node, a ServiceAccount, a user;
each of them needs the right to be that one and the right to do, as such, what the request does (KEP-5284). The last mode
is the old one: the verb `impersonate`, for everything at once. The first refusal is the one that is told.
Source: https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import unquote

from kybern.api.validation.names import dns_label, dns_subdomain
from kybern.apiserver.request_info import RequestInfo
from kybern.apiserver.user import (
    ALL_AUTHENTICATED,
    ALL_UNAUTHENTICATED,
    ANONYMOUS,
    NODE_USER_PREFIX,
    NODES,
    SERVICE_ACCOUNT_PREFIX,
    SERVICE_ACCOUNTS,
    SUPERUSERS,
    User,
)
from kybern.base.errors import BadRequest, Forbidden
from kybern.transport.exchange import Request

USER, UID, GROUP, EXTRA = "impersonate-user", "impersonate-uid", "impersonate-group", "impersonate-extra-"
NODE_NAME = "authentication.kubernetes.io/node-name"
MANY = 4
"""From so many groups or extra values on, the right to be all of them is looked for first."""
_GROUP = "authentication.k8s.io"

Allow = Callable[[User, RequestInfo], None]
"""Raises Forbidden."""
Refuse = Callable[[User, RequestInfo, str], Forbidden]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Who a request wants to be."""

    name: str
    uid: str
    groups: tuple[str, ...]
    extra: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def is_name_only(self) -> bool:
        return not (self.uid or self.groups or self.extra)

    def __str__(self) -> str:
        """As Go prints the struct in upstream's message."""
        groups = _texts(self.groups) if self.groups else "[]string(nil)"
        pairs = ", ".join(f'"{key}":{_texts(values)}' for key, values in self.extra)
        extra = f"map[string][]string{{{pairs}}}" if self.extra else "map[string][]string(nil)"
        return f'&user.DefaultInfo{{Name:"{self.name}", UID:"{self.uid}", Groups:{groups}, Extra:{extra}}}'


def impersonated(request: Request, info: RequestInfo, user: User, allow: Allow, refuse: Refuse) -> User | None:
    """Whom the request speaks for; None: for the user. Raises Forbidden, BadRequest."""
    wanted = _wanted(request)
    if wanted is None:
        return None
    check = _Check(user, info, wanted, allow, refuse)
    first: Forbidden | None = None
    for mode in _modes(wanted, user):
        try:
            return check.by(mode)
        except Forbidden as error:
            first = first or error
    assert first is not None, "the last mode always decides"
    raise first


def _wanted(request: Request) -> Wanted | None:
    extra: dict[str, tuple[str, ...]] = {}
    for header in request.headers:
        if header.startswith(EXTRA):
            key = unquote(header[len(EXTRA) :])
            extra[key] = (*extra.get(key, ()), *request.values(header))
    name, uid = (next(iter(request.values(header)), "") for header in (USER, UID))
    wanted = Wanted(name, uid, tuple(request.values(GROUP)), tuple(sorted(extra.items())))
    if not wanted.name and not wanted.is_name_only:
        raise BadRequest(f"requested {wanted} without impersonating a user name")
    return wanted if wanted.name else None


def _modes(wanted: Wanted, user: User) -> list[str]:
    """Which ways are open; "" is the old one."""
    node, account = _node(wanted.name), _account(wanted.name)
    modes = []
    if wanted.is_name_only and node:
        if _account(user.name) and dict(user.extra).get(NODE_NAME) == (node,):
            modes.append("associated-node")
        modes.append("arbitrary-node")
    if wanted.is_name_only and account:
        modes.append("serviceaccount")
    if not node and not account:
        modes.append("user-info")
    return [*modes, ""]


@dataclass(frozen=True, slots=True)
class _Check:
    """One request's checks."""

    user: User
    info: RequestInfo
    wanted: Wanted
    allow: Allow
    refuse: Refuse

    def by(self, mode: str) -> User:
        """Who the user is then. Raises Forbidden."""
        if mode:
            self.allow(self.user, replace(self.info, verb=f"impersonate-on:{mode}:{self.info.verb}"))
        verb = f"impersonate:{mode}" if mode else "impersonate"
        groups = self._name(verb, mode)
        if self.wanted.uid:
            self.allow(self.user, _right(verb, _GROUP, "uids", self.wanted.uid))
        self._groups(verb, bool(mode))
        self._extra(verb, bool(mode))
        name = self.wanted.name
        if name == ANONYMOUS:
            groups = groups if ALL_UNAUTHENTICATED in groups else (*groups, ALL_UNAUTHENTICATED)
        elif ALL_UNAUTHENTICATED not in groups and ALL_AUTHENTICATED not in groups:
            groups = (*groups, ALL_AUTHENTICATED)
        return User(name, groups, self.wanted.uid, self.wanted.extra)

    def _name(self, verb: str, mode: str) -> tuple[str, ...]:
        """The groups that go with the name."""
        name, groups = self.wanted.name, self.wanted.groups
        right = _right(verb, _GROUP if mode else "", "users", name)
        node, account = _node(name), _account(name)
        if mode and node:
            right = replace(right, resource="nodes", name="*" if mode == "associated-node" else node)
            groups = (NODES,)
        if account:
            right = replace(right, resource="serviceaccounts", namespace=account[0], name=account[1])
            groups = groups or (SERVICE_ACCOUNTS, f"{SERVICE_ACCOUNTS}:{account[0]}")
        self.allow(self.user, right)
        return groups

    def _groups(self, verb: str, constrained: bool) -> None:
        right = _right(verb, _GROUP if constrained else "", "groups", "")
        if constrained and SUPERUSERS in self.wanted.groups:
            told = replace(right, name=SUPERUSERS)
            raise self.refuse(self.user, told, "impersonating the system:masters group is not allowed")
        if constrained and len(self.wanted.groups) >= MANY and self._may(replace(right, name="*")):
            return
        for group in self.wanted.groups:
            self.allow(self.user, replace(right, name=group))

    def _extra(self, verb: str, constrained: bool) -> None:
        right = _right(verb, _GROUP, "userextras", "")
        count = sum(len(values) for _, values in self.wanted.extra)
        if constrained and count >= MANY and self._may(replace(right, subresource="*", name="*")):
            return
        for key, values in self.wanted.extra:
            for value in values:
                self.allow(self.user, replace(right, subresource=key, name=value))

    def _may(self, right: RequestInfo) -> bool:
        try:
            self.allow(self.user, right)
        except Forbidden:
            return False
        return True


def _right(verb: str, group: str, resource: str, name: str) -> RequestInfo:
    return RequestInfo(True, verb, "", group, "v1", "", resource, "", name)


def _texts(values: tuple[str, ...]) -> str:
    shown = ", ".join(f'"{value}"' for value in values)
    return f"[]string{{{shown}}}"


def _node(name: str) -> str:
    """The node of a kubelet's user name."""
    node = name.removeprefix(NODE_USER_PREFIX)
    return node if node != name and not dns_subdomain(node) else ""


def _account(name: str) -> tuple[str, str] | None:
    """(namespace, name) of a ServiceAccount's user name."""
    if not name.startswith(SERVICE_ACCOUNT_PREFIX):
        return None
    namespace, colon, account = name[len(SERVICE_ACCOUNT_PREFIX) :].partition(":")
    return (namespace, account) if colon and not dns_label(namespace) and not dns_subdomain(account) else None
