"""Root CA: every active namespace has the ConfigMap by which Pods know the API server (KEP-1205)."""

from dataclasses import dataclass

from msgspec.structs import replace

from kybern.api.types.core_v1 import ConfigMap, Namespace
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.client.cluster import Cluster
from kybern.client.objects import Key
from kybern.client.plan import Create, Done, Outcome, Plan, Update
from kybern.client.reconciler import Controller
from kybern.client.watches import watch
from kybern.trace import Verdict

NAME = "root-ca-certificate-publisher-controller"
CONFIG_MAP = "kube-root-ca.crt"
DESCRIPTION_ANNOTATION = "kubernetes.io/description"
DESCRIPTION = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the "
    "internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes "
    "clusters."
)


def _namespace_of(config_map: ConfigMap) -> tuple[Key, ...]:
    meta = config_map.metadata
    return (Key("", meta.namespace),) if meta.name == CONFIG_MAP else ()


WATCHES = watch(Namespace).also(ConfigMap, lambda config_map, cluster: _namespace_of(config_map))


def controller(ca: str) -> Controller:
    """The loop that publishes `ca`, a bundle in PEM."""
    return Controller(NAME, WATCHES, RootCa(ca).reconcile)


@dataclass(frozen=True, slots=True)
class RootCa:
    ca: str

    async def reconcile(self, cluster: Cluster, key: Key) -> Outcome:
        """Make the ConfigMap say what it has to."""
        namespace = cluster.get(Namespace, key)
        if namespace is None:
            return Done()
        plan = decide(namespace, cluster.get(ConfigMap, Key(key.name, CONFIG_MAP)), self.ca)
        return await cluster.apply(plan) if plan.writes else plan.outcome


def decide(namespace: Namespace, config_map: ConfigMap | None, ca: str) -> Plan:
    """Pure: create it in an active namespace, and put back what was changed."""
    plan = Plan(namespace)
    if namespace.status.phase != "Active":
        return plan
    data = {"ca.crt": ca}
    if config_map is None:
        meta = ObjectMeta(
            name=CONFIG_MAP, namespace=namespace.metadata.name, annotations={DESCRIPTION_ANNOTATION: DESCRIPTION}
        )
        plan.creates.append(Create(ConfigMap(metadata=meta, data=data)))
        plan.decide(Verdict.ACTED, "ConfigMapMissing", f"the namespace lacks the ConfigMap {CONFIG_MAP}")
    elif config_map.data != data or not config_map.metadata.annotations.get(DESCRIPTION_ANNOTATION):
        annotations = {**config_map.metadata.annotations, DESCRIPTION_ANNOTATION: DESCRIPTION}
        meta = replace(config_map.metadata, annotations=annotations)
        plan.updates.append(Update(replace(config_map, metadata=meta, data=data)))
        plan.decide(Verdict.ACTED, "ConfigMapChanged", f"the ConfigMap {CONFIG_MAP} does not hold the cluster's CA")
    return plan
