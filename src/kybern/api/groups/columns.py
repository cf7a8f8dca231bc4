"""Columns that many kinds share, and the texts of their cells. Source: upstream's printers, util/duration."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from kybern.api.resource import Column, Object

_META = "@io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta."

NAME = Column("Name", format="name", description=f"{_META}name")
AGE = Column("Age", description=f"{_META}creationTimestamp")
CONTAINERS = Column("Containers", priority=1, description="Names of each container in the template.")
IMAGES = Column("Images", priority=1, description="Images referenced by each container in the template.")

UNKNOWN = "<unknown>"
NONE = "<none>"
UNSET = "<unset>"


def column(name: str, field: str, type: str = "string", *, priority: int = 0, format: str = "") -> Column:
    """A column whose description is a field's: `core.v1.PodStatus.podIP`."""
    return Column(name, type, format, f"@io.k8s.api.{field}", priority)


def age(obj: Object, now: float) -> str:
    return since(obj["metadata"].get("creationTimestamp"), now)


def since(timestamp: str | None, now: float) -> str:
    """How long ago, `<unknown>` when there is no timestamp."""
    return human_duration(now - seconds(timestamp)) if timestamp else UNKNOWN


def seconds(timestamp: str) -> float:
    """RFC 3339 to seconds since the epoch."""
    return datetime.fromisoformat(timestamp).timestamp()


def human_duration(duration: float) -> str:
    """`5s`, `3m20s`, `4h5m`, `2d3h`, `1y20d`: two or three significant digits. `duration` in seconds."""
    total = int(duration)
    if total < -1:
        return "<invalid>"
    minutes, hours, days = total // 60, total // 3600, total // 86400
    if total < 120:
        return f"{max(total, 0)}s"
    if minutes < 10:
        return _pair(minutes, "m", total % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _pair(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return _pair(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    if days < 2920:
        return _pair(days // 365, "y", days % 365, "d")
    return f"{days // 365}y"


def _pair(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit}{small}{small_unit}" if small else f"{large}{large_unit}"


def names_and_images(pod_spec: Object) -> tuple[str, str]:
    containers = pod_spec.get("containers") or ()
    return (
        ",".join(container.get("name", "") for container in containers),
        ",".join(container.get("image", "") for container in containers),
    )


def template_spec(obj: Object) -> Object:
    """spec.template.spec, empty where it is absent."""
    spec: Object = ((obj.get("spec") or {}).get("template") or {}).get("spec") or {}
    return spec


def at_most(limit: int, shown: Sequence[str], count: int, *, separator: str = ",", empty: str = "") -> str:
    """`a,b,c + 2 more...`"""
    if count > limit:
        return f"{separator.join(shown[:limit])} + {count - limit} more..."
    return separator.join(shown) or empty


def boolean(value: bool | None) -> str:
    return UNSET if value is None else "True" if value else "False"


def condition(conditions: Iterable[Object] | None, type: str) -> Object | None:
    return next((one for one in conditions or () if one.get("type") == type), None)


def status(obj: Object, key: str, default: Any = 0) -> Any:
    """A number of the status, 0 when it is not there."""
    return (obj.get("status") or {}).get(key, default)
