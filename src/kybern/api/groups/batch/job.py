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
from kybern.api.groups.disabled_fields import drop_from_pod_spec, drop_on_update
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


def prepare_create(obj: Object, change: Change) -> None:
    """Makes the selector out of the Job's uid, so that no other Job's Pods match; what was given is left to fail."""
    drop_from_pod_spec(template_spec(obj), {})
    spec = obj.setdefault("spec", {})
    if spec.get("manualSelector"):
        return
    name, uid = obj["metadata"].get("name", ""), obj["metadata"].get("uid", "")
    generated = {_LEGACY_JOB_NAME: name, JOB_NAME: name, _LEGACY_CONTROLLER_UID: uid, CONTROLLER_UID: uid}
    template = spec.setdefault("template", {})
    metadata = template.get("metadata") or {}
    given = metadata.get("labels") or {}
    labels = generated | given
    template["metadata"] = {**metadata, "labels": labels}
    # One map for both, unless a name was generated: for that upstream copies the object.
    shared = obj["metadata"].get("labels") is given and not obj["metadata"].get("generateName")
    if not obj["metadata"].get("labels") or shared:
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


BEHAVIOUR = {
    "Job": Behaviour(
        columns=COLUMNS,
        cells=cells,
        selectable_fields={"status.successful": lambda obj: str(status(obj, "succeeded"))},
        generation=spec_changed,
        prepare_create=prepare_create,
        prepare_update=drop_on_update("spec", "template", "spec"),
        validate=lambda obj: list(validate_job(obj)),
        validate_update=lambda new, old: list(validate_job_update(new, old)),
        validate_on_update=False,
        validate_status=lambda new, old: list(validate_job_status(new, old)),
        warnings=of_template("spec", "template"),
    )
}
