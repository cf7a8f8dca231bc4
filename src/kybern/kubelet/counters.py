"""What the kubelet counts of its own work, under upstream's names; /metrics tells it. No I/O.

A series begins with its first event, as upstream's do; numbers begin at nothing when the kubelet does.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from kybern.kubelet.pod_spec import Kind

STARTED_PODS = "kubelet_started_pods_total"
STARTED_PODS_ERRORS = "kubelet_started_pods_errors_total"
STARTED_CONTAINERS = "kubelet_started_containers_total"
STARTED_CONTAINERS_ERRORS = "kubelet_started_containers_errors_total"
TERMINATED_CONTAINERS = "kubelet_terminated_containers_total"
RUNTIME_OPERATIONS = "kubelet_runtime_operations_total"
RUNTIME_OPERATIONS_ERRORS = "kubelet_runtime_operations_errors_total"
EVICTIONS = "kubelet_evictions"
PREEMPTIONS = "kubelet_preemptions"
PROBES = "prober_probe_total"

METRIC_KINDS = {
    Kind.INIT: "init_container",
    Kind.SIDECAR: "init_container",
    Kind.REGULAR: "container",
    Kind.EPHEMERAL: "ephemeral_container",
}
"""Values of the label container_type."""

_KNOWN: dict[str, tuple[str, tuple[str, ...]]] = {
    STARTED_PODS: ("Cumulative number of pods started", ()),
    STARTED_PODS_ERRORS: ("Cumulative number of errors when starting pods", ()),
    STARTED_CONTAINERS: ("Cumulative number of containers started", ("container_type",)),
    STARTED_CONTAINERS_ERRORS: (
        "Cumulative number of errors when starting containers",
        ("container_type", "code"),
    ),
    TERMINATED_CONTAINERS: (
        "Cumulative number of container terminations.",
        ("container_type", "exit_code", "reason"),
    ),
    RUNTIME_OPERATIONS: ("Cumulative number of runtime operations by operation type.", ("operation_type",)),
    RUNTIME_OPERATIONS_ERRORS: (
        "Cumulative number of runtime operation errors by operation type.",
        ("operation_type",),
    ),
    EVICTIONS: ("Cumulative number of pod evictions by eviction signal", ("eviction_signal",)),
    PREEMPTIONS: ("Cumulative number of pod preemptions by preemption resource", ("preemption_signal",)),
    PROBES: (
        "Cumulative number of a liveness, readiness or startup probe for a container by result.",
        ("probe_type", "result", "container", "pod", "namespace", "pod_uid"),
    ),
}
_WORD = re.compile(r"(?<!^)(?=[A-Z])")


class Counters:
    """One kubelet's."""

    def __init__(self) -> None:
        self._counts: defaultdict[str, Counter[tuple[str, ...]]] = defaultdict(Counter)

    def add(self, name: str, *values: str) -> None:
        """Count one event; `values` are those of the metric's labels, in their order."""
        assert len(values) == len(_KNOWN[name][1]), "a value for each label"
        self._counts[name][values] += 1

    def forget(self, name: str, pod_uid: str) -> None:
        """End the series of a Pod that is gone."""
        for values in [values for values in self._counts[name] if values[-1] == pod_uid]:
            del self._counts[name][values]

    def render(self, *, probes: bool) -> str:
        """In the text format of Prometheus: what is told of probes, or all else."""
        return "".join(self._lines(probes))

    def _lines(self, probes: bool) -> Iterator[str]:
        for name, (text, labels) in _KNOWN.items():
            counts = self._counts.get(name)
            if not counts or (name == PROBES) is not probes:
                continue
            yield f"# HELP {name} {text}\n# TYPE {name} counter\n"
            for values, count in sorted(counts.items()):
                told = ",".join(f'{key}="{_escaped(value)}"' for key, value in sorted(zip(labels, values, strict=True)))
                yield f"{name}{{{told}}} {count}\n" if told else f"{name} {count}\n"


def operation_of(method: str) -> str:
    """Upstream's name of a call to the runtime: RunPodSandbox is `run_podsandbox`."""
    name = _WORD.sub("_", method).lower().replace("pod_sandbox", "podsandbox")
    return "update_container" if name == "update_container_resources" else name


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
