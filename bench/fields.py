"""What ownership of fields costs: managedFields of a create and of a status update, an apply that changes nothing.

    python bench/fields.py

Pure functions in one process, for the Pod of `api.py`; the best of many rounds, in CPU time.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from kybern.api.fields import structure
from kybern.api.fields.apply import apply
from kybern.api.fields.managers import Writer
from kybern.api.fields.update import created, updated
from kybern.api.fields.versions import Version
from kybern.api.schema import codec

sys.path.insert(0, str(Path(__file__).parent))

from target import POD

ROUNDS, TIMES = 40, 200
NAME = "io.k8s.api.core.v1.Pod"
NOW = "2026-01-01T00:00:00Z"


def microseconds(work: Callable[[], Any]) -> float:
    """CPU of one call, in the best round."""
    work()
    best = float("inf")
    for _ in range(ROUNDS):
        begun = time.process_time()
        for _ in range(TIMES):
            work()
        best = min(best, time.process_time() - begun)
    return best / TIMES * 1e6


def main() -> None:
    pods = codec("v1", "Pod")
    body = orjson.dumps(POD)
    pod, _ = pods.admit(body, "Warn")
    pod["metadata"] |= {"name": "p", "uid": "u"}
    spec = Version("v1", structure.atom(NAME), {"f:status": {}}, structure.zero(NAME))
    status = Version("v1", spec.atom, {"f:spec": {}}, spec.zero)
    entries = created(spec, pod, Writer("bench", "v1", NOW))
    conditions = [{"type": kind, "status": "True"} for kind in ("Ready", "Initialized", "ContainersReady")]
    running = {**pod, "status": {"phase": "Running", "conditions": conditions}}
    kubelet = Writer("kubelet", "v1", NOW, "status")
    config = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": POD["spec"]}
    owned = apply(spec, pod, config, entries, Writer("applier", "v1", NOW), force=False).entries
    cases: list[tuple[str, Callable[[], Any]]] = [
        ("for comparison: decode, check and default the Pod", lambda: pods.admit(body, "Warn")),
        ("managedFields of its creation", lambda: created(spec, pod, Writer("bench", "v1", NOW))),
        ("of the first write of its status", lambda: updated(status, pod, running, entries, kubelet)),
        (
            "an apply that changes nothing",
            lambda: apply(spec, pod, config, owned, Writer("applier", "v1", NOW), force=False),
        ),
    ]
    for name, work in cases:
        print(f"{name:52} {microseconds(work):7.1f} µs")
    tracked = {**pod, "metadata": {**pod["metadata"], "managedFields": entries}}
    print(
        f"{'bytes of the Pod, without and with managedFields':52} {len(orjson.dumps(pod))}, {len(orjson.dumps(tracked))}"
    )


if __name__ == "__main__":
    main()
