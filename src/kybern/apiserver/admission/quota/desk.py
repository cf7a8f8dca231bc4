"""One namespace's charges: those that wait together are settled in one write of each quota's status, and go on together.

Invariant: a write is admitted only after `status.used` holds it durably, so however many arrive at once, on however many
API servers over one store, no quota is overshot: the status is written by compare-and-swap. Only what a quota holds
durably is ever given back. The desk's own task settles: a client that leaves takes nobody's charge along.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from kybern.api.quota.amounts import Amounts, add, subtract
from kybern.api.resource import Object
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.quota.account import Account, used_of
from kybern.apiserver.admission.quota.check import Demand, Refusal, Uncovered, charge
from kybern.apiserver.objects.life import Life
from kybern.apiserver.objects.update import update
from kybern.apiserver.served import Served
from kybern.base.errors import Conflict, InternalError, NotFound, StatusError

log = logging.getLogger(__name__)

RETRIES = 3
"""After as many lost races with other writers of a quota its waiters are refused."""


@dataclass(slots=True, eq=False)
class Waiter:
    """A write that waits to be charged."""

    attributes: Attributes
    demand: Demand
    told: asyncio.Future[None]
    """Done when its batch is settled, or when it has been given back; cancelled when nobody waits for that."""
    settled: bool = False
    error: StatusError | None = None
    charged: dict[str, Amounts] = field(default_factory=dict)
    """What quotas hold of it durably, by their names."""

    def settle(self, error: StatusError | None = None) -> None:
        self.settled, self.error = True, error

    def tell(self) -> None:
        if not self.told.done():
            self.told.set_result(None)


Payers = list[tuple[Waiter, Amounts]]
"""Who is charged how much."""


class Desk:
    """Of one namespace. Who waits here has seats of the server's flow control, which limits how many they are."""

    def __init__(
        self,
        life: Life,
        quotas: Served,
        namespace: str,
        read: Callable[[], Sequence[Object]],
        left: Callable[[], None],
    ) -> None:
        """`read` gets the namespace's quotas; `left` is called when somebody has left."""
        self._life = life
        self._quotas = quotas
        self._namespace = namespace
        self._read = read
        self._left = left
        self._loop = asyncio.get_running_loop()
        self._waiting: list[Waiter] = []
        self._returned: list[Waiter] = []
        self._task: asyncio.Task[None] | None = None
        self._held: dict[Waiter, None] = {}
        """Charged durably, and not known to be stored yet."""
        self._writing: tuple[Account, Payers] | None = None
        """What is being written to a quota."""

    @property
    def idle(self) -> bool:
        """Nobody waits and nothing is held."""
        return self._task is None and not self._held

    async def admit(self, attributes: Attributes, demand: Demand) -> Waiter:
        """Return once it is charged. Raises StatusError."""
        waiter = Waiter(attributes, demand, self._loop.create_future())
        self._waiting.append(waiter)
        self._wake()
        try:
            await waiter.told
        except asyncio.CancelledError:
            if not waiter.told.cancelled():
                self._return(waiter)  # It was told, and had no turn since.
            raise
        if waiter.error is not None:
            await self.give_back(waiter)
            raise waiter.error
        return waiter

    def keep(self, waiter: Waiter) -> None:
        """The write is stored."""
        self._held.pop(waiter, None)
        self._left()

    async def give_back(self, waiter: Waiter) -> None:
        """The write was not made. Returns when the quotas say so; they come to, though the caller is cancelled."""
        if waiter.charged:
            waiter.told = self._loop.create_future()
            self._return(waiter)
            await waiter.told

    def held(self, name: str, revision: str) -> Iterator[tuple[Waiter, Amounts]]:
        """What a quota as it was at `revision` holds for writes that are not known to be stored yet."""
        for waiter in self._held:
            if name in waiter.charged:
                yield waiter, waiter.charged[name]
        if self._writing is not None:
            account, payers = self._writing
            if account.name == name and account.revision != revision:
                yield from payers

    def _return(self, waiter: Waiter) -> None:
        self._returned.append(waiter)
        self._wake()

    def _wake(self) -> None:
        """The task begins in the next turn of the loop, so that all who come in this one share its first batch."""
        if self._task is None:
            self._task = self._loop.create_task(self._run())

    async def _run(self) -> None:
        """Batch by batch, until nobody waits. Those of a batch go on together, so that the store commits them together:
        one after the other they cost twice as much."""
        batch: Sequence[Waiter] = ()
        try:
            while self._waiting or self._returned:
                returned, self._returned = self._returned, []
                await self._take_back(returned)
                batch = [each for each in self._waiting if not each.told.cancelled()]
                self._waiting = []
                await self._settle_batch(batch)
        finally:
            self._task = None
            for each in (*batch, *self._waiting):  # Some are left where the server ends.
                if not each.settled:
                    each.settle(InternalError("resource quota evaluation was interrupted"))
                each.tell()
            self._left()

    async def _settle_batch(self, batch: Sequence[Waiter]) -> None:
        try:
            await self._settle(batch, None, RETRIES)
        except Exception:
            # The edge of the task: a fault in here fails the batch, and the desk goes on.
            log.exception("quotas of namespace %s are not evaluated", self._namespace)
        for each in batch:
            if not each.settled:
                each.settle(InternalError("resource quota evaluation was interrupted"))
            if each.told.cancelled() and each.charged:
                self._returned.append(each)
            each.tell()

    async def _settle(self, batch: Sequence[Waiter], names: set[str] | None, retries: int) -> None:
        """`names`: of the quotas that are still to be charged; None is all."""
        accounts = [Account(quota) for quota in self._read() if names is None or quota["metadata"]["name"] in names]
        payers: dict[str, Payers] = {account.name: [] for account in accounts}
        for waiter in batch:
            if not (waiter.settled or waiter.told.cancelled()):
                self._try(waiter, accounts, payers)
        lost: set[str] = set()
        error: StatusError | None = None
        for account in accounts:
            if account.is_charged:
                try:
                    await self._write(account, payers[account.name])
                except StatusError as caught:
                    lost.add(account.name)
                    error = caught
        if error is not None and retries:
            await self._settle(batch, lost, retries - 1)
            return
        for waiter in batch:
            if not waiter.settled:
                waiter.settle(error)

    def _try(self, waiter: Waiter, accounts: Sequence[Account], payers: dict[str, Payers]) -> None:
        """Charge the running totals, or refuse."""
        try:
            charges = charge(waiter.demand, accounts)
        except Refusal as refusal:
            waiter.settle(waiter.attributes.forbidden(waiter.demand.new, str(refusal)))
            return
        except Uncovered as refusal:
            waiter.settle(InternalError(str(refusal)))
            return
        if waiter.attributes.dry_run or not charges:
            waiter.settle()
            return
        for account, asked, after in charges:
            account.book(after)
            payers[account.name].append((waiter, asked))

    async def _write(self, account: Account, payers: Payers) -> None:
        """Only over the version that was read. Raises StatusError."""
        self._writing = account, payers
        try:
            if not await self._change(account.name, lambda _: account.used(), account.revision):
                raise Conflict(f"the quota {account.name} is gone")
            for waiter, asked in payers:
                waiter.charged[account.name] = asked
                self._held[waiter] = None
        finally:
            self._writing = None

    async def _take_back(self, returned: Sequence[Waiter]) -> None:
        """One write of each quota for all of them. What cannot be written is for the quotas' controller to count."""
        sums: dict[str, Amounts] = {}
        for waiter in returned:
            for name, amounts in waiter.charged.items():
                sums[name] = add(sums.get(name, {}), amounts)
        for name, amounts in sums.items():
            try:
                await self._change(name, lambda used, amounts=amounts: subtract(used, amounts))  # type: ignore[misc]
            except Exception as error:
                # The edge of the task: a fault in here must leave nobody waiting.
                told = not isinstance(error, StatusError)
                log.warning("quota %s of namespace %s holds too much: %s", name, self._namespace, error, exc_info=told)
        for waiter in returned:
            self._held.pop(waiter, None)
            waiter.charged = {}
            waiter.tell()

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

    def keep(self) -> None:
        self.desk.keep(self.waiter)

    async def release(self) -> None:
        await self.desk.give_back(self.waiter)
