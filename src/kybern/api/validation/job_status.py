"""The status of a Job: conditions that exclude or need each other, counters that only grow (KEP-3939, KEP-3998)."""

from collections.abc import Iterator

from kybern.api.resource import FieldError, Object
from kybern.api.validation.field import duplicate, invalid, non_negative, required
from kybern.api.validation.job_policies import count_indexes


def _conditions(detail: str) -> FieldError:
    return FieldError("FieldValueInvalid", "status.conditions", f"Invalid value: {detail}")


def _true(status: Object) -> set[str]:
    return {one.get("type", "") for one in status.get("conditions") or () if one.get("status") == "True"}


def validate_job_status(new: Object, old: Object) -> Iterator[FieldError]:
    status, before, spec = new.get("status") or {}, old.get("status") or {}, new.get("spec") or {}
    for key in ("active", "succeeded", "failed", "ready", "terminating"):
        yield from non_negative(f"status.{key}", status.get(key))
    yield from _uncounted(status.get("uncountedTerminatedPods") or {})
    states = _true(status)
    yield from _exclusive(states)
    if status.get("conditions") != before.get("conditions"):
        yield from _finished(status, spec, states)
    yield from _indexes(status, spec)
    yield from _progress(status, before, spec, states)


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


def _exclusive(states: set[str]) -> Iterator[FieldError]:
    if {"Complete", "Failed"} <= states:
        yield _conditions("cannot set Complete=True and Failed=true conditions")
    if {"Complete", "FailureTarget"} <= states:
        yield _conditions("cannot set Complete=True and FailureTarget=true conditions")
    if {"SuccessCriteriaMet", "Failed"} <= states:
        yield _conditions("cannot set SuccessCriteriaMet=True and Failed=true conditions")
    if {"SuccessCriteriaMet", "FailureTarget"} <= states:
        yield _conditions("cannot set SuccessCriteriaMet=True and FailureTarget=true conditions")


def _finished(status: Object, spec: Object, states: set[str]) -> Iterator[FieldError]:
    complete, failed = "Complete" in states, "Failed" in states
    done = status.get("completionTime")
    if complete and not done:
        yield required("status.completionTime", "completionTime is required for Complete jobs")
    if failed and "FailureTarget" not in states:
        yield _conditions("cannot set Failed=True condition without the FailureTarget=true condition")
    if complete and "SuccessCriteriaMet" not in states:
        yield _conditions("cannot set Complete=True condition without the SuccessCriteriaMet=true condition")
    if not complete and not failed:
        return
    if status.get("active"):
        yield invalid("status.active", status["active"], "active>0 is invalid for finished job")
    if not status.get("startTime"):
        yield required("status.startTime", "startTime is required for finished job")
    waiting = status.get("uncountedTerminatedPods") or {}
    if any(waiting.values()):
        detail = "uncountedTerminatedPods needs to be empty for finished job"
        yield invalid("status.uncountedTerminatedPods", waiting, detail)
    if status.get("terminating"):
        yield invalid("status.terminating", status["terminating"], "terminating>0 is invalid for finished job")


def _indexes(status: Object, spec: Object) -> Iterator[FieldError]:
    completed, failed = status.get("completedIndexes") or "", status.get("failedIndexes")
    if spec.get("completions") is not None:
        for key, text in (("completedIndexes", completed), ("failedIndexes", failed or "")):
            try:
                count_indexes(text, spec["completions"])
            except ValueError as error:
                yield invalid(f"status.{key}", text, f"error parsing {key}: {error}")
    if completed and spec.get("completionMode") != "Indexed":
        detail = "cannot set non-empty completedIndexes when non-indexed completion mode"
        yield invalid("status.completedIndexes", completed, detail)
    if failed is not None and spec.get("backoffLimitPerIndex") is None:
        detail = "cannot set non-null failedIndexes when backoffLimitPerIndex is null"
        yield invalid("status.failedIndexes", failed, detail)


def _progress(status: Object, before: Object, spec: Object, states: set[str]) -> Iterator[FieldError]:
    if (status.get("ready") or 0) > (status.get("active") or 0):
        yield invalid("status.ready", status["ready"], "cannot set more ready pods than active")
    if status.get("completionTime") and "Complete" not in states:
        detail = "cannot set completionTime when there is no Complete=True condition"
        yield invalid("status.completionTime", status["completionTime"], detail)
    known = _true(before)
    for state in ("Failed", "Complete", "FailureTarget"):
        if state in known and state not in states:
            yield _conditions(f"cannot disable the terminal {state}=True condition")
    for key in ("failed", "succeeded"):
        if (status.get(key) or 0) < (before.get(key) or 0):
            yield invalid(f"status.{key}", status.get(key) or 0, f"cannot decrease the {key} counter")
    times = status.get("completionTime"), before.get("completionTime")
    if times[0] and times[1] and times[0] != times[1]:
        yield invalid("status.completionTime", times[0], "completionTime cannot be mutated")
    started = before.get("startTime")
    if started and status.get("startTime") != started and not spec.get("suspend"):
        yield required("status.startTime", "startTime cannot be removed for unsuspended job")
    if "SuccessCriteriaMet" in known and "SuccessCriteriaMet" not in states:
        yield _conditions("cannot disable the SuccessCriteriaMet=True condition")
