"""The plugin: Pods are refused, audited or warned of by their namespace's labels; templates are only warned of.

Source: https://kubernetes.io/docs/concepts/security/pod-security-admission/
"""

from collections.abc import Iterable
from dataclasses import dataclass

from kybern.api.registry import find
from kybern.api.resource import FieldError, Object
from kybern.apiserver import status
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.chain import Plugin
from kybern.apiserver.admission.lookup import Lookup
from kybern.apiserver.admission.metrics import AdmissionMetrics
from kybern.apiserver.admission.pod_security.finding import Finding
from kybern.apiserver.admission.pod_security.policy import (
    LATEST,
    MODES,
    PERMISSIVE,
    PREFIX,
    PRIVILEGED,
    Policy,
    Standard,
    policy_of,
    strictness,
)
from kybern.apiserver.admission.pod_security.review import review
from kybern.apiserver.admission.pod_security.standards import NEWEST_MINOR, evaluate

_ENFORCED, _PRIVILEGED = f"{PREFIX}enforce-policy", str(PERMISSIVE.enforce)
_IGNORED = frozenset(["exec", "attach", "binding", "eviction", "log", "portforward", "proxy", "status"])
_TEMPLATES = frozenset(
    (
        "replicationcontrollers",
        "podtemplates",
        "replicasets.apps",
        "deployments.apps",
        "statefulsets.apps",
        "daemonsets.apps",
        "jobs.batch",
        "cronjobs.batch",
    )
)


@dataclass(frozen=True, slots=True)
class PodSecurityConfig:
    """pod-security.admission.config.k8s.io PodSecurityConfiguration."""

    defaults: Policy = PERMISSIVE
    namespaces: frozenset[str] = frozenset()
    usernames: frozenset[str] = frozenset()
    runtime_classes: frozenset[str] = frozenset()


UNRESTRICTED = PodSecurityConfig()
"""Where nothing is configured namespaces alone decide."""


class PodSecurity(Plugin):
    about = frozenset((*_TEMPLATES, "namespaces", "pods"))

    def __init__(self, lookup: Lookup, config: PodSecurityConfig, metrics: AdmissionMetrics) -> None:
        self._lookup = lookup
        self._config = config
        self._metrics = metrics
        self._namespaces = lookup.cache("namespaces").objects

    def validate(self, attributes: Attributes, obj: Object | None, old: Object | None) -> None:
        if obj is None or attributes.operation not in ("CREATE", "UPDATE"):
            return
        resource = attributes.group_resource
        if resource == "pods":
            if attributes.subresource not in _IGNORED:
                self._pod(attributes, obj, old)
        elif not attributes.subresource:
            if resource in _TEMPLATES:
                self._template(attributes, obj)
            elif resource == "namespaces":
                self._namespace(attributes, obj, old)

    def _pod(self, attributes: Attributes, pod: Object, old: Object | None) -> None:
        if self._is_exempt(attributes):
            return
        policy, faults = self._policy(attributes.namespace)
        if policy is PERMISSIVE or (not faults and policy.is_privileged):
            attributes.annotations[_ENFORCED] = _PRIVILEGED
            self._metrics.evaluated("allow", PRIVILEGED, LATEST, "enforce", *_asked(attributes))
            return
        if old is None or _is_significant(pod, old):
            self._evaluate(attributes, policy, faults, pod["metadata"], pod["spec"], enforce=True)

    def _template(self, attributes: Attributes, workload: Object) -> None:
        if self._is_exempt(attributes):
            return
        policy, faults = self._policy(attributes.namespace)
        if not faults and policy.warn.level == PRIVILEGED and policy.audit.level == PRIVILEGED:
            return
        holder = workload if attributes.resource.kind == "PodTemplate" else workload.get("spec") or {}
        if attributes.resource.kind == "CronJob":
            holder = (holder.get("jobTemplate") or {}).get("spec") or {}
        template = holder.get("template")
        if template:
            metadata, spec = template.get("metadata") or {}, template.get("spec") or {}
            self._evaluate(attributes, policy, faults, metadata, spec, enforce=False)

    def _evaluate(
        self,
        attributes: Attributes,
        policy: Policy,
        faults: list[FieldError],
        metadata: Object,
        spec: Object,
        *,
        enforce: bool,
    ) -> None:
        if spec.get("runtimeClassName") in self._config.runtime_classes:
            self._exempt(attributes, "runtimeClass")
            return
        if faults:
            shown = [f"{fault.path}: {fault.message}" for fault in faults]
            text = shown[0] if len(shown) == 1 else f"[{', '.join(shown)}]"
            _annotate(attributes, "error", f"Failed to parse policy: {text}")
            self._metrics.unreadable(*_asked(attributes))
        audited = evaluate(policy.audit, metadata, spec)
        if audited:
            text = f'would violate PodSecurity "{policy.audit}": {_listed(audited)}'
            _annotate(attributes, "audit-violations", text)
            self._count(attributes, "deny", policy.audit, "audit")
        if enforce:
            _annotate(attributes, "enforce-policy", str(policy.enforce))
            found = audited if policy.enforce == policy.audit else evaluate(policy.enforce, metadata, spec)
            self._count(attributes, "deny" if found else "allow", policy.enforce, "enforce")
            if found:
                why = f'violates PodSecurity "{policy.enforce}": {_listed(found)}'
                raise attributes.forbidden({"metadata": metadata}, why)
        warned = [] if enforce and policy.warn == policy.enforce else evaluate(policy.warn, metadata, spec)
        if warned:
            self._count(attributes, "deny", policy.warn, "warn")
            attributes.warn(f'would violate PodSecurity "{policy.warn}": {_listed(warned)}')

    def _namespace(self, attributes: Attributes, namespace: Object, old: Object | None) -> None:
        name = namespace["metadata"]["name"]
        labels = namespace["metadata"].get("labels") or {}
        policy, faults = policy_of(labels, self._config.defaults)
        if old is None:
            if faults:
                raise status.invalid(attributes.resource, name, faults)
            if name in self._config.namespaces:
                self._warn_of_exemption(attributes, name, policy, labels)
            return
        before, old_faults = policy_of(old["metadata"].get("labels") or {}, self._config.defaults)
        if faults and faults != old_faults:
            raise status.invalid(attributes.resource, name, faults)
        new, current = policy.enforce, before.enforce
        if new == current or new.level == PRIVILEGED:
            return
        if new.version == current.version and strictness(new.level) <= strictness(current.level):
            return
        if name in self._config.namespaces:
            self._warn_of_exemption(attributes, name, policy, labels)
            return
        pods = (
            pod
            for pod in self._lookup.list("pods", name)
            if pod["spec"].get("runtimeClassName") not in self._config.runtime_classes
        )
        for text in review(name, new, pods):
            attributes.warn(text)

    def _warn_of_exemption(self, attributes: Attributes, name: str, policy: Policy, labels: Object) -> None:
        if policy.is_privileged or policy.equals(self._config.defaults):
            return
        shown = [
            f"{mode}={standard}"
            for mode, standard in zip(MODES, policy, strict=True)
            if standard.level != PRIVILEGED and (PREFIX + mode in labels or f"{PREFIX}{mode}-version" in labels)
        ]
        attributes.warn(
            f'namespace "{name}" is exempt from Pod Security, and the policy ({", ".join(shown)}) will be ignored'
        )

    def _is_exempt(self, attributes: Attributes) -> bool:
        why = "namespace" if attributes.namespace in self._config.namespaces else ""
        if not why and attributes.user.name in self._config.usernames:
            why = "user"
        if why:
            self._exempt(attributes, why)
        return bool(why)

    def _exempt(self, attributes: Attributes, why: str) -> None:
        _annotate(attributes, "exempt", why)
        self._metrics.exempted(*_asked(attributes))

    def _count(self, attributes: Attributes, decision: str, standard: Standard, mode: str) -> None:
        version = LATEST
        if standard.level != PRIVILEGED and standard.minor is not None:
            version = standard.version if standard.minor <= NEWEST_MINOR else "future"
        self._metrics.evaluated(decision, standard.level, version, mode, *_asked(attributes))

    def _policy(self, name: str) -> tuple[Policy, list[FieldError]]:
        """Raises NotFound."""
        namespace = self._namespaces.get(name)
        if namespace is None:
            resource = find("", "v1", "namespaces")
            assert resource is not None
            raise status.not_found(resource, name)
        for key in namespace.labels:
            if key.startswith(PREFIX):
                return policy_of(namespace.labels, self._config.defaults)
        return self._config.defaults, []


def _asked(attributes: Attributes) -> tuple[str, str, str]:
    """Operation, resource and subresource, as metrics tell them."""
    resource = "pod" if attributes.resource.kind == "Pod" else "controller"
    return attributes.operation.lower(), resource, attributes.subresource


def _annotate(attributes: Attributes, key: str, value: str) -> None:
    attributes.annotations[PREFIX + key] = value


def _listed(findings: Iterable[Finding]) -> str:
    return ", ".join(map(str, findings))


def _is_significant(pod: Object, old: Object) -> bool:
    """Whether an update brings in other containers or images."""
    new_spec, old_spec = pod["spec"], old["spec"]
    for key in ("containers", "initContainers"):
        new, known = new_spec.get(key) or (), old_spec.get(key) or ()
        if [each.get("image") for each in new] != [each.get("image") for each in known]:
            return True
    images = {each["name"]: each.get("image") for each in old_spec.get("ephemeralContainers") or ()}
    return any(
        each["name"] not in images or images[each["name"]] != each.get("image")
        for each in new_spec.get("ephemeralContainers") or ()
    )
