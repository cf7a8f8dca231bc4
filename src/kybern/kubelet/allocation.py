"""What a Pod's containers may use: what was allocated to them, and what they have been given (KEP-1287).

Desired (the spec) becomes allocated where the node has room; allocated becomes actuated when the containers are told.
Both are kept on disk, so that a new kubelet neither forgets a resize nor makes one twice.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from msgspec.structs import replace

from kybern.api.quantity import milli_value, value
from kybern.api.types import to_dict
from kybern.api.types.core_v1 import Container, Pod, PodCondition, ResourceRequirements
from kybern.kubelet.pod_level import effective_of
from kybern.kubelet.pod_spec import is_sidecar

COUNTED = ("cpu", "memory")
PENDING, IN_PROGRESS, FAILED = "PodResizePending", "PodResizeInProgress", "Error"
CONDITIONS = (PENDING, IN_PROGRESS)
_DECODER = msgspec.json.Decoder(dict[str, dict[str, ResourceRequirements]])

WHOLE = ""
"""What the Pod says for all its containers together lies beside what they say, by this name."""

Resources = Mapping[str, ResourceRequirements]
"""By container."""


def resizable(pod: Pod) -> Iterator[Container]:
    """The containers that may be given other resources while they run."""
    yield from filter(is_sidecar, pod.spec.init_containers)
    yield from pod.spec.containers


def resources_of(pod: Pod) -> dict[str, ResourceRequirements]:
    found = {container.name: container.resources or ResourceRequirements() for container in resizable(pod)}
    return found if pod.spec.resources is None else found | {WHOLE: pod.spec.resources}


def effective_resources(pod: Pod) -> dict[str, ResourceRequirements]:
    """The same as it is actuated: a container without a limit gets its Pod's."""
    return resources_of(pod) | {container.name: effective_of(pod, container) for container in resizable(pod)}


def amounts(resources: ResourceRequirements) -> dict[tuple[str, str], int]:
    """What counts of them, to be compared: by `requests` or `limits` and name, in thousandths of a CPU and bytes."""
    return {
        (kind, name): milli_value(text) if name == "cpu" else value(text)
        for kind, found in (("requests", resources.requests), ("limits", resources.limits))
        for name, text in found.items()
        if name in COUNTED
    }


def same(left: Resources, right: Resources) -> bool:
    """Whether two allocations of the same containers are one."""
    return all(name in right and amounts(left[name]) == amounts(right[name]) for name in left)


def with_resources(pod: Pod, resources: Resources) -> Pod:
    """The Pod with these resources in the place of its spec's."""
    if same(resources_of(pod), resources):
        return pod

    def given(container: Container) -> Container:
        found = resources.get(container.name)
        return container if found is None else replace(container, resources=found)

    spec = pod.spec
    init = [given(each) if is_sidecar(each) else each for each in spec.init_containers]
    regular = [given(each) for each in spec.containers]
    whole = resources.get(WHOLE, spec.resources)
    return replace(pod, spec=replace(spec, containers=regular, init_containers=init, resources=whole))


@dataclass
class Allocation:
    """One Pod's. `path` is where it is kept."""

    path: Path
    allocated: dict[str, ResourceRequirements]
    actuated: dict[str, ResourceRequirements] = field(default_factory=dict)
    pending: tuple[str, str] | None = None
    """Reason and message of a resize that does not fit (yet)."""
    generation: int | None = None
    """Of the spec that is being actuated; None: nothing is to be done."""
    error: str = ""

    @classmethod
    def load(cls, path: Path, pod: Pod) -> "Allocation":
        """As it was kept; for a Pod that is new, what its spec says."""
        try:
            kept = _DECODER.decode(path.read_bytes())
        except (OSError, msgspec.MsgspecError):
            kept = {}
        allocated = kept.get("allocated") or resources_of(pod)
        given = effective_resources(with_resources(pod, allocated))
        allocation = cls(path, allocated, kept.get("actuated") or dict(given))
        if not same(given, allocation.actuated):
            allocation.generation = pod.metadata.generation
        return allocation

    def save(self) -> None:
        """Raises OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        data = {"allocated": self.allocated, "actuated": self.actuated}
        self.path.write_bytes(msgspec.json.encode(data))

    def actuate(self, name: str, resources: ResourceRequirements | None) -> None:
        """A container, or the Pod as a WHOLE, has been given these."""
        if name in self.allocated:
            self.actuated[name] = resources or ResourceRequirements()
            self.save()

    def conditions(self, pod: Pod) -> list[PodCondition]:
        """What the Pod's status tells of a resize."""
        found = []
        if self.pending is not None:
            reason, message = self.pending
            found.append(_condition(PENDING, reason, message, pod.metadata.generation))
        if self.generation is not None:
            found.append(_condition(IN_PROGRESS, FAILED if self.error else "", self.error, self.generation))
        return found


def _condition(type: str, reason: str, message: str, generation: int | None) -> PodCondition:
    return PodCondition(type=type, status="True", reason=reason, message=message, observed_generation=generation)


def resize_message(pod: Pod, word: str, error: str = "") -> str:
    """The text of an event about a resize: `Pod resize started: {…}`."""
    told: dict[str, object] = {}
    for name, containers in (("initContainers", pod.spec.init_containers), ("containers", pod.spec.containers)):
        if containers:
            told[name] = [
                {"name": each.name, "resources": to_dict(each.resources) if each.resources else {}}
                for each in containers
            ]
    told["generation"] = pod.metadata.generation or 0
    if error:
        told["error"] = error
    return f"Pod resize {word}: {json.dumps(told, separators=(',', ':'))}"
