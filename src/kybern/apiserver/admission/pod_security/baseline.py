"""The controls of the level `baseline`. Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/."""

from kybern.api.resource import Object
from kybern.apiserver.admission.pod_security.finding import (
    Check,
    Finding,
    containers,
    has_own_users,
    named,
    names,
    plural,
    quoted,
    security,
    setters,
    use,
)

_APP_ARMOR = "container.apparmor.security.beta.kubernetes.io/"
_CAPABILITIES = frozenset(
    (
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    )
)
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_HANDLERS = ("postStart", "preStop")


def app_armor(metadata: Object, spec: Object) -> Finding | None:
    allowed = ("RuntimeDefault", "Localhost")
    pod = _profile(spec, "appArmorProfile")
    bad = [each for each in containers(spec) if _profile(each, "appArmorProfile") not in (None, *allowed)]
    values = {_profile(each, "appArmorProfile") or "" for each in bad}
    if pod not in (None, *allowed):
        values.add(pod or "")
    annotations = sorted(
        f'{key}="{value}"'
        for key, value in (metadata.get("annotations") or {}).items()
        if key.startswith(_APP_ARMOR) and value and value != "runtime/default" and not value.startswith("localhost/")
    )
    listed = [*sorted(values), *annotations]
    if not listed:
        return None
    who = [setters(pod not in (None, *allowed), names(bad))] if values else []
    if annotations:
        who.append(plural("annotation", annotations))
    return Finding(
        plural("forbidden AppArmor profile", listed),
        f"{' and '.join(who)} must not set AppArmor profile type to {quoted(listed)}",
    )


def _profile(holder: Object, key: str) -> str | None:
    profile = security(holder).get(key)
    return None if profile is None else profile.get("type") or ""


def capabilities(metadata: Object, spec: Object) -> Finding | None:
    found: set[str] = set()
    bad = []
    for container in containers(spec):
        added = set((security(container).get("capabilities") or {}).get("add") or ()) - _CAPABILITIES
        if added:
            found |= added
            bad.append(container)
    if not bad:
        return None
    where = named(names(bad))
    detail = f"{where} must not include {quoted(sorted(found))} in securityContext.capabilities.add"
    return Finding("non-default capabilities", detail)


def host_namespaces(metadata: Object, spec: Object) -> Finding | None:
    shared = [f"{key}=true" for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key)]
    return Finding("host namespaces", ", ".join(shared)) if shared else None


def host_paths(metadata: Object, spec: Object) -> Finding | None:
    bad = names(volume for volume in spec.get("volumes") or () if volume.get("hostPath") is not None)
    return Finding("hostPath volumes", f"{plural('volume', bad)} {quoted(bad)}") if bad else None


def host_ports(metadata: Object, spec: Object) -> Finding | None:
    bad = [each for each in containers(spec) if any(port.get("hostPort") for port in each.get("ports") or ())]
    if not bad:
        return None
    found = sorted({str(port["hostPort"]) for each in bad for port in each["ports"] if port.get("hostPort")})
    where = names(bad)
    return Finding("hostPort", f"{named(where)} {use(where)} {plural('hostPort', found)} {', '.join(found)}")


def probe_hosts(metadata: Object, spec: Object) -> Finding | None:
    bad: set[str] = set()
    found: set[str] = set()
    for container in containers(spec):
        lifecycle = container.get("lifecycle") or {}
        handlers = [container.get(key) for key in _PROBES] + [lifecycle.get(key) for key in _HANDLERS]
        hosts = {_host(handler, kind) for handler in handlers if handler for kind in ("httpGet", "tcpSocket")} - {""}
        if hosts:
            bad.add(container["name"])
            found |= hosts
    if not bad:
        return None
    where, what = sorted(bad), sorted(found)
    detail = f"{named(where)} {use(where)} {plural('probe or lifecycle host', what)} {quoted(what)}"
    return Finding("probe or lifecycle host", detail)


def _host(handler: Object, kind: str) -> str:
    return (handler.get(kind) or {}).get("host") or ""


def privileged(metadata: Object, spec: Object) -> Finding | None:
    bad = names(each for each in containers(spec) if security(each).get("privileged"))
    return Finding("privileged", f"{named(bad)} must not set securityContext.privileged=true") if bad else None


def proc_mount(metadata: Object, spec: Object) -> Finding | None:
    bad = [each for each in containers(spec) if security(each).get("procMount") not in (None, "Default")]
    if not bad:
        return None
    found = sorted({security(each)["procMount"] for each in bad})
    return Finding("procMount", f"{named(names(bad))} must not set securityContext.procMount to {quoted(found)}")


def proc_mount_35(metadata: Object, spec: Object) -> Finding | None:
    return None if has_own_users(spec) else proc_mount(metadata, spec)


def se_linux(*more_types: str) -> Check:
    """The control with further types of SELinux allowed."""
    allowed = frozenset(("", "container_t", "container_init_t", "container_kvm_t", *more_types))

    def check(metadata: Object, spec: Object) -> Finding | None:
        def is_bad(holder: Object) -> bool:
            options = security(holder).get("seLinuxOptions") or {}
            return options.get("type", "") not in allowed or bool(options.get("user") or options.get("role"))

        pod, bad = is_bad(spec), [each for each in containers(spec) if is_bad(each)]
        if not pod and not bad:
            return None
        options = [security(each).get("seLinuxOptions") or {} for each in (spec, *containers(spec))]
        types = sorted({each.get("type", "") for each in options} - allowed)
        said = [f"{plural('type', types)} {quoted(types)}"] if types else []
        said += [f"{key} may not be set" for key in ("user", "role") if any(each.get(key) for each in options)]
        who = setters(pod, names(bad))
        return Finding("seLinuxOptions", f"{who} set forbidden securityContext.seLinuxOptions: {'; '.join(said)}")

    return check


def sysctls(*more: str) -> Check:
    """The control with further sysctls held to be safe."""
    allowed = frozenset(
        (
            "kernel.shm_rmid_forced",
            "net.ipv4.ip_local_port_range",
            "net.ipv4.tcp_syncookies",
            "net.ipv4.ping_group_range",
            "net.ipv4.ip_unprivileged_port_start",
            *more,
        )
    )

    def check(metadata: Object, spec: Object) -> Finding | None:
        bad = [each["name"] for each in security(spec).get("sysctls") or () if each["name"] not in allowed]
        return Finding("forbidden sysctls", ", ".join(bad)) if bad else None

    return check


def host_process(metadata: Object, spec: Object) -> Finding | None:
    def is_bad(holder: Object) -> bool:
        return bool((security(holder).get("windowsOptions") or {}).get("hostProcess"))

    pod, bad = is_bad(spec), names(each for each in containers(spec) if is_bad(each))
    if not pod and not bad:
        return None
    return Finding("hostProcess", f"{setters(pod, bad)} must not set securityContext.windowsOptions.hostProcess=true")
