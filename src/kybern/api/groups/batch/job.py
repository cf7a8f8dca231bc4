"""Job."""

from collections.abc import Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour, spec_changed
from kybern.api.groups.columns import (
    AGE,
    CONTAINERS,
    IMAGES,
    NAME,
    age,
    column,
    human_duration,
    names_and_images,
    seconds,
    status,
    template_spec,
)
from kybern.api.groups.workload_warnings import of_template
from kybern.api.resource import Change, Column, Object
from kybern.api.selectors import format_struct
from kybern.api.validation.batch import validate_job
from kybern.api.validation.job_status import validate_job_status
from kybern.api.validation.job_update import validate_job_update

COLUMNS = (
    NAME,
    Column("Status", description="Status of the job."),
    column("Completions", "batch.v1.JobStatus.succeeded"),
    Column("Duration", description="Time required to complete the job."),
    AGE,
    CONTAINERS,
    IMAGES,
    column("Selector", "batch.v1.JobSpec.selector", priority=1),
)

JOB_NAME, CONTROLLER_UID = "batch.kubernetes.io/job-name", "batch.kubernetes.io/controller-uid"
_LEGACY_JOB_NAME, _LEGACY_CONTROLLER_UID = "job-name", "controller-uid"
_FINISHED = {"Complete": "Complete", "Failed": "Failed"}
_UNDER_WAY = {"Suspended": "Suspended", "FailureTarget": "FailureTarget", "SuccessCriteriaMet": "SuccessCriteriaMet"}
_MANY_COMPLETIONS, _MANY_PARALLEL = 100_000, 10_000
_MANY = (
    "In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes "
    "might not be able to track completedIndexes when a big number of indexes fail"
)


def prepare_create(obj: Object, change: Change) -> None:
    """Makes the selector out of the Job's uid, so that no other Job's Pods match; what was given is left to fail."""
    spec = obj.setdefault("spec", {})
    if spec.get("manualSelector"):
        return
    name, uid = obj["metadata"].get("name", ""), obj["metadata"].get("uid", "")
    generated = {_LEGACY_JOB_NAME: name, JOB_NAME: name, _LEGACY_CONTROLLER_UID: uid, CONTROLLER_UID: uid}
    template = spec.setdefault("template", {})
    metadata = template.get("metadata") or {}
    labels = generated | (metadata.get("labels") or {})
    template["metadata"] = {**metadata, "labels": labels}
    if not obj["metadata"].get("labels"):
        obj["metadata"]["labels"] = dict(labels)  # Upstream's defaults, which run again when it reads what it stored.
    selector = spec.get("selector") or {}
    spec["selector"] = {**selector, "matchLabels": {CONTROLLER_UID: uid} | (selector.get("matchLabels") or {})}


def cells(obj: Object, now: float) -> Sequence[Any]:
    return (
        obj["metadata"]["name"],
        _state(obj),
        _completions(obj),
        _duration(obj.get("status") or {}, now),
        age(obj, now),
        *names_and_images(template_spec(obj)),
        format_struct((obj.get("spec") or {}).get("selector")),
    )


def _state(obj: Object) -> str:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    true = {one.get("type") for one in conditions if one.get("status") == "True"}
    if finished := next((word for type, word in _FINISHED.items() if type in true), ""):
        return finished
    if obj["metadata"].get("deletionTimestamp"):
        return "Terminating"
    return next((word for type, word in _UNDER_WAY.items() if type in true), "Running")


def _completions(obj: Object) -> str:
    spec = obj.get("spec") or {}
    succeeded, wanted, parallel = status(obj, "succeeded"), spec.get("completions"), spec.get("parallelism") or 0
    if wanted is not None:
        return f"{succeeded}/{wanted}"
    return f"{succeeded}/1 of {parallel}" if parallel > 1 else f"{succeeded}/1"


def _duration(state: Object, now: float) -> str:
    if not state.get("startTime"):
        return ""
    end = seconds(state["completionTime"]) if state.get("completionTime") else now
    return human_duration(end - seconds(state["startTime"]))


_template_warnings = of_template("spec", "template")


def _warnings(new: Object, old: Object | None) -> Sequence[str]:
    spec = new.get("spec") or {}
    many = (
        spec.get("completionMode") == "Indexed"
        and (spec.get("completions") or 0) > _MANY_COMPLETIONS
        and (spec.get("parallelism") or 0) > _MANY_PARALLEL
    )
    return [*_template_warnings(new, old), *((_MANY,) if many and old is None else ())]


BEHAVIOUR = {
    "Job": Behaviour(
        columns=COLUMNS,
        cells=cells,
        selectable_fields={"status.successful": lambda obj: str(status(obj, "succeeded"))},
        generation=spec_changed,
        prepare_create=prepare_create,
        validate=lambda obj: list(validate_job(obj)),
        validate_update=lambda new, old: list(validate_job_update(new, old)),
        validate_on_update=False,
        validate_status=lambda new, old: list(validate_job_status(new, old)),
        warnings=_warnings,
    )
}
