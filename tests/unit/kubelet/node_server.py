"""A Pod that the node's server knows, whose container is this machine."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kybern.api.types import convert
from kybern.api.types.core_v1 import Pod
from kybern.kubelet.runtime.views import ContainerStats
from kybern.kubelet.server.containers import PodNetwork
from kybern.transport.exchange import Request

RUNTIME = """#!/bin/sh
# Stands in for the OCI runtime: runs the command here.
while [ "$1" != exec ]; do [ "$1" = --log ] && log=$2; shift; done
shift
while [ "${1#--}" != "$1" ]; do [ "$1" = --pid-file ] && { pid=$2; shift; }; shift; done
shift
if [ "$1" = nope ]; then
  echo '{"level":"error","msg":"exec failed: no such file"}' > "$log"
  echo "exec failed: no such file" >&2
  exit 255
fi
echo $$ > "$pid"
exec "$@"
"""


LOG = """2026-01-02T03:04:05.1Z stdout F one
2026-01-02T03:04:06.1Z stderr F two
2026-01-02T03:04:07.1Z stdout F three
"""


def make_pod(state: dict[str, Any], last: dict[str, Any] | None = None) -> Pod:
    status = {"name": "c", "containerID": "containerd://id1", "state": state, "lastState": last or {}}
    plain = {
        "metadata": {"name": "web", "namespace": "default", "uid": "u1"},
        "spec": {"containers": [{"name": "c"}, {"name": "idle"}]},
        "status": {"startTime": "2026-01-01T00:00:00Z", "containerStatuses": [status]},
    }
    return convert(plain, Pod)


RUNNING = {"running": {"startedAt": "2026-01-02T03:04:05Z"}}
LABELS = {"io.kubernetes.container.name": "c", "io.kubernetes.pod.uid": "u1"}
STATS = ContainerStats("id1", "c", LABELS, 1_767_323_045_000_000_000, 2_500_000_000, 4096, 8192, 2048, 100)


@dataclass
class Known:
    """Containers of one Pod."""

    directory: Path
    pod: Pod = field(default_factory=lambda: make_pod(RUNNING))

    def pods(self) -> Sequence[Pod]:
        return [self.pod]

    def find(self, namespace: str, name: str) -> Pod | None:
        return self.pod if (namespace, name) == ("default", "web") else None

    def running(self, pod: Pod, container: str) -> str | None:
        return "id1" if container == "c" else None

    async def is_running(self, container: str) -> bool:
        return False

    async def log_path(self, container: str) -> Path | None:
        return self.directory / f"{container}.log"

    async def network(self, pod: Pod) -> PodNetwork | None:
        return PodNetwork("sandbox1", "")

    async def running_pods(self) -> list[Pod]:
        return []

    async def stats(self) -> list[ContainerStats]:
        return [STATS]


async def anyone(request: Request) -> None:
    """A gate that is open."""
