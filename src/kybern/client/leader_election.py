"""One of several acts: leadership by a Lease, with client-go's timing and format (tools/leaderelection).

A leader that could not renew in time stops acting before another may start: `renew_deadline` is shorter than the lease.
Clocks need not agree: a lease counts as old by the time at which it was last *seen* to change.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from kybern.api.types.coordination_v1 import Lease, LeaseSpec
from kybern.api.types.core_v1 import ObjectReference
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.base.clock import Clock, format_micro_time
from kybern.base.errors import AlreadyExists, Conflict, KybernError, NotFound
from kybern.client.client import Client
from kybern.client.events import EventRecorder
from kybern.metrics.family import GAUGE, Family

log = logging.getLogger(__name__)

JITTER_FACTOR = 1.2
TOLERATED_SECONDS = 20.0
"""How long after its lease's end a leader still counts as healthy (upstream's health check)."""


class LeadershipLost(KybernError):
    """Another leads now, or the lease could not be renewed in time: the process has to stop acting."""


@dataclass(frozen=True, slots=True)
class LeaseTiming:
    """Seconds; upstream's defaults."""

    lease_duration_seconds: int = 15
    renew_deadline_seconds: float = 10.0
    retry_period_seconds: float = 2.0


class LeaderElector:
    """Candidate `identity` for the Lease `namespace/lease_name`."""

    def __init__(
        self,
        client: Client,
        lease_name: str,
        identity: str,
        *,
        clock: Clock,
        source: random.Random,
        namespace: str = "kube-system",
        timing: LeaseTiming | None = None,
        events: EventRecorder | None = None,
    ) -> None:
        self._client = client
        self._name = lease_name
        self._namespace = namespace
        self._identity = identity
        self._clock = clock
        self._random = source
        self._timing = timing or LeaseTiming()
        self._events = events
        self._observed: Lease | None = None
        self._observed_at = 0.0
        self.leading = False

    async def run(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Wait for leadership, then run `callback` while it lasts; release the lease when the callback ends.

        Raises LeadershipLost after the callback was cancelled."""
        while not await self._try_acquire():
            period = self._timing.retry_period_seconds
            await self._clock.sleep(period * (1 + JITTER_FACTOR * self._random.random()))
        log.info("%s became leader", self._identity)
        self._tell("became leader")
        self.leading = True
        work = asyncio.ensure_future(callback())
        renewal = asyncio.create_task(self._renew())
        try:
            await asyncio.wait((work, renewal), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                self._tell("stopped leading")
                raise LeadershipLost(f"{self._identity} no longer holds {self._namespace}/{self._name}")
            await work
        finally:
            self.leading = False
            for task in (work, renewal):
                task.cancel()
            await asyncio.gather(work, renewal, return_exceptions=True)
            await asyncio.shield(self._release())

    def check(self) -> str:
        """What is wrong with this leader (a health check), "" for nothing: one that could not renew ends itself."""
        late = self._clock.monotonic() - self._observed_at
        if self.leading and late > self._timing.lease_duration_seconds + TOLERATED_SECONDS:
            return f"failed election to renew leadership on lease {self._name}"
        return ""

    def families(self) -> Iterator[Family]:
        """What /metrics tells."""
        family = Family(
            "leader_election_master_status",
            GAUGE,
            "[ALPHA] Gauge of if the reporting system is master of the relevant lease, 0 indicates backup, 1 indicates "
            "master. 'name' is the string used to identify the lease. Please make sure to group by name.",
        )
        family.add(int(self.leading), name=self._name)
        yield family

    async def _renew(self) -> None:
        """Returns when the lease could not be renewed within the deadline."""
        renewed = self._clock.monotonic()
        while self._clock.monotonic() - renewed < self._timing.renew_deadline_seconds:
            await self._clock.sleep(self._timing.retry_period_seconds)
            if await self._try_acquire():
                renewed = self._clock.monotonic()

    async def _try_acquire(self) -> bool:
        try:
            return await self._acquire()
        except KybernError as error:
            log.debug("lease %s: %s", self._name, error)
            return False

    async def _acquire(self) -> bool:
        now = format_micro_time(self._clock.now())
        try:
            lease = await self._client.get(Lease, self._name, self._namespace)
        except NotFound:
            return await self._create(now)
        self._observe(lease)
        holder, mine = lease.spec.holder_identity, lease.spec.holder_identity == self._identity
        if holder and not mine and not self._is_old(lease):
            return False
        transitions = lease.spec.lease_transitions or 0
        lease.spec = LeaseSpec(
            holder_identity=self._identity,
            lease_duration_seconds=self._timing.lease_duration_seconds,
            acquire_time=lease.spec.acquire_time if mine else now,
            renew_time=now,
            lease_transitions=transitions if mine else transitions + 1,
        )
        try:
            self._observe(await self._client.update(lease))
        except Conflict:
            return False
        return True

    async def _create(self, now: str) -> bool:
        spec = LeaseSpec(
            holder_identity=self._identity,
            lease_duration_seconds=self._timing.lease_duration_seconds,
            acquire_time=now,
            renew_time=now,
            lease_transitions=0,
        )
        lease = Lease(metadata=ObjectMeta(name=self._name, namespace=self._namespace), spec=spec)
        try:
            self._observe(await self._client.create(lease))
        except AlreadyExists:
            return False
        return True

    async def _release(self) -> None:
        """Let the next one begin at once."""
        lease = self._observed
        if lease is None or lease.spec.holder_identity != self._identity:
            return
        now = format_micro_time(self._clock.now())
        lease.spec = LeaseSpec(
            lease_duration_seconds=1,
            acquire_time=now,
            renew_time=now,
            lease_transitions=lease.spec.lease_transitions,
        )
        try:
            await self._client.update(lease)
        except KybernError as error:
            log.debug("lease %s was not released: %s", self._name, error)

    def _observe(self, lease: Lease) -> None:
        if self._observed is None or self._observed.metadata.resource_version != lease.metadata.resource_version:
            self._observed_at = self._clock.monotonic()
        self._observed = lease

    def _is_old(self, lease: Lease) -> bool:
        duration = lease.spec.lease_duration_seconds or self._timing.lease_duration_seconds
        return self._clock.monotonic() - self._observed_at > duration

    def _tell(self, what: str) -> None:
        if self._events is not None:
            about = ObjectReference(
                api_version=Lease.API_VERSION, kind=Lease.KIND, name=self._name, namespace=self._namespace
            )
            self._events.event(about, "Normal", "LeaderElection", f"{self._identity} {what}")
