"""Namespace: empties one that is being deleted, of every resource that the server has, then lets it go."""

from collections import Counter
from dataclasses import dataclass, field

import msgspec
import orjson

from kybern.api.types import to_dict
from kybern.api.types.core_v1 import Namespace, NamespaceCondition, Pod
from kybern.base.clock import format_time
from kybern.base.errors import Conflict, KybernError, MethodNotAllowed, NotFound
from kybern.client.client import METADATA_LIST_ONLY, Client, delete_options, path_of
from kybern.client.cluster import Cluster
from kybern.client.discovery import DiscoveredResource, Discovery, discover
from kybern.client.objects import Key
from kybern.client.plan import Done, Outcome, Plan
from kybern.client.watches import watch
from kybern.trace import Verdict

NAME = "namespace-controller"
WATCHES = watch(Namespace).also(
    Pod, lambda pod, cluster: [Key("", pod.metadata.namespace)], changed=lambda new, old: False
)
WORKERS = 10

FINALIZER = "kubernetes"
LOOK_AGAIN_SECONDS = 2.0
"""While something is left; the end of a Pod wakes sooner."""

PAGE_SIZE = 500
_PODS = "pods."
"""As `Remains.instances` names them."""


@dataclass(slots=True)
class Remains:
    """What a sweep could not remove (yet)."""

    discovery_failures: list[str] = field(default_factory=list)
    deletion_failures: list[str] = field(default_factory=list)
    instances: Counter[str] = field(default_factory=Counter)
    """By group-resource: `pods.`, `deployments.apps`."""
    finalizers: Counter[str] = field(default_factory=Counter)

    @property
    def is_clean(self) -> bool:
        return not (self.discovery_failures or self.deletion_failures or self.instances)


async def reconcile(cluster: Cluster, key: Key) -> Outcome:
    """Sweep, report what is left, finalize when nothing is."""
    namespace = cluster.get(Namespace, key)
    if namespace is None or not namespace.metadata.deletion_timestamp or FINALIZER not in namespace.spec.finalizers:
        return Done()
    remains = await sweep(cluster.client, key.name, await discover(cluster.client))
    outcome = await cluster.apply(decide(namespace, remains, cluster.now()))
    if remains.is_clean:
        await finalize(cluster.client, namespace)
    return outcome


def decide(namespace: Namespace, remains: Remains, now: float) -> Plan:
    """Pure: the conditions that tell what holds the namespace back, and when to look again."""
    plan = Plan(namespace)
    status = msgspec.structs.replace(
        namespace.status, phase="Terminating", conditions=conditions(namespace, remains, now)
    )
    if remains.is_clean:
        plan.decide(Verdict.ACTED, "Emptied", "nothing is left in it: letting it go")
        return plan
    if status != namespace.status:
        plan.status(msgspec.structs.replace(namespace, status=status))
    left = ", ".join(_counts(remains.instances, "{} has {} resource instances")) or "; ".join(
        remains.deletion_failures + remains.discovery_failures
    )
    plan.decide(Verdict.WAITED, "ContentRemaining", left, finalizers=dict(remains.finalizers))
    plan.requeue(LOOK_AGAIN_SECONDS)
    return plan


def conditions(namespace: Namespace, remains: Remains, now: float) -> list[NamespaceCondition]:
    """Upstream's five conditions (pkg/controller/namespace/deletion); True is the bad state."""
    discovery = ""
    if remains.discovery_failures:
        count = len(remains.discovery_failures)
        discovery = f"Discovery failed for some groups, {count} failing: {'; '.join(remains.discovery_failures)}"
    deletion = ""
    if remains.deletion_failures:
        count = len(remains.deletion_failures)
        deletion = f"Failed to delete all resource types, {count} remaining: {'; '.join(remains.deletion_failures)}"
    content = ", ".join(_counts(remains.instances, "{} has {} resource instances"))
    finalizers = ", ".join(_counts(remains.finalizers, "{} in {} resource instances"))
    told = (
        (
            "NamespaceDeletionDiscoveryFailure",
            ("ResourcesDiscovered", "All resources successfully discovered"),
            ("DiscoveryFailed", discovery),
        ),
        (
            "NamespaceDeletionGroupVersionParsingFailure",
            ("ParsedGroupVersions", "All legacy kube types successfully parsed"),
            ("GroupVersionParsingFailed", ""),
        ),
        (
            "NamespaceDeletionContentFailure",
            ("ContentDeleted", "All content successfully deleted, may be waiting on finalization"),
            ("ContentDeletionFailed", deletion),
        ),
        (
            "NamespaceContentRemaining",
            ("ContentRemoved", "All content successfully removed"),
            ("SomeResourcesRemain", content and f"Some resources are remaining: {content}"),
        ),
        (
            "NamespaceFinalizersRemaining",
            ("ContentHasNoFinalizers", "All content-preserving finalizers finished"),
            (
                "SomeFinalizersRemain",
                finalizers and f"Some content in the namespace has finalizers remaining: {finalizers}",
            ),
        ),
    )
    return [_condition(namespace, type, good, bad, now) for type, good, bad in told]


def _condition(
    namespace: Namespace, type: str, good: tuple[str, str], bad: tuple[str, str], now: float
) -> NamespaceCondition:
    reason, message = bad if bad[1] else good
    state = "True" if bad[1] else "False"
    known = next((each for each in namespace.status.conditions if each.type == type), None)
    since = known.last_transition_time if known is not None and known.status == state else format_time(now)
    return NamespaceCondition(type=type, status=state, reason=reason, message=message, last_transition_time=since)


def _counts(counter: Counter[str], form: str) -> list[str]:
    return [form.format(name, count) for name, count in sorted(counter.items())]


async def sweep(client: Client, name: str, discovery: Discovery) -> Remains:
    """Delete everything in the namespace; what is left of it.

    Pods go first, and all else only when none is left: what they run may need it (KEP-5080, OrderedNamespaceDeletion).
    """
    remains = Remains(discovery_failures=discovery.failures)
    deletable = [
        each for each in discovery.resources if each.name.namespaced and "delete" in each.verbs and "list" in each.verbs
    ]
    for resource in sorted(deletable, key=lambda each: not _is_pods(each)):
        if remains.instances[_PODS] and not _is_pods(resource):
            break
        try:
            await _sweep_resource(client, name, resource, remains)
        except (NotFound, MethodNotAllowed):
            continue  # The resource went while we were at it.
        except KybernError as error:
            remains.deletion_failures.append(f"unexpected items still remain in namespace: {error}")
    return remains


def _is_pods(resource: DiscoveredResource) -> bool:
    return not resource.name.group and resource.name.plural == "pods"


async def _sweep_resource(client: Client, name: str, resource: DiscoveredResource, remains: Remains) -> None:
    path = path_of(resource.name, name)
    items = await _items(client, path)
    if not items:
        return
    if "deletecollection" in resource.verbs:
        await client.call("DELETE", path, body=delete_options(propagation_policy="Background"))
    else:
        for meta in items:
            try:
                options = delete_options(uid=meta["uid"], propagation_policy="Background")
                await client.call("DELETE", f"{path}/{meta['name']}", body=options)
            except (NotFound, Conflict):
                continue
    for meta in await _items(client, path):
        remains.instances[f"{resource.name.plural}.{resource.name.group}"] += 1
        remains.finalizers.update(meta.get("finalizers", ()))


async def _items(client: Client, path: str) -> list[dict[str, str]]:
    """The metadata of all objects of a collection."""
    items: list[dict[str, str]] = []
    query = {"limit": str(PAGE_SIZE)}
    while True:
        page = orjson.loads(await client.call("GET", path, query, headers={"Accept": METADATA_LIST_ONLY}))
        items += [each["metadata"] for each in page.get("items") or ()]
        token = page["metadata"].get("continue")
        if not token:
            return items
        query["continue"] = token


async def finalize(client: Client, namespace: Namespace) -> None:
    """Take our finalizer from the namespace: the server then removes it."""
    body = to_dict(namespace)
    body["spec"]["finalizers"] = [each for each in namespace.spec.finalizers if each != FINALIZER]
    body["metadata"].pop("resourceVersion", None)
    try:
        await client.call("PUT", f"/api/v1/namespaces/{namespace.metadata.name}/finalize", body=orjson.dumps(body))
    except NotFound:
        return
