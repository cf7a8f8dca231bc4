"""Makes what every cluster has, and brings it back when it is missing or has lost rules.

Source: upstream's post-start hooks (system namespaces, rbac/bootstrap-roles, scheduling/bootstrap-system-priority-
classes, priority-and-fairness-config-producer).
"""

import asyncio
from collections.abc import Iterable

import orjson

from kybern.api.resource import Object
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.authorization.rules import compile_rules, covers
from kybern.apiserver.bootstrap.cluster_roles import cluster_bindings, cluster_roles
from kybern.apiserver.bootstrap.controller_roles import controller_bindings, controller_roles, manager_bindings
from kybern.apiserver.bootstrap.flow_control import flow_schemas, priority_levels
from kybern.apiserver.bootstrap.namespace_roles import role_bindings, roles
from kybern.apiserver.bootstrap.rules import AUTO_UPDATE, RBAC
from kybern.apiserver.cache.version import Version
from kybern.apiserver.objects.create import create
from kybern.apiserver.objects.life import Life
from kybern.apiserver.objects.update import update
from kybern.apiserver.served import Served, ServedResources
from kybern.base.errors import AlreadyExists

NAMESPACES = ("kube-system", "kube-public", "kube-node-lease", "default")
FLOW_CONTROL = "flowcontrol.apiserver.k8s.io"
FLOW_CONTROL_MANAGER = "api-priority-and-fairness-config-producer-v1"

_PRIORITY_CLASSES = (
    (
        "system-node-critical",
        2_000_001_000,
        "Used for system critical pods that must not be moved from their current node.",
    ),
    (
        "system-cluster-critical",
        2_000_000_000,
        "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
    ),
)
SYSTEM_CLASSES = frozenset(name for name, *_ in _PRIORITY_CLASSES)
"""Nobody may delete them."""


class Bootstrap:
    """Runs once at start, after the caches are loaded."""

    def __init__(self, life: Life, served: ServedResources) -> None:
        self._life = life
        self._served = served

    async def run(self) -> None:
        """Raises StatusError when the store refuses."""
        await self._ensure(("", "v1", "namespaces"), ({"metadata": {"name": name}} for name in NAMESPACES))
        await self._ensure(("scheduling.k8s.io", "v1", "priorityclasses"), _priority_classes())
        await self._ensure((FLOW_CONTROL, "v1", "prioritylevelconfigurations"), priority_levels())
        await self._ensure((FLOW_CONTROL, "v1", "flowschemas"), flow_schemas())
        await self._reconcile("clusterroles", [*cluster_roles(), *controller_roles()])
        await self._reconcile("clusterrolebindings", [*cluster_bindings(), *controller_bindings(), *manager_bindings()])
        await self._reconcile("roles", roles())
        await self._reconcile("rolebindings", role_bindings())

    async def _ensure(self, name: tuple[str, str, str], objects: Iterable[Object]) -> None:
        served = self._served[name]
        missing = (obj for obj in objects if self._stored(served, obj) is None)
        await asyncio.gather(*(self._create(served, obj) for obj in missing))

    async def _reconcile(self, plural: str, objects: Iterable[Object]) -> None:
        """All at once: the store then writes them in a few batches."""
        served = self._served[RBAC, "v1", plural]
        await asyncio.gather(*(self._bring(served, obj) for obj in objects))

    async def _bring(self, served: Served, obj: Object) -> None:
        version = self._stored(served, obj)
        if version is None:
            await self._create(served, obj)
        elif _completed(served.parse(version), obj) is not None:
            await self._complete(served, obj)

    def _stored(self, served: Served, obj: Object) -> Version | None:
        metadata = obj["metadata"]
        return served.find(metadata.get("namespace", ""), metadata["name"])

    async def _create(self, served: Served, obj: Object) -> None:
        resource = served.resource
        whole = {"kind": resource.kind, "apiVersion": resource.api_version, **orjson.loads(orjson.dumps(obj))}
        served.codec.default(whole)
        if resource.default is not None:
            resource.default(whole)
        namespace = obj["metadata"].get("namespace", "")
        attributes = Attributes("CREATE", resource, namespace, "")
        if resource.group == FLOW_CONTROL:
            attributes.manager = FLOW_CONTROL_MANAGER
        try:
            await create(self._life, served, whole, attributes)
        except AlreadyExists:
            return  # Another server of the same store was quicker.

    async def _complete(self, served: Served, wanted: Object) -> None:
        metadata = wanted["metadata"]
        attributes = Attributes("UPDATE", served.resource, metadata.get("namespace", ""), metadata["name"])
        await update(self._life, served, lambda stored: _completed(stored, wanted) or stored, attributes)


def _completed(stored: Object, wanted: Object) -> Object | None:
    """The stored role or binding with what it lacks; None where it lacks nothing or wants to be left alone."""
    if (stored["metadata"].get("annotations") or {}).get(AUTO_UPDATE) == "false":
        return None
    if "roleRef" in wanted:
        missing = [each for each in wanted["subjects"] if each not in (stored.get("subjects") or [])]
        return {**stored, "subjects": [*(stored.get("subjects") or []), *missing]} if missing else None
    if wanted.get("aggregationRule"):
        return None
    owned = compile_rules(stored.get("rules"))
    missing = [each for each in wanted["rules"] or () if not covers(owned, each)]
    return {**stored, "rules": [*(stored.get("rules") or []), *missing]} if missing else None


def _priority_classes() -> Iterable[Object]:
    for name, value, description in _PRIORITY_CLASSES:
        yield {"metadata": {"name": name}, "value": value, "description": description}
