"""A container's `ContainerConfig`: command, environment, resources; its mounts and its security are rooms of their own."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from kybern.api.quantity import milli_value, value
from kybern.api.types.core_v1 import Container, Pod, PodIP
from kybern.base.errors import StatusError, Unreachable
from kybern.kubelet.cgroups import MOUNTS, find_hierarchies, has_unified_memory
from kybern.kubelet.config.downward import Node
from kybern.kubelet.config.env_file import BadEnvFile, read_env_file
from kybern.kubelet.config.environment import ConfigError, Sources, container_environment, env_files
from kybern.kubelet.config.expansion import expand
from kybern.kubelet.container_mounts import container_devices, container_mounts
from kybern.kubelet.kubelet_config import KubeletConfig
from kybern.kubelet.labels import container_annotations, container_labels, format_pod
from kybern.kubelet.pod_level import effective_of
from kybern.kubelet.ports import ConfigNotReady, ContainerPlace, EventSink
from kybern.kubelet.qos import PERIOD_MICROSECONDS, cpu_quota, cpu_shares, oom_score_adj
from kybern.kubelet.references import References
from kybern.kubelet.sandbox_config import make_sandbox_config
from kybern.kubelet.security import container_security

DIE_TOGETHER = {"memory.oom.group": "1"}
"""Out of memory, all processes of a container go: half a container is none (`singleProcessOOMKill` is off)."""
NO_CLUSTER_DNS = (
    'pod: "{}". kubelet does not have ClusterDNS IP configured and cannot create Pod using "{}" policy. '
    'Falling back to "Default" policy.'
)


class PodEnvironment:
    """The kubelet's Environment. `node` says what containers may know of the node."""

    def __init__(
        self, config: KubeletConfig, references: References, node: Callable[[], Node], sink: EventSink
    ) -> None:
        self._config = config
        self._references = references
        self._node = node
        self._sink = sink
        self._memory_bytes = memory_capacity()
        self._unified = has_unified_memory(find_hierarchies(MOUNTS.read_text()))

    async def sandbox(self, pod: Pod, attempt: int, cgroup_parent: str) -> Mapping[str, Any]:
        """See Environment.sandbox."""
        policy = pod.spec.dns_policy or "ClusterFirst"
        if policy.startswith("ClusterFirst") and not self._config.cluster_dns and not pod.spec.host_network:
            self._sink.event(pod, "Warning", "MissingClusterDNS", NO_CLUSTER_DNS.format(format_pod(pod), policy))
        return make_sandbox_config(self._config, pod, attempt, cgroup_parent)

    async def handler(self, pod: Pod) -> str:
        """See Environment.handler."""
        try:
            return await self._references.runtime_handler(pod)
        except (StatusError, Unreachable) as error:
            text = f'failed to get sandbox runtime: RuntimeClass "{pod.spec.runtime_class_name}" not found'
            raise ConfigNotReady(text) from error

    async def build(self, pod: Pod, container: Container, place: ContainerPlace) -> Mapping[str, Any]:
        """See Environment.build."""
        seccomp = self._config.root_directory / "seccomp"
        security = container_security(pod, container, place.image, seccomp, place.target_id)
        variables = await self._variables(pod, container, place)
        mounts = await asyncio.to_thread(container_mounts, self._config, pod, container, place, variables)
        return {
            "metadata": {"name": container.name, "attempt": place.restart_count},
            "image": {"image": place.image.id, "user_specified_image": container.image},
            "command": [expand(word, variables) for word in container.command],
            "args": [expand(word, variables) for word in container.args],
            "working_dir": container.working_dir,
            "envs": [{"key": name, "value": text} for name, text in variables.items()],
            "mounts": mounts,
            "devices": container_devices(container, place),
            "labels": container_labels(pod, container),
            "annotations": container_annotations(pod, container, place.restart_count),
            "log_path": f"{container.name}/{place.restart_count}.log",
            "stdin": bool(container.stdin),
            "stdin_once": bool(container.stdin_once),
            "tty": bool(container.tty),
            "linux": {
                "resources": linux_resources(self._config, pod, container, self._memory_bytes)
                | ({"unified": DIE_TOGETHER} if self._unified else {}),
                "security_context": security,
            },
        }

    async def _variables(self, pod: Pod, container: Container, place: ContainerPlace) -> Mapping[str, str]:
        try:
            objects = await self._references.objects(pod, tokens=False)
            files = await asyncio.to_thread(_read_files, container, place)
            sources = Sources(objects.config_maps, objects.secrets, self._references.service_variables(pod), files)
            # The status in the API may not have the address yet that the sandbox has already.
            known = replace(pod, status=replace(pod.status, **_addresses(place)))
            made = container_environment(known, container, sources, self._node())
        except (BadEnvFile, ConfigError, StatusError, Unreachable) as error:
            raise ConfigNotReady(str(error)) from error
        if made.skipped:
            names = ", ".join(made.skipped)
            message = f"Keys [{names}] from the EnvFrom source were skipped since they are considered invalid"
            self._sink.event(pod, "Warning", "InvalidEnvironmentVariableNames", message)
        return made.variables


def _read_files(container: Container, place: ContainerPlace) -> dict[tuple[str, str], Mapping[str, str] | None]:
    """Raises BadEnvFile."""
    return {
        (volume, path): read_env_file(Path(place.volumes[volume].path), path)
        for volume, path in env_files(container)
        if volume in place.volumes
    }


def _addresses(place: ContainerPlace) -> dict[str, Any]:
    ips = place.sandbox.ips
    return {"pod_ip": ips[0], "pod_ips": [PodIP(ip=ip) for ip in ips]} if ips else {}


def linux_resources(config: KubeletConfig, pod: Pod, container: Container, memory_bytes: int) -> dict[str, Any]:
    """CRI's `LinuxContainerResources`. Pure."""
    resources = effective_of(pod, container)
    requests, limits = resources.requests, resources.limits
    made: dict[str, Any] = {
        "cpu_shares": cpu_shares(milli_value(requests.get("cpu") or limits.get("cpu") or "0")),
        "oom_score_adj": oom_score_adj(pod, container, memory_bytes),
    }
    if limits.get("memory"):
        made["memory_limit_in_bytes"] = value(limits["memory"])
    if config.cpu_cfs_quota and limits.get("cpu"):
        made["cpu_period"] = PERIOD_MICROSECONDS
        made["cpu_quota"] = cpu_quota(milli_value(limits["cpu"]))
    return made


def resized_resources(config: KubeletConfig, pod: Pod, container: Container) -> dict[str, Any]:
    """The same for a container that runs: a limit that is gone has to be said."""
    made = linux_resources(config, pod, container, memory_capacity())
    del made["oom_score_adj"]  # It is that of the processes, which stay.
    if config.cpu_cfs_quota and "cpu_quota" not in made:
        made |= {"cpu_period": PERIOD_MICROSECONDS, "cpu_quota": -1}
    return made


def memory_capacity() -> int:
    """The node's memory, in bytes."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("/proc/meminfo has no MemTotal")
