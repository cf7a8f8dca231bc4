"""Which Pods of lower priority have to go so that a Pod fits: a dry run on the tables, upstream's choice of victims."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from kybern.scheduler.columns import Ints, Mask, np
from kybern.scheduler.nodes import NodeTable
from kybern.scheduler.placing import Placer
from kybern.scheduler.reasons import NO_VICTIMS, NOT_HELPFUL, Refusal, VolumeMask, available
from kybern.scheduler.selectors import Selector, matches
from kybern.scheduler.shape import PodRequest, Shape

CANDIDATES_PERCENT = 10
CANDIDATES_LEAST = 100
"""How many nodes with victims are compared: this share of all nodes, but no fewer than this (upstream's defaults)."""
NOT_ELIGIBLE = "preemption: not eligible due to preemptionPolicy=Never."
WAITING = "preemption: not eligible due to a terminating pod on the nominated node."


@dataclass(slots=True)
class Budget:
    """A PodDisruptionBudget: how many of the Pods that it selects may still be disrupted."""

    namespace: str
    selector: Selector | None
    allowed: int
    disrupted: frozenset[str] = frozenset()
    """Pods already counted as disrupted by the budget."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A node, and who would have to go there (highest priority first)."""

    row: int
    victims: tuple[PodRequest, ...]
    violations: int
    """Victims whose budget does not allow it."""
    rank: tuple[int, int, int, int, float]
    """The least is the best."""


class Memory:
    """Dry runs that need not be done again: of Pods to which only room matters, on rows where nothing has moved."""

    def __init__(self) -> None:
        self._shape: Shape | None = None
        self._priority = 0
        self._epoch = -1
        self._known: dict[int, tuple[int, Candidate | None]] = {}

    def open(self, request: PodRequest, table: NodeTable) -> None:
        """Forget everything unless it was about Pods like this one."""
        if (self._shape, self._priority, self._epoch) != (request.shape, request.priority, table.epoch):
            self._shape, self._priority, self._epoch = request.shape, request.priority, table.epoch
            self._known.clear()

    def victims(self, request: PodRequest, row: int, table: NodeTable, placer: Placer) -> Candidate | None:
        """The dry run of one row without budgets, or what came out of it last time."""
        version = table.versions[row]
        if table.names[row] in placer.nominated:
            return _victims(_Room(request, row, table, placer), request, row, table, ())
        known = self._known.get(row)
        if known is None or known[0] != version:
            known = self._known[row] = (
                version,
                _victims(_Room(request, row, table, placer), request, row, table, ()),
            )
        return known[1]


@dataclass(frozen=True, slots=True)
class PreemptionPlan:
    """What to do: evict `victims` and keep `node`; or, with no node, what to say."""

    node: str | None = None
    victims: tuple[PodRequest, ...] = ()
    message: str = ""
    candidates: int = field(default=0)
    """How many nodes were compared."""


def preempt(
    request: PodRequest,
    refusal: Refusal,
    table: NodeTable,
    placer: Placer,
    budgets: Sequence[Budget],
    random: Random,
    volumes: VolumeMask | None = None,
    memory: Memory | None = None,
) -> PreemptionPlan:
    """Leaves the tables as they were."""
    if not request.may_preempt:
        return PreemptionPlan(message=NOT_ELIGIBLE)
    nominated = placer.nomination(request.key) or request.nominated
    kept = table.rows.get(nominated, -1)
    if kept >= 0 and any(
        other.identity.terminating and other.priority < request.priority for other in table.by_row[kept].values()
    ):
        return PreemptionPlan(nominated, message=WAITING)
    hopeful = np.flatnonzero(refusal.resolvable)
    candidates = _candidates(request, hopeful, table, placer, budgets, random, volumes, memory)
    if not candidates:
        counts = {NOT_HELPFUL: refusal.total - len(hopeful), NO_VICTIMS: len(hopeful)}
        return PreemptionPlan(message=f"preemption: {available(refusal.total, counts)}")
    best = min(candidates, key=lambda candidate: candidate.rank)
    return PreemptionPlan(table.names[best.row], best.victims, candidates=len(candidates))


def _rank(victims: Sequence[PodRequest], violations: int) -> tuple[int, int, int, int, float]:
    """Fewest budgets broken, then lowest highest priority, lowest sum, fewest victims, latest start of the highest."""
    highest = max(victim.priority for victim in victims)
    earliest = min(victim.started for victim in victims if victim.priority == highest)
    # Upstream adds 2^31 to each priority, so that many Pods of negative priority are no better than a few.
    total = sum(victim.priority + (1 << 31) for victim in victims)
    return violations, highest, total, len(victims), -earliest


def _candidates(
    request: PodRequest,
    hopeful: Ints,
    table: NodeTable,
    placer: Placer,
    budgets: Sequence[Budget],
    random: Random,
    volumes: VolumeMask | None,
    memory: Memory | None,
) -> list[Candidate]:
    """From a random node on, until enough are found, one of them without broken budgets."""
    limit = max(len(table) * CANDIDATES_PERCENT // 100, CANDIDATES_LEAST)
    found: list[Candidate] = []
    gentle = False
    offset = random.randrange(len(hopeful)) if len(hopeful) else 0
    simple = not (request.shape.looks_at_pods or request.shape.ports or table.topology.touching(request)[0])
    if memory is not None:
        memory.open(request, table)
    allowed: Mask | None = volumes.allowed if volumes else None
    for row in np.roll(hopeful, -offset).tolist():
        if allowed is not None and not allowed[row]:
            continue
        if simple and memory is not None and not budgets:
            candidate = memory.victims(request, row, table, placer)
        else:
            dry_run = _Room(request, row, table, placer) if simple else _DryRun(request, row, table, placer, volumes)
            candidate = _victims(dry_run, request, row, table, budgets)
        if candidate is not None:
            found.append(candidate)
            gentle = gentle or not candidate.violations
            if len(found) >= limit and gentle:
                break
    return found


class _Room:
    """A row's free resources, for a Pod to which only resources matter."""

    def __init__(self, request: PodRequest, row: int, table: NodeTable, placer: Placer) -> None:
        self._wanted = request.shape.requests
        self._free = {
            resource: int(table.column(table.allocatable, resource)[row] - table.column(table.requested, resource)[row])
            for resource, _ in self._wanted
        }
        self._pods = int(table.max_pods[row] - table.pod_count[row])
        for other in placer.nominated.get(table.names[row], {}).values():
            if other.priority >= request.priority and other.key != request.key:
                self.add(other)

    def remove(self, victim: PodRequest) -> None:
        self._pods += 1
        for resource, number in victim.shape.requests:
            if resource in self._free:
                self._free[resource] += number

    def add(self, victim: PodRequest) -> None:
        self._pods -= 1
        for resource, number in victim.shape.requests:
            if resource in self._free:
                self._free[resource] -= number

    def fits(self) -> bool:
        return self._pods > 0 and all(self._free[resource] >= number for resource, number in self._wanted)

    def restore(self) -> None:
        """Nothing was changed."""


class _DryRun:
    """Takes Pods off the table and puts them back, for Pods to which other Pods matter."""

    def __init__(
        self, request: PodRequest, row: int, table: NodeTable, placer: Placer, volumes: VolumeMask | None
    ) -> None:
        self._request, self._row, self._table, self._placer, self._volumes = request, row, table, placer, volumes
        self._away: dict[tuple[str, str], PodRequest] = {}

    def remove(self, victim: PodRequest) -> None:
        self._table.remove(victim.key)
        self._away[victim.key] = victim

    def add(self, victim: PodRequest) -> None:
        del self._away[victim.key]
        self._table.place(victim, self._row)

    def fits(self) -> bool:
        return self._placer.feasible(self._request, self._row, self._volumes)

    def restore(self) -> None:
        """Put everyone back."""
        for victim in list(self._away.values()):
            self.add(victim)


def _victims(
    room: _Room | _DryRun, request: PodRequest, row: int, table: NodeTable, budgets: Sequence[Budget]
) -> Candidate | None:
    """Everyone of lower priority goes; then as many as possible come back, protected and important ones first."""
    lower = [other for other in table.by_row[row].values() if other.priority < request.priority]
    if not lower:
        return None
    for victim in lower:
        room.remove(victim)
    try:
        if not room.fits():
            return None
        lower.sort(key=lambda other: (-other.priority, other.started))
        protected = _protected(lower, budgets) if budgets else set()
        victims: list[PodRequest] = []
        violations = 0
        for victim in sorted(lower, key=lambda other: other.key not in protected):
            room.add(victim)
            if not room.fits():
                room.remove(victim)
                victims.append(victim)
                violations += victim.key in protected
    finally:
        room.restore()
    if not victims:
        return None
    victims.sort(key=lambda other: (-other.priority, other.started))
    return Candidate(row, tuple(victims), violations, _rank(victims, violations))


def _protected(pods: Sequence[PodRequest], budgets: Sequence[Budget]) -> set[tuple[str, str]]:
    """The Pods whose eviction would break a budget, if all of `pods` went in this order."""
    left = {index: budget.allowed for index, budget in enumerate(budgets)}
    protected: set[tuple[str, str]] = set()
    for pod in pods:
        for index, budget in enumerate(budgets):
            if pod.namespace != budget.namespace or pod.name in budget.disrupted or not budget.selector:
                continue
            if matches(budget.selector, pod.identity.label_map):
                left[index] -= 1
                if left[index] < 0:
                    protected.add(pod.key)
    return protected
