"""The plugin: finds the quotas of a write's namespace and waits until they are charged.

Source: https://kubernetes.io/docs/concepts/policy/resource-quotas/
"""

from collections.abc import Awaitable, Iterable, Sequence

from kybern.api import quantity
from kybern.api.quota import evaluator_of, matches_quota
from kybern.api.quota.amounts import Amounts, add, masked
from kybern.api.resource import Object
from kybern.apiserver.admission.attributes import SYSTEM_USER, Attributes
from kybern.apiserver.admission.chain import Plugin
from kybern.apiserver.admission.lookup import Lookup
from kybern.apiserver.admission.quota.account import used_of
from kybern.apiserver.admission.quota.check import Demand
from kybern.apiserver.admission.quota.desk import Charged, Desk
from kybern.apiserver.admission.quota.limited import LimitedResource
from kybern.apiserver.objects.life import Life
from kybern.apiserver.served import ServedResources

QUOTAS = "resourcequotas"
RECENT_SECONDS = 10.0
"""How far behind the caches of a quota's controller may be."""
DESKS_LIMIT = 256
"""Namespaces whose desk is kept though nobody waits there."""
_IGNORED = frozenset(("events", "events.events.k8s.io"))


class ResourceQuota(Plugin):
    def __init__(self, lookup: Lookup, life: Life, served: ServedResources, limited: Sequence[LimitedResource]) -> None:
        self._lookup = lookup
        self._life = life
        self._served = served
        self._limited = limited
        self._quotas = served["", "v1", QUOTAS]
        self._stored = self._quotas.cache.objects
        self._desks: dict[str, Desk] = {}
        self._charged_at: dict[str, float] = {}
        """Monotonic seconds of when a namespace was asked for a charge, or got one, last."""

    def mutate(self, attributes: Attributes, obj: Object, old: Object | None) -> None:
        """A sum that was made while objects were being created is not taken for less than what is there."""
        if attributes.group_resource == QUOTAS and attributes.subresource == "status" and old is not None:
            charged = self._charged_at.get(attributes.namespace)
            if attributes.user is SYSTEM_USER or charged is None:
                return
            if self._life.clock.monotonic() - charged > RECENT_SECONDS:
                del self._charged_at[attributes.namespace]
                return
            self._raise_used(obj, old)

    def validate(self, attributes: Attributes, obj: Object | None, old: Object | None) -> Awaitable[None] | None:
        if not (self._stored or self._limited) or obj is None or attributes.operation not in ("CREATE", "UPDATE"):
            return None
        namespace, resource = attributes.namespace, attributes.group_resource
        if not namespace or resource in _IGNORED or resource == "namespaces":
            return None
        if not self._limited and not self._quotas.cache.keys_in(namespace):
            return None
        evaluator = evaluator_of(resource)
        if not evaluator.handles(attributes.subresource, obj, old):
            return None
        is_status = attributes.subresource == "status"
        demand = Demand(evaluator, obj, old, self._life.clock.now(), self._limited, is_status)
        return self._admit(attributes, demand)

    async def _admit(self, attributes: Attributes, demand: Demand) -> None:
        namespace, clock = attributes.namespace, self._life.clock
        desk = self._desks.get(namespace)
        if desk is None:
            desk = self._desks[namespace] = Desk(
                self._life,
                self._quotas,
                namespace,
                lambda: self._lookup.list(QUOTAS, namespace),
                lambda: self._close(namespace),
            )
        self._charged_at[namespace] = clock.monotonic()
        waiter = await desk.admit(attributes, demand)
        if waiter.charged:
            self._charged_at[namespace] = clock.monotonic()
            attributes.holds.append(Charged(desk, waiter))

    def _close(self, namespace: str) -> None:
        desk = self._desks.get(namespace)
        if len(self._desks) > DESKS_LIMIT and desk is not None and desk.idle:
            del self._desks[namespace]

    def _raise_used(self, quota: Object, old: Object) -> None:
        status = quota.get("status") or {}
        used, before = used_of(quota), used_of(old)
        lowered = [name for name, amount in used.items() if quantity.compare(amount, before.get(name, "0")) < 0]
        if lowered:
            there = self._counted(quota, old["metadata"]["resourceVersion"], lowered)
            least = {name: max(amount, there.get(name, "0"), key=quantity.parse) for name, amount in used.items()}
            quota["status"] = {**status, "used": least}

    def _counted(self, quota: Object, revision: str, names: Iterable[str]) -> Amounts:
        """What the caches show, and what the quota at `revision` was charged that is on its way into them."""
        namespace, now = quota["metadata"]["namespace"], self._life.clock.now()
        total: Amounts = {}
        wanted, counted = set(names), set(_IGNORED)
        seen: set[str] = set()
        for resource in self._served.resources:
            evaluator = evaluator_of(resource.group_resource)
            if not resource.namespaced or not resource.stored or not evaluator.names(wanted):
                continue
            served = self._served.find(resource.group, resource.version, resource.plural)
            if served is None or resource.group_resource in counted:
                continue
            counted.add(resource.group_resource)
            for key in served.cache.keys_in(namespace):
                obj = served.parse(served.cache.objects[key])
                seen.add(obj["metadata"]["uid"])
                if matches_quota(quota, obj, evaluator.in_scope):
                    total = add(total, masked(evaluator.usage(obj, now), wanted))
        desk = self._desks.get(namespace)
        for waiter, amounts in desk.held(quota["metadata"]["name"], revision) if desk is not None else ():
            demand = waiter.demand
            if demand.old is not None or demand.new["metadata"]["uid"] not in seen:
                total = add(total, masked(amounts, wanted))
        return total
