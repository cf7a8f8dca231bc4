"""The status of a Job: conditions that exclude or need each other, counters that only grow (KEP-3939, KEP-3998).

Most rules are asked only where what they are about has changed, so that a Job written under older ones stays writable.
Source: pkg/registry/batch/job/strategy.go (getStatusValidationOptions), pkg/apis/batch/validation.
"""

from collections.abc import Iterator
from typing import Any

from kybern.api.resource import FieldError, Object
from kybern.api.validation.field import IMMUTABLE, duplicate, invalid, non_negative, required
from kybern.api.validation.job_policies import count_indexes, overlap

_COUNTERS = ("active", "succeeded", "failed", "ready", "terminating")
_TERMINAL = ("Failed", "Complete", "FailureTarget")
_FINISHED = {"Complete", "Failed"}


def validate_job_status(new: Object, old: Object) -> Iterator[FieldError]:
    status, before, spec = new.get("status") or {}, old.get("status") or {}, new.get("spec") or {}
    for key in _COUNTERS:
        yield from non_negative(f"status.{key}", status.get(key))
    yield from _uncounted(status.get("uncountedTerminatedPods") or {})
    changes = _Changes(status, before)
    yield from _completion(status, changes)
    yield from _finished(status, spec, changes)
    yield from _indexes(status, spec, changes)
    yield from _running(status, changes)
    yield from _exclusive(status, spec, changes.states)
    yield from _progress(status, before, spec, changes)


class _Changes:
    """What differs between two statuses, conditions by their being true."""

    def __init__(self, status: Object, before: Object) -> None:
        self._status, self._before = status, before
        self.states = _with_state(status, "True")
        self.known = _with_state(before, "True")

    def state(self, *types: str) -> bool:
        return any((each in self.states) != (each in self.known) for each in types)

    def value(self, *keys: str) -> bool:
        return any(self._status.get(key) != self._before.get(key) for key in keys)

    @property
    def finished(self) -> bool:
        return bool(_FINISHED & self.states) != bool(_FINISHED & self.known)

    @property
    def resumes(self) -> bool:
        return "Suspended" in self.known and "Suspended" in _with_state(self._status, "False")


def _with_state(status: Object, state: str) -> set[str]:
    return {one.get("type", "") for one in status.get("conditions") or () if one.get("status") == state}


def _conditions(detail: str) -> FieldError:
    return FieldError("FieldValueInvalid", "status.conditions", f"Invalid value: {detail}")


def _uncounted(pods: Object) -> Iterator[FieldError]:
    seen = set()
    for key in ("succeeded", "failed"):
        for index, uid in enumerate(pods.get(key) or ()):
            path = f"status.uncountedTerminatedPods.{key}[{index}]"
            if not uid:
                yield invalid(path, uid, "must not be empty")
            elif uid in seen:
                yield duplicate(path, uid)
            seen.add(uid)


def _completion(status: Object, changes: _Changes) -> Iterator[FieldError]:
    complete, done = "Complete" in changes.states, status.get("completionTime")
    if changes.state("Complete", "Failed") and changes.states >= _FINISHED:
        yield _conditions("cannot set Complete=True and Failed=true conditions")
    if changes.state("Complete", "FailureTarget") and complete and "FailureTarget" in changes.states:
        yield _conditions("cannot set Complete=True and FailureTarget=true conditions")
    if changes.state("Complete") or changes.value("completionTime"):
        if done and not complete:
            detail = "cannot set completionTime when there is no Complete=True condition"
            yield invalid("status.completionTime", done, detail)
        if complete and not done:
            yield required("status.completionTime", "completionTime is required for Complete jobs")
    started = status.get("startTime")
    if changes.value("startTime", "completionTime") and started and done and done < started:
        yield invalid("status.completionTime", done, "must be equal to or after `startTime`")


def _finished(status: Object, spec: Object, changes: _Changes) -> Iterator[FieldError]:
    states = changes.states
    fails = changes.state("Failed") or changes.value("failedIndexes")
    if fails and "Failed" in states and "FailureTarget" not in states:
        yield _conditions("cannot set Failed=True condition without the FailureTarget=true condition")
    if changes.state("Complete", "SuccessCriteriaMet") and "Complete" in states and "SuccessCriteriaMet" not in states:
        yield _conditions("cannot set Complete=True condition without the SuccessCriteriaMet=true condition")
    if not states & _FINISHED:
        return
    if (changes.finished or changes.value("active")) and status.get("active"):
        yield invalid("status.active", status["active"], "active>0 is invalid for finished job")
    idle = spec.get("suspend") is True and spec.get("completions") == 0
    if (changes.finished or changes.value("startTime")) and not idle and not status.get("startTime"):
        yield required("status.startTime", "startTime is required for finished job")
    waiting = status.get("uncountedTerminatedPods") or {}
    if (changes.finished or changes.value("uncountedTerminatedPods")) and any(waiting.values()):
        yield invalid("status.uncountedTerminatedPods", waiting, "must be empty for finished job")


def _indexes(status: Object, spec: Object, changes: _Changes) -> Iterator[FieldError]:
    completed, failed = status.get("completedIndexes") or "", status.get("failedIndexes")
    completions, per_index = spec.get("completions"), spec.get("backoffLimitPerIndex") is not None
    if changes.value("completedIndexes"):
        yield from _well_formed("completedIndexes", completed, completions)
    if changes.value("failedIndexes") and per_index:
        yield from _well_formed("failedIndexes", failed or "", completions)
    if changes.value("completedIndexes") and completed and spec.get("completionMode") != "Indexed":
        detail = "cannot set non-empty completedIndexes when non-indexed completion mode"
        yield invalid("status.completedIndexes", completed, detail)
    if changes.value("failedIndexes") and failed is not None and not per_index:
        detail = "cannot set non-null failedIndexes when backoffLimitPerIndex is null"
        yield invalid("status.failedIndexes", failed, detail)
    if changes.value("failedIndexes", "completedIndexes") and completions is not None and failed:
        both = overlap(completed, failed, completions)
        if both is not None:
            detail = f"failedIndexes and completedIndexes overlap at index: {both}"
            yield invalid("status.failedIndexes", failed, detail)


def _well_formed(key: str, text: str, completions: int | None) -> Iterator[FieldError]:
    if completions is None:
        return
    try:
        count_indexes(text, completions)
    except ValueError as error:
        yield invalid(f"status.{key}", text, f"error parsing {key}: {error}")


def _running(status: Object, changes: _Changes) -> Iterator[FieldError]:
    over = changes.states & _FINISHED and (changes.finished or changes.value("terminating"))
    if over and status.get("terminating"):
        yield invalid("status.terminating", status["terminating"], "terminating>0 is invalid for finished job")
    if changes.value("ready", "active") and _number(status, "ready") > _number(status, "active"):
        yield invalid("status.ready", status["ready"], "cannot set more ready pods than active")


def _exclusive(status: Object, spec: Object, states: set[str]) -> Iterator[FieldError]:
    met = "SuccessCriteriaMet" in states
    if met and "Failed" in states:
        yield _conditions("cannot set SuccessCriteriaMet=True and Failed=true conditions")
    if met and "FailureTarget" in states:
        yield _conditions("cannot set SuccessCriteriaMet=True and FailureTarget=true conditions")
    if spec.get("successPolicy") is not None and not met and "Complete" in states:
        yield _conditions("cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True")


def _progress(status: Object, before: Object, spec: Object, changes: _Changes) -> Iterator[FieldError]:
    states, known = changes.states, changes.known
    for state in _TERMINAL:
        if state in known and state not in states:
            yield _conditions(f"cannot disable the terminal {state}=True condition")
    elastic = spec.get("completionMode") == "Indexed" and spec.get("completions") == spec.get("parallelism")
    for key in ("failed",) if elastic else ("failed", "succeeded"):
        if _number(status, key) < _number(before, key):
            yield invalid(f"status.{key}", _number(status, key), f"cannot decrease the {key} counter")
    done, was_done = status.get("completionTime"), before.get("completionTime")
    if done and was_done and done != was_done:
        yield invalid("status.completionTime", done, IMMUTABLE)
    started = before.get("startTime")
    if started and changes.value("startTime") and not changes.resumes and not spec.get("suspend"):
        detail = "field is immutable for unsuspended job once set"
        yield invalid("status.startTime", status.get("startTime"), detail)
    if "SuccessCriteriaMet" in known and "SuccessCriteriaMet" not in states:
        yield _conditions("cannot disable the SuccessCriteriaMet=True condition")
    if "Complete" in known and "SuccessCriteriaMet" in states - known:
        yield _conditions("cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions")


def _number(status: Object, key: str) -> Any:
    return status.get(key) or 0
