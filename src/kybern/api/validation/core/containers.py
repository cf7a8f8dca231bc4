"""Containers of a Pod: normal ones, init containers (sidecars among them), ephemeral ones."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.core.endpoints import validate_protocol
from kybern.api.validation.core.environment import validate_env, validate_env_from
from kybern.api.validation.core.mounts import validate_devices, validate_mounts
from kybern.api.validation.core.pod_security import validate_security_context
from kybern.api.validation.core.probes import validate_lifecycle, validate_probe
from kybern.api.validation.core.resources import validate_requirements
from kybern.api.validation.field import (
    duplicate,
    each_invalid,
    forbidden,
    invalid,
    not_found,
    not_supported,
    required,
    too_many,
)

_MESSAGE_POLICIES = ("File", "FallbackToLogsOnError")
PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_RESIZED = ("cpu", "memory")
_RESIZE_POLICIES = ("NotRequired", "RestartContainer")
_RESTART_POLICIES = ("Always", "Never", "OnFailure")
_EXIT_CODE_OPERATORS = ("In", "NotIn")
_RULES_LIMIT, _EXIT_CODES_LIMIT = 20, 255
_RULE_ACTIONS = ("Restart", "RestartAllContainers")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_NOT_EPHEMERAL = ("ports", "resources", "resizePolicy", "restartPolicy", "restartPolicyRules", *_PROBES, "lifecycle")


@dataclass(frozen=True, slots=True)
class Scope:
    """What of the Pod its containers are checked against."""

    spec: Object
    volumes: Mapping[str, Object]
    """The Pod's good volumes by name."""
    claims: Collection[str]

    @property
    def grace_seconds(self) -> int | None:
        seconds: int | None = self.spec.get("terminationGracePeriodSeconds")
        return seconds

    @property
    def os_name(self) -> str | None:
        return (self.spec.get("os") or {}).get("name")


def validate_containers(containers: Sequence[Object], scope: Scope, path: str) -> Iterator[FieldError]:
    if not containers:
        yield required(path)
    seen: set[str] = set()
    for index, container in enumerate(containers):
        at = f"{path}[{index}]"
        yield from _common(container, scope, at)
        name = container.get("name") or ""
        if name in seen:
            yield duplicate(f"{at}.name", name)
        seen.add(name)
        yield from _running(container, scope, at)
        yield from _restart_policy(container, at)
    yield from _host_port_conflicts(containers, path)


def validate_init_containers(containers: Sequence[Object], scope: Scope, path: str) -> Iterator[FieldError]:
    seen = {container.get("name") or "" for container in scope.spec.get("containers") or ()}
    for index, container in enumerate(containers):
        at, name = f"{path}[{index}]", container.get("name") or ""
        yield from _common(container, scope, at)
        sidecar = container.get("restartPolicy") == "Always"
        yield from _init_restart_policy(container, at)
        if name in seen:
            yield duplicate(f"{at}.name", name)
        elif name:
            seen.add(name)
        yield from _host_port_conflicts([container], path)
        if sidecar:
            yield from _running(container, scope, at)
        else:
            for key in ("lifecycle", *_PROBES):
                if container.get(key) is not None:
                    detail = "may not be set for init containers without restartPolicy=Always"
                    yield forbidden(f"{at}.{key}", detail)
            yield from _resized_in_place(container.get("resizePolicy") or (), f"{at}.resizePolicy")


def _resized_in_place(policies: Sequence[Object], path: str) -> Iterator[FieldError]:
    """An init container that ends is never begun again for its resources."""
    for index, policy in enumerate(policies):
        if policy.get("restartPolicy") == "RestartContainer":
            detail = "must not be set to 'RestartContainer' for non-sidecar initContainers"
            yield invalid(f"{path}[{index}].restartPolicy", policy["restartPolicy"], detail)


def validate_ephemeral_containers(containers: Sequence[Object], scope: Scope, path: str) -> Iterator[FieldError]:
    groups = ("containers", "initContainers")
    others = {container.get("name") or "" for group in groups for container in scope.spec.get(group) or ()}
    seen = set(others)
    for index, container in enumerate(containers):
        at, name = f"{path}[{index}]", container.get("name") or ""
        yield from _common(container, scope, at)
        image = container.get("image") or ""
        if image != image.strip():
            yield invalid(f"{at}.image", image, "must not have leading or trailing whitespace")
        if name in seen:
            yield duplicate(f"{at}.name", name)
        seen.add(name)
        target = container.get("targetContainerName")
        if target and target not in others:
            yield not_found(f"{at}.targetContainerName", target)
        for key in _NOT_EPHEMERAL:
            if container.get(key):
                yield forbidden(f"{at}.{key}", "cannot be set for an Ephemeral Container")
        for place, mount in enumerate(container.get("volumeMounts") or ()):
            for key in ("subPath", "subPathExpr"):
                if mount.get(key):
                    yield forbidden(f"{at}.volumeMounts[{place}].{key}", "cannot be set for an Ephemeral Container")


def _common(container: Object, scope: Scope, path: str) -> Iterator[FieldError]:
    name = container.get("name") or ""
    if not name:
        yield required(f"{path}.name")
    else:
        yield from each_invalid(f"{path}.name", name, names.dns_label(name))
    if not container.get("image"):
        yield required(f"{path}.image")
    yield from _choice(container.get("terminationMessagePolicy"), f"{path}.terminationMessagePolicy", _MESSAGE_POLICIES)
    yield from _ports(container.get("ports") or (), f"{path}.ports")
    yield from validate_env(container.get("env") or (), f"{path}.env")
    yield from validate_env_from(container.get("envFrom") or (), f"{path}.envFrom")
    yield from validate_mounts(container, scope.volumes, f"{path}.volumeMounts")
    yield from validate_devices(container, scope.volumes, f"{path}.volumeDevices")
    yield from _choice(container.get("imagePullPolicy"), f"{path}.imagePullPolicy", PULL_POLICIES)
    yield from validate_requirements(container.get("resources") or {}, scope.claims, f"{path}.resources")
    yield from _resize_policy(container.get("resizePolicy") or (), scope, f"{path}.resizePolicy")
    host_users = scope.spec.get("hostUsers") is not False
    yield from validate_security_context(
        container.get("securityContext"), f"{path}.securityContext", host_users=host_users
    )


def _choice(value: str | None, path: str, supported: tuple[str, ...]) -> Iterator[FieldError]:
    if not value:
        yield required(path)
    elif value not in supported:
        yield not_supported(path, value, supported)


def _running(container: Object, scope: Scope, path: str) -> Iterator[FieldError]:
    """What only containers that keep running have."""
    lifecycle = container.get("lifecycle")
    if lifecycle is not None:
        yield from validate_lifecycle(lifecycle, scope.grace_seconds, scope.os_name, f"{path}.lifecycle")
    for key in _PROBES:
        if container.get(key) is not None:
            yield from validate_probe(container[key], key, scope.grace_seconds, f"{path}.{key}")


def _ports(ports: Sequence[Object], path: str) -> Iterator[FieldError]:
    seen = set()
    for index, port in enumerate(ports):
        at, name = f"{path}[{index}]", port.get("name") or ""
        if name:
            messages = names.port_name(name)
            yield from each_invalid(f"{at}.name", name, messages)
            if not messages and name in seen:
                yield duplicate(f"{at}.name", name)
            seen.add(name)
        number, host_port = port.get("containerPort") or 0, port.get("hostPort") or 0
        if not number:
            yield required(f"{at}.containerPort")
        else:
            yield from each_invalid(f"{at}.containerPort", number, names.port_number(number))
        if host_port:
            yield from each_invalid(f"{at}.hostPort", host_port, names.port_number(host_port))
        yield from validate_protocol(port.get("protocol"), f"{at}.protocol")


def _host_port_conflicts(containers: Sequence[Object], path: str) -> Iterator[FieldError]:
    seen = set()
    for index, container in enumerate(containers):
        for place, port in enumerate(container.get("ports") or ()):
            if port.get("hostPort"):
                key = f"{port.get('protocol') or ''}/{port.get('hostIP') or ''}/{port['hostPort']}"
                if key in seen:
                    yield duplicate(f"{path}[{index}].ports[{place}].hostPort", key)
                seen.add(key)


def _resize_policy(policies: Sequence[Object], scope: Scope, path: str) -> Iterator[FieldError]:
    seen = set()
    for index, policy in enumerate(policies):
        name, restart = policy.get("resourceName") or "", policy.get("restartPolicy") or ""
        if name in seen:
            yield duplicate(f"{path}[{index}]", name)
        seen.add(name)
        yield from _choice(name, path, _RESIZED)
        yield from _choice(restart, path, _RESIZE_POLICIES)
        if scope.spec.get("restartPolicy") == "Never" and restart != "NotRequired":
            yield invalid(path, restart, "must be 'NotRequired' when pod `restartPolicy` is 'Never'")


def _init_restart_policy(container: Object, path: str) -> Iterator[FieldError]:
    if container.get("restartPolicy") is not None:
        yield from _restart_policy(container, path)
    elif container.get("restartPolicyRules"):
        yield _rules_without_policy(path)


def _rules_without_policy(path: str) -> FieldError:
    return required(f"{path}.restartPolicy", "must specify restartPolicy when restart rules are used")


def _restart_policy(container: Object, path: str) -> Iterator[FieldError]:
    """A container's own restart policy and rules (KEP-5307)."""
    policy, rules = container.get("restartPolicy"), container.get("restartPolicyRules") or ()
    if policy is None:
        if rules:
            yield _rules_without_policy(path)
    elif policy not in _RESTART_POLICIES:
        yield not_supported(f"{path}.restartPolicy", policy, _RESTART_POLICIES)
    if len(rules) > _RULES_LIMIT:
        yield too_many(f"{path}.restartPolicyRules", len(rules), _RULES_LIMIT)
    for index, rule in enumerate(rules):
        at = f"{path}.restartPolicyRules[{index}]"
        if rule.get("action") not in _RULE_ACTIONS:
            yield not_supported(f"{at}.action", rule.get("action") or "", _RULE_ACTIONS)
        codes = rule.get("exitCodes")
        if codes is None:
            yield required(f"{at}.exitCodes", "must be specified")
            continue
        if codes.get("operator") not in _EXIT_CODE_OPERATORS:
            yield not_supported(f"{at}.exitCodes.operator", codes.get("operator") or "", _EXIT_CODE_OPERATORS)
        values = codes.get("values") or ()
        if len(values) > _EXIT_CODES_LIMIT:
            yield too_many(f"{at}.exitCodes.values", len(values), _EXIT_CODES_LIMIT)
