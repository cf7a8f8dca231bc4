"""A policy's verdicts, remembered by all that its rules look at: most requests resemble an earlier one."""

from kybern.apiserver.audit.policy import Policy, Verdict
from kybern.apiserver.request_info import RequestInfo
from kybern.apiserver.user import User

REMEMBERED_LIMIT = 65_536

_Asked = tuple[str | tuple[str, ...], ...]


class Verdicts:
    """Of one policy, which never changes."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        rules = policy.rules
        self._by_user = any(rule.users or rule.groups for rule in rules)
        self._by_name = any(each.names for rule in rules for each in rule.resources)
        self._by_path = any(rule.urls for rule in rules)
        self._known: dict[_Asked, Verdict] = {}

    def of(self, user: User, info: RequestInfo) -> Verdict:
        """What is told of such a request."""
        key = self._key(user, info)
        verdict = self._known.get(key)
        if verdict is None:
            if len(self._known) >= REMEMBERED_LIMIT:
                self._known.clear()
            verdict = self._known[key] = self._policy.verdict(user, info)
        return verdict

    def _key(self, user: User, info: RequestInfo) -> _Asked:
        who = (user.name, user.groups) if self._by_user else ()
        if not info.is_resource:
            return (info.verb, info.path if self._by_path else "", *who)
        name = info.name if self._by_name else ""
        return (info.verb, info.group, info.resource, info.subresource, info.namespace, name, *who)
