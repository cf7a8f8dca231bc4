"""The controls that `restricted` adds. Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/."""

from kybern.api.resource import Object
from kybern.apiserver.admission.pod_security.finding import (
    Check,
    Finding,
    containers,
    has_own_users,
    is_windows,
    named,
    names,
    plural,
    quoted,
    security,
    setters,
    use,
)

_VOLUMES = frozenset(
    [
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    ]
)
_OTHER_VOLUMES = (
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "gitRepo",
    "nfs",
    "iscsi",
    "glusterfs",
    "rbd",
    "flexVolume",
    "cinder",
    "cephfs",
    "flocker",
    "fc",
    "azureFile",
    "vsphereVolume",
    "quobyte",
    "azureDisk",
    "photonPersistentDisk",
    "portworxVolume",
    "scaleIO",
    "storageos",
)


def on_linux(check: Check) -> Check:
    """Pods that say they are for Windows need not say what only Linux has (since v1.25)."""
    return lambda metadata, spec: None if is_windows(spec) else check(metadata, spec)


def with_host_users(check: Check) -> Check:
    """Pods in a user namespace may be root there (since v1.35)."""
    return lambda metadata, spec: None if has_own_users(spec) else check(metadata, spec)


def privilege_escalation(metadata: Object, spec: Object) -> Finding | None:
    bad = names(each for each in containers(spec) if security(each).get("allowPrivilegeEscalation") is not False)
    if not bad:
        return None
    detail = f"{named(bad)} must set securityContext.allowPrivilegeEscalation=false"
    return Finding("allowPrivilegeEscalation != false", detail)


def capabilities(metadata: Object, spec: Object) -> Finding | None:
    keeping, adding = [], []
    added: set[str] = set()
    for container in containers(spec):
        own = security(container).get("capabilities") or {}
        if "ALL" not in (own.get("drop") or ()):
            keeping.append(container)
        extra = set(own.get("add") or ()) - {"NET_BIND_SERVICE"}
        if extra:
            adding.append(container)
            added |= extra
    said = []
    if keeping:
        said.append(f'{named(names(keeping))} must set securityContext.capabilities.drop=["ALL"]')
    if adding:
        what = quoted(sorted(added))
        said.append(f"{named(names(adding))} must not include {what} in securityContext.capabilities.add")
    return Finding("unrestricted capabilities", "; ".join(said)) if said else None


def volumes(metadata: Object, spec: Object) -> Finding | None:
    bad = [each for each in spec.get("volumes") or () if not any(each.get(key) is not None for key in _VOLUMES)]
    if not bad:
        return None
    found = {next((key for key in _OTHER_VOLUMES if each.get(key) is not None), "unknown") for each in bad}
    who, what = names(bad), sorted(found)
    detail = f"{plural('volume', who)} {quoted(who)} {use(who)} {plural('restricted volume type', what)} {quoted(what)}"
    return Finding("restricted volume types", detail)


def run_as_non_root(metadata: Object, spec: Object) -> Finding | None:
    pod = security(spec).get("runAsNonRoot")
    bad = names(each for each in containers(spec) if security(each).get("runAsNonRoot") is False)
    if pod is False or bad:
        who = setters(pod is False, bad)
        return Finding("runAsNonRoot != true", f"{who} must not set securityContext.runAsNonRoot=false")
    silent = [] if pod else names(each for each in containers(spec) if security(each).get("runAsNonRoot") is None)
    if not silent:
        return None
    return Finding("runAsNonRoot != true", f"pod or {named(silent)} must set securityContext.runAsNonRoot=true")


def run_as_user(metadata: Object, spec: Object) -> Finding | None:
    pod = security(spec).get("runAsUser") == 0
    bad = names(each for each in containers(spec) if security(each).get("runAsUser") == 0)
    return Finding("runAsUser=0", f"{setters(pod, bad)} must not set runAsUser=0") if pod or bad else None


def seccomp(metadata: Object, spec: Object) -> Finding | None:
    """Also what tells of profiles that baseline forbids."""
    finding = explicit_seccomp(metadata, spec)
    if finding is not None:
        return finding
    if security(spec).get("seccompProfile") is not None:
        return None
    silent = names(each for each in containers(spec) if security(each).get("seccompProfile") is None)
    if not silent:
        return None
    detail = f'pod or {named(silent)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
    return Finding("seccompProfile", detail)


def explicit_seccomp(metadata: Object, spec: Object) -> Finding | None:
    """Baseline's control since v1.19: what is said must be one of the two safe profiles."""

    def bad_profile(holder: Object) -> str | None:
        profile = security(holder).get("seccompProfile")
        kind = None if profile is None else profile.get("type") or ""
        return None if kind in ("RuntimeDefault", "Localhost") else kind

    pod = bad_profile(spec)
    bad = [each for each in containers(spec) if bad_profile(each) is not None]
    if pod is None and not bad:
        return None
    found = sorted({kind for each in (spec, *bad) if (kind := bad_profile(each)) is not None})
    who = setters(pod is not None, names(bad))
    return Finding("seccompProfile", f"{who} must not set securityContext.seccompProfile.type to {quoted(found)}")


_SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod"
_SECCOMP_CONTAINER = "container.seccomp.security.alpha.kubernetes.io/"


def annotated_seccomp(metadata: Object, spec: Object) -> Finding | None:
    """Baseline's control before v1.19, when profiles were annotations."""
    annotations = metadata.get("annotations") or {}
    keys = [_SECCOMP_POD, *(f"{_SECCOMP_CONTAINER}{name}" for name in names(containers(spec)))]
    bad = sorted(
        {f'{key}="{annotations[key]}"' for key in keys if key in annotations and not _is_safe(annotations[key])}
    )
    return Finding("seccompProfile", f"forbidden {plural('annotation', bad)} {', '.join(bad)}") if bad else None


def _is_safe(profile: str) -> bool:
    return profile in ("runtime/default", "docker/default") or profile.startswith("localhost/")
