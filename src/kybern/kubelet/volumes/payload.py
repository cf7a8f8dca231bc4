"""The files of ConfigMap, Secret, downward API and projected volumes. Pure: from objects to paths and bytes."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kybern.api.types.core_v1 import (
    ConfigMap,
    DownwardAPIVolumeFile,
    KeyToPath,
    Pod,
    ProjectedVolumeSource,
    Secret,
    ServiceAccountTokenProjection,
    Volume,
    VolumeProjection,
)
from kybern.base.errors import KybernError
from kybern.kubelet.config.downward import Node, UnknownField, field_text, resource_text
from kybern.kubelet.security import run_as_user

DEFAULT_MODE = 0o644
TOKEN_MODE = 0o600

TOKEN_AUDIENCE = ""
"""The API server's own audience."""


class VolumeError(KybernError):
    """The volume cannot be set up as things stand: event FailedMount, and another try."""


@dataclass(frozen=True, slots=True)
class File:
    """One file of a volume."""

    content: bytes
    mode: int
    owner: int = 0


@dataclass(frozen=True, slots=True)
class Objects:
    """What volumes refer to, by name, all of the Pod's namespace."""

    config_maps: Mapping[str, ConfigMap] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    tokens: Mapping[tuple[str, int], str] = field(default_factory=dict)
    """Service account tokens by audience and expiry in seconds."""


Payload = Mapping[str, File]
"""Relative path -> file."""

DEFAULT_EXPIRATION_SECONDS = 3600


def volume_payload(pod: Pod, volume: Volume, objects: Objects, node: Node) -> Payload | None:
    """The files of a volume; None for volumes that are no set of files. Raises VolumeError."""
    if volume.config_map is not None:
        source = volume.config_map
        return _config_map(source.name, source.items, source.optional, _mode(source.default_mode), objects)
    if volume.secret is not None:
        secret = volume.secret
        return _secret(secret.secret_name, secret.items, secret.optional, _mode(secret.default_mode), objects)
    if volume.downward_api is not None:
        return _downward(pod, volume.downward_api.items, _mode(volume.downward_api.default_mode), node)
    if volume.projected is not None:
        return _projected(pod, volume.projected, objects, node)
    return None


def tokens_of(volume: Volume) -> list[tuple[str, int]]:
    """The tokens that a volume asks for: audience and expiry in seconds."""
    sources = volume.projected.sources if volume.projected else ()
    return [_token_key(each.service_account_token) for each in sources if each.service_account_token is not None]


def _token_key(projection: ServiceAccountTokenProjection) -> tuple[str, int]:
    return projection.audience or TOKEN_AUDIENCE, projection.expiration_seconds or DEFAULT_EXPIRATION_SECONDS


def _mode(mode: int | None) -> int:
    return DEFAULT_MODE if mode is None else mode


def _config_map(
    name: str, items: Sequence[KeyToPath], optional: bool | None, mode: int, objects: Objects
) -> dict[str, File]:
    found = objects.config_maps.get(name)
    if found is None:
        return _absent("configmap", name, optional)
    content = {key: value.encode() for key, value in found.data.items()}
    content |= {key: base64.b64decode(value) for key, value in found.binary_data.items()}
    return _chosen(content, items, optional, mode, "configmap references non-existent config key: {}")


def _secret(
    name: str, items: Sequence[KeyToPath], optional: bool | None, mode: int, objects: Objects
) -> dict[str, File]:
    found = objects.secrets.get(name)
    if found is None:
        return _absent("secret", name, optional)
    content = {key: base64.b64decode(value) for key, value in found.data.items()}
    return _chosen(content, items, optional, mode, "references non-existent secret key: {}")


def _absent(kind: str, name: str, optional: bool | None) -> dict[str, File]:
    if optional:
        return {}
    raise VolumeError(f'{kind} "{name}" not found')


def _chosen(
    content: Mapping[str, bytes], items: Sequence[KeyToPath], optional: bool | None, mode: int, missing: str
) -> dict[str, File]:
    if not items:
        return {key: File(value, mode) for key, value in content.items()}
    files = {}
    for item in items:
        if item.key in content:
            files[item.path] = File(content[item.key], mode if item.mode is None else item.mode)
        elif not optional:
            raise VolumeError(missing.format(item.key))
    return files


def _downward(pod: Pod, items: Sequence[DownwardAPIVolumeFile], mode: int, node: Node) -> dict[str, File]:
    files = {}
    for item in items:
        try:
            text = _downward_text(pod, item, node)
        except UnknownField as error:
            raise VolumeError(str(error)) from error
        files[item.path] = File(text.encode(), mode if item.mode is None else item.mode)
    return files


def _downward_text(pod: Pod, item: DownwardAPIVolumeFile, node: Node) -> str:
    if item.field_ref is not None:
        return field_text(pod, item.field_ref, node)
    if item.resource_field_ref is not None:
        name = item.resource_field_ref.container_name
        for container in (*pod.spec.containers, *pod.spec.init_containers):
            if container.name == name:
                return resource_text(pod, container, item.resource_field_ref, node)
        raise UnknownField(f"container {name} not found")
    raise UnknownField(f"downward API item {item.path} has neither fieldRef nor resourceFieldRef")


def _projected(pod: Pod, source: ProjectedVolumeSource, objects: Objects, node: Node) -> dict[str, File]:
    mode = _mode(source.default_mode)
    files: dict[str, File] = {}
    for projection in source.sources:
        files |= _projection(pod, projection, mode, objects, node)
    return files


def _projection(pod: Pod, each: VolumeProjection, mode: int, objects: Objects, node: Node) -> dict[str, File]:
    if each.config_map is not None:
        return _config_map(each.config_map.name, each.config_map.items, each.config_map.optional, mode, objects)
    if each.secret is not None:
        return _secret(each.secret.name, each.secret.items, each.secret.optional, mode, objects)
    if each.downward_api is not None:
        return _downward(pod, each.downward_api.items, mode, node)
    if each.service_account_token is not None:
        token = objects.tokens.get(_token_key(each.service_account_token))
        if token is None:
            raise VolumeError(f"no token yet for service account {pod.spec.service_account_name}")
        return {each.service_account_token.path: _token_file(pod, token, mode)}
    if each.cluster_trust_bundle is not None:
        raise VolumeError("ClusterTrustBundle projection is not supported in static kubelet mode")
    raise VolumeError("podCertificate projections are not supported by this node")


def _token_file(pod: Pod, token: str, mode: int) -> File:
    """Only for the one user of all containers, where there is one, or for the group that the volumes belong to."""
    context = pod.spec.security_context
    users = {run_as_user(pod, container) for container in (*pod.spec.init_containers, *pod.spec.containers)}
    user = users.pop() if len(users) == 1 else None
    if user is not None or (context is not None and context.fs_group is not None):
        mode = TOKEN_MODE
    return File(token.encode(), mode, user or 0)
