"""The table of controls: from which version of Kubernetes on each holds, and what of baseline it replaces.

Controls are told in the order of the table: baseline's first, by name.
"""

from functools import cache
from typing import NamedTuple

from kybern.api.resource import Object
from kybern.apiserver.admission.pod_security import baseline, restricted
from kybern.apiserver.admission.pod_security.finding import Check, Finding
from kybern.apiserver.admission.pod_security.policy import PRIVILEGED, RESTRICTED, Standard

NEWEST_MINOR = 36
"""Later versions are held to be like this one."""


class Control(NamedTuple):
    name: str
    since: int
    """The first minor version in which `check` holds; a later row of the same name replaces it."""
    check: Check
    replaces: str = ""
    """The name of a control of baseline."""


_KEEP_ALIVE = ("tcp_keepalive_time", "tcp_fin_timeout", "tcp_keepalive_intvl", "tcp_keepalive_probes")
_SYSCTLS_27 = ("net.ipv4.ip_local_reserved_ports",)
_SYSCTLS_29 = (*_SYSCTLS_27, *(f"net.ipv4.{name}" for name in _KEEP_ALIVE))
_SYSCTLS_32 = (*_SYSCTLS_29, "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem")

BASELINE = (
    Control("appArmorProfile", 0, baseline.app_armor),
    Control("capabilities_baseline", 0, baseline.capabilities),
    Control("hostNamespaces", 0, baseline.host_namespaces),
    Control("hostPathVolumes", 0, baseline.host_paths),
    Control("hostPorts", 0, baseline.host_ports),
    Control("hostProbesAndHostLifecycle", 34, baseline.probe_hosts),
    Control("privileged", 0, baseline.privileged),
    Control("procMount", 0, baseline.proc_mount),
    Control("procMount", 35, baseline.proc_mount_35),
    Control("seLinuxOptions", 0, baseline.se_linux()),
    Control("seLinuxOptions", 31, baseline.se_linux("container_engine_t")),
    Control("seccompProfile_baseline", 0, restricted.annotated_seccomp),
    Control("seccompProfile_baseline", 19, restricted.explicit_seccomp),
    Control("sysctls", 0, baseline.sysctls()),
    Control("sysctls", 27, baseline.sysctls(*_SYSCTLS_27)),
    Control("sysctls", 29, baseline.sysctls(*_SYSCTLS_29)),
    Control("sysctls", 32, baseline.sysctls(*_SYSCTLS_32)),
    Control("windowsHostProcess", 0, baseline.host_process),
)

_LINUX, _HOST_USERS = restricted.on_linux, restricted.with_host_users

MORE = (
    Control("allowPrivilegeEscalation", 8, restricted.privilege_escalation),
    Control("allowPrivilegeEscalation", 25, _LINUX(restricted.privilege_escalation)),
    Control("capabilities_restricted", 22, restricted.capabilities, "capabilities_baseline"),
    Control("capabilities_restricted", 25, _LINUX(restricted.capabilities), "capabilities_baseline"),
    Control("procMount_restricted", 35, baseline.proc_mount, "procMount"),
    Control("restrictedVolumes", 0, restricted.volumes, "hostPathVolumes"),
    Control("runAsNonRoot", 0, restricted.run_as_non_root),
    Control("runAsNonRoot", 35, _HOST_USERS(restricted.run_as_non_root)),
    Control("runAsUser", 23, restricted.run_as_user),
    Control("runAsUser", 35, _HOST_USERS(restricted.run_as_user)),
    Control("seccompProfile_restricted", 19, restricted.seccomp, "seccompProfile_baseline"),
    Control("seccompProfile_restricted", 25, _LINUX(restricted.seccomp), "seccompProfile_baseline"),
)


def evaluate(standard: Standard, metadata: Object, spec: Object) -> list[Finding]:
    """Everything in which a Pod does not conform."""
    if standard.level == PRIVILEGED:
        return []
    minor = NEWEST_MINOR if standard.minor is None else min(standard.minor, NEWEST_MINOR)
    found = (check(metadata, spec) for check in _checks(standard.level, minor))
    return [finding for finding in found if finding is not None]


@cache
def _checks(level: str, minor: int) -> tuple[Check, ...]:
    held = _as_of(BASELINE, minor)
    if level != RESTRICTED:
        return tuple(control.check for control in held.values())
    more = _as_of(MORE, minor)
    replaced = {control.replaces for control in more.values()}
    kept = [control.check for name, control in held.items() if name not in replaced]
    return (*kept, *(control.check for control in more.values()))


def _as_of(controls: tuple[Control, ...], minor: int) -> dict[str, Control]:
    return {control.name: control for control in controls if control.since <= minor}
