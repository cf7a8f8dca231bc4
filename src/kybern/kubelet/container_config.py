"""A container's `ContainerConfig`: command, environment, mounts, resources, the termination log."""

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from kybern.api.quantity import milli_value, value
from kybern.api.types.core_v1 import Container, Pod, PodIP
from kybern.base.errors import StatusError, Unreachable
from kybern.kubelet.config.downward import Node
from kybern.kubelet.config.environment import ConfigError, Sources, container_environment
from kybern.kubelet.config.expansion import expand
from kybern.kubelet.kubelet_config import KubeletConfig
from kybern.kubelet.labels import container_annotations, container_labels
from kybern.kubelet.ports import ConfigNotReady, ContainerPlace, EventSink
from kybern.kubelet.qos import PERIOD_MICROSECONDS, cpu_quota, cpu_shares, oom_score_adj
from kybern.kubelet.references import References
from kybern.kubelet.sandbox_config import make_sandbox_config, namespace_options

PROPAGATION = {"": 0, "None": 0, "HostToContainer": 1, "Bidirectional": 2}


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

    async def sandbox(self, pod: Pod, attempt: int, cgroup_parent: str) -> Mapping[str, Any]:
        """See Environment.sandbox."""
        return make_sandbox_config(self._config, pod, attempt, cgroup_parent)

    async def build(self, pod: Pod, container: Container, place: ContainerPlace) -> Mapping[str, Any]:
        """See Environment.build."""
        variables = await self._variables(pod, container, place)
        return {
            "metadata": {"name": container.name, "attempt": place.restart_count},
            "image": {"image": place.image.id, "user_specified_image": container.image},
            "command": [expand(word, variables) for word in container.command],
            "args": [expand(word, variables) for word in container.args],
            "working_dir": container.working_dir,
            "envs": [{"key": name, "value": text} for name, text in variables.items()],
            "mounts": [*self._mounts(container, place, variables), *self._termination_log(pod, container)],
            "labels": container_labels(pod, container),
            "annotations": container_annotations(pod, container, place.restart_count),
            "log_path": f"{container.name}/{place.restart_count}.log",
            "stdin": bool(container.stdin),
            "stdin_once": bool(container.stdin_once),
            "tty": bool(container.tty),
            "linux": {
                "resources": linux_resources(self._config, pod, container, self._memory_bytes),
                "security_context": self._security(pod, container),
            },
        }

    async def _variables(self, pod: Pod, container: Container, place: ContainerPlace) -> Mapping[str, str]:
        try:
            objects = await self._references.objects(pod, tokens=False)
            sources = Sources(objects.config_maps, objects.secrets, self._references.service_variables(pod))
            # The status in the API may not have the address yet that the sandbox has already.
            known = replace(pod, status=replace(pod.status, **_addresses(place)))
            made = container_environment(known, container, sources, self._node())
        except (ConfigError, StatusError, Unreachable) as error:
            raise ConfigNotReady(str(error)) from error
        if made.skipped:
            names = ", ".join(made.skipped)
            message = f"Keys [{names}] from the EnvFrom source were skipped since they are considered invalid"
            self._sink.event(pod, "Warning", "InvalidEnvironmentVariableNames", message)
        return made.variables

    def _mounts(
        self, container: Container, place: ContainerPlace, variables: Mapping[str, str]
    ) -> list[dict[str, Any]]:
        mounts = []
        for mount in container.volume_mounts:
            if mount.name not in place.volumes:
                raise ConfigNotReady(f'cannot find volume "{mount.name}" to mount into container "{container.name}"')
            path = Path(place.volumes[mount.name])
            sub_path = expand(mount.sub_path_expr, variables) or mount.sub_path
            if sub_path:
                path = (path / sub_path).resolve()
                if not path.is_relative_to(Path(place.volumes[mount.name]).resolve()):
                    raise ConfigNotReady(f'failed to prepare subPath for volumeMount "{mount.name}"')
            if not path.exists():
                path.mkdir(parents=True)
            mounts.append(
                {
                    "container_path": mount.mount_path if mount.mount_path.startswith("/") else f"/{mount.mount_path}",
                    "host_path": str(path),
                    "readonly": bool(mount.read_only),
                    "propagation": PROPAGATION[mount.mount_propagation],
                }
            )
        return mounts

    def _termination_log(self, pod: Pod, container: Container) -> list[dict[str, Any]]:
        """A file for the container's last words, new for every start."""
        if not container.termination_message_path:
            return []
        directory = self._config.pod_directory(pod.metadata.uid) / "containers" / container.name
        directory.mkdir(parents=True, exist_ok=True)
        file = directory / secrets.token_hex(4)
        file.touch()
        file.chmod(0o666)
        return [{"container_path": container.termination_message_path, "host_path": str(file)}]

    def _security(self, pod: Pod, container: Container) -> dict[str, Any]:
        own, shared = container.security_context, pod.spec.security_context
        made: dict[str, Any] = {"namespace_options": namespace_options(pod)}
        user = own.run_as_user if own and own.run_as_user is not None else shared.run_as_user if shared else None
        group = own.run_as_group if own and own.run_as_group is not None else shared.run_as_group if shared else None
        if user is not None:
            made["run_as_user"] = {"value": user}
        if user is not None and group is not None:
            made["run_as_group"] = {"value": group}
        if own is not None:
            made["privileged"] = bool(own.privileged)
            made["readonly_rootfs"] = bool(own.read_only_root_filesystem)
        return made


def _addresses(place: ContainerPlace) -> dict[str, Any]:
    ips = place.sandbox.ips
    return {"pod_ip": ips[0], "pod_ips": [PodIP(ip=ip) for ip in ips]} if ips else {}


def linux_resources(config: KubeletConfig, pod: Pod, container: Container, memory_bytes: int) -> dict[str, Any]:
    """CRI's `LinuxContainerResources`. Pure."""
    resources = container.resources
    requests, limits = (resources.requests, resources.limits) if resources else ({}, {})
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


def memory_capacity() -> int:
    """The node's memory, in bytes."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("/proc/meminfo has no MemTotal")
