"""Writes to the status of Pods by others than their kubelet: conditions and phase (pkg/util/pod, pkg/api/v1/pod)."""

from typing import Any

from msgspec.structs import replace

from kybern.api.types import to_dict
from kybern.api.types.core_v1 import Pod, PodCondition
from kybern.base.clock import format_time
from kybern.client.client import PatchType
from kybern.client.plan import Patch
from kybern.controllers.pods import condition


def status_patch(pod: Pod, now: float, *conditions: PodCondition, phase: str = "") -> Patch | None:
    """A strategic merge patch that sets conditions and the phase; None where the Pod has them already. The uid in it
    guards against a namesake. A condition's transition time changes only with its status."""
    status: dict[str, Any] = {}
    changed = [new for each in conditions if (new := _stamped(pod, each, now)) != condition(pod, each.type)]
    if changed:
        status["conditions"] = [to_dict(each) for each in changed]
    if phase and phase != pod.status.phase:
        status["phase"] = phase
    if not status:
        return None
    patch = {"metadata": {"uid": pod.metadata.uid}, "status": status}
    return Patch(pod, patch, PatchType.STRATEGIC, "status")


def _stamped(pod: Pod, new: PodCondition, now: float) -> PodCondition:
    old = condition(pod, new.type)
    same = old is not None and old.status == new.status
    transition = old.last_transition_time if same and old is not None else format_time(now)
    return replace(new, last_transition_time=transition, observed_generation=pod.metadata.generation)
