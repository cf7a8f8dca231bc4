"""ResourceQuota."""

from collections.abc import Sequence

from kybern.api.groups.behaviour import Behaviour, checked_first
from kybern.api.groups.columns import AGE, NAME, age
from kybern.api.resource import Column, Object
from kybern.api.validation.core.quota import (
    quota_warnings,
    validate_quota,
    validate_quota_status,
    validate_quota_update,
)

COLUMNS = (
    NAME,
    Column("Request", description="Request represents a minimum amount of cpu/memory that a container may consume."),
    Column(
        "Limit",
        description=(
            "Limits control the maximum amount of cpu/memory that a container may use independent "
            "of contention on the node."
        ),
    ),
    AGE,
)


def cells(obj: Object, now: float) -> Sequence[str]:
    status = obj.get("status") or {}
    used = status.get("used") or {}
    requests: list[str] = []
    limits: list[str] = []
    for name, hard in sorted((status.get("hard") or {}).items()):
        column = limits if name.startswith("limits.") else requests
        column.append(f"{name}: {used.get(name, '0')}/{hard}")
    return obj["metadata"]["name"], ", ".join(requests), ", ".join(limits), age(obj, now)


BEHAVIOUR = {
    "ResourceQuota": Behaviour(
        columns=COLUMNS,
        cells=cells,
        validate=lambda obj: list(validate_quota(obj)),
        warnings=lambda new, old: list(quota_warnings(new)) if old is None else (),
        validate_update=checked_first(validate_quota, validate_quota_update),
        validate_on_update=False,
        validate_status=lambda new, old: list(validate_quota_status(new, old)),
    )
}
