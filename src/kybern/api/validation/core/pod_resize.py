"""What may change through a Pod's resize subresource: cpu and memory (KEP-1287), of the Pod as a whole too (KEP-5419)."""

from collections.abc import Iterator, Mapping

from kybern.api.groups.core.qos import qos_class
from kybern.api.resource import FieldError, Object
from kybern.api.validation.core.pod import validate_pod_and_spec
from kybern.api.validation.field import forbidden, invalid

_MIRROR = "kubernetes.io/config.mirror"
_GROUPS = ("containers", "initContainers")
_MUTABLE = ("cpu", "memory")
_SIDES = ("limits", "requests")


def validate_resize(new: Object, old: Object) -> Iterator[FieldError]:
    after, before = new["spec"], old.get("spec") or {}
    if _MIRROR in (old["metadata"].get("annotations") or {}):
        yield forbidden("", "static pods cannot be resized")
        return
    if (before.get("os") or {}).get("name") == "windows":
        yield forbidden("", "windows pods cannot be resized")
        return
    yield from validate_pod_and_spec(new)
    if qos_class(after) != (old.get("status") or {}).get("qosClass", qos_class(before)):
        detail = "Pod QOS Class may not change as a result of resizing"
        yield invalid("spec", (new.get("status") or {}).get("qosClass", ""), detail)
    if not _is_supported(old.get("status") or {}):
        yield forbidden("spec", "Pod running on node without support for resize")
    yield from _of_pod(after.get("resources"), before.get("resources"))
    misplaced = [error for group in _GROUPS for error in _order(after, before, group)]
    yield from misplaced
    if not misplaced:
        yield from _of_containers(after, before)


def _is_supported(status: Object) -> bool:
    """A node that resizes tells the resources of what runs."""
    states = status.get("containerStatuses") or ()
    running = (each for each in states if (each.get("state") or {}).get("running") is not None)
    return next((each.get("resources") is not None for each in running), True)


def _of_pod(after: Object | None, before: Object | None) -> Iterator[FieldError]:
    path = "spec.resources"
    if not any((one or {}).get(side) for one in (after, before) for side in _SIDES):
        return
    if before is not None and after is None:
        yield forbidden(path, "pod-level resources cannot be removed")
        return
    for side in ("requests", "limits"):
        if _removed((after or {}).get(side) or {}, (before or {}).get(side) or {}):
            yield forbidden(f"{path}.{side}", f"pod-level resource {side} cannot be removed")
    if _rest(after) != _rest(before):
        yield forbidden("spec", "only cpu and memory resources are mutable at pod-level")


def _order(after: Object, before: Object, group: str) -> Iterator[FieldError]:
    new, old = after.get(group) or (), before.get(group) or ()
    if len(new) != len(old):
        yield forbidden(f"spec.{group}", f"{group} may not be added or removed on resize")
        return
    for index, (container, known) in enumerate(zip(new, old, strict=True)):
        if container.get("name") != known.get("name"):
            yield forbidden(f"spec.{group}[{index}].name", f"{group} may not be renamed or reordered on resize")


def _of_containers(after: Object, before: Object) -> Iterator[FieldError]:
    """Both have the same containers."""
    for group in reversed(_GROUPS):
        for index, (container, known) in enumerate(_pairs(after, before, group)):
            new, old = container.get("resources") or {}, known.get("resources") or {}
            for side in ("requests", "limits"):
                if _removed(new.get(side) or {}, old.get(side) or {}):
                    yield forbidden(f"spec.{group}[{index}].resources.{side}", f"resource {side} cannot be removed")
    for container, known in _pairs(after, before, "containers"):
        if not _same_but_size(container, known):
            yield forbidden("spec", "only cpu and memory resources are mutable")
    for index, (container, known) in enumerate(_pairs(after, before, "initContainers")):
        yield from _init_container(container, known, f"spec.initContainers[{index}]")


def _pairs(after: Object, before: Object, group: str) -> Iterator[tuple[Object, Object]]:
    return zip(after.get(group) or (), before.get(group) or (), strict=True)


def _init_container(container: Object, known: Object, path: str) -> Iterator[FieldError]:
    if not _same_but_size(container, known):
        yield forbidden(path, "only cpu and memory resources for init or sidecar containers are mutable")
    if container == known or container.get("restartPolicy") == "Always":
        return
    for policy in container.get("resizePolicy") or ():
        if policy.get("restartPolicy") == "RestartContainer":
            detail = "non-sidecar init containers with a resize policy of RestartContainer cannot be resized"
            yield forbidden(path, detail)


def _removed(after: Mapping[str, str], before: Mapping[str, str]) -> bool:
    return not before.keys() <= after.keys()


def _same_but_size(container: Object, known: Object) -> bool:
    new, old = ({key: value for key, value in one.items() if key != "resources"} for one in (container, known))
    return new == old and _rest(container.get("resources")) == _rest(known.get("resources"))


def _rest(requirements: Object | None) -> Object:
    """What of resources stays as it is; absent and empty are equal."""
    given = requirements or {}
    rest = {
        side: {key: value for key, value in (given.get(side) or {}).items() if key not in _MUTABLE} for side in _SIDES
    }
    return {**rest, "claims": given.get("claims") or []}
