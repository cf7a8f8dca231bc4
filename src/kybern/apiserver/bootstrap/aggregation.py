"""Aggregated ClusterRoles: their rules are those of all ClusterRoles that their selectors choose.

Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#aggregated-clusterroles. Upstream leaves this to
the controller manager; here the server does it, so that `admin`, `edit` and `view` hold from the first moment on.
"""

import asyncio

from kybern.api.resource import Object
from kybern.api.selectors import SelectorError, labels_from_struct
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.bootstrap.rules import RBAC
from kybern.apiserver.cache.change import Change
from kybern.apiserver.objects.life import Life
from kybern.apiserver.objects.update import update
from kybern.apiserver.served import ServedResources
from kybern.base.errors import Conflict, NotFound


class Aggregation:
    """Looks at all ClusterRoles whenever one has changed; they are few."""

    def __init__(self, life: Life, served: ServedResources) -> None:
        self._life = life
        self._roles = served[RBAC, "v1", "clusterroles"]
        self._changed = asyncio.Event()
        self._changed.set()
        self._roles.cache.listen(self._notice)

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._changed.wait()
            await self.settle()

    async def settle(self) -> None:
        """Bring every aggregated role up to date; roles may aggregate aggregated ones, so until nothing changes."""
        while self._changed.is_set():
            self._changed.clear()
            roles = [self._roles.parse(version) for version in self._roles.cache.objects.values()]
            for role in roles:
                if role.get("aggregationRule"):
                    rules = _aggregate(role, roles)
                    if rules != (role.get("rules") or []):
                        await self._write(role["metadata"]["name"], rules)

    async def _write(self, name: str, rules: list[Object]) -> None:
        attributes = Attributes("UPDATE", self._roles.resource, "", name)
        try:
            await update(self._life, self._roles, lambda role: {**role, "rules": rules}, attributes)
        except (NotFound, Conflict):
            return  # The change that came between is looked at next.

    def _notice(self, change: Change) -> None:
        self._changed.set()


def _aggregate(role: Object, roles: list[Object]) -> list[Object]:
    rules: list[Object] = []
    for struct in role["aggregationRule"].get("clusterRoleSelectors") or ():
        try:
            selector = labels_from_struct(struct)
        except SelectorError:
            continue
        for other in sorted(roles, key=lambda each: str(each["metadata"]["name"])):
            if other is role or not selector.matches(other["metadata"].get("labels") or {}):
                continue
            rules += [rule for rule in other.get("rules") or () if rule not in rules]
    return rules
