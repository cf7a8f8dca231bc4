"""ServiceAccount: every active namespace has one named `default` (pkg/controller/serviceaccount)."""

from kybern.api.types.core_v1 import Namespace, ServiceAccount
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.client.cluster import Cluster
from kybern.client.objects import Key
from kybern.client.plan import Create, Done, Outcome, Plan
from kybern.client.watches import watch
from kybern.trace import Verdict

NAME = "service-account-controller"
ACCOUNT = "default"

WATCHES = watch(Namespace).also(ServiceAccount, lambda account, cluster: (Key("", account.metadata.namespace),))


async def reconcile(cluster: Cluster, key: Key) -> Outcome:
    """Create the account where it is missing."""
    namespace = cluster.get(Namespace, key)
    if namespace is None:
        return Done()
    plan = decide(namespace, cluster.get(ServiceAccount, Key(key.name, ACCOUNT)))
    return await cluster.apply(plan) if plan.writes else plan.outcome


def decide(namespace: Namespace, account: ServiceAccount | None) -> Plan:
    """Pure: create it in an active namespace that lacks it."""
    plan = Plan(namespace)
    if account is None and namespace.status.phase == "Active":
        name = namespace.metadata.name
        plan.creates.append(Create(ServiceAccount(metadata=ObjectMeta(name=ACCOUNT, namespace=name))))
        plan.decide(Verdict.ACTED, "AccountMissing", f"the namespace lacks the ServiceAccount {ACCOUNT}")
    return plan
