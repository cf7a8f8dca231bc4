"""An answer is lines: what is so, what shows it, and what would change it. Pure: plain JSON objects in, lines out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Json = dict[str, Any]


class Mark(StrEnum):
    """What a line is."""

    FACT = "fact"
    EVIDENCE = "evidence"
    ADVICE = "advice"


@dataclass(frozen=True, slots=True)
class Line:
    mark: Mark
    text: str
    source: str = ""
    """Where it comes from: `decision of kube-scheduler`, `status`, `event`."""


@dataclass(frozen=True, slots=True)
class Case:
    """An object, and what is known around it."""

    kind: str
    subject: Json
    decisions: Sequence[Json] | None = None
    """Of the trace resource, newest last; None where the API server has no such resource."""
    events: Sequence[Json] = ()
    related: dict[str, list[Json]] = field(default_factory=dict)
    """Other objects by kind: the Pods of a Deployment, the Nodes, …"""


def fact(text: str, source: str = "") -> Line:
    return Line(Mark.FACT, text, source)


def evidence(text: str, source: str = "") -> Line:
    return Line(Mark.EVIDENCE, text, source)


def advice(text: str) -> Line:
    return Line(Mark.ADVICE, text)


NO_TRACE = evidence(
    "This API server keeps no record of decisions, so the answer comes from the objects and their events alone."
)


def conditions(obj: Json) -> dict[str, Json]:
    """status.conditions by type."""
    return {each.get("type", ""): each for each in obj.get("status", {}).get("conditions", [])}


def name_of(obj: Json) -> str:
    """`namespace/name`, or the name of a cluster-wide object."""
    meta = obj.get("metadata", {})
    namespace = meta.get("namespace", "")
    return f"{namespace}/{meta.get('name', '')}" if namespace else str(meta.get("name", ""))


def newest(case: Case, component: str = "", verdicts: Sequence[str] = ()) -> Json | None:
    """The last decision of a component (prefix) with one of these verdicts (any by default)."""
    for decision in reversed(case.decisions or ()):
        if decision.get("component", "").startswith(component) and (not verdicts or decision["verdict"] in verdicts):
            return dict(decision)
    return None


def witnesses(case: Case, limit: int = 3) -> list[Line]:
    """The newest warnings about the subject."""
    warnings = [each for each in case.events if each.get("type") == "Warning"]
    lines = []
    for event in warnings[-limit:]:
        text = event.get("message") or event.get("note") or ""
        count = (event.get("series") or {}).get("count") or event.get("count") or 1
        times = f" ({count} times)" if count > 1 else ""
        lines.append(evidence(f"{event.get('reason', '')}: {text}{times}", "event"))
    return lines
