"""A container's environment, from everything that may add to it, in upstream's order: Services, envFrom, env.

Pure: the ConfigMaps and Secrets are looked up in mappings that the caller filled.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

from kybern.api.types.core_v1 import (
    ConfigMap,
    Container,
    EnvFromSource,
    EnvVar,
    EnvVarSource,
    FileKeySelector,
    Pod,
    Secret,
)
from kybern.base.errors import KybernError
from kybern.kubelet.config.downward import Node, UnknownField, field_text, resource_text
from kybern.kubelet.config.expansion import expand


class ConfigError(KybernError):
    """The container cannot be created as things stand: waiting reason CreateContainerConfigError."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What references lead to, by name, all of the Pod's namespace."""

    config_maps: Mapping[str, ConfigMap] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    services: Mapping[str, str] = field(default_factory=dict)
    """Variables that Services give (see `services`)."""
    files: Mapping[tuple[str, str], Mapping[str, str] | None] = field(default_factory=dict)
    """Variables of files, by volume and path; None: there is no such file."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The variables, and the keys that no variable can be named after (event InvalidEnvironmentVariableNames)."""

    variables: Mapping[str, str]
    skipped: tuple[str, ...] = ()


def container_environment(pod: Pod, container: Container, sources: Sources, node: Node) -> Environment:
    """The whole environment. Raises ConfigError for a reference that is not optional and leads nowhere."""
    skipped: list[str] = []
    declared: dict[str, str] = {}
    for source in container.env_from:
        for key, value in _all_of(source, sources).items():
            name = source.prefix + key
            if is_variable_name(name):
                declared[name] = value
            else:
                skipped.append(name)
    known = {**sources.services, **declared}
    for variable in container.env:
        text = _value(pod, container, variable, known, sources, node)
        if text is not None:
            declared[variable.name] = known[variable.name] = text
    return Environment({**sources.services, **declared}, tuple(skipped))


def is_variable_name(name: str) -> bool:
    """Any printable ASCII but `=` (KEP-4369)."""
    return bool(name) and all(" " <= character <= "~" and character != "=" for character in name)


def _all_of(source: EnvFromSource, sources: Sources) -> Mapping[str, str]:
    if source.config_map_ref is not None:
        reference = source.config_map_ref
        found = sources.config_maps.get(reference.name)
        if found is None and not reference.optional:
            raise ConfigError(f'configmap "{reference.name}" not found')
        return found.data if found else {}
    if source.secret_ref is not None:
        secret = sources.secrets.get(source.secret_ref.name)
        if secret is None and not source.secret_ref.optional:
            raise ConfigError(f'secret "{source.secret_ref.name}" not found')
        return {key: _text(value) for key, value in secret.data.items()} if secret else {}
    return {}


def _value(
    pod: Pod, container: Container, variable: EnvVar, known: Mapping[str, str], sources: Sources, node: Node
) -> str | None:
    """None: an optional reference leads nowhere, and the variable is left out."""
    source = variable.value_from
    if source is None:
        return expand(variable.value, known)
    try:
        if source.field_ref is not None:
            return field_text(pod, source.field_ref, node)
        if source.resource_field_ref is not None:
            return resource_text(pod, container, source.resource_field_ref, node)
    except UnknownField as error:
        raise ConfigError(str(error)) from error
    return _referred(pod, source, sources)


def _referred(pod: Pod, source: EnvVarSource, sources: Sources) -> str | None:
    if source.config_map_key_ref is not None:
        reference = source.config_map_key_ref
        config_map = sources.config_maps.get(reference.name)
        if config_map is not None and reference.key in config_map.data:
            return config_map.data[reference.key]
        missing = ("ConfigMap", reference.name, reference.key, config_map is None, reference.optional)
    elif source.secret_key_ref is not None:
        secret_reference = source.secret_key_ref
        secret = sources.secrets.get(secret_reference.name)
        if secret is not None and secret_reference.key in secret.data:
            return _text(secret.data[secret_reference.key])
        missing = ("Secret", secret_reference.name, secret_reference.key, secret is None, secret_reference.optional)
    elif source.file_key_ref is not None:
        return _of_file(source.file_key_ref, sources)
    else:
        raise ConfigError("env var source has no reference that is supported here")
    kind, name, key, whole, optional = missing
    if optional:
        return None
    if whole:
        raise ConfigError(f'{kind.lower()} "{name}" not found')
    raise ConfigError(f"couldn't find key {key} in {kind} {pod.metadata.namespace}/{name}")


def _of_file(reference: FileKeySelector, sources: Sources) -> str | None:
    variables = sources.files.get((reference.volume_name, reference.path))
    if variables is not None and reference.key in variables:
        return variables[reference.key]
    if reference.optional:
        return None
    where = f"file {reference.path} in volume {reference.volume_name}"
    if variables is None:
        raise ConfigError(f"environment variable {where} not found")
    raise ConfigError(f"environment variable key {reference.key} not found in {where}")


def env_files(container: Container) -> set[tuple[str, str]]:
    """The files that a container's environment comes from, by volume and path."""
    references = [variable.value_from.file_key_ref for variable in container.env if variable.value_from]
    return {(each.volume_name, each.path) for each in references if each is not None}


def _text(encoded: str) -> str:
    """A Secret's value; bytes that are no UTF-8 pass through as they are."""
    return base64.b64decode(encoded).decode(errors="surrogateescape")
