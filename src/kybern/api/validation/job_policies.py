"""When a Job counts as failed or done: pod failure policy (KEP-3329), success policy (KEP-3998), replacement policy."""

from collections.abc import Collection, Iterator
from contextlib import suppress

from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.field import (
    duplicate,
    each_invalid,
    invalid,
    non_negative,
    not_supported,
    quote,
    required,
    too_long,
    too_many,
)

_ACTIONS = ("Count", "FailIndex", "FailJob", "Ignore")
_OPERATORS = ("In", "NotIn")
_STATUSES = ("False", "True", "Unknown")
_REPLACEMENT = ("Failed", "TerminatingOrFailed")
_RULES_LIMIT, _EXIT_CODES_LIMIT, _CONDITIONS_LIMIT = 20, 255, 20
_INDEXES_LIMIT_BYTES = 64 * 1024


def _listed(values: tuple[str, ...]) -> str:
    return "valid values: [" + " ".join(quote(value) for value in values) + "]"


def _choice(value: str, path: str, supported: tuple[str, ...]) -> Iterator[FieldError]:
    if not value:
        yield required(path, _listed(supported))
    elif value not in supported:
        yield not_supported(path, value, supported)


def internal_failure_policy(policy: Object | None) -> Object | None:
    """As upstream shows it: its internal form has no JSON names and leaves nothing out."""
    if policy is None:
        return None
    return {"Rules": [_internal_rule(rule) for rule in policy.get("rules") or ()] or policy.get("rules")}


def _internal_rule(rule: Object) -> Object:
    codes = rule.get("onExitCodes")
    if codes is not None:
        codes = {
            "ContainerName": codes.get("containerName"),
            "Operator": codes.get("operator") or "",
            "Values": codes.get("values"),
        }
    conditions = rule.get("onPodConditions")
    if conditions is not None:
        conditions = [{"Type": one.get("type") or "", "Status": one.get("status") or ""} for one in conditions]
    return {"Action": rule.get("action") or "", "OnExitCodes": codes, "OnPodConditions": conditions}


def internal_success_policy(policy: Object | None) -> Object | None:
    """As upstream shows it."""
    if policy is None:
        return None
    rules = [
        {"SucceededIndexes": rule.get("succeededIndexes"), "SucceededCount": rule.get("succeededCount")}
        for rule in policy.get("rules") or ()
    ]
    return {"Rules": rules or policy.get("rules")}


def validate_pod_failure_policy(spec: Object, path: str) -> Iterator[FieldError]:
    rules = spec["podFailurePolicy"].get("rules") or ()
    if len(rules) > _RULES_LIMIT:
        yield too_many(f"{path}.rules", len(rules), _RULES_LIMIT)
    pod = (spec.get("template") or {}).get("spec") or {}
    known = {one.get("name") for group in ("containers", "initContainers") for one in pod.get(group) or ()}
    for index, rule in enumerate(rules):
        yield from _failure_rule(spec, rule, known, f"{path}.rules[{index}]")


def _failure_rule(spec: Object, rule: Object, known: Collection[str | None], path: str) -> Iterator[FieldError]:
    action = rule.get("action") or ""
    if action == "FailIndex" and spec.get("backoffLimitPerIndex") is None:
        yield invalid(f"{path}.action", action, "requires the backoffLimitPerIndex to be set")
    yield from _choice(action, f"{path}.action", _ACTIONS)
    codes, conditions = rule.get("onExitCodes"), rule.get("onPodConditions") or ()
    if codes is not None:
        yield from _exit_codes(codes, known, f"{path}.onExitCodes")
    if len(conditions) > _CONDITIONS_LIMIT:
        yield too_many(f"{path}.onPodConditions", len(conditions), _CONDITIONS_LIMIT)
    for index, pattern in enumerate(conditions):
        at, kind = f"{path}.onPodConditions[{index}]", pattern.get("type") or ""
        yield from each_invalid(f"{at}.type", kind, names.qualified_name(kind))
        yield from _choice(pattern.get("status") or "", f"{at}.status", _STATUSES)
    if codes is not None and conditions:
        detail = "specifying both OnExitCodes and OnPodConditions is not supported"
        yield FieldError("FieldValueInvalid", path, f"Invalid value: {detail}")
    if codes is None and not conditions:
        detail = "specifying one of OnExitCodes and OnPodConditions is required"
        yield FieldError("FieldValueInvalid", path, f"Invalid value: {detail}")


def _exit_codes(codes: Object, known: Collection[str | None], path: str) -> Iterator[FieldError]:
    operator, values = codes.get("operator") or "", codes.get("values") or []
    yield from _choice(operator, f"{path}.operator", _OPERATORS)
    name = codes.get("containerName")
    if name is not None and name not in known:
        detail = "must be one of the container or initContainer names in the pod template"
        yield invalid(f"{path}.containerName", name, detail)
    if not values:
        yield invalid(f"{path}.values", codes.get("values"), "at least one value is required")
    elif len(values) > _EXIT_CODES_LIMIT:
        yield too_many(f"{path}.values", len(values), _EXIT_CODES_LIMIT)
    seen: set[int] = set()
    for index, value in enumerate(values):
        if operator == "In" and value == 0:
            yield invalid(f"{path}.values[{index}]", value, "must not be 0 for the In operator")
        if value in seen:
            yield duplicate(f"{path}.values[{index}]", value)
        seen.add(value)
    if values != sorted(values):
        yield invalid(f"{path}.values", values, "must be ordered")


def validate_success_policy(spec: Object, path: str) -> Iterator[FieldError]:
    rules = spec["successPolicy"].get("rules") or ()
    if not rules:
        detail = "at least one rules must be specified when the successPolicy is specified"
        yield required(f"{path}.rules", detail)
    if len(rules) > _RULES_LIMIT:
        yield too_many(f"{path}.rules", len(rules), _RULES_LIMIT)
    for index, rule in enumerate(rules):
        yield from _success_rule(rule, spec.get("completions") or 0, f"{path}.rules[{index}]")


def _success_rule(rule: Object, completions: int, path: str) -> Iterator[FieldError]:
    indexes, count = rule.get("succeededIndexes"), rule.get("succeededCount")
    if indexes is None and count is None:
        yield required(path, "at least one of succeededCount or succeededIndexes must be specified")
    total = 0
    if indexes is not None:
        if names.size(indexes) > _INDEXES_LIMIT_BYTES:
            yield too_long(f"{path}.succeededIndexes", _INDEXES_LIMIT_BYTES)
        try:
            total = count_indexes(indexes, completions)
        except ValueError as error:
            yield invalid(f"{path}.succeededIndexes", indexes, f"error parsing succeededIndexes: {error}")
    if count is None:
        return
    yield from non_negative(f"{path}.succeededCount", count)
    if count > completions:
        detail = f"must be less than or equal to {completions} (the number of specified completions)"
        yield invalid(f"{path}.succeededCount", count, detail)
    if indexes is not None and count > total:
        what = "the number of indexes in the specified succeededIndexes field"
        yield invalid(f"{path}.succeededCount", count, f"must be less than or equal to {total} ({what})")


def count_indexes(text: str, completions: int) -> int:
    """How many indexes `1,3-5` holds. Raises ValueError with upstream's words."""
    total, last = 0, -1
    for interval in text.split(",") if text else ():
        first, end = _interval(interval, completions)
        if last >= first:
            raise ValueError(f"non-increasing order, previous: {last}, current: {first}")
        total += end - first + 1
        last = end
    return total


def overlap(left: str, right: str, completions: int) -> int | None:
    """The first index that both hold; intervals that are none are passed over."""
    lefts, rights = _sound(left, completions), _sound(right, completions)
    at, other = 0, 0
    while at < len(lefts) and other < len(rights):
        (first, end), (begin, last) = lefts[at], rights[other]
        if first <= last and begin <= end:
            return max(first, begin)
        if first <= begin:
            at += 1
        else:
            other += 1
    return None


def _sound(text: str, completions: int) -> list[tuple[int, int]]:
    found = []
    for interval in text.split(","):
        with suppress(ValueError):
            found.append(_interval(interval, completions))
    return found


def _interval(text: str, completions: int) -> tuple[int, int]:
    parts = text.split("-")
    if len(parts) > 2:
        rule = "violates the requirement that an index interval can have at most two parts separated by '-'"
        raise ValueError(f"the fragment {quote(text)} {rule}")
    numbers = []
    for part in parts:
        if not (part.isascii() and part.isdecimal()):
            raise ValueError(f"cannot convert string to integer for index: {quote(part)}")
        if int(part) >= completions:
            raise ValueError(f"too large index: {quote(part)}")
        numbers.append(int(part))
    if numbers[-1] <= numbers[0] and len(numbers) > 1:
        raise ValueError(f"non-increasing order, previous: {numbers[0]}, current: {numbers[1]}")
    return numbers[0], numbers[-1]


def validate_pod_replacement_policy(spec: Object, path: str) -> Iterator[FieldError]:
    policy = spec.get("podReplacementPolicy")
    if policy is None:
        return
    supported = ("Failed",) if spec.get("podFailurePolicy") is not None else _REPLACEMENT
    if policy not in supported:
        yield not_supported(path, policy, supported)
