"""LimitRange."""

from kybern.api.groups.behaviour import Behaviour
from kybern.api.resource import Change, Object
from kybern.api.validation.core.quota import validate_limit_range


def prepare_create(obj: Object, change: Change) -> None:
    """One that was given no name has its uid for one."""
    metadata = obj["metadata"]
    if not metadata.get("name"):
        metadata["name"] = metadata["uid"]


BEHAVIOUR = {
    "LimitRange": Behaviour(
        prepare_create=prepare_create,
        validate=lambda obj: list(validate_limit_range(obj)),
        create_on_update=True,
    )
}
