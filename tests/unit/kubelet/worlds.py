"""Small worlds for cases: Pods, and what the runtime has of them."""

from typing import Any

from kybern.api.types import convert
from kybern.api.types.core_v1 import Container, Pod
from kybern.kubelet.labels import CONTAINER_HASH, CONTAINER_NAME, RESTART_COUNT, container_hash
from kybern.kubelet.observed import NANOSECONDS, PodRuntime
from kybern.kubelet.ports import ProbeKind
from kybern.kubelet.runtime.views import ContainerState, ContainerStatus, Sandbox

IMAGE = "localhost/busybox:1"
NOW = 1000.0
IP = "10.244.0.5"


def container(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "image": IMAGE, **fields}


def pod(*containers: dict[str, Any], status: dict[str, Any] | None = None, **spec: Any) -> Pod:
    plain = {
        "metadata": {"name": "p", "namespace": "d", "uid": "u", "generation": 1},
        "spec": {"containers": list(containers) or [container("c")], **spec},
        "status": status or {},
    }
    return convert(plain, Pod)


def sandbox(attempt: int = 0, *, ready: bool = True, ips: tuple[str, ...] = (IP,)) -> Sandbox:
    return Sandbox(f"s{attempt}", "p", "d", "u", attempt, ready, attempt + 1, {}, {}, ips)


def runs(name: str, attempt: int = 0, **fields: Any) -> ContainerStatus:
    return status(name, attempt, ContainerState.RUNNING, **fields)


def exited(name: str, code: int, attempt: int = 0, at: float = NOW, **fields: Any) -> ContainerStatus:
    return status(name, attempt, ContainerState.EXITED, exit_code=code, finished_at_ns=int(at * NANOSECONDS), **fields)


def status(name: str, attempt: int, state: ContainerState, **fields: Any) -> ContainerStatus:
    known: dict[str, Any] = {
        "id": f"{name}-{attempt}",
        "name": name,
        "attempt": attempt,
        "state": state,
        "created_at_ns": attempt + 1,
        "started_at_ns": NANOSECONDS,
        "finished_at_ns": 0,
        "exit_code": 0,
        "image": IMAGE,
        "image_id": "sha256:1",
        "reason": "",
        "message": "",
        "log_path": "",
        "labels": {CONTAINER_NAME: name},
        "annotations": {
            CONTAINER_HASH: container_hash(Container(name=name, image=IMAGE)),
            RESTART_COUNT: str(attempt),
        },
    }
    return ContainerStatus(**{**known, **fields})


def world(*containers: ContainerStatus, sandboxes: tuple[Sandbox, ...] = (), home: str = "") -> PodRuntime:
    boxes = sandboxes or (sandbox(),)
    newest_first = tuple(sorted(containers, key=lambda each: each.created_at_ns, reverse=True))
    return PodRuntime("u", boxes, newest_first, {each.id: home or boxes[0].id for each in containers})


class Probed:
    """Probe results as data: kind and container id to a result."""

    def __init__(self, **results: bool) -> None:
        self._results = results

    def result(self, kind: ProbeKind, container_id: str) -> bool | None:
        return self._results.get(f"{kind}_{container_id.replace('-', '_')}")
