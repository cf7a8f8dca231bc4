"""How much of a shared device's capacity a request may take."""

from collections.abc import Iterator, Sequence

from kybern.api import quantity
from kybern.api.resource import FieldError, Object
from kybern.api.validation.dynamic_resources.device_names import each_once
from kybern.api.validation.field import forbidden, invalid, required

_OPTIONS_LIMIT = 10
_BOTH = 'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time'


def validate_capacity(capacity: str, policy: Object, path: str) -> Iterator[FieldError]:
    """`policy`: the capacity's requestPolicy."""
    options, limits, default = policy.get("validValues") or (), policy.get("validRange"), policy.get("default")
    if options and limits is not None:
        yield forbidden(path, _BOTH)
        return
    if not options and limits is None:
        return
    if default is None:
        key = "validValues" if options else "validRange"
        yield required(f"{path}.default", f"required when {key} is defined")
    elif options:
        yield from _options(default, capacity, options, f"{path}.validValues")
    elif limits is not None:
        yield from _range(default, capacity, limits, f"{path}.validRange")


def _options(default: str, capacity: str, options: Sequence[str], path: str) -> Iterator[FieldError]:
    for index in range(len(options) - 1):
        if quantity.compare(options[index], options[index + 1]) > 0:
            yield invalid(f"{path}[{index + 1}]", options[index + 1], "values must be sorted in ascending order")

    def option(one: str, at: str) -> Iterator[FieldError]:
        if quantity.compare(one, capacity) > 0:
            yield invalid(at, one, f"option is larger than capacity value: {capacity}")

    yield from each_once(options, _OPTIONS_LIMIT, path, option, lambda one: str(quantity.value(one)))
    # Too many options are not looked through, so that the default is not found among them.
    if len(options) > _OPTIONS_LIMIT or all(quantity.compare(one, default) for one in options):
        yield invalid(path, default, "default value is not valid according to the requestPolicy")


def _range(default: str, capacity: str, limits: Object, path: str) -> Iterator[FieldError]:
    low, high, step = limits.get("min"), limits.get("max"), limits.get("step")
    if low is None:
        yield required(f"{path}.min", "required when validRange is defined")
        return
    if quantity.compare(low, capacity) > 0:
        yield invalid(f"{path}.min", low, f"min is larger than capacity value: {capacity}")
    if quantity.compare(default, low) < 0:
        yield invalid(f"{path}.min", default, f"default is less than min: {low}")
    if high is not None:
        if quantity.compare(low, high) > 0:
            yield invalid(f"{path}.max", low, f"min is larger than max: {high}")
        if quantity.compare(high, capacity) > 0:
            yield invalid(f"{path}.max", high, f"max is larger than capacity value: {capacity}")
        if quantity.compare(default, high) > 0:
            yield invalid(f"{path}.max", default, f"default is more than max: {high}")
    if step is None:
        return
    first = quantity.add(low, step)
    if quantity.compare(first, capacity) > 0:
        yield invalid(f"{path}.step", step, f"one step {first} is larger than capacity value: {capacity}")
    for value in (default, high):
        # Upstream divides by a step of zero and fails; that the step is none is all that can be said of it.
        if value is not None and (
            not quantity.value(step) or (quantity.value(value) - quantity.value(low)) % quantity.value(step)
        ):
            yield invalid(f"{path}.step", value, f"value is not a multiple of a given step ({step}) from ({low})")
