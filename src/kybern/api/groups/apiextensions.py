"""CustomResourceDefinition: the default table, as upstream's."""

from kybern.api.groups.behaviour import Behaviour, spec_changed
from kybern.api.resource import Change, Object
from kybern.api.validation.custom_resource_definition import (
    validate_definition_status,
    validate_definition_update,
    validate_new_definition,
    warn_of_formats,
)


def prepare_create(obj: Object, change: Change) -> None:
    _remember_stored_version(obj)


def prepare_update(new: Object, old: Object, change: Change) -> None:
    _remember_stored_version(new)


def _remember_stored_version(obj: Object) -> None:
    """Every version that was ever stored stays listed."""
    versions = (obj.get("spec") or {}).get("versions") or ()
    current = next((version.get("name") for version in versions if version.get("storage")), None)
    status = obj.get("status") or {}
    stored = status.get("storedVersions") or []
    if current is not None and current not in stored:
        obj["status"] = {**status, "storedVersions": [*stored, current]}


BEHAVIOUR = {
    "CustomResourceDefinition": Behaviour(
        generation=spec_changed,
        prepare_create=prepare_create,
        prepare_update=prepare_update,
        validate=lambda obj: list(validate_new_definition(obj)),
        validate_on_update=False,
        warnings=warn_of_formats,
        validate_update=lambda new, old: list(validate_definition_update(new, old)),
        validate_status=lambda new, old: list(validate_definition_status(new, old)),
        unconditional_update=False,
    )
}
