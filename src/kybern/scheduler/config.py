"""KubeSchedulerConfiguration, as far as this scheduler has knobs."""

from dataclasses import dataclass

DEFAULT_SCHEDULER_NAME = "default-scheduler"


@dataclass(frozen=True, slots=True)
class Weights:
    """Of the scores, upstream's defaults. 0 turns one off."""

    least_allocated: int = 1
    balanced_allocation: int = 1
    taint_toleration: int = 3
    node_affinity: int = 2
    pod_topology_spread: int = 2
    inter_pod_affinity: int = 2
    image_locality: int = 1


@dataclass(frozen=True, slots=True)
class Profile:
    """Pods name it in spec.schedulerName."""

    scheduler_name: str = DEFAULT_SCHEDULER_NAME
    weights: Weights = Weights()


@dataclass(frozen=True, slots=True)
class SchedulerConfig:
    """All nodes are scored, whatever percentageOfNodesToScore says: on columns that is cheaper than sampling."""

    profiles: tuple[Profile, ...] = (Profile(),)
    host: str = ""
    """The machine's name, by which events tell which of several schedulers spoke."""
    initial_backoff_seconds: float = 1.0
    max_backoff_seconds: float = 10.0
    parallel_bindings: int = 64
    """Requests for bindings and statuses under way at a time."""
    batch_limit: int = 256
    """Pods decided in one go before the event loop gets its turn."""
    seed: int | None = None
    """Of the lots between equal nodes; None: the system's randomness."""
