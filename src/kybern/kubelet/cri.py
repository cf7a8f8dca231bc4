"""The container runtime, over CRI: the only gRPC of the kubelet.

Answers leave as small dataclasses (`runtime/views.py`). Requests for sandboxes and containers are mappings in the
CRI's own field names. It never retries and never decides.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import grpc.aio
from google.protobuf.json_format import ParseDict

from kybern.base.errors import KybernError
from kybern.kubelet.counters import RUNTIME_OPERATIONS, RUNTIME_OPERATIONS_ERRORS, Counters, operation_of
from kybern.kubelet.runtime.event_messages import EVENTS, EVENTS_SERVICE, TOPICS, event_of
from kybern.kubelet.runtime.messages import MESSAGES, PACKAGE
from kybern.kubelet.runtime.views import (
    Auth,
    ContainerRecord,
    ContainerStats,
    ContainerStatus,
    ExecResult,
    FilesystemUsage,
    Image,
    RuntimeCondition,
    RuntimeEvent,
    RuntimeFeatures,
    Sandbox,
)

MAX_MESSAGE_BYTES: Final = 16 << 20
DEFAULT_TIMEOUT_SECONDS: Final = 120.0
"""Upstream's `--runtime-request-timeout` default."""
PULL_TIMEOUT_SECONDS: Final = 3600.0
"""A pull ends by progress of its own in the runtime; this only bounds a runtime that hangs."""
NO_MAPPING: Final[Mapping[str, str]] = {}
CONTAINER_STOPPED: Final = 2
"""CRI's ContainerEventType CONTAINER_STOPPED_EVENT."""
RECONNECT_MILLISECONDS: Final = (100, 1000)
"""The first and the longest pause before a runtime that went away is called again (gRPC's own grows to two minutes)."""


class RuntimeFailed(KybernError):
    """The runtime refused a call or could not be reached. `code` is gRPC's, as `NOT_FOUND`."""

    def __init__(self, method: str, code: str, message: str) -> None:
        super().__init__(f"{method}: {code}: {message}")
        self.code = code
        self.message = message

    @property
    def rpc_text(self) -> str:
        """The error as Go's gRPC prints it, which upstream's messages hold."""
        words = "".join(word.capitalize() for word in self.code.split("_"))
        return f"rpc error: code = {words} desc = {self.message}"


class Runtime:
    """A connection to one runtime. `socket` is the path of its Unix socket."""

    def __init__(self, socket: str, counters: Counters | None = None) -> None:
        self._counters = counters if counters is not None else Counters()
        options = [
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.initial_reconnect_backoff_ms", RECONNECT_MILLISECONDS[0]),
            ("grpc.max_reconnect_backoff_ms", RECONNECT_MILLISECONDS[1]),
        ]
        self._channel = grpc.aio.insecure_channel(f"unix://{socket}", options=options)
        self._features: RuntimeFeatures | None = None

    async def close(self) -> None:
        await self._channel.close()

    async def version(self) -> tuple[str, str]:
        """The runtime's name and version."""
        answer = await self._call("Runtime", "Version", {})
        return answer.runtime_name, answer.runtime_version

    async def conditions(self) -> list[RuntimeCondition]:
        """Whether the runtime and its network are ready."""
        answer = await self._call("Runtime", "Status", {})
        return [RuntimeCondition(c.type, c.status, c.reason, c.message) for c in answer.status.conditions]

    async def features(self) -> RuntimeFeatures:
        """What the runtime can do beyond the least of the CRI; asked once."""
        if self._features is None:
            self._features = RuntimeFeatures.of(await self._call("Runtime", "Status", {"verbose": True}))
        return self._features

    # Sandboxes

    async def run_sandbox(self, config: Mapping[str, Any], *, handler: str = "") -> str:
        """Start a sandbox from a `PodSandboxConfig`; its id."""
        request = {"config": config, "runtime_handler": handler}
        answer = await self._call("Runtime", "RunPodSandbox", request, 2 * DEFAULT_TIMEOUT_SECONDS)
        return str(answer.pod_sandbox_id)

    async def list_sandboxes(self, labels: Mapping[str, str] = NO_MAPPING) -> list[Sandbox]:
        """All sandboxes that carry the labels, without addresses."""
        answer = await self._call("Runtime", "ListPodSandbox", {"filter": {"label_selector": dict(labels)}})
        return [Sandbox.of(item) for item in answer.items]

    async def sandbox_status(self, sandbox: str) -> Sandbox:
        """Raises RuntimeFailed with code NOT_FOUND for one that is gone."""
        return Sandbox.of((await self._call("Runtime", "PodSandboxStatus", {"pod_sandbox_id": sandbox})).status)

    async def sandbox_info(self, sandbox: str) -> str:
        """What the runtime tells of a sandbox beyond the CRI: JSON of its own kind, "" for nothing."""
        answer = await self._call("Runtime", "PodSandboxStatus", {"pod_sandbox_id": sandbox, "verbose": True})
        return str(answer.info.get("info", ""))

    async def stop_sandbox(self, sandbox: str) -> None:
        await self._call("Runtime", "StopPodSandbox", {"pod_sandbox_id": sandbox})

    async def remove_sandbox(self, sandbox: str) -> None:
        await self._call("Runtime", "RemovePodSandbox", {"pod_sandbox_id": sandbox})

    # Containers

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

    async def list_containers(self, labels: Mapping[str, str] = NO_MAPPING) -> list[ContainerRecord]:
        """All containers that carry the labels, the dead ones too."""
        answer = await self._call("Runtime", "ListContainers", {"filter": {"label_selector": dict(labels)}})
        return [ContainerRecord.of(item) for item in answer.containers]

    async def container_status(self, container: str) -> ContainerStatus:
        """Raises RuntimeFailed with code NOT_FOUND for a container that is gone."""
        answer = await self._call("Runtime", "ContainerStatus", {"container_id": container})
        return ContainerStatus.of(answer.status)

    async def container_pid(self, container: str) -> int:
        """The first process of a running container; 0 where the runtime does not tell."""
        answer = await self._call("Runtime", "ContainerStatus", {"container_id": container, "verbose": True})
        told = json.loads(answer.info.get("info", "") or "{}")
        return int(told.get("pid") or 0)

    async def update_resources(self, container: str, linux: Mapping[str, Any]) -> None:
        """Change a running container's `LinuxContainerResources`."""
        await self._call("Runtime", "UpdateContainerResources", {"container_id": container, "linux": linux})

    async def reopen_log(self, container: str) -> None:
        """Write on to a new file at the container's log path, after the old one was renamed."""
        await self._call("Runtime", "ReopenContainerLog", {"container_id": container})

    async def exec_sync(self, container: str, command: Sequence[str], timeout_seconds: int = 0) -> ExecResult:
        """Run a command to its end. Raises RuntimeFailed with code DEADLINE_EXCEEDED after the timeout (0: none)."""
        request = {"container_id": container, "cmd": list(command), "timeout": timeout_seconds}
        limit = timeout_seconds + DEFAULT_TIMEOUT_SECONDS if timeout_seconds else PULL_TIMEOUT_SECONDS
        answer = await self._call("Runtime", "ExecSync", request, limit)
        return ExecResult(answer.exit_code, answer.stdout, answer.stderr)

    async def exec_url(self, container: str, command: Sequence[str], streams: Mapping[str, bool]) -> str:
        """Where the runtime streams an exec; `streams` has tty, stdin, stdout, stderr."""
        request = {"container_id": container, "cmd": list(command), **streams}
        return str((await self._call("Runtime", "Exec", request)).url)

    async def attach_url(self, container: str, streams: Mapping[str, bool]) -> str:
        """Where the runtime streams an attach."""
        return str((await self._call("Runtime", "Attach", {"container_id": container, **streams})).url)

    async def stats(self, labels: Mapping[str, str] = NO_MAPPING) -> list[ContainerStats]:
        """What the running containers that carry the labels use."""
        answer = await self._call("Runtime", "ListContainerStats", {"filter": {"label_selector": dict(labels)}})
        return [ContainerStats.of(item) for item in answer.stats]

    # Images

    async def image(self, reference: str) -> Image | None:
        """An image that is here."""
        answer = await self._call("Image", "ImageStatus", {"image": {"image": reference}})
        return Image.of(answer.image) if answer.image.id else None

    async def list_images(self) -> list[Image]:
        return [Image.of(item) for item in (await self._call("Image", "ListImages", {})).images]

    async def pull_image(self, reference: str, auth: Auth | None, pod: Mapping[str, Any]) -> str:
        """Pull for a sandbox's config `pod`; the image's reference by digest."""
        request: dict[str, Any] = {"image": {"image": reference}, "sandbox_config": pod}
        if auth is not None:
            request["auth"] = {name: value for name, value in asdict(auth).items() if value}
        return str((await self._call("Image", "PullImage", request, PULL_TIMEOUT_SECONDS)).image_ref)

    async def remove_image(self, reference: str) -> None:
        await self._call("Image", "RemoveImage", {"image": {"image": reference}})

    async def image_filesystems(self) -> list[FilesystemUsage]:
        """What the images take, by file system."""
        answer = await self._call("Image", "ImageFsInfo", {})
        return [
            FilesystemUsage(each.fs_id.mountpoint, each.used_bytes.value, each.inodes_used.value)
            for each in answer.image_filesystems
        ]

    # Events

    async def container_events(self) -> AsyncIterator[RuntimeEvent]:
        """Each time that something happens to a container or a sandbox, by CRI's event stream.

        Raises RuntimeFailed with code UNIMPLEMENTED where the runtime has none (containerd before 2.0).
        """
        method = f"/{PACKAGE}.RuntimeService/GetContainerEvents"
        stream = self._stream(method, MESSAGES["GetEventsRequest"](), MESSAGES["ContainerEventResponse"])
        async for event in stream:
            yield RuntimeEvent(event.container_id, event.container_event_type == CONTAINER_STOPPED)

    async def containerd_events(self, namespace: str = "k8s.io") -> AsyncIterator[RuntimeEvent]:
        """The same from containerd's own event service, which every containerd has: exits come within milliseconds."""
        filters = [f'namespace=="{namespace}",topic=="{topic}"' for topic in TOPICS]
        request = EVENTS["SubscribeRequest"](filters=filters)
        async for envelope in self._stream(EVENTS_SERVICE, request, EVENTS["Envelope"]):
            event = event_of(envelope)
            if event is not None:
                yield event

    async def _stream(self, method: str, request: Any, answer: Any) -> AsyncIterator[Any]:
        call: Any = self._channel.unary_stream(
            method,
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=answer.FromString,
        )
        try:
            async for item in call(request):
                yield item
        except grpc.aio.AioRpcError as error:
            raise RuntimeFailed(method, error.code().name, error.details() or "") from error

    async def _call(
        self, service: str, method: str, request: Mapping[str, Any], timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    ) -> Any:
        call: Any = self._channel.unary_unary(
            f"/{PACKAGE}.{service}Service/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=MESSAGES[f"{method}Response"].FromString,
        )
        self._counters.add(RUNTIME_OPERATIONS, operation_of(method))
        try:
            return await call(ParseDict(dict(request), MESSAGES[f"{method}Request"]()), timeout=timeout_seconds)
        except grpc.aio.AioRpcError as error:
            self._counters.add(RUNTIME_OPERATIONS_ERRORS, operation_of(method))
            raise RuntimeFailed(method, error.code().name, error.details() or "") from error
