"""Environment from files in a volume (fileKeyRef, KEP-3721)."""

from collections.abc import Iterator

from kybern.api.resource import FieldError, Object
from kybern.api.validation.field import invalid, not_found


def validate_file_keys(spec: Object, path: str) -> Iterator[FieldError]:
    """The volume must be an emptyDir of the Pod."""
    volumes = {volume.get("name"): volume for volume in spec.get("volumes") or ()}
    for group in ("initContainers", "containers", "ephemeralContainers"):
        for index, container in enumerate(spec.get(group) or ()):
            for place, variable in enumerate(container.get("env") or ()):
                reference = (variable.get("valueFrom") or {}).get("fileKeyRef")
                if reference is None:
                    continue
                name = reference.get("volumeName") or ""
                at = f"{path}.{group}[{index}].env[{place}].valueFrom.fileKeyRef.volumeName"
                if name not in volumes:
                    yield not_found(at, name)
                elif volumes[name].get("emptyDir") is None:
                    yield invalid(at, name, "referenced volume must be of type emptyDir")
