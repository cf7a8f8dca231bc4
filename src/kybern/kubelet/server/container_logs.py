"""`/containerLogs/{namespace}/{pod}/{container}`: which container's log it is, and the log."""

from collections.abc import AsyncIterator

from kybern.api.types.core_v1 import ContainerStatus, Pod
from kybern.base.clock import Clock
from kybern.base.errors import BadRequest
from kybern.kubelet.logs.entry import options_of
from kybern.kubelet.logs.reader import read_log
from kybern.kubelet.pod_spec import find_container
from kybern.kubelet.server.containers import Containers
from kybern.kubelet.server.plain import plain
from kybern.transport.exchange import Answer, Request, Stream

TRUE = ("true", "1", "t")

PULL_WORDS = {
    "ErrImagePull": "is waiting to start: image can't be pulled",
    "ImagePullBackOff": "is waiting to start: trying and failing to pull image",
}


class NoLog(Exception):
    """There is no such log (yet); the text is upstream's."""


def logged_container(pod: Pod, name: str, previous: bool) -> str:
    """The id of the container whose log is meant, as upstream chooses it. Raises NoLog."""
    status = _status_of(pod, name)
    called = f'container "{name}" in pod "{pod.metadata.name}"'
    if status is None:
        raise NoLog(f"{called} is not available")
    last = status.last_state.terminated if status.last_state else None
    if previous:
        if last is None or not last.container_id:
            raise NoLog(f"previous terminated {called} not found")
        return _bare(last.container_id)
    state = status.state
    if state is not None and state.running is not None:
        return _bare(status.container_id)
    ended = state.terminated if state is not None else None
    for each in (ended, last):
        if each is not None and each.container_id:
            return _bare(each.container_id)
    if ended is not None or last is not None:
        raise NoLog(f"{called} is terminated")
    waiting = state.waiting if state is not None else None
    if waiting is None:
        raise NoLog(f"{called} is waiting to start - no logs yet")
    raise NoLog(f"{called} {PULL_WORDS.get(waiting.reason, f'is waiting to start: {waiting.reason}')}")


async def container_logs(
    containers: Containers, clock: Clock, request: Request, namespace: str, name: str, container: str
) -> Answer:
    """Raises RuntimeFailed."""
    query = {key: values[0] for key, values in request.query.items() if values}
    if query.get("tail"):
        query["tailLines"] = "" if query["tail"] == "all" else query["tail"]
    try:
        options = options_of(query, clock.now())
    except BadRequest:
        return plain(422, '{"message": "Invalid request."}')
    pod = containers.find(namespace, name)
    if pod is None:
        return plain(404, f'pod "{name}" does not exist')
    if find_container(pod, container) is None:
        return plain(404, f'container "{container}" not found in pod "{name}"')
    try:
        id = logged_container(pod, container, query.get("previous", "").lower() in TRUE)
    except NoLog as error:
        return plain(400, str(error))
    path = await containers.log_path(id)
    if path is None or not path.exists():
        where = f'"{path}": lstat {path}: no such file or directory' if path is not None else f'"{id}"'
        return plain(400, f"failed to try resolving symlinks in path {where}")

    async def pieces() -> AsyncIterator[bytes]:
        async for piece in read_log(path, options, lambda: containers.is_running(id)):
            if piece:
                yield piece

    return Stream(pieces(), content_type="text/plain")


def _status_of(pod: Pod, name: str) -> ContainerStatus | None:
    status = pod.status
    for each in (*status.container_statuses, *status.init_container_statuses, *status.ephemeral_container_statuses):
        if each.name == name:
            return each
    return None


def _bare(id: str) -> str:
    """Without the runtime's name before it: `containerd://…`."""
    return id.partition("://")[2] or id
