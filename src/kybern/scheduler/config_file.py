"""Reads a KubeSchedulerConfiguration (kubescheduler.config.k8s.io/v1): profiles, score plugins' weights, back-off."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from kybern.base.errors import KybernError
from kybern.scheduler.config import DEFAULT_SCHEDULER_NAME, Profile, SchedulerConfig, Weights

API_VERSION = "kubescheduler.config.k8s.io/v1"
PLUGIN_WEIGHTS: Mapping[str, str] = {
    "NodeResourcesFit": "least_allocated",
    "NodeResourcesBalancedAllocation": "balanced_allocation",
    "TaintToleration": "taint_toleration",
    "NodeAffinity": "node_affinity",
    "PodTopologySpread": "pod_topology_spread",
    "InterPodAffinity": "inter_pod_affinity",
    "ImageLocality": "image_locality",
}


class ConfigError(KybernError):
    """The file is no KubeSchedulerConfiguration that this scheduler can keep to."""


def load(path: str | None) -> SchedulerConfig:
    """The defaults where there is no file. Raises ConfigError."""
    if path is None:
        return SchedulerConfig()
    try:
        document = yaml.safe_load(Path(path).read_text())
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: {error}") from error
    return parse(document)


def parse(document: Any) -> SchedulerConfig:
    """From the parsed file. Raises ConfigError."""
    if not isinstance(document, dict) or document.get("apiVersion") != API_VERSION:
        raise ConfigError(f"apiVersion must be {API_VERSION}")
    if document.get("kind") != "KubeSchedulerConfiguration":
        raise ConfigError("kind must be KubeSchedulerConfiguration")
    profiles = tuple(_profile(each) for each in document.get("profiles") or [{}])
    names = [profile.scheduler_name for profile in profiles]
    if len(set(names)) != len(names):
        raise ConfigError("two profiles have the same schedulerName")
    return SchedulerConfig(
        profiles=profiles,
        initial_backoff_seconds=float(document.get("podInitialBackoffSeconds") or 1),
        max_backoff_seconds=float(document.get("podMaxBackoffSeconds") or 10),
        parallel_bindings=4 * int(document.get("parallelism") or 16),
    )


def _profile(given: Mapping[str, Any]) -> Profile:
    weights = Weights()
    plugins = (given.get("plugins") or {}).get("score") or {}
    for plugin in plugins.get("disabled") or []:
        for name in PLUGIN_WEIGHTS if plugin.get("name") == "*" else [plugin.get("name")]:
            weights = replace(weights, **{_weight(name): 0})
    for plugin in plugins.get("enabled") or []:
        weights = replace(weights, **{_weight(plugin.get("name")): int(plugin.get("weight") or 1)})
    return Profile(given.get("schedulerName") or DEFAULT_SCHEDULER_NAME, weights)


def _weight(plugin: Any) -> str:
    field = PLUGIN_WEIGHTS.get(plugin)
    if field is None:
        raise ConfigError(f"no score plugin {plugin!r}: there are {', '.join(PLUGIN_WEIGHTS)}")
    return field
