"""An APIService for each group and version that this server serves itself, as `kubectl get apiservices` lists them.

Those of built-in groups are made at the start; those of custom resources come and go with their definitions.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

from kybern.api.resource import Object
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.aggregation.api_services import GROUP, ApiServices
from kybern.apiserver.cache.change import Change
from kybern.apiserver.objects.create import create
from kybern.apiserver.objects.life import Life, remove
from kybern.base.errors import StatusError

MANAGED = "kube-aggregator.kubernetes.io/automanaged"
ON_START, CONTINUOUSLY = "onstart", "true"
CUSTOM_PRIORITIES = (1000, 100)
PRIORITIES: Mapping[tuple[str, str], tuple[int, int]] = {
    ("", "v1"): (18000, 1),
    ("apps", "v1"): (17800, 15),
    ("events.k8s.io", "v1"): (17750, 15),
    ("authentication.k8s.io", "v1"): (17700, 15),
    ("authorization.k8s.io", "v1"): (17600, 15),
    ("autoscaling", "v1"): (17500, 15),
    ("autoscaling", "v2"): (17500, 30),
    ("batch", "v1"): (17400, 15),
    ("certificates.k8s.io", "v1"): (17300, 15),
    ("networking.k8s.io", "v1"): (17200, 15),
    ("policy", "v1"): (17100, 15),
    ("rbac.authorization.k8s.io", "v1"): (17000, 15),
    ("storage.k8s.io", "v1"): (16800, 15),
    ("apiextensions.k8s.io", "v1"): (16700, 15),
    ("admissionregistration.k8s.io", "v1"): (16700, 15),
    ("scheduling.k8s.io", "v1"): (16600, 15),
    ("coordination.k8s.io", "v1"): (16500, 15),
    ("node.k8s.io", "v1"): (16300, 15),
    ("discovery.k8s.io", "v1"): (16200, 15),
    ("flowcontrol.apiserver.k8s.io", "v1"): (16100, 21),
    ("resource.k8s.io", "v1"): (16200, 21),
}
"""Minimum priority of the group and priority of the version, as upstream registers its own."""

GroupVersions = Callable[[], Iterable[tuple[str, str]]]


class Registration:
    """`built_in` are there from the start; `custom` tells those of custom resources as they are now."""

    def __init__(
        self, life: Life, services: ApiServices, built_in: Iterable[tuple[str, str]], custom: GroupVersions
    ) -> None:
        self._life = life
        self._services = services
        self._built_in = [each for each in built_in if each[0] != GROUP]
        self._custom = custom
        self._changed = asyncio.Event()
        self._changed.set()

    def notice(self, change: Change) -> None:
        """A definition of custom resources, or an APIService, has changed."""
        self._changed.set()

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self.settle()

    async def settle(self) -> None:
        """Make what is missing, take away what has no group any more."""
        served = self._services.served
        wanted = {_name(*each): (each, ON_START) for each in self._built_in}
        wanted |= {_name(*each): (each, CONTINUOUSLY) for each in self._custom() if _name(*each) not in wanted}
        for name, ((group, version), label) in wanted.items():
            if served.find("", name) is None:
                obj = _api_service(name, group, version, label)
                await self._try(create(self._life, served, obj, Attributes("CREATE", served.resource, "", name)))
        for obj in list(self._services.objects()):
            name = obj["metadata"]["name"]
            managed = (obj["metadata"].get("labels") or {}).get(MANAGED)
            stored = served.find("", name)
            if managed == CONTINUOUSLY and name not in wanted and stored is not None:
                await self._try(remove(self._life, served, stored, obj))

    async def _try(self, writing: Awaitable[object]) -> None:
        try:
            await writing
        except StatusError:
            return  # Someone else wrote meanwhile; the next change is looked at again.


def _name(group: str, version: str) -> str:
    return f"{version}.{group}"


def _api_service(name: str, group: str, version: str, label: str) -> Object:
    group_priority, version_priority = PRIORITIES.get((group, version), CUSTOM_PRIORITIES)
    spec: Object = {"groupPriorityMinimum": group_priority, "versionPriority": version_priority, "version": version}
    if group:
        spec["group"] = group
    return {
        "kind": "APIService",
        "apiVersion": f"{GROUP}/v1",
        "metadata": {"name": name, "labels": {MANAGED: label}},
        "spec": spec,
    }
