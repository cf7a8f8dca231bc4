"""Decodes a Pod into a PodRequest; equal shapes and identities become one object."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from operator import attrgetter

from kybern.api.quantity import milli_value, value
from kybern.api.types.core_v1 import Container, Pod, PodAffinityTerm, PodSpec, ResourceRequirements
from kybern.base.clock import parse_time
from kybern.scheduler.in_place import held
from kybern.scheduler.selectors import NodeTerm, from_label_selector, from_labels, from_node_term
from kybern.scheduler.shape import (
    AffinityTerm,
    Group,
    HostPort,
    Identity,
    PodRequest,
    Shape,
    SpreadConstraint,
    Toleration,
    WeightedTerm,
)

DEFAULT_CPU = 100
"""Milli-cores that a container without a request counts as in scores (upstream's DefaultMilliCPURequest)."""
DEFAULT_MEMORY = 200 * 1024 * 1024
"""Bytes, likewise."""
INTERN_LIMIT = 50_000
"""Shapes and identities remembered; above it the memory is emptied and sharing starts anew."""

Amounts = dict[str, int]


@lru_cache(maxsize=4096)
def amount(resource: str, quantity: str) -> int:
    """A quantity as an integer: cpu in milli-cores, everything else rounded up to whole units."""
    return milli_value(quantity) if resource == "cpu" else value(quantity)


def amounts(quantities: Mapping[str, str]) -> Amounts:
    """A map of quantities as integers."""
    return {resource: amount(resource, quantity) for resource, quantity in quantities.items()}


def _add(total: Amounts, more: Mapping[str, int]) -> None:
    for resource, number in more.items():
        total[resource] = total.get(resource, 0) + number


def _raise_to(total: Amounts, least: Mapping[str, int]) -> None:
    for resource, number in least.items():
        total[resource] = max(total.get(resource, 0), number)


def _container_requests(container: Container, defaults: Mapping[str, int]) -> Amounts:
    requests = container.resources.requests if container.resources else {}
    return {**defaults, **amounts(requests)}


def pod_amounts(spec: PodSpec, defaults: Mapping[str, int] | None = None) -> Amounts:
    """What a Pod needs at any moment of its life: the sum of containers and sidecars, or a greater init container.

    An init container runs beside the sidecars that started before it. Pod-level requests replace the sum (KEP-2837),
    and the overhead of the runtime class comes on top. `defaults` stand for containers that ask for nothing.
    """
    given = defaults or {}
    total: Amounts = {}
    for container in spec.containers:
        _add(total, _container_requests(container, given))
    sidecars: Amounts = {}
    peak: Amounts = {}
    for container in spec.init_containers:
        requests = _container_requests(container, given)
        if container.restart_policy == "Always":
            _add(total, requests)
            _add(sidecars, requests)
            _raise_to(peak, sidecars)
        else:
            _add(requests, sidecars)
            _raise_to(peak, requests)
    _raise_to(total, peak)
    total.update(_pod_level(spec.resources))
    _add(total, amounts(spec.overhead))
    return total


def _pod_level(resources: ResourceRequirements | None) -> Amounts:
    if resources is None:
        return {}
    return {
        resource: number
        for resource, number in amounts(resources.requests).items()
        if resource in ("cpu", "memory") or resource.startswith("hugepages-")
    }


def _group(term: PodAffinityTerm, namespace: str, labels: Mapping[str, str]) -> Group:
    namespaces = frozenset(term.namespaces)
    if not namespaces and term.namespace_selector is None:
        namespaces = frozenset((namespace,))
    selector = from_label_selector(term.label_selector, labels, term.match_label_keys, term.mismatch_label_keys)
    return Group(namespaces, from_label_selector(term.namespace_selector), selector)


def _terms(terms: Iterable[PodAffinityTerm], namespace: str, labels: Mapping[str, str]) -> tuple[AffinityTerm, ...]:
    return tuple(AffinityTerm(_group(term, namespace, labels), term.topology_key) for term in terms)


def _pinned(terms: tuple[NodeTerm, ...] | None) -> frozenset[str] | None:
    """The node names that every term insists on through metadata.name, or None when one term does not."""
    if not terms:
        return None
    names: set[str] = set()
    for term in terms:
        wanted = [each.values for each in term.fields if each.key == "metadata.name" and each.operator == "In"]
        if not wanted:
            return None
        names.update(frozenset.intersection(*wanted))
    return frozenset(names)


_looked_at = attrgetter(
    "containers",
    "init_containers",
    "resources",
    "overhead",
    "node_selector",
    "affinity",
    "tolerations",
    "topology_spread_constraints",
)


def same_shape(one: Pod, other: Pod) -> bool:
    """Whether two versions of one Pod surely have the same shape: cheaper than to decode the second."""
    if one.metadata.uid != other.metadata.uid or _looked_at(held(one)) != _looked_at(held(other)):
        return False
    refers = one.spec.affinity is not None or one.spec.topology_spread_constraints  # Perhaps to the Pod's own labels.
    return not refers or one.metadata.labels == other.metadata.labels


class PodDecoder:
    """Pods in, PodRequests out."""

    def __init__(self) -> None:
        self._shapes: dict[Shape, Shape] = {}
        self._identities: dict[Identity, Identity] = {}

    def decode(self, pod: Pod) -> PodRequest:
        """Shapes and identities of equal Pods are the same object."""
        if len(self._shapes) + len(self._identities) > INTERN_LIMIT:
            self._shapes.clear()
            self._identities.clear()
        meta, spec = pod.metadata, pod.spec
        labels = meta.labels
        shape, pinned = _shape(held(pod), meta.namespace, labels)
        created = parse_time(meta.creation_timestamp) if meta.creation_timestamp else 0.0
        return PodRequest(
            meta.namespace,
            meta.name,
            meta.uid,
            meta.resource_version,
            self._shapes.setdefault(shape, shape),
            self.identity(pod),
            spec.priority or 0,
            created,
            parse_time(pod.status.start_time) if pod.status.start_time else created,
            pinned,
            _claims(pod),
            tuple(gate.name for gate in spec.scheduling_gates),
            pod.status.nominated_node_name,
            spec.preemption_policy != "Never",
            meta.generation or 0,
        )

    def identity(self, pod: Pod) -> Identity:
        """What others see of a Pod."""
        meta = pod.metadata
        identity = Identity(meta.namespace, tuple(sorted(meta.labels.items())), bool(meta.deletion_timestamp))
        return self._identities.setdefault(identity, identity)


def _claims(pod: Pod) -> tuple[str, ...]:
    names = []
    for volume in pod.spec.volumes:
        if volume.persistent_volume_claim is not None:
            names.append(volume.persistent_volume_claim.claim_name)
        elif volume.ephemeral is not None:
            names.append(f"{pod.metadata.name}-{volume.name}")
    return tuple(names)


def _shape(spec: PodSpec, namespace: str, labels: Mapping[str, str]) -> tuple[Shape, frozenset[str] | None]:
    requests = {resource: number for resource, number in pod_amounts(spec).items() if number > 0}
    with_defaults = pod_amounts(spec, {"cpu": DEFAULT_CPU, "memory": DEFAULT_MEMORY})
    node_affinity = spec.affinity.node_affinity if spec.affinity else None
    required: tuple[NodeTerm, ...] | None = None
    preferred: tuple[tuple[int, NodeTerm], ...] = ()
    if node_affinity is not None:
        selector = node_affinity.required_during_scheduling_ignored_during_execution
        required = tuple(map(from_node_term, selector.node_selector_terms)) if selector else None
        preferred = tuple(
            (each.weight, from_node_term(each.preference))
            for each in node_affinity.preferred_during_scheduling_ignored_during_execution
        )
    pinned = _pinned(required)
    if pinned is not None and required is not None:
        required = _without_names(required)
    affinity, anti, preferences = _pod_affinity(spec, namespace, labels)
    shape = Shape(
        requests=tuple(sorted(requests.items())),
        nonzero=(with_defaults["cpu"], with_defaults["memory"]),
        node_selector=from_labels(spec.node_selector),
        required_nodes=required,
        preferred_nodes=preferred,
        tolerations=tuple(Toleration(t.key, t.operator, t.value, t.effect) for t in spec.tolerations),
        ports=_ports(spec),
        affinity=affinity,
        anti_affinity=anti,
        preferences=preferences,
        spread=_spread(spec, namespace, labels),
        images=tuple(sorted({container.image for container in [*spec.init_containers, *spec.containers]})),
        containers=len(spec.containers) + len(spec.init_containers),
    )
    return shape, pinned


def _without_names(terms: tuple[NodeTerm, ...]) -> tuple[NodeTerm, ...] | None:
    """The terms but for metadata.name, which pinning covers. Kept whole where that would mix up several terms."""
    if len(terms) > 1:
        return terms
    rest = NodeTerm(terms[0].labels, tuple(each for each in terms[0].fields if each.operator != "In"))
    return (rest,) if rest.labels or rest.fields else None


def _pod_affinity(
    spec: PodSpec, namespace: str, labels: Mapping[str, str]
) -> tuple[tuple[AffinityTerm, ...], tuple[AffinityTerm, ...], tuple[WeightedTerm, ...]]:
    if spec.affinity is None:
        return (), (), ()
    affinity: tuple[AffinityTerm, ...] = ()
    anti: tuple[AffinityTerm, ...] = ()
    preferences: list[WeightedTerm] = []
    together, apart = spec.affinity.pod_affinity, spec.affinity.pod_anti_affinity
    if together is not None:
        affinity = _terms(together.required_during_scheduling_ignored_during_execution, namespace, labels)
    if apart is not None:
        anti = _terms(apart.required_during_scheduling_ignored_during_execution, namespace, labels)
    for sign, side in ((1, together), (-1, apart)):
        for each in side.preferred_during_scheduling_ignored_during_execution if side else ():
            term = each.pod_affinity_term
            preferences.append(WeightedTerm(sign * each.weight, _terms((term,), namespace, labels)[0]))
    return affinity, anti, tuple(preferences)


def _ports(spec: PodSpec) -> tuple[HostPort, ...]:
    sidecars = (container for container in spec.init_containers if container.restart_policy == "Always")
    return tuple(
        HostPort(port.protocol or "TCP", port.host_ip or "0.0.0.0", port.host_port)
        for container in (*spec.containers, *sidecars)
        for port in container.ports
        if port.host_port
    )


def _spread(spec: PodSpec, namespace: str, labels: Mapping[str, str]) -> tuple[SpreadConstraint, ...]:
    return tuple(
        SpreadConstraint(
            each.topology_key,
            each.max_skew,
            each.when_unsatisfiable != "ScheduleAnyway",
            Group(
                frozenset((namespace,)),
                None,
                from_label_selector(each.label_selector, labels, each.match_label_keys),
                live_only=True,
            ),
            each.min_domains or 1,
            each.node_affinity_policy != "Ignore",
            each.node_taints_policy == "Honor",
        )
        for each in spec.topology_spread_constraints
    )
