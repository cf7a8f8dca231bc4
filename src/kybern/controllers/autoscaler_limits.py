"""How fast and how far an autoscaler may go: stabilisation, rates, bounds (pkg/controller/podautoscaler/horizontal.go).

What was recommended and done lately is remembered in the process; a restart forgets it, as upstream's does.
"""

from dataclasses import dataclass, field
from math import ceil

from kybern.api.types.autoscaling_v2 import HorizontalPodAutoscaler, HPAScalingRules

STABILIZATION_SECONDS = 300
"""How long a higher recommendation holds a scale-down off (--horizontal-pod-autoscaler-downscale-stabilization)."""
REMEMBERED_LIMIT = 1000

LOWEST_UP = "recent recommendations were lower than current one, applying the lowest recent recommendation"
HIGHEST_DOWN = "recent recommendations were higher than current one, applying the highest recent recommendation"
SAME = ("ReadyForNewScale", "recommended size matches current size")
WITHIN = ("DesiredWithinRange", "the desired count is within the acceptable range")
TOO_MANY = ("TooManyReplicas", "the desired replica count is more than the maximum replica count")
TOO_FEW = ("TooFewReplicas", "the desired replica count is less than the minimum replica count")
TOO_FAST_UP = ("ScaleUpLimit", "the desired replica count is increasing faster than the maximum scale rate")
TOO_FAST_DOWN = ("ScaleDownLimit", "the desired replica count is decreasing faster than the maximum scale rate")


@dataclass(slots=True)
class History:
    """Of one autoscaler: (seconds, number) each."""

    recommendations: list[tuple[float, int]] = field(default_factory=list)
    ups: list[tuple[float, int]] = field(default_factory=list)
    downs: list[tuple[float, int]] = field(default_factory=list)

    def scaled(self, before: int, after: int, now: float) -> None:
        events = self.ups if after > before else self.downs
        events.append((now, abs(after - before)))
        del events[:-REMEMBERED_LIMIT]

    def recommended(self, replicas: int, longest: float, now: float) -> None:
        kept = [each for each in self.recommendations if each[0] >= now - longest]
        self.recommendations = [*kept[-REMEMBERED_LIMIT:], (now, replicas)]


@dataclass(frozen=True, slots=True)
class Bounded:
    """The number that holds; why it was held back; whether it is limited, and by what."""

    replicas: int
    able: tuple[str, str]
    limited: bool
    limit: tuple[str, str]


def bound(
    autoscaler: HorizontalPodAutoscaler, history: History, current: int, desired: int, minimum: int, now: float
) -> Bounded:
    """What is done of what the metrics desire."""
    behavior, maximum = autoscaler.spec.behavior, autoscaler.spec.max_replicas
    up = behavior.scale_up if behavior is not None else None
    down = behavior.scale_down if behavior is not None else None
    if behavior is None or up is None or down is None:
        stable, able = _steady(history, desired, now)
        replicas, limit = _by_default_rules(current, stable, minimum, maximum)
    else:
        stable, able = _steady_by_rules(history, current, desired, up, down, now)
        replicas, limit = _by_rate(history, current, stable, minimum, maximum, up, down, now)
    return Bounded(replicas, able, replicas != stable, limit)


def _steady(history: History, desired: int, now: float) -> tuple[int, tuple[str, str]]:
    """The highest of the last five minutes."""
    recent = [number for at, number in history.recommendations if at >= now - STABILIZATION_SECONDS]
    highest = max([*recent, desired])
    history.recommended(desired, STABILIZATION_SECONDS, now)
    return highest, SAME if highest == desired else ("ScaleDownStabilized", HIGHEST_DOWN)


def _steady_by_rules(
    history: History, current: int, desired: int, up: HPAScalingRules, down: HPAScalingRules, now: float
) -> tuple[int, tuple[str, str]]:
    up_window = up.stabilization_window_seconds or 0
    down_window = down.stabilization_window_seconds
    down_window = STABILIZATION_SECONDS if down_window is None else down_window
    lowest = min([desired, *(number for at, number in history.recommendations if at > now - up_window)])
    highest = max([desired, *(number for at, number in history.recommendations if at > now - down_window)])
    history.recommended(desired, max(up_window, down_window), now)
    stable = min(max(current, lowest), highest)
    if stable == desired:
        return stable, SAME
    why = ("ScaleUpStabilized", LOWEST_UP) if desired >= current else ("ScaleDownStabilized", HIGHEST_DOWN)
    return stable, why


def _by_default_rules(current: int, desired: int, minimum: int, maximum: int) -> tuple[int, tuple[str, str]]:
    fastest = max(2 * current, 4)
    if desired < minimum:
        return minimum, TOO_FEW
    highest = min(maximum, fastest)
    if desired > highest:
        return highest, TOO_FAST_UP if maximum > fastest else TOO_MANY
    return desired, WITHIN


def _by_rate(
    history: History,
    current: int,
    desired: int,
    minimum: int,
    maximum: int,
    up: HPAScalingRules,
    down: HPAScalingRules,
    now: float,
) -> tuple[int, tuple[str, str]]:
    if desired > current:
        fastest = max(_limit(history, current, up, 1, now), current)
        if desired > min(maximum, fastest):
            return min(maximum, fastest), TOO_FAST_UP if maximum > fastest else TOO_MANY
    elif desired < current:
        fastest = min(_limit(history, current, down, -1, now), current)
        if desired < max(minimum, fastest):
            return max(minimum, fastest), TOO_FAST_DOWN if minimum < fastest else TOO_FEW
    return desired, WITHIN


def _limit(history: History, current: int, rules: HPAScalingRules, direction: int, now: float) -> int:
    """The farthest number that the policies of one direction allow now."""
    if rules.select_policy == "Disabled":
        return current
    proposals = []
    for policy in rules.policies:
        since = now - policy.period_seconds
        added = sum(number for at, number in history.ups if at > since)
        removed = sum(number for at, number in history.downs if at > since)
        start = current - added + removed
        if policy.type == "Pods":
            proposals.append(start + direction * policy.value)
        elif direction > 0:
            proposals.append(ceil(start * (100 + policy.value) / 100))
        else:
            proposals.append(int(start * (100 - policy.value) / 100))
    if not proposals:
        return current
    farthest = (rules.select_policy != "Min") == (direction > 0)
    return max(proposals) if farthest else min(proposals)
