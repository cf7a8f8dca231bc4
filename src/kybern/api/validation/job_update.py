"""What may change of a Job once it is there. Source: pkg/apis/batch/validation."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kybern.api.resource import FieldError, Object
from kybern.api.validation.batch import validate_job, validate_whole_job_spec
from kybern.api.validation.field import immutable, invalid
from kybern.api.validation.internal_form import internal_form
from kybern.api.validation.job_policies import internal_failure_policy, internal_success_policy


def validate_job_update(new: Object, old: Object) -> Iterator[FieldError]:
    """Upstream checks the spec twice: clients see such a cause twice."""
    after, before = new.get("spec") or {}, old.get("spec") or {}
    yield from validate_job(new, old)
    yield from validate_whole_job_spec(after)
    yield from _completions_update(after, before)
    yield from immutable("spec.selector", after.get("selector"), before.get("selector"))
    yield from _template_update(after, before, mutable=_may_be_told(old))
    keys = ("completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy")
    for key in keys:
        show = _INTERNAL.get(key, _as_it_is)
        yield from immutable(f"spec.{key}", show(after.get(key)), show(before.get(key)))


def _as_it_is(value: Any) -> Any:
    return value


_INTERNAL: Mapping[str, Callable[[Any], Any]] = {
    "podFailurePolicy": internal_failure_policy,
    "successPolicy": internal_success_policy,
}


def _may_be_told(job: Object) -> bool:
    """A suspended Job without Pods may still be told where they go and what they need (KEP-2926, KEP-5440)."""
    spec, status = job.get("spec") or {}, job.get("status") or {}
    stopped = any(
        one.get("type") == "Suspended" and one.get("status") == "True" for one in status.get("conditions") or ()
    )
    return bool(spec.get("suspend")) and not status.get("active") and (not status.get("startTime") or stopped)


def _completions_update(after: Object, before: Object) -> Iterator[FieldError]:
    new, old = after.get("completions"), before.get("completions")
    if after.get("completionMode") != "Indexed":
        yield from immutable("spec.completions", new, old)
    elif new is not None and new != old and new != after.get("parallelism"):
        yield invalid("spec.completions", new, "can only be modified in tandem with spec.parallelism")


_POD_SPEC, _TEMPLATE = "io.k8s.api.core.v1.PodSpec", "io.k8s.api.core.v1.PodTemplateSpec"
_SCHEDULING = ("nodeSelector", "tolerations", "schedulingGates")


def _template_update(after: Object, before: Object, *, mutable: bool) -> Iterator[FieldError]:
    new, old = after.get("template") or {}, before.get("template") or {}
    if mutable:
        spec = _with_resources(_with_directives(old, new).get("spec") or {}, new.get("spec") or {})
        yield from immutable(
            "spec.template.spec", internal_form(_POD_SPEC, new.get("spec")), internal_form(_POD_SPEC, spec)
        )
    else:
        yield from immutable("spec.template", internal_form(_TEMPLATE, new), internal_form(_TEMPLATE, old))


def _with_resources(old: Object, new: Object) -> Object:
    """The old PodSpec, its containers with what the new one's are to get."""
    spec = dict(old)
    for group in ("containers", "initContainers"):
        known, wanted = old.get(group) or (), new.get(group) or ()
        if known and len(known) == len(wanted):
            spec[group] = [_sized(one, other) for one, other in zip(known, wanted, strict=True)]
    return spec


def _sized(container: Object, wanted: Object) -> Object:
    if container.get("name") != wanted.get("name"):
        return container
    rest = {key: value for key, value in container.items() if key != "resources"}
    return rest | ({"resources": wanted["resources"]} if "resources" in wanted else {})


def _with_directives(old: Object, new: Object) -> Object:
    spec = {key: value for key, value in (old.get("spec") or {}).items() if key not in _SCHEDULING}
    wanted = new.get("spec") or {}
    spec |= {key: wanted[key] for key in _SCHEDULING if key in wanted}
    affinity = {key: value for key, value in (spec.pop("affinity", None) or {}).items() if key != "nodeAffinity"}
    if "nodeAffinity" in (wanted.get("affinity") or {}):
        affinity["nodeAffinity"] = wanted["affinity"]["nodeAffinity"]
    if affinity or "affinity" in wanted:
        spec["affinity"] = affinity
    metadata = dict(old.get("metadata") or {})
    for key in ("labels", "annotations"):
        metadata.pop(key, None)
        if key in (new.get("metadata") or {}):
            metadata[key] = new["metadata"][key]
    return {**old, "spec": spec, "metadata": metadata}
