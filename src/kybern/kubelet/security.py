"""Security contexts: what a container may, by its own and its Pod's wishes, as the runtime takes it. Pure.

Source: https://kubernetes.io/docs/tasks/configure-pod-container/security-context/
"""

from pathlib import Path
from typing import Any

from kybern.api.types.core_v1 import Container, Pod, PodSecurityContext, SeccompProfile, SecurityContext
from kybern.kubelet.labels import format_pod
from kybern.kubelet.ports import ConfigNotReady
from kybern.kubelet.runtime.views import Image

MASKED_PATHS = (
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
)
READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
"""What a container does not see, or may not write, unless its procMount is Unmasked."""
RUNTIME_DEFAULT, UNCONFINED, LOCALHOST = 0, 1, 2
"""CRI's SecurityProfile.ProfileType."""
POD_NAMESPACE, CONTAINER_NAMESPACE, NODE_NAMESPACE, TARGET_NAMESPACE = 0, 1, 2, 3
"""CRI's NamespaceMode; TARGET is the namespace of another container."""
POLICIES = {"": 0, "Merge": 0, "Strict": 1}
"""CRI's SupplementalGroupsPolicy."""
_PROFILES = {"RuntimeDefault": RUNTIME_DEFAULT, "Unconfined": UNCONFINED, "Localhost": LOCALHOST}


def container_security(
    pod: Pod, container: Container, image: Image, seccomp_directory: Path, target_id: str = ""
) -> dict[str, Any]:
    """CRI's `LinuxContainerSecurityContext`; `target_id` is the container whose processes an ephemeral one sees.

    Raises ConfigNotReady where the context forbids the image's user.
    """
    own, shared = container.security_context or SecurityContext(), pod_context(pod)
    check_non_root(pod, container, image)
    made: dict[str, Any] = {
        "namespace_options": namespace_options(pod),
        "privileged": bool(own.privileged),
        "readonly_rootfs": bool(own.read_only_root_filesystem),
        "no_new_privs": own.allow_privilege_escalation is False,
        "supplemental_groups": supplemental_groups(pod),
        "supplemental_groups_policy": POLICIES[shared.supplemental_groups_policy],
        "seccomp": seccomp_profile(own.seccomp_profile or shared.seccomp_profile, seccomp_directory),
        **_user(own, shared, image),
    }
    if target_id:
        made["namespace_options"] |= {"pid": TARGET_NAMESPACE, "target_id": target_id}
    if own.proc_mount != "Unmasked":
        made |= {"masked_paths": list(MASKED_PATHS), "readonly_paths": list(READONLY_PATHS)}
    if own.capabilities is not None:
        made["capabilities"] = {
            "add_capabilities": own.capabilities.add,
            "drop_capabilities": own.capabilities.drop,
        }
    return made


def sandbox_security(pod: Pod) -> dict[str, Any]:
    """CRI's `LinuxSandboxSecurityContext`. The sandbox itself is confined, whatever its containers are.

    Raises ConfigNotReady for what this node cannot give.
    """
    if pod.spec.host_users is False:
        raise ConfigNotReady('RuntimeClass handler "" does not support user namespaces')
    shared = pod_context(pod)
    made: dict[str, Any] = {
        "namespace_options": namespace_options(pod),
        "privileged": has_privileged_container(pod),
        "seccomp": {"profile_type": RUNTIME_DEFAULT},
        "supplemental_groups": supplemental_groups(pod),
        "supplemental_groups_policy": POLICIES[shared.supplemental_groups_policy],
    }
    if shared.run_as_user is not None:
        made["run_as_user"] = {"value": shared.run_as_user}
        if shared.run_as_group is not None:
            made["run_as_group"] = {"value": shared.run_as_group}
    return made


def namespace_options(pod: Pod) -> dict[str, int]:
    spec = pod.spec
    pid = NODE_NAMESPACE if spec.host_pid else POD_NAMESPACE if spec.share_process_namespace else CONTAINER_NAMESPACE
    return {
        "network": NODE_NAMESPACE if spec.host_network else POD_NAMESPACE,
        "pid": pid,
        "ipc": NODE_NAMESPACE if spec.host_ipc else POD_NAMESPACE,
    }


def pod_context(pod: Pod) -> PodSecurityContext:
    """The Pod's own, or an empty one."""
    return pod.spec.security_context or PodSecurityContext()


def supplemental_groups(pod: Pod) -> list[int]:
    """Groups of every process of the Pod: the one that owns its volumes, then those that it asks for."""
    shared = pod_context(pod)
    return [*([shared.fs_group] if shared.fs_group is not None else []), *shared.supplemental_groups]


def run_as_user(pod: Pod, container: Container) -> int | None:
    """The user that the specs ask for; None: the image's."""
    own, shared = container.security_context or SecurityContext(), pod_context(pod)
    return shared.run_as_user if own.run_as_user is None else own.run_as_user


def check_non_root(pod: Pod, container: Container, image: Image) -> None:
    """Raises ConfigNotReady where the container must not be root and is, or may be."""
    own, shared = container.security_context or SecurityContext(), pod_context(pod)
    wanted = shared.run_as_non_root if own.run_as_non_root is None else own.run_as_non_root
    if not wanted:
        return
    subject = f'(pod: "{format_pod(pod)}", container: {container.name})'
    user = run_as_user(pod, container)
    if user is not None:
        if user == 0:
            raise ConfigNotReady(f"container's runAsUser breaks non-root policy {subject}")
    elif image.username:
        raise ConfigNotReady(
            f"container has runAsNonRoot and image has non-numeric user ({image.username}), "
            f"cannot verify user is non-root {subject}"
        )
    elif not image.uid:
        raise ConfigNotReady(f"container has runAsNonRoot and image will run as root {subject}")


def _user(own: SecurityContext, shared: PodSecurityContext, image: Image) -> dict[str, Any]:
    user = shared.run_as_user if own.run_as_user is None else own.run_as_user
    group = shared.run_as_group if own.run_as_group is None else own.run_as_group
    made: dict[str, Any] = {}
    if user is None and image.username:
        made["run_as_username"] = image.username
    else:
        made["run_as_user"] = {"value": image.uid or 0 if user is None else user}
    if group is not None:
        made["run_as_group"] = {"value": group}
    return made


def seccomp_profile(profile: SeccompProfile | None, directory: Path) -> dict[str, Any]:
    """CRI's `SecurityProfile`: nothing is confined that did not ask for it (`seccompDefault` is off)."""
    kind = _PROFILES.get(profile.type if profile else "", UNCONFINED)
    if kind == LOCALHOST and profile is not None:
        return {"profile_type": kind, "localhost_ref": str(directory / profile.localhost_profile)}
    return {"profile_type": kind}


def has_privileged_container(pod: Pod) -> bool:
    """Whether the sandbox has to allow for it."""
    containers = (*pod.spec.init_containers, *pod.spec.containers)
    return any(each.security_context and each.security_context.privileged for each in containers)
