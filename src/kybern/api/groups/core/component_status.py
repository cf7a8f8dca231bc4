"""ComponentStatus (deprecated): made when asked, never stored."""

from collections.abc import Sequence

from kybern.api.groups.behaviour import Behaviour
from kybern.api.groups.columns import NAME, condition
from kybern.api.resource import Column, Object

COLUMNS = (
    NAME,
    Column("Status", description="Status of the component conditions"),
    Column("Message", description="Message of the component conditions"),
    Column("Error", description="Error of the component conditions"),
)


def cells(obj: Object, now: float) -> Sequence[str]:
    healthy = condition(obj.get("conditions"), "Healthy")
    if healthy is None:
        return obj["metadata"]["name"], "Unknown", "", ""
    word = "Healthy" if healthy.get("status") == "True" else "Unhealthy"
    return obj["metadata"]["name"], word, healthy.get("message", ""), healthy.get("error", "")


BEHAVIOUR = {
    "ComponentStatus": Behaviour(columns=COLUMNS, cells=cells, deprecation="v1 ComponentStatus is deprecated in v1.19+")
}
