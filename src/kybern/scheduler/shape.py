"""What the scheduler looks at in a Pod, as hashable values. Pods of one shape share masks and scores."""

from dataclasses import dataclass, fields
from functools import cached_property
from operator import attrgetter
from typing import NamedTuple

from kybern.scheduler.selectors import NodeTerm, Selector


class Toleration(NamedTuple):
    """As in the Pod's spec; an empty key with Exists tolerates everything, an empty effect means every effect."""

    key: str
    operator: str
    value: str
    effect: str


class Taint(NamedTuple):
    key: str
    value: str
    effect: str


class HostPort(NamedTuple):
    """A port that a Pod takes on its node; `ip` is 0.0.0.0 for every address."""

    protocol: str
    ip: str
    port: int


@dataclass(frozen=True)
class Identity:
    """What other Pods' selectors see of a Pod."""

    namespace: str
    labels: tuple[tuple[str, str], ...]
    terminating: bool = False

    @cached_property
    def label_map(self) -> dict[str, str]:
        """The labels as a mapping."""
        return dict(self.labels)

    @cached_property
    def _hash(self) -> int:
        return hash((self.namespace, self.labels, self.terminating))

    def __hash__(self) -> int:
        return self._hash


class Group(NamedTuple):
    """A set of Pods: those that a selector picks in some namespaces."""

    namespaces: frozenset[str]
    namespace_selector: Selector | None
    selector: Selector | None
    live_only: bool = False
    """Leave out Pods that are being deleted (topology spread does, affinity does not)."""


class AffinityTerm(NamedTuple):
    group: Group
    topology_key: str


class WeightedTerm(NamedTuple):
    """A preference; anti-affinity has a negative weight."""

    weight: int
    term: AffinityTerm


class SpreadConstraint(NamedTuple):
    topology_key: str
    max_skew: int
    hard: bool
    group: Group
    min_domains: int
    honor_affinity: bool
    honor_taints: bool


@dataclass(frozen=True)
class Shape:
    """Everything that filters and scores need, but for the Pod's own labels and a pinning to named nodes."""

    requests: tuple[tuple[str, int], ...] = ()
    """cpu in milli-cores, everything else in its base unit; only what is above zero."""
    nonzero: tuple[int, int] = (100, 200 * 1024 * 1024)
    """(milli-cores, bytes) with upstream's defaults for containers that ask for nothing; only scores use it."""
    node_selector: Selector = ()
    required_nodes: tuple[NodeTerm, ...] | None = None
    """Any of them must hold; None where the Pod asks for none."""
    preferred_nodes: tuple[tuple[int, NodeTerm], ...] = ()
    tolerations: tuple[Toleration, ...] = ()
    ports: tuple[HostPort, ...] = ()
    affinity: tuple[AffinityTerm, ...] = ()
    anti_affinity: tuple[AffinityTerm, ...] = ()
    preferences: tuple[WeightedTerm, ...] = ()
    spread: tuple[SpreadConstraint, ...] = ()
    images: tuple[str, ...] = ()
    containers: int = 1

    @cached_property
    def _hash(self) -> int:
        return hash(_all_of_shape(self))

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def hard_spread(self) -> tuple[SpreadConstraint, ...]:
        return tuple(constraint for constraint in self.spread if constraint.hard)

    @cached_property
    def soft_spread(self) -> tuple[SpreadConstraint, ...]:
        return tuple(constraint for constraint in self.spread if not constraint.hard)

    @cached_property
    def looks_at_pods(self) -> bool:
        """Whether where other Pods run matters to this one by its own wish."""
        return bool(self.affinity or self.anti_affinity or self.preferences or self.spread)


_all_of_shape = attrgetter(*(each.name for each in fields(Shape)))


@dataclass(slots=True, eq=False)
class PodRequest:
    """One Pod as the scheduler sees it. Nothing but revision and generation and, of a placed one, the identity changes."""

    namespace: str
    name: str
    uid: str
    revision: str
    """Of the newest version of the Pod that decodes to this."""
    shape: Shape
    identity: Identity
    priority: int = 0
    created: float = 0.0
    """Seconds since the epoch."""
    started: float = 0.0
    """When its containers were started (status.startTime), else when it was created."""
    pinned: frozenset[str] | None = None
    """The only nodes that its node affinity names (a DaemonSet's Pod names one)."""
    claims: tuple[str, ...] = ()
    """PersistentVolumeClaims that it mounts."""
    gates: tuple[str, ...] = ()
    nominated: str = ""
    may_preempt: bool = True
    generation: int = 0
    """Of the same version as the revision; written into conditions."""

    @property
    def key(self) -> tuple[str, str]:
        return self.namespace, self.name

    @property
    def subject(self) -> str:
        """As the trace names it."""
        return f"Pod/{self.namespace}/{self.name}"
