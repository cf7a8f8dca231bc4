"""ControllerRevision."""

from collections.abc import Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour, checked_first
from kybern.api.groups.columns import AGE, NAME, NONE, age, column
from kybern.api.resource import Column, Object
from kybern.api.validation.workloads import (
    validate_controller_revision,
    validate_controller_revision_update,
    validate_revision,
)

COLUMNS = (
    NAME,
    Column("Controller", description="Controller of the object"),
    column("Revision", "apps.v1.ControllerRevision.revision"),
    AGE,
)


def cells(obj: Object, now: float) -> Sequence[Any]:
    owners = obj["metadata"].get("ownerReferences") or ()
    controller = next((_resource_name(owner) for owner in owners if owner.get("controller")), NONE)
    return obj["metadata"]["name"], controller, obj.get("revision") or 0, age(obj, now)


def _resource_name(owner: Object) -> str:
    group = owner["apiVersion"].rpartition("/")[0]
    kind = f"{owner['kind']}.{group}" if group else owner["kind"]
    return f"{kind.lower()}/{owner['name']}"


BEHAVIOUR = {
    "ControllerRevision": Behaviour(
        columns=COLUMNS,
        cells=cells,
        validate=lambda obj: list(validate_controller_revision(obj)),
        validate_update=checked_first(validate_revision, validate_controller_revision_update),
        validate_on_update=False,
    )
}
