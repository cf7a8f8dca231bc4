"""AppArmor profiles named by annotations, which the field `appArmorProfile` replaced in v1.30."""

from collections.abc import Iterator, Mapping

from kybern.api.resource import Object

PREFIX = "container.apparmor.security.beta.kubernetes.io/"
_LOCALHOST = "localhost/"
_TYPES = {"unconfined": "Unconfined", "runtime/default": "RuntimeDefault"}
_NAME_LIMIT = 4095


def profile_of(annotation: str) -> Object | None:
    """The field that says what an annotation says; None for what says nothing valid."""
    if annotation in _TYPES:
        return {"type": _TYPES[annotation]}
    name = annotation.removeprefix(_LOCALHOST)
    if name == annotation or not name or name != name.strip() or len(name.encode()) > _NAME_LIMIT:
        return None
    return {"type": "Localhost", "localhostProfile": name}


def is_old(container: Object, annotations: Mapping[str, str], profile: Object | None) -> bool:
    """Whether a container of a template has its profile from an annotation, and no other from its Pod's field."""
    annotation = annotations.get(f"{PREFIX}{container.get('name')}")
    if annotation is None or (container.get("securityContext") or {}).get("appArmorProfile"):
        return False
    return profile is None or profile != profile_of(annotation)


def deprecation(container: Object, path: str) -> str:
    key = f"{PREFIX}{container.get('name')}"
    return f'{path}[{key}]: deprecated since v1.30; use the "appArmorProfile" field instead'


def fill_profiles(pod: Object) -> None:
    """Give a new Pod's containers the field for their annotation, where the Pod's own field says something else."""
    spec, annotations = pod["spec"], pod["metadata"].get("annotations") or {}
    if _is_windows(spec) or not any(key.startswith(PREFIX) for key in annotations):
        return
    for container in _containers(spec):
        context = container.get("securityContext") or {}
        profile = profile_of(annotations.get(f"{PREFIX}{container.get('name')}", ""))
        if profile is not None and "appArmorProfile" not in context and profile != _of_pod(spec):
            container["securityContext"] = {**context, "appArmorProfile": profile}


def pod_warnings(pod: Object) -> Iterator[str]:
    """Of a new Pod whose profiles were filled in."""
    spec, annotations = pod["spec"], pod["metadata"].get("annotations") or {}
    for container in () if _is_windows(spec) else _containers(spec):
        annotation = annotations.get(f"{PREFIX}{container.get('name')}")
        if annotation is not None:
            field = (container.get("securityContext") or {}).get("appArmorProfile")
            profile = profile_of(annotation)
            if field == profile and (profile is None or profile != _of_pod(spec)):
                yield deprecation(container, "metadata.annotations")


def _is_windows(spec: Object) -> bool:
    return bool((spec.get("os") or {}).get("name") == "windows")


def _of_pod(spec: Object) -> Object | None:
    return (spec.get("securityContext") or {}).get("appArmorProfile")


def _containers(spec: Object) -> Iterator[Object]:
    for group in ("initContainers", "containers", "ephemeralContainers"):
        yield from spec.get(group) or ()
