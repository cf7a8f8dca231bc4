"""Job and CronJob. Source: pkg/apis/batch/validation."""

import re
from collections.abc import Iterator, Sequence

from kybern.api import cron
from kybern.api.resource import FieldError, Object
from kybern.api.selectors import SelectorError, labels_from_struct
from kybern.api.validation import names
from kybern.api.validation.core.pod import validate_template
from kybern.api.validation.domains import validate_domain_prefixed_path
from kybern.api.validation.field import (
    invalid,
    non_negative,
    not_supported,
    required,
    sorted_map,
    too_long,
)
from kybern.api.validation.job_policies import (
    internal_success_policy,
    validate_pod_failure_policy,
    validate_pod_replacement_policy,
    validate_success_policy,
)
from kybern.api.validation.metadata import validate_label_selector

_MODES = ("NonIndexed", "Indexed")
_CONCURRENCY = ("Allow", "Forbid", "Replace")
_MANAGED_BY_LIMIT = 63
_INDEXED_PARALLELISM_LIMIT, _FAILED_INDEXES_LIMIT = 100_000, 100_000
_MANY_COMPLETIONS, _MANY_LIMIT = 100_000, 10_000
_CRON_NAME_LIMIT = 52
_COUNTS = [
    "parallelism",
    "completions",
    "activeDeadlineSeconds",
    "backoffLimit",
    "ttlSecondsAfterFinished",
    "backoffLimitPerIndex",
]
_PREFIX = "batch.kubernetes.io/"
_MISMATCH = "`selector` does not match template `labels`"
_zone_part = re.compile(r"[A-Za-z.\-_0-9+]{1,14}").fullmatch


def validate_job(obj: Object, old: Object | None = None) -> Iterator[FieldError]:
    """`old`: the Job that an update changes, which may be from before labels had prefixes."""
    spec = obj.get("spec") or {}
    yield from _generated_selector(obj, spec, ("", _PREFIX) if old is None or _has_prefixed(old) else ("",))
    yield from validate_whole_job_spec(spec)
    completions = spec.get("completions") or 0
    if spec.get("completionMode") == "Indexed" and completions > 0:
        host = f"{obj['metadata'].get('name') or ''}-{completions - 1}"
        if names.dns_label(host):
            detail = f"will not able to create pod with invalid DNS label: {host}"
            yield invalid("metadata.name", obj["metadata"].get("name") or "", detail)


def _has_prefixed(job: Object) -> bool:
    labels = (((job.get("spec") or {}).get("template") or {}).get("metadata") or {}).get("labels") or {}
    return all(f"{_PREFIX}{name}" in labels for name in ("controller-uid", "job-name"))


def _generated_selector(obj: Object, spec: Object, prefixes: Sequence[str]) -> Iterator[FieldError]:
    """The selector and labels that the server makes out of the Job's uid and name."""
    selector = spec.get("selector")
    if spec.get("manualSelector") or selector is None:
        return
    uid, name = obj["metadata"].get("uid") or "", obj["metadata"].get("name") or ""
    if not uid:
        yield required("metadata.uid")
    expected = {
        f"{prefix}{key}": value for prefix in prefixes for key, value in (("controller-uid", uid), ("job-name", name))
    }
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    for key, value in expected.items():
        if key not in labels:
            yield required(f"spec.template.metadata.labels[{key}]", f"must be '{value}'")
        elif labels[key] != value:
            yield invalid(f"spec.template.metadata.labels[{key}]", sorted_map(labels), f"must be '{value}'")
    try:
        if not labels_from_struct(selector).matches(expected):
            yield invalid("spec.selector", selector, "`selector` not auto-generated")
    except SelectorError:
        return


def validate_whole_job_spec(spec: Object) -> Iterator[FieldError]:
    yield from validate_job_spec(spec, "spec")
    selector = spec.get("selector")
    if selector is None:
        yield required("spec.selector")
    else:
        yield from validate_label_selector(selector, "spec.selector")
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    try:
        if not labels_from_struct(selector).matches(labels or {}):
            yield invalid("spec.template.metadata.labels", sorted_map(labels), _MISMATCH)
    except SelectorError:
        return


def validate_job_spec(spec: Object, path: str) -> Iterator[FieldError]:
    for key in _COUNTS:
        yield from non_negative(f"{path}.{key}", spec.get(key))
    failed = spec.get("maxFailedIndexes")
    if failed is not None:
        yield from non_negative(f"{path}.maxFailedIndexes", failed)
        if spec.get("backoffLimitPerIndex") is None:
            yield required(f"{path}.backoffLimitPerIndex", "when maxFailedIndexes is specified")
    manager = spec.get("managedBy")
    if manager is not None:
        yield from validate_domain_prefixed_path(manager, f"{path}.managedBy")
        if names.size(manager) > _MANAGED_BY_LIMIT:
            yield too_long(f"{path}.managedBy", _MANAGED_BY_LIMIT)
    yield from _completion_mode(spec, path)
    if spec.get("podFailurePolicy") is not None:
        yield from validate_pod_failure_policy(spec, f"{path}.podFailurePolicy")
    if spec.get("successPolicy") is not None:
        if spec.get("completionMode") != "Indexed":
            shown = internal_success_policy(spec["successPolicy"])
            yield invalid(f"{path}.successPolicy", shown, "requires indexed completion mode")
        else:
            yield from validate_success_policy(spec, f"{path}.successPolicy")
    yield from validate_pod_replacement_policy(spec, f"{path}.podReplacementPolicy")
    template = spec.get("template") or {}
    yield from validate_template(template, f"{path}.template")
    yield from _restart_policy(spec, template, f"{path}.template.spec.restartPolicy")


def _restart_policy(spec: Object, template: Object, path: str) -> Iterator[FieldError]:
    policy = (template.get("spec") or {}).get("restartPolicy") or ""
    if policy in ("", "Always"):
        yield required(path, 'valid values: "OnFailure", "Never"')
    elif policy not in ("OnFailure", "Never"):
        yield not_supported(path, policy, ("OnFailure", "Never"))
    elif spec.get("podFailurePolicy") is not None and policy != "Never":
        yield invalid(path, policy, 'only "Never" is supported when podFailurePolicy is specified')


def _completion_mode(spec: Object, path: str) -> Iterator[FieldError]:
    mode = spec.get("completionMode")
    if mode is not None and mode not in _MODES:
        yield not_supported(f"{path}.completionMode", mode, _MODES)
    if mode == "Indexed":
        yield from _indexed(spec, path)
    if mode in (None, "NonIndexed"):
        for key in ("backoffLimitPerIndex", "maxFailedIndexes"):
            if spec.get(key) is not None:
                yield invalid(f"{path}.{key}", spec[key], "requires indexed completion mode")


def _indexed(spec: Object, path: str) -> Iterator[FieldError]:
    completions, parallelism = spec.get("completions"), spec.get("parallelism") or 0
    failed = spec.get("maxFailedIndexes")
    if completions is None:
        yield required(f"{path}.completions", "when completion mode is Indexed")
    if parallelism > _INDEXED_PARALLELISM_LIMIT:
        detail = f"must be less than or equal to {_INDEXED_PARALLELISM_LIMIT} when completion mode is Indexed"
        yield invalid(f"{path}.parallelism", parallelism, detail)
    if completions is not None and failed is not None and failed > completions:
        yield invalid(f"{path}.maxFailedIndexes", failed, "must be less than or equal to completions")
    if failed is not None and failed > _FAILED_INDEXES_LIMIT:
        yield invalid(f"{path}.maxFailedIndexes", failed, f"must be less than or equal to {_FAILED_INDEXES_LIMIT}")
    if completions is None or completions <= _MANY_COMPLETIONS or spec.get("backoffLimitPerIndex") is None:
        return
    limit = (
        f"must be less than or equal to {_MANY_LIMIT} when completions are above {_MANY_COMPLETIONS} "
        "and used with backoff limit per index"
    )
    if failed is None:
        detail = f"must be specified when completions is above {_MANY_COMPLETIONS}"
        yield required(f"{path}.maxFailedIndexes", detail)
    for key, value in (("parallelism", parallelism), ("maxFailedIndexes", failed or 0)):
        if value > _MANY_LIMIT:
            yield invalid(f"{path}.{key}", value, limit)


def validate_cron_job(obj: Object) -> Iterator[FieldError]:
    yield from _cron_spec(obj.get("spec") or {}, None)
    name = obj["metadata"].get("name") or ""
    if not obj["metadata"].get("resourceVersion") and names.size(name) > _CRON_NAME_LIMIT:
        yield invalid("metadata.name", name, names.max_length(_CRON_NAME_LIMIT))


def validate_cron_job_update(new: Object, old: Object) -> Iterator[FieldError]:
    before = old.get("spec") or {}
    yield from _cron_spec(new.get("spec") or {}, before)


def _cron_spec(spec: Object, before: Object | None) -> Iterator[FieldError]:
    """`before`: what an update started from; its time zone may stay as it is."""
    zone_in_schedule = before is not None and "TZ" in (before.get("schedule") or "")
    schedule, zone = spec.get("schedule") or "", spec.get("timeZone")
    if not schedule:
        yield required("spec.schedule")
    else:
        yield from _schedule(schedule, zone, zone_in_schedule=zone_in_schedule)
    yield from non_negative("spec.startingDeadlineSeconds", spec.get("startingDeadlineSeconds"))
    if zone is not None and (before is None or before.get("timeZone") != zone):
        yield from _time_zone(zone)
    policy = spec.get("concurrencyPolicy") or ""
    if not policy:
        yield required("spec.concurrencyPolicy")
    elif policy not in _CONCURRENCY:
        yield not_supported("spec.concurrencyPolicy", policy, _CONCURRENCY)
    job = (spec.get("jobTemplate") or {}).get("spec") or {}
    path = "spec.jobTemplate.spec"
    yield from validate_job_spec(job, path)
    if job.get("selector") is not None:
        yield invalid(f"{path}.selector", job["selector"], "`selector` will be auto-generated")
    if job.get("manualSelector"):
        yield not_supported(f"{path}.manualSelector", True, ("nil", "false"))
    for key in ("successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
        yield from non_negative(f"spec.{key}", spec.get(key))


def _schedule(schedule: str, zone: str | None, *, zone_in_schedule: bool) -> Iterator[FieldError]:
    path = "spec.schedule"
    try:
        cron.parse(schedule)
    except cron.CronError as error:
        yield invalid(path, schedule, str(error))
    if "TZ" not in schedule:
        return
    if not zone_in_schedule:
        yield invalid(path, schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead")
    elif zone is not None:
        yield invalid(path, schedule, "cannot use both timeZone field and TZ or CRON_TZ in schedule")


def _time_zone(zone: str) -> Iterator[FieldError]:
    path = "spec.timeZone"
    if not zone:
        yield invalid(path, zone, "timeZone must be nil or non-empty string")
        return
    for part in zone.split("/"):
        if part in (".", "..") or part.startswith("-") or not _zone_part(part):
            yield invalid(path, zone, f"unknown time zone {zone}")
            return
    if zone.lower() == "local":
        detail = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
        yield invalid(path, zone, detail)
    try:
        cron.zone_of(zone)
    except cron.CronError:
        yield invalid(path, zone, f"unknown time zone {zone}")
