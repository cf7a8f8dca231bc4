"""What a Pod or a template is accepted with but should not have. Source: pkg/api/pod/warnings.go."""

from collections.abc import Iterator, Mapping, Sequence

from kybern.api.resource import Object
from kybern.api.validation import names
from kybern.api.validation.address_warnings import ip_warnings
from kybern.api.validation.core import apparmor
from kybern.api.validation.core.node_label_warnings import DEPRECATED, node_term_warnings
from kybern.api.validation.core.volume_warnings import fraction_warnings, volume_warnings
from kybern.api.validation.field import quote

_ANNOTATIONS = {
    "scheduler.alpha.kubernetes.io/critical-pod": (
        'non-functional in v1.16+; use the "priorityClassName" field instead'
    ),
    "security.alpha.kubernetes.io/sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
    "security.alpha.kubernetes.io/unsafe-sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
}
_SECCOMP_POD, _SECCOMP = "seccomp.security.alpha.kubernetes.io/pod", "container.seccomp.security.alpha.kubernetes.io/"
_SECCOMP_GONE = 'non-functional in v1.27+; use the "seccompProfile" field instead'
_NO_SELECTOR = "a null labelSelector results in matching no pod"
_BYTES = ("memory", "ephemeral-storage")
_GROUPS = ("initContainers", "containers", "ephemeralContainers")
_DNS_LABEL = "which can result in surprising behavior; a DNS label is recommended"


def pod_warnings(new: Object, old: Object | None) -> Iterator[str]:
    """None for updates, which are seldom written by people."""
    if old is None:
        yield from name_warnings(new, "the Pod's hostname")
        yield from apparmor.pod_warnings(new)
        yield from template_warnings(new, "")


def name_warnings(obj: Object, use: str = "Pod names and hostnames") -> Iterator[str]:
    """Names that become hostnames should be labels."""
    if messages := names.dns_label(obj["metadata"].get("name") or ""):
        yield f"metadata.name: this is used in {use}, {_DNS_LABEL}: [{' '.join(messages)}]"


def template_warnings(template: Object, path: str) -> Iterator[str]:
    """`path` ends with a dot, or is empty for a Pod."""
    spec, metadata = template.get("spec") or {}, template.get("metadata") or {}
    yield from _placement(spec, f"{path}spec")
    for key, message in _ANNOTATIONS.items():
        if key in (metadata.get("annotations") or {}):
            yield f"{path}metadata.annotations[{key}]: {message}"
    yield from volume_warnings(spec.get("volumes") or (), f"{path}spec.volumes")
    yield from _duplicates(spec, f"{path}spec")
    yield from fraction_warnings(spec.get("overhead") or {}, f"{path}spec.overhead", _BYTES)
    annotations, at = metadata.get("annotations") or {}, f"{path}metadata.annotations"
    context = spec.get("securityContext") or {}
    if _SECCOMP_POD in annotations and not context.get("seccompProfile"):
        yield f"{at}[{_SECCOMP_POD}]: {_SECCOMP_GONE}"
    containers = [
        (container, f"{path}spec.{group}[{index}]")
        for group in _GROUPS
        for index, container in enumerate(spec.get(group) or ())
    ]
    for container, where in containers:
        yield from _seccomp(container, annotations, at)
        if path and apparmor.is_old(container, annotations, context.get("appArmorProfile")):
            yield apparmor.deprecation(container, at)
        yield from _resources(container.get("resources") or {}, f"{where}.resources")
        yield from _environment(container.get("env") or (), f"{where}.env")
    yield from _ports(containers)
    if (spec.get("terminationGracePeriodSeconds") or 0) < 0:
        message = "must be >= 0; negative values are invalid and will be treated as 1"
        yield f"{path}spec.terminationGracePeriodSeconds: {message}"
    yield from _pod_affinity(spec.get("affinity") or {}, f"{path}spec.affinity")
    yield from _addresses(spec, f"{path}spec")


def _placement(spec: Object, path: str) -> Iterator[str]:
    for key in spec.get("nodeSelector") or ():
        if key in DEPRECATED:
            yield f"{path}.nodeSelector[{key}]: {DEPRECATED[key]}"
    node = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    at = f"{path}.affinity.nodeAffinity"
    needed = (node.get("requiredDuringSchedulingIgnoredDuringExecution") or {}).get("nodeSelectorTerms") or ()
    for index, term in enumerate(needed):
        where = f"{at}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[{index}]"
        yield from node_term_warnings(term, where)
    for index, term in enumerate(node.get("preferredDuringSchedulingIgnoredDuringExecution") or ()):
        where = f"{at}.preferredDuringSchedulingIgnoredDuringExecution[{index}].preference"
        yield from node_term_warnings(term.get("preference") or {}, where, checks_values=True)
    for index, constraint in enumerate(spec.get("topologySpreadConstraints") or ()):
        where, key = f"{path}.topologySpreadConstraints[{index}]", constraint.get("topologyKey")
        if key in DEPRECATED:
            yield f"{where}.topologyKey: {key} is {DEPRECATED[key]}"
        if constraint.get("labelSelector") is None:
            yield f"{where}.labelSelector: {_NO_SELECTOR}"


def _duplicates(spec: Object, path: str) -> Iterator[str]:
    for key, member, word in (("hostAliases", "ip", "ip"), ("imagePullSecrets", "name", "name")):
        seen = set()
        for index, item in enumerate(spec.get(key) or ()):
            value = item.get(member) or ""
            if value in seen:
                yield f"{path}.{key}[{index}].{member}: duplicate {word} {quote(value)}"
            seen.add(value)
    for index, item in enumerate(spec.get("imagePullSecrets") or ()):
        if not item.get("name"):
            yield f'{path}.imagePullSecrets[{index}].name: invalid empty name ""'


def _resources(resources: Object, path: str) -> Iterator[str]:
    for name in _BYTES:
        for side in ("limits", "requests"):
            yield from fraction_warnings(resources.get(side) or {}, f"{path}.{side}", (name,))


def _seccomp(container: Object, annotations: Mapping[str, str], path: str) -> Iterator[str]:
    key = f"{_SECCOMP}{container.get('name')}"
    if key in annotations and not (container.get("securityContext") or {}).get("seccompProfile"):
        yield f"{path}[{key}]: {_SECCOMP_GONE}"


def _environment(variables: Sequence[Object], path: str) -> Iterator[str]:
    seen = set()
    for index, variable in enumerate(variables):
        name, value = variable.get("name") or "", variable.get("value") or ""
        itself = f"$({name})"
        if name in seen and (variable.get("valueFrom") is not None or value == itself or itself not in value):
            hidden = f"hides previous definition of {quote(name)}, which may be dropped when using apply"
            yield f"{path}[{index}]: {hidden}"
        seen.add(name)


def _ports(containers: Sequence[tuple[Object, str]]) -> Iterator[str]:
    ports = [
        (port, f"{path}.ports[{index}]")
        for container, path in containers
        for index, port in enumerate(container.get("ports") or ())
    ]
    known: dict[tuple[int, str], list[tuple[Object, str]]] = {}
    for port, at in ports:
        if port.get("hostIP") and not port.get("hostPort"):
            yield f"{at}: hostIP set without hostPort: {_go_port(port)}"
        others = known.setdefault((port.get("containerPort") or 0, port.get("protocol") or ""), [])
        for other, where in others:
            yield from _overlap(port, other, at, where)
        others.append((port, at))
    first: dict[str, str] = {}
    for port, at in ports:
        name = port.get("name")
        if name in first:
            where = first[name]
            use = f"services and probes that select ports by name will use {where}"
            yield f"{at}: duplicate port name {quote(name)} with {where}, {use}"
        elif name:
            first[name] = at


def _go_port(port: Object) -> str:
    """How Go prints the structure."""
    number = port.get("containerPort") or 0
    protocol, address = port.get("protocol") or "", port.get("hostIP") or ""
    return f"{{Name:{port.get('name') or ''} HostPort:0 ContainerPort:{number} Protocol:{protocol} HostIP:{address}}}"


def _overlap(port: Object, other: Object, at: str, where: str) -> Iterator[str]:
    (ip, number), (other_ip, other_number) = (
        (one.get("hostIP") or "", one.get("hostPort") or 0) for one in (port, other)
    )
    if (ip, number) == (other_ip, other_number):
        yield f"{at}: duplicate port definition with {where}"
    elif not number or not other_number:
        yield f"{at}: overlapping port definition with {where}"
    elif number == other_number and (not ip) != (not other_ip):
        yield f"{at}: dangerously ambiguous port definition with {where}"


def _pod_affinity(affinity: Object, path: str) -> Iterator[str]:
    for kind in ("podAffinity", "podAntiAffinity"):
        terms = affinity.get(kind) or {}
        for index, term in enumerate(terms.get("requiredDuringSchedulingIgnoredDuringExecution") or ()):
            if term.get("labelSelector") is None:
                at = f"{path}.{kind}.requiredDuringSchedulingIgnoredDuringExecution[{index}].labelSelector"
                yield f"{at}: {_NO_SELECTOR}"
        for index, weighted in enumerate(terms.get("preferredDuringSchedulingIgnoredDuringExecution") or ()):
            if (weighted.get("podAffinityTerm") or {}).get("labelSelector") is None:
                at = f"{path}.{kind}.preferredDuringSchedulingIgnoredDuringExecution[{index}]"
                yield f"{at}.podAffinityTerm.labelSelector: {_NO_SELECTOR}"


def _addresses(spec: Object, path: str) -> Iterator[str]:
    servers = (spec.get("dnsConfig") or {}).get("nameservers") or ()
    given = [(f"{path}.dnsConfig.nameservers[{index}]", server) for index, server in enumerate(servers)]
    aliases = enumerate(spec.get("hostAliases") or ())
    given += [(f"{path}.hostAliases[{index}].ip", alias.get("ip") or "") for index, alias in aliases]
    for at, text in given:
        yield from ip_warnings(at, text)
