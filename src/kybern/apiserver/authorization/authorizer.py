"""The chain of authorisers: the first that allows decides; nobody allows: Forbidden, in upstream's words."""

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from kybern.apiserver.request_info import RequestInfo
from kybern.apiserver.user import SUPERUSERS, User
from kybern.base.errors import AccessDenied

if TYPE_CHECKING:
    from kybern.apiserver.authorization.webhook import Answer

REMEMBERED_LIMIT = 65_536
REASONS_LIMIT = 4096

_Asked = tuple[User, str, str, str, str, str, str]
"""User, verb, group (or path), resource, subresource, namespace, name."""


class Decider(Protocol):
    """One authoriser."""

    def allows(self, user: User, info: RequestInfo) -> bool: ...

    def reason(self, user: User, info: RequestInfo) -> str:
        """Why it was not allowed, "" for nothing to say."""
        ...

    def remembers(self, user: User, info: RequestInfo) -> bool:
        """Whether the decision holds until `Authorizer.forget`."""
        ...

    def allows_any_name(self, user: User, info: RequestInfo) -> bool:
        """Whether it allows the same on an object of any other name, until `Authorizer.forget`."""
        ...


@runtime_checkable
class RemoteDecider(Protocol):
    """An authoriser that has to be asked; it may deny, which ends the chain."""

    def known(self, user: User, info: RequestInfo) -> "Answer | None": ...

    async def decide(self, user: User, info: RequestInfo) -> "Answer": ...


class Superusers:
    """The group that may do everything, so that no mistake in roles locks everyone out."""

    def allows(self, user: User, info: RequestInfo) -> bool:
        return SUPERUSERS in user.groups

    def reason(self, user: User, info: RequestInfo) -> str:
        return ""

    def remembers(self, user: User, info: RequestInfo) -> bool:
        return True

    def allows_any_name(self, user: User, info: RequestInfo) -> bool:
        return self.allows(user, info)


class AlwaysAllow:
    """`--authorization-mode=AlwaysAllow`."""

    def allows(self, user: User, info: RequestInfo) -> bool:
        return True

    def reason(self, user: User, info: RequestInfo) -> str:
        return ""

    def remembers(self, user: User, info: RequestInfo) -> bool:
        return True

    def allows_any_name(self, user: User, info: RequestInfo) -> bool:
        return self.allows(user, info)


class Authorizer:
    """Decisions are remembered until something that they rest on changes (`forget`)."""

    def __init__(self, chain: Sequence[Decider | RemoteDecider]) -> None:
        self._chain = tuple(chain)
        self._deciders = tuple(each for each in chain if not isinstance(each, RemoteDecider))
        self.asks_others = len(self._deciders) < len(self._chain)
        """Whether some decisions have to be waited for."""
        self.has_node = any(getattr(each, "is_node", False) for each in self._deciders)
        self._remembered: dict[_Asked, bool] = {}
        self._reasons: dict[_Asked, str] = {}
        """Why something is allowed."""
        self._on_any_name: set[tuple[User, str, str, str, str, str]] = set()
        """Rights that no names limit, remembered without the name."""

    def allows(self, user: User, info: RequestInfo) -> bool:
        """What is known here; others that were not asked lately have no say."""
        if self.asks_others:
            return self._allows_by_chain(user, info)
        if not info.is_resource:
            return self._allows(user, info, _asked(user, info))
        general = (user, info.verb, info.group, info.resource, info.subresource, info.namespace)
        return general in self._on_any_name or self._allows(user, info, (*general, info.name))

    def _allows(self, user: User, info: RequestInfo, key: _Asked) -> bool:
        """What is remembered under `key`, or found out now."""
        known = self._remembered.get(key)
        if known is None:
            known = any(decider.allows(user, info) for decider in self._deciders)
            if all(decider.remembers(user, info) for decider in self._deciders):
                if len(self._remembered) >= REMEMBERED_LIMIT:
                    self.forget()
                self._remembered[key] = known
                if known and info.name and any(each.allows_any_name(user, info) for each in self._deciders):
                    self._on_any_name.add(key[:-1])
        return known

    def _allows_by_chain(self, user: User, info: RequestInfo) -> bool:
        for each in self._chain:
            if not isinstance(each, RemoteDecider):
                if each.allows(user, info):
                    return True
            elif (known := each.known(user, info)) is not None and (known.allowed or known.denied):
                return known.allowed and not known.denied
        return False

    async def decide(self, user: User, info: RequestInfo) -> tuple[bool, bool, str]:
        """(allowed, denied, reason) by the whole chain: the first that has an opinion decides."""
        reasons: list[str] = []
        for each in self._chain:
            if not isinstance(each, RemoteDecider):
                if each.allows(user, info):
                    return True, False, self.allowed_by(user, info)
                reasons.append(each.reason(user, info))
                continue
            answer = await each.decide(user, info)
            if answer.denied:
                return False, True, answer.reason
            if answer.allowed:
                return True, False, answer.reason
            reasons.append(answer.reason)
        return False, False, "\n".join(filter(None, reasons))

    def begin_check(self, user: User, info: RequestInfo) -> Awaitable[None] | None:
        """Raises Forbidden, at once or when awaited."""
        if not self.asks_others:
            self.check(user, info)
            return None
        return self._check_all(user, info)

    async def _check_all(self, user: User, info: RequestInfo) -> None:
        allowed, _, reason = await self.decide(user, info)
        if not allowed:
            raise forbidden(user, info, reason)

    def forget(self) -> None:
        """Roles, bindings or what the Node authoriser looks at have changed."""
        self._remembered.clear()
        self._reasons.clear()
        self._on_any_name.clear()

    def check(self, user: User, info: RequestInfo) -> None:
        """Raises Forbidden."""
        if not self.allows(user, info):
            raise forbidden(user, info, self.reason(user, info))

    def allowed_by(self, user: User, info: RequestInfo) -> str:
        """Why something is allowed: the words of the first here that allows it; "" where that says nothing."""
        key = _asked(user, info)
        known = self._reasons.get(key)
        if known is None:
            known = self._find_reason(user, info)
            if all(decider.remembers(user, info) for decider in self._deciders):
                if len(self._reasons) >= REASONS_LIMIT:
                    self._reasons.clear()
                self._reasons[key] = known
        return known

    def _find_reason(self, user: User, info: RequestInfo) -> str:
        for each in self._deciders:
            if each.allows(user, info):
                tell = getattr(each, "allowed_by", None)
                return str(tell(user, info)) if tell is not None else ""
        return ""

    def reason(self, user: User, info: RequestInfo) -> str:
        return "\n".join(reason for each in self._deciders if (reason := each.reason(user, info)))


def _asked(user: User, info: RequestInfo) -> _Asked:
    if not info.is_resource:
        return user, info.verb, info.path, "", "", "", ""
    return user, info.verb, info.group, info.resource, info.subresource, info.namespace, info.name


def forbidden(user: User, info: RequestInfo, reason: str = "") -> AccessDenied:
    """`pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "default"`."""
    because = f": {reason}" if reason else ""
    if not info.is_resource:
        what = f'User "{user.name}" cannot {info.verb} path "{info.path}"'
        message = f"forbidden: {_sanitized(what)}{because}"
        return AccessDenied(message, details={})
    resource = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    named = f"{info.resource}.{info.group}" if info.group else info.resource
    subject = f'{named} "{info.name}"' if info.name else named
    where = f'in the namespace "{info.namespace}"' if info.namespace else "at the cluster scope"
    what = f'User "{user.name}" cannot {info.verb} resource "{resource}" in API group "{info.group}" {where}'
    message = f"{subject} is forbidden: {_sanitized(what)}{because}"
    details = {"name": info.name, "group": info.group, "kind": info.resource}
    return AccessDenied(message, details={key: value for key, value in details.items() if value})


def _sanitized(text: str) -> str:
    """What came from a request is shown so that no browser takes it for a page."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
