"""What /healthz, /livez and /readyz ask of this server, under upstream's names."""

from collections.abc import Callable, Mapping

from kybern.serving.health import Check, well

HOOKS = (
    "poststarthook/start-apiserver-admission-initializer",
    "poststarthook/generic-apiserver-start-informers",
    "poststarthook/priority-and-fairness-config-consumer",
    "poststarthook/priority-and-fairness-filter",
    "poststarthook/storage-object-count-tracker-hook",
    "poststarthook/start-apiextensions-informers",
    "poststarthook/start-apiextensions-controllers",
    "poststarthook/crd-informer-synced",
    "poststarthook/start-system-namespaces-controller",
    "poststarthook/peer-endpoint-reconciler-controller",
    "poststarthook/start-cluster-authentication-info-controller",
    "poststarthook/start-kube-apiserver-identity-lease-controller",
    "poststarthook/start-kube-apiserver-identity-lease-garbage-collector",
    "poststarthook/storage-readiness",
    "poststarthook/start-legacy-token-tracking-controller",
    "poststarthook/start-service-ip-repair-controllers",
    "poststarthook/rbac/bootstrap-roles",
    "poststarthook/scheduling/bootstrap-system-priority-classes",
    "poststarthook/priority-and-fairness-config-producer",
    "poststarthook/bootstrap-controller",
    "poststarthook/start-kubernetes-service-cidr-controller",
    "poststarthook/start-kube-aggregator-informers",
    "poststarthook/apiservice-status-local-available-controller",
    "poststarthook/apiservice-status-remote-available-controller",
    "poststarthook/apiservice-registration-controller",
    "poststarthook/apiservice-wait-for-first-sync",
    "poststarthook/apiservice-discovery-controller",
    "poststarthook/kube-apiserver-autoregistration",
    "autoregister-completion",
    "poststarthook/apiservice-openapi-controller",
    "poststarthook/apiservice-openapiv3-controller",
)
"""What upstream names of a server's start and has a check for each: tools ask for single ones. Here all of it is done
before the server is ready, or none."""


def health_checks(
    store: Check,
    more: Mapping[str, Check],
    *,
    loaded: Callable[[], bool],
    ready: Callable[[], bool],
    stopping: Callable[[], bool],
) -> Mapping[str, Mapping[str, Check]]:
    """The checks of each path by their names. `store` asks the store, `more` joins the hooks in all three."""

    def informers() -> str:
        return "" if loaded() else "the watch cache is not loaded"

    def started() -> str:
        return "" if ready() else "not ready"

    def shutdown() -> str:
        return "process is shutting down" if stopping() else ""

    basic: dict[str, Check] = {"ping": well, "log": well}
    hooks: dict[str, Check] = {**dict.fromkeys(HOOKS, started), **more}
    live = {**basic, "loopback-serving-certificate": well, "etcd": store, **hooks}
    waits: dict[str, Check] = {"etcd": store, "etcd-readiness": store, "informer-sync": informers}
    return {"healthz": live, "livez": live, "readyz": {**basic, **waits, **hooks, "shutdown": shutdown}}
