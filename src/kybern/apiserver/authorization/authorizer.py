"""The chain of authorisers: the first that allows decides; nobody allows: Forbidden, in upstream's words."""

from collections.abc import Sequence
from typing import Protocol

from kybern.apiserver.request_info import RequestInfo
from kybern.apiserver.user import SUPERUSERS, User
from kybern.base.errors import Forbidden

REMEMBERED_LIMIT = 65_536


class Decider(Protocol):
    """One authoriser."""

    def allows(self, user: User, info: RequestInfo) -> bool: ...

    def reason(self, user: User, info: RequestInfo) -> str:
        """Why it was not allowed, "" for nothing to say."""
        ...

    def remembers(self, user: User, info: RequestInfo) -> bool:
        """Whether the decision holds until `Authorizer.forget`."""
        ...


class Superusers:
    """The group that may do everything, so that no mistake in roles locks everyone out."""

    def allows(self, user: User, info: RequestInfo) -> bool:
        return SUPERUSERS in user.groups

    def reason(self, user: User, info: RequestInfo) -> str:
        return ""

    def remembers(self, user: User, info: RequestInfo) -> bool:
        return True


class AlwaysAllow:
    """`--authorization-mode=AlwaysAllow`."""

    def allows(self, user: User, info: RequestInfo) -> bool:
        return True

    def reason(self, user: User, info: RequestInfo) -> str:
        return ""

    def remembers(self, user: User, info: RequestInfo) -> bool:
        return True


class Authorizer:
    """Decisions are remembered until something that they rest on changes (`forget`)."""

    def __init__(self, deciders: Sequence[Decider]) -> None:
        self._deciders = tuple(deciders)
        self._remembered: dict[tuple[User, str, str, str, str, str, str], bool] = {}

    def allows(self, user: User, info: RequestInfo) -> bool:
        if info.is_resource:
            key = (user, info.verb, info.group, info.resource, info.subresource, info.namespace, info.name)
        else:
            key = (user, info.verb, info.path, "", "", "", "")
        known = self._remembered.get(key)
        if known is None:
            known = any(decider.allows(user, info) for decider in self._deciders)
            if all(decider.remembers(user, info) for decider in self._deciders):
                if len(self._remembered) >= REMEMBERED_LIMIT:
                    self._remembered.clear()
                self._remembered[key] = known
        return known

    def forget(self) -> None:
        """Roles, bindings or what the Node authoriser looks at have changed."""
        self._remembered.clear()

    def check(self, user: User, info: RequestInfo) -> None:
        """Raises Forbidden."""
        if not self.allows(user, info):
            raise forbidden(user, info, self.reason(user, info))

    def reason(self, user: User, info: RequestInfo) -> str:
        return "\n".join(reason for each in self._deciders if (reason := each.reason(user, info)))


def forbidden(user: User, info: RequestInfo, reason: str = "") -> Forbidden:
    """`pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "default"`."""
    because = f": {reason}" if reason else ""
    if not info.is_resource:
        message = f'forbidden: User "{user.name}" cannot {info.verb} path "{info.path}"{because}'
        return Forbidden(message, details={})
    resource = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    named = f"{info.resource}.{info.group}" if info.group else info.resource
    subject = f'{named} "{info.name}"' if info.name else named
    where = f'in the namespace "{info.namespace}"' if info.namespace else "at the cluster scope"
    message = (
        f'{subject} is forbidden: User "{user.name}" cannot {info.verb} resource "{resource}" '
        f'in API group "{info.group}" {where}{because}'
    )
    details = {"name": info.name, "group": info.group, "kind": info.resource}
    return Forbidden(message, details={key: value for key, value in details.items() if value})
