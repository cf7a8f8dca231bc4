"""PodTemplate."""

from collections.abc import Sequence

from kybern.api.groups.behaviour import Behaviour
from kybern.api.groups.columns import NAME, names_and_images
from kybern.api.groups.disabled_fields import drop_on_create, drop_on_update
from kybern.api.groups.workload_warnings import of_template
from kybern.api.resource import Column, FieldError, Object
from kybern.api.selectors import format_map

COLUMNS = (
    NAME,
    Column("Containers", description="Names of each container in the template."),
    Column("Images", description="Images referenced by each container in the template."),
    Column("Pod Labels", description="The labels for the pod template."),
)


def cells(obj: Object, now: float) -> Sequence[str]:
    template = obj.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels")
    return obj["metadata"]["name"], *names_and_images(template.get("spec") or {}), format_map(labels)


def _validate(obj: Object) -> Sequence[FieldError]:
    from kybern.api.validation.core.pod import validate_template

    return list(validate_template(obj.get("template") or {}, "template"))


BEHAVIOUR = {
    "PodTemplate": Behaviour(
        columns=COLUMNS,
        cells=cells,
        generation=lambda new, old: new.get("template") != old.get("template"),
        prepare_create=drop_on_create("template", "spec"),
        prepare_update=drop_on_update("template", "spec"),
        validate=_validate,
        warnings=of_template("template", names=False),
    )
}
