"""One namespace's charges: those that wait together are settled in one write of each quota's status.

Invariant: a write is admitted only after `status.used` holds it durably, so however many arrive at once, on however many
API servers over one store, no quota is overshot: the status is written by compare-and-swap.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from kybern.api.quota.amounts import Amounts, equal, subtract
from kybern.api.resource import Object
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.quota.check import Demand, Refusal, Uncovered, charge, used_of
from kybern.apiserver.objects.life import Life
from kybern.apiserver.objects.update import update
from kybern.apiserver.served import Served
from kybern.base.errors import Conflict, InternalError, NotFound, StatusError

RETRIES = 3
"""After as many lost races with other writers of a quota its waiters are refused."""


@dataclass(slots=True, eq=False)
class Waiter:
    """A write that waits to be charged."""

    attributes: Attributes
    demand: Demand
    settled: bool = False
    error: StatusError | None = None
    charged: dict[str, dict[str, str]] = field(default_factory=dict)
    """By the quota's name."""

    def settle(self, error: StatusError | None = None) -> None:
        self.settled, self.error = True, error


class Desk:
    """Of one namespace."""

    def __init__(self, life: Life, quotas: Served, namespace: str, read: Callable[[], Sequence[Object]]) -> None:
        self._life = life
        self._quotas = quotas
        self._namespace = namespace
        self._read = read
        self._lock = asyncio.Lock()
        self._pending: list[Waiter] = []
        self.held: dict[Waiter, None] = {}
        """Charged, and not known to be stored yet."""

    @property
    def idle(self) -> bool:
        """Nobody waits and nothing is held."""
        return not self.held and not self._pending and not self._lock.locked()

    async def admit(self, waiter: Waiter) -> None:
        """Return once it is charged. Raises StatusError."""
        self._pending.append(waiter)
        async with self._lock:
            if not waiter.settled:
                batch, self._pending = self._pending, []
                try:
                    await self._settle(batch, None, RETRIES)
                finally:
                    for each in batch:
                        if not each.settled:
                            each.settle(InternalError("resource quota evaluation was interrupted"))
        if waiter.error is not None:
            await self.give_back(waiter)
            raise waiter.error
        if waiter.charged:
            self.held[waiter] = None

    async def give_back(self, waiter: Waiter) -> None:
        """The write was not made."""
        self.held.pop(waiter, None)
        if not waiter.charged:
            return
        async with self._lock:
            for name, amounts in waiter.charged.items():
                await self._change(name, lambda used, amounts=amounts: subtract(used, amounts))  # type: ignore[misc]

    async def _settle(self, batch: Sequence[Waiter], names: set[str] | None, retries: int) -> None:
        """`names`: of the quotas that are still to be charged; None is all."""
        quotas = [quota for quota in self._read() if names is None or quota["metadata"]["name"] in names]
        before = {quota["metadata"]["name"]: used_of(quota) for quota in quotas}
        used = dict(before)
        for waiter in batch:
            if not waiter.settled:
                self._try(waiter, quotas, used)
        lost: set[str] = set()
        error: StatusError | None = None
        for quota in quotas:
            name = quota["metadata"]["name"]
            if not equal(used[name], before[name]):
                try:
                    await self._write(quota, used[name])
                except StatusError as caught:
                    lost.add(name)
                    error = caught
        if error is not None and retries:
            for waiter in batch:
                if not waiter.settled:
                    waiter.charged = {name: each for name, each in waiter.charged.items() if name not in lost}
            await self._settle(batch, lost, retries - 1)
            return
        for waiter in batch:
            if not waiter.settled:
                waiter.settle(error)

    def _try(self, waiter: Waiter, quotas: Sequence[Object], used: dict[str, Amounts]) -> None:
        """Charge the running totals, or refuse."""
        try:
            charged = charge(waiter.demand, quotas, used)
        except Refusal as refusal:
            waiter.settle(waiter.attributes.forbidden(waiter.demand.new, str(refusal)))
            return
        except Uncovered as refusal:
            waiter.settle(InternalError(str(refusal)))
            return
        if waiter.attributes.dry_run:
            waiter.settle()
            return
        for name, each in charged.items():
            used[name] = each.after
            waiter.charged[name] = each.asked
        if not waiter.charged:
            waiter.settle()

    async def _write(self, quota: Object, used: Amounts) -> None:
        """Only over the version that was read. Raises StatusError."""
        metadata = quota["metadata"]
        if not await self._change(metadata["name"], lambda _: dict(used), metadata["resourceVersion"]):
            raise Conflict(f"the quota {metadata['name']} is gone")

    async def _change(self, name: str, to: Callable[[Amounts], Amounts], revision: str = "") -> bool:
        """Whether the quota was there. Raises StatusError."""

        def edit(quota: Object) -> Object:
            quota["metadata"]["resourceVersion"] = revision
            quota["status"] = {**(quota.get("status") or {}), "used": to(used_of(quota))}
            return quota

        attributes = Attributes("UPDATE", self._quotas.resource, self._namespace, name, subresource="status")
        try:
            await update(self._life, self._quotas, edit, attributes)
        except NotFound:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Charged:
    """The hold of a write on what it was charged."""

    desk: Desk
    waiter: Waiter
    done: Callable[[], None]

    def keep(self) -> None:
        self.desk.held.pop(self.waiter, None)
        self.done()

    async def release(self) -> None:
        await self.desk.give_back(self.waiter)
        self.done()
