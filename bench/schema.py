"""CPU time of the schema on a Pod of about 2.4 kB: `python bench/schema.py`.

Prints microseconds a call, the best of several rounds: parsing alone, the pass over the parsed object, the whole.
"""

import time
from collections.abc import Callable
from typing import Any

import orjson

from kybern.api.schema import codec, compiler

ROUNDS, CALLS = 7, 2000

_CONTAINER: dict[str, Any] = {
    "name": "app",
    "image": "registry.example/team/app:1.2.3",
    "args": ["--listen=:8080", "--log-level=info"],
    "env": [
        {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "DATABASE_HOST", "value": "db.default.svc.cluster.local"},
    ],
    "ports": [{"name": "http", "containerPort": 8080}, {"name": "metrics", "containerPort": 9090}],
    "resources": {"limits": {"cpu": "500m", "memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
    "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "initialDelaySeconds": 5},
    "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}},
    "volumeMounts": [{"name": "config", "mountPath": "/etc/app"}, {"name": "data", "mountPath": "/data"}],
    "securityContext": {"runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}},
}
POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "app-6f7b9c-x2x4z",
        "generateName": "app-6f7b9c-",
        "namespace": "default",
        "labels": {"app": "app", "pod-template-hash": "6f7b9c", "tier": "backend"},
        "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "9090"},
        "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "app-6f7b9c", "controller": True,
             "uid": "0d6e1c5a-7d0e-4f0e-9a53-0123456789ab", "blockOwnerDeletion": True},
        ],
    },
    "spec": {
        "containers": [_CONTAINER, _CONTAINER | {"name": "sidecar"}],
        "volumes": [{"name": "config", "configMap": {"name": "app"}}, {"name": "data", "emptyDir": {}}],
        "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "tolerationSeconds": 300}],
        "serviceAccountName": "app",
    },
}  # fmt: skip


def microseconds(call: Callable[[], object]) -> float:
    """CPU time of one call, the best of the rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(CALLS):
            call()
        best = min(best, time.process_time() - start)
    return best / CALLS * 1e6


def main() -> None:
    body = orjson.dumps(POD)
    pods = codec("v1", "Pod")
    admit = compiler.function(compiler.ADMIT, pods.name)
    admit(orjson.loads(body))
    admit = compiler.function(compiler.ADMIT, pods.name)
    parsed = orjson.loads(body)
    figures = {
        "orjson.loads": microseconds(lambda: orjson.loads(body)),
        "prune, check, default": microseconds(lambda: admit(parsed)),
        "admit(body, Strict)": microseconds(lambda: pods.admit(body, "Strict")),
        "decode(body, Warn)": microseconds(lambda: pods.decode(body, "Warn")),
        "with an unknown field": microseconds(lambda: pods.admit(body[:-1] + b',"foo":1}', "Warn")),
    }
    print(f"Pod of {len(body)} bytes, CPU µs a call")
    for what, figure in figures.items():
        print(f"{what:24}{figure:8.1f}")


if __name__ == "__main__":
    main()
