"""What workloads warn of: names that are no host names, and what is old or doubtful in their pods' template."""

from collections.abc import Callable, Sequence

from kybern.api.resource import Object

Warnings = Callable[[Object, Object | None], Sequence[str]]


def of_template(*keys: str, names: bool = True) -> Warnings:
    """Warns of the template at `keys` when anything that is desired changed, of the name only on creation."""
    path = "".join(f"{key}." for key in keys)

    def warnings(new: Object, old: Object | None) -> Sequence[str]:
        from kybern.api.validation.core import pod_warnings

        if old is not None and new.get(keys[0]) == old.get(keys[0]):
            return ()
        template = new
        for key in keys:
            template = template.get(key) or {}
        named = pod_warnings.name_warnings(new) if names and old is None else ()
        return [*named, *pod_warnings.template_warnings(template, path)]

    return warnings
