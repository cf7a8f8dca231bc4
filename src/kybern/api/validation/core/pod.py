"""Pod and Pod templates: the whole of a PodSpec, in upstream's order."""

from collections.abc import Iterator

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.core.affinity import validate_affinity, validate_spread, validate_tolerations
from kybern.api.validation.core.annotations import validate_pod_annotations
from kybern.api.validation.core.containers import (
    Scope,
    validate_containers,
    validate_ephemeral_containers,
    validate_init_containers,
)
from kybern.api.validation.core.file_keys import validate_file_keys
from kybern.api.validation.core.pod_network import validate_dns, validate_host_aliases, validate_host_network
from kybern.api.validation.core.pod_security import validate_host_users, validate_os, validate_pod_security
from kybern.api.validation.core.resources import validate_pod_resources, validate_requirements
from kybern.api.validation.core.volumes import validate_volumes
from kybern.api.validation.core.windows import validate_host_process
from kybern.api.validation.field import (
    duplicate,
    each_invalid,
    forbidden,
    invalid,
    not_supported,
    required,
    too_long,
)
from kybern.api.validation.metadata import validate_annotations, validate_labels

_RESTART_POLICIES = ("Always", "OnFailure", "Never")
_DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_PREEMPTION = ("PreemptLowerPriority", "Never")
_MAX_INT32 = 2**31 - 1
_MIRROR = "kubernetes.io/config.mirror"


def validate_pod(pod: Object) -> Iterator[FieldError]:
    """A new Pod."""
    spec = pod.get("spec") or {}
    yield from validate_pod_and_spec(pod)
    if spec.get("ephemeralContainers"):
        yield forbidden("spec.ephemeralContainers", "cannot be set on create")
    if spec.get("nodeName") and spec.get("schedulingGates"):
        yield forbidden("spec.nodeName", "cannot be set until all schedulingGates have been cleared")


def validate_pod_and_spec(pod: Object) -> Iterator[FieldError]:
    """What holds for a Pod at any time."""
    spec = pod.get("spec") or {}
    yield from validate_pod_annotations(pod["metadata"].get("annotations"), spec, "metadata.annotations")
    yield from validate_pod_spec(spec, pod["metadata"], "spec", is_pod=True)
    if not spec.get("serviceAccountName"):
        for index, volume in enumerate(spec.get("volumes") or ()):
            for place, source in enumerate((volume.get("projected") or {}).get("sources") or ()):
                if source.get("serviceAccountToken") is not None:
                    path = f"spec.volumes[{index}].projected.sources[{place}].serviceAccountToken"
                    yield forbidden(path, "must not be specified when serviceAccountName is not set")
    for group in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(group) or ()):
            yield from validate_image_spacing(container, f"spec.{group}[{index}]")


def validate_image_spacing(container: Object, path: str) -> Iterator[FieldError]:
    """Only for Pods: templates have always been let through."""
    image = container.get("image") or ""
    if image != image.strip():
        yield invalid(f"{path}.image", image, "must not have leading or trailing whitespace")


def validate_template(template: Object, path: str) -> Iterator[FieldError]:
    """A PodTemplateSpec."""
    metadata, spec = template.get("metadata") or {}, template.get("spec") or {}
    yield from validate_labels(metadata.get("labels"), f"{path}.labels")
    yield from validate_annotations(metadata.get("annotations"), f"{path}.annotations")
    yield from validate_pod_annotations(metadata.get("annotations"), spec, f"{path}.annotations")
    yield from validate_pod_spec(spec, None, f"{path}.spec", is_pod=False)
    if spec.get("ephemeralContainers"):
        yield forbidden(f"{path}.spec.ephemeralContainers", "ephemeral containers not allowed in pod template")


def validate_pod_spec(spec: Object, metadata: Object | None, path: str, *, is_pod: bool) -> Iterator[FieldError]:
    if spec.get("terminationGracePeriodSeconds") is None:
        yield required(f"{path}.terminationGracePeriodSeconds")
    volumes, errors = validate_volumes(spec.get("volumes") or (), metadata, f"{path}.volumes", is_pod=is_pod)
    yield from errors
    claims = {claim["name"] for claim in spec.get("resourceClaims") or () if claim.get("name")}
    scope = Scope(spec, volumes, claims)
    yield from _resource_claims(spec, metadata, f"{path}.resourceClaims")
    yield from validate_containers(spec.get("containers") or (), scope, f"{path}.containers")
    yield from validate_init_containers(spec.get("initContainers") or (), scope, f"{path}.initContainers")
    yield from validate_ephemeral_containers(
        spec.get("ephemeralContainers") or (), scope, f"{path}.ephemeralContainers"
    )
    yield from validate_pod_resources(spec, claims, path)
    yield from validate_host_network(spec, path, is_pod=is_pod)
    yield from one_of(spec.get("restartPolicy"), f"{path}.restartPolicy", _RESTART_POLICIES)
    yield from one_of(spec.get("dnsPolicy"), f"{path}.dnsPolicy", _DNS_POLICIES)
    yield from validate_labels(spec.get("nodeSelector"), f"{path}.nodeSelector")
    yield from validate_pod_security(spec, f"{path}.securityContext")
    yield from validate_affinity(spec.get("affinity") or {}, f"{path}.affinity")
    yield from validate_dns(spec.get("dnsConfig"), spec.get("dnsPolicy"), f"{path}.dnsConfig")
    yield from _gates(spec, path)
    yield from validate_spread(spec.get("topologySpreadConstraints") or (), f"{path}.topologySpreadConstraints")
    yield from validate_host_process(spec, path)
    yield from validate_host_users(spec, path)
    yield from _hostname_override(spec, path)
    yield from _scalars(spec, path)
    yield from validate_os(spec, path)
    yield from validate_file_keys(spec, path)


def one_of(value: str | None, path: str, supported: tuple[str, ...]) -> Iterator[FieldError]:
    """A needed choice."""
    if not value:
        yield required(path)
    elif value not in supported:
        yield not_supported(path, value, supported)


def _resource_claims(spec: Object, metadata: Object | None, path: str) -> Iterator[FieldError]:
    seen: set[str] = set()
    for index, claim in enumerate(spec.get("resourceClaims") or ()):
        at = f"{path}[{index}]"
        if _MIRROR in ((metadata or {}).get("annotations") or {}):
            yield forbidden("", "static pods do not support resource claims")
            continue
        name = claim.get("name") or ""
        if not name:
            yield required(f"{at}.name")
        elif name in seen:
            yield duplicate(f"{at}.name", name)
        else:
            yield from each_invalid(f"{at}.name", name, names.dns_label(name))
            seen.add(name)
        keys = ("resourceClaimName", "resourceClaimTemplateName")
        given = [key for key in keys if claim.get(key) is not None]
        shown = {"Name": name, "ResourceClaimName": claim.get(keys[0]), "ResourceClaimTemplateName": claim.get(keys[1])}
        if len(given) == 2:
            detail = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
            yield invalid(at, shown, detail)
        if not given:
            yield invalid(at, shown, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`")
        for key in given:
            yield from each_invalid(f"{at}.{key}", claim[key], names.dns_subdomain(claim[key]))


def _gates(spec: Object, path: str) -> Iterator[FieldError]:
    for index, gate in enumerate(spec.get("readinessGates") or ()):
        kind = gate.get("conditionType") or ""
        yield from each_invalid(f"{path}.readinessGates[{index}].conditionType", kind, names.qualified_name(kind))
    seen = set()
    for index, gate in enumerate(spec.get("schedulingGates") or ()):
        at, name = f"{path}.schedulingGates[{index}]", gate.get("name") or ""
        yield from each_invalid(at, name, names.qualified_name(name))
        if name in seen:
            yield duplicate(at, name)
        seen.add(name)


def _hostname_override(spec: Object, path: str) -> Iterator[FieldError]:
    name = spec.get("hostnameOverride")
    if name is None:
        return
    at = f"{path}.hostnameOverride"
    if spec.get("setHostnameAsFQDN"):
        yield forbidden(at, "may not be specified when setHostnameAsFQDN is true")
    if spec.get("hostNetwork"):
        yield forbidden(at, "may not be specified when hostNetwork is true")
    if names.size(name) > 64:
        yield too_long(at, 64)
    yield from each_invalid(at, name, names.dns_subdomain(name))


def _scalars(spec: Object, path: str) -> Iterator[FieldError]:
    for key in ("serviceAccountName", "nodeName"):
        if spec.get(key):
            yield from each_invalid(f"{path}.{key}", spec[key], names.dns_subdomain(spec[key]))
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= _MAX_INT32:
        yield invalid(f"{path}.activeDeadlineSeconds", deadline, names.between(1, _MAX_INT32))
    for key in ("hostname", "subdomain"):
        if spec.get(key):
            yield from each_invalid(f"{path}.{key}", spec[key], names.dns_label(spec[key]))
    yield from validate_tolerations(spec.get("tolerations") or (), f"{path}.tolerations")
    yield from validate_host_aliases(spec.get("hostAliases") or (), f"{path}.hostAliases")
    for key in ("priorityClassName", "runtimeClassName"):
        if spec.get(key) or (key == "runtimeClassName" and spec.get(key) is not None):
            yield from each_invalid(f"{path}.{key}", spec[key], names.dns_subdomain(spec[key]))
    if spec.get("preemptionPolicy") is not None:
        yield from one_of(spec["preemptionPolicy"], f"{path}.preemptionPolicy", _PREEMPTION)
    if spec.get("overhead"):
        yield from validate_requirements({"limits": spec["overhead"]}, set(), f"{path}.overhead")
