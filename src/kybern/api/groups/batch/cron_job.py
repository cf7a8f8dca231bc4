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
from kybern.api.groups.disabled_fields import drop_on_create, drop_on_update
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


_of_template = of_template("spec", "jobTemplate", "spec", "template")
_ZONE_IN_SCHEDULE = (
    "cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see "
    "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"
)


def _warnings(new: Object, old: Object | None) -> Sequence[str]:
    zoned = old is not None and "TZ" in ((new.get("spec") or {}).get("schedule") or "")
    return [*_of_template(new, old), *((_ZONE_IN_SCHEDULE,) if zoned else ())]


BEHAVIOUR = {
    "CronJob": Behaviour(
        columns=COLUMNS,
        cells=cells,
        generation=spec_changed,
        prepare_create=drop_on_create("spec", "jobTemplate", "spec", "template", "spec"),
        prepare_update=drop_on_update("spec", "jobTemplate", "spec", "template", "spec"),
        validate=lambda obj: list(validate_cron_job(obj)),
        validate_update=lambda new, old: list(validate_cron_job_update(new, old)),
        validate_on_update=False,
        warnings=_warnings,
    )
}
