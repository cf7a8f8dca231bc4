"""Asks the runtime what it has of one Pod."""

from collections.abc import Mapping

from kybern.kubelet.cri import Runtime, RuntimeFailed
from kybern.kubelet.labels import POD_UID
from kybern.kubelet.observed import PodRuntime
from kybern.kubelet.runtime.views import ContainerState, ContainerStatus


async def observe(runtime: Runtime, uid: str, known: Mapping[str, ContainerStatus]) -> PodRuntime:
    """Ask the runtime. `known` are statuses of before: what has exited does not change and is not asked for again."""
    selector = {POD_UID: uid}
    listed = await runtime.list_sandboxes(selector)
    sandboxes = sorted(listed, key=lambda sandbox: (sandbox.created_at_ns, sandbox.attempt), reverse=True)
    if sandboxes:
        try:
            sandboxes[0] = await runtime.sandbox_status(sandboxes[0].id)
        except RuntimeFailed as error:
            if error.code != "NOT_FOUND":
                raise
            del sandboxes[0]  # It went between the two calls.
    containers = []
    homes = {}
    for record in await runtime.list_containers(selector):
        before = known.get(record.id)
        homes[record.id] = record.sandbox
        if before is not None and before.state is ContainerState.EXITED:
            containers.append(before)
            continue
        try:
            containers.append(await runtime.container_status(record.id))
        except RuntimeFailed as error:
            if error.code != "NOT_FOUND":
                raise
    containers.sort(key=lambda container: (container.created_at_ns, container.attempt), reverse=True)
    return PodRuntime(uid, tuple(sandboxes), tuple(containers), homes)
