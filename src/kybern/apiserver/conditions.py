"""Conditions of a status that the API server itself keeps: found by their type, with the time of their last change."""

from collections.abc import Mapping
from typing import Any

from kybern.api.resource import Object


def find_condition(obj: Object, type: str) -> Object:
    """The condition of that type in an object's status, {} where there is none."""
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return next((each for each in conditions if each.get("type") == type), {})


def timed_condition(known: Object, state: Mapping[str, Any], now: str) -> Object:
    """`state` as it follows `known`: its time is that of the last change of its status."""
    since = known.get("lastTransitionTime", now) if known.get("status") == state["status"] else now
    return {**state, "lastTransitionTime": since}
