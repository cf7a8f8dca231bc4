"""What workloads warn of: names that are no host names, and what is old or doubtful in their pods' template."""

from collections.abc import Callable, Iterator, Sequence
from functools import reduce

from kybern.api.resource import Object

Warnings = Callable[[Object, Object | None], Sequence[str]]

_MANY_COMPLETIONS, _MANY_PARALLEL = 100_000, 10_000
_MANY = (
    "In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes "
    "might not be able to track completedIndexes when a big number of indexes fail"
)


def of_template(
    *keys: str,
    names: bool = True,
    watched: Callable[[Object], object] | None = None,
    of_old: bool = False,
) -> Warnings:
    """Warns of the template at `keys` when what is `watched` changed, of the name only on creation.

    Watched is the part that the first key names, unless told otherwise. `of_old`: an update of a
    ReplicationController tells what was wrong with the template that it replaces, as upstream's does.
    """
    path = "".join(f"{key}." for key in keys)

    def part(obj: Object) -> object:
        return obj.get(keys[0]) if watched is None else watched(obj)

    def warnings(new: Object, old: Object | None) -> Sequence[str]:
        from kybern.api.validation.core import pod_warnings

        if old is not None and part(new) == part(old):
            return ()
        named = pod_warnings.name_warnings(new) if names and old is None else ()
        shown = old if of_old and old is not None else new
        return [*named, *_of_job(shown, keys[:-1]), *pod_warnings.template_warnings(_at(shown, keys), path)]

    return warnings


def _of_job(obj: Object, keys: Sequence[str]) -> Iterator[str]:
    """No other kind's specification has completions."""
    spec = _at(obj, keys)
    if (
        spec.get("completionMode") == "Indexed"
        and (spec.get("completions") or 0) > _MANY_COMPLETIONS
        and (spec.get("parallelism") or 0) > _MANY_PARALLEL
    ):
        yield f"{'.'.join(keys)}: {_MANY}"


def _at(obj: Object, keys: Sequence[str]) -> Object:
    return reduce(lambda part, key: part.get(key) or {}, keys, obj)
