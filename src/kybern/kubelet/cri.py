"""The container runtime, over CRI: the only gRPC of the kubelet.

Answers leave as small dataclasses: no protobuf object gets past this file. Requests are mappings in the CRI's own
field names. It never retries and never decides.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, Self

import grpc.aio
from google.protobuf.json_format import ParseDict

from kybern.base.errors import KybernError
from kybern.kubelet.runtime.messages import MESSAGES, PACKAGE

MAX_MESSAGE_BYTES: Final = 16 << 20
DEFAULT_TIMEOUT_SECONDS: Final = 120.0
"""Upstream's `--runtime-request-timeout` default."""


class RuntimeFailed(KybernError):
    """The runtime refused a call or could not be reached. `code` is gRPC's, as `NOT_FOUND`."""

    def __init__(self, method: str, code: str, message: str) -> None:
        super().__init__(f"{method}: {code}: {message}")
        self.code = code
        self.message = message


class ContainerState(IntEnum):
    CREATED = 0
    RUNNING = 1
    EXITED = 2
    UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class ContainerStatus:
    """One container as the runtime sees it; times are nanoseconds since the epoch, 0 where it has not happened."""

    id: str
    name: str
    attempt: int
    state: ContainerState
    created_at_ns: int
    started_at_ns: int
    finished_at_ns: int
    exit_code: int
    image_id: str
    reason: str
    message: str
    log_path: str

    @classmethod
    def of(cls, answer: Any) -> Self:
        return cls(
            id=answer.id,
            name=answer.metadata.name,
            attempt=answer.metadata.attempt,
            state=ContainerState(answer.state),
            created_at_ns=answer.created_at,
            started_at_ns=answer.started_at,
            finished_at_ns=answer.finished_at,
            exit_code=answer.exit_code,
            image_id=answer.image_ref,
            reason=answer.reason,
            message=answer.message,
            log_path=answer.log_path,
        )


class Runtime:
    """A connection to one runtime. `socket` is the path of its Unix socket."""

    def __init__(self, socket: str) -> None:
        options = [("grpc.max_receive_message_length", MAX_MESSAGE_BYTES)]
        self._channel = grpc.aio.insecure_channel(f"unix://{socket}", options=options)

    async def close(self) -> None:
        await self._channel.close()

    async def version(self) -> tuple[str, str]:
        """The runtime's name and version."""
        answer = await self._call("Runtime", "Version", {})
        return answer.runtime_name, answer.runtime_version

    async def run_sandbox(self, config: Mapping[str, Any], *, handler: str = "") -> str:
        """Start a sandbox from a `PodSandboxConfig`; its id."""
        answer = await self._call("Runtime", "RunPodSandbox", {"config": config, "runtime_handler": handler})
        return str(answer.pod_sandbox_id)

    async def sandbox_ips(self, sandbox: str) -> list[str]:
        """The Pod's addresses, the first one primary; empty with the node's own network."""
        network = (await self._call("Runtime", "PodSandboxStatus", {"pod_sandbox_id": sandbox})).status.network
        return [network.ip, *(other.ip for other in network.additional_ips)] if network.ip else []

    async def stop_sandbox(self, sandbox: str) -> None:
        await self._call("Runtime", "StopPodSandbox", {"pod_sandbox_id": sandbox})

    async def remove_sandbox(self, sandbox: str) -> None:
        await self._call("Runtime", "RemovePodSandbox", {"pod_sandbox_id": sandbox})

    async def create_container(self, sandbox: str, config: Mapping[str, Any], pod: Mapping[str, Any]) -> str:
        """Create from a `ContainerConfig` in a sandbox made from the `PodSandboxConfig` `pod`; the container's id."""
        request = {"pod_sandbox_id": sandbox, "config": config, "sandbox_config": pod}
        return str((await self._call("Runtime", "CreateContainer", request)).container_id)

    async def start_container(self, container: str) -> None:
        await self._call("Runtime", "StartContainer", {"container_id": container})

    async def stop_container(self, container: str, grace_seconds: int) -> None:
        """TERM, then KILL after the grace; returns when it is gone."""
        request = {"container_id": container, "timeout": grace_seconds}
        await self._call("Runtime", "StopContainer", request, grace_seconds + DEFAULT_TIMEOUT_SECONDS)

    async def remove_container(self, container: str) -> None:
        await self._call("Runtime", "RemoveContainer", {"container_id": container})

    async def container_status(self, container: str) -> ContainerStatus:
        """Raises RuntimeFailed with code NOT_FOUND for a container that is gone."""
        answer = await self._call("Runtime", "ContainerStatus", {"container_id": container})
        return ContainerStatus.of(answer.status)

    async def image_id(self, image: str) -> str:
        """The id of an image that is here, "" of one that is not."""
        answer = await self._call("Image", "ImageStatus", {"image": {"image": image}})
        return str(answer.image.id)

    async def _call(
        self, service: str, method: str, request: Mapping[str, Any], timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    ) -> Any:
        call: Any = self._channel.unary_unary(
            f"/{PACKAGE}.{service}Service/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=MESSAGES[f"{method}Response"].FromString,
        )
        try:
            return await call(ParseDict(dict(request), MESSAGES[f"{method}Request"]()), timeout=timeout_seconds)
        except grpc.aio.AioRpcError as error:
            raise RuntimeFailed(method, error.code().name, error.details() or "") from error
