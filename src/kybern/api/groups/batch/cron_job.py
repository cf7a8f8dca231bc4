"""CronJob."""

from collections.abc import Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour, spec_changed
from kybern.api.groups.columns import (
    AGE,
    CONTAINERS,
    IMAGES,
    NAME,
    NONE,
    age,
    boolean,
    column,
    names_and_images,
    since,
)
from kybern.api.groups.workload_warnings import of_template
from kybern.api.resource import Object
from kybern.api.selectors import format_struct
from kybern.api.validation.batch import validate_cron_job, validate_cron_job_update

COLUMNS = (
    NAME,
    column("Schedule", "batch.v1.CronJobSpec.schedule"),
    column("Timezone", "batch.v1.CronJobSpec.timeZone"),
    column("Suspend", "batch.v1.CronJobSpec.suspend", "boolean"),
    column("Active", "batch.v1.CronJobStatus.active", "integer"),
    column("Last Schedule", "batch.v1.CronJobStatus.lastScheduleTime"),
    AGE,
    CONTAINERS,
    IMAGES,
    column("Selector", "batch.v1.JobSpec.selector", priority=1),
)


def cells(obj: Object, now: float) -> Sequence[Any]:
    spec, state = obj.get("spec") or {}, obj.get("status") or {}
    zone, last = spec.get("timeZone"), state.get("lastScheduleTime")
    job = (spec.get("jobTemplate") or {}).get("spec") or {}
    return (
        obj["metadata"]["name"],
        spec.get("schedule") or "",
        NONE if zone is None else zone,
        boolean(spec.get("suspend")),
        len(state.get("active") or ()),
        since(last, now) if last else NONE,
        age(obj, now),
        *names_and_images((job.get("template") or {}).get("spec") or {}),
        format_struct(job.get("selector")),
    )


BEHAVIOUR = {
    "CronJob": Behaviour(
        columns=COLUMNS,
        cells=cells,
        generation=spec_changed,
        validate=lambda obj: list(validate_cron_job(obj)),
        validate_update=lambda new, old: list(validate_cron_job_update(new, old)),
        validate_on_update=False,
        warnings=of_template("spec", "jobTemplate", "spec", "template"),
    )
}
