"""`/configz`: what the scheduler was told, under upstream's names (kubescheduler.config.k8s.io/v1). Pure."""

from typing import Any

from kybern.scheduler.config import Profile, SchedulerConfig
from kybern.scheduler.config_file import API_VERSION, PLUGIN_WEIGHTS


def configz(config: SchedulerConfig, *, leader_elect: bool) -> dict[str, Any]:
    """The fields that mean something here."""
    told = {
        "kind": "KubeSchedulerConfiguration",
        "apiVersion": API_VERSION,
        "parallelism": config.parallel_bindings // 4,
        "leaderElection": {
            "leaderElect": leader_elect,
            "leaseDuration": "15s",
            "renewDeadline": "10s",
            "retryPeriod": "2s",
            "resourceLock": "leases",
            "resourceName": "kube-scheduler",
            "resourceNamespace": "kube-system",
        },
        "podInitialBackoffSeconds": int(config.initial_backoff_seconds),
        "podMaxBackoffSeconds": int(config.max_backoff_seconds),
        "profiles": [_profile(each) for each in config.profiles],
    }
    return {"componentconfig": told}


def _profile(profile: Profile) -> dict[str, Any]:
    weights = {plugin: getattr(profile.weights, field) for plugin, field in PLUGIN_WEIGHTS.items()}
    enabled = [{"name": plugin, "weight": weight} for plugin, weight in weights.items() if weight]
    return {"schedulerName": profile.scheduler_name, "plugins": {"score": {"enabled": enabled}}}
