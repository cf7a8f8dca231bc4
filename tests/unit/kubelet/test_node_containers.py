"""What the node's server finds among the kubelet's workers."""

from types import SimpleNamespace
from typing import Any

from kybern.api.types.core_v1 import Pod
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.kubelet.cri import Runtime
from kybern.kubelet.server.node_containers import NodeContainers


def worker(name: str, uid: str) -> Any:
    return SimpleNamespace(pod=Pod(metadata=ObjectMeta(name=name, namespace="default", uid=uid)))


async def test_of_namesakes_the_newest_is_found() -> None:
    """Logs are asked for by name, while the Pod that was deleted a moment ago is not gone yet."""
    workers = [worker("web", "old"), worker("other", "x"), worker("web", "new")]
    containers = NodeContainers(lambda: workers, Runtime("/nowhere.sock"))
    found = containers.find("default", "web")
    assert found is not None
    assert found.metadata.uid == "new"
    assert containers.find("default", "absent") is None
