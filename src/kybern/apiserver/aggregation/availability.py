"""The condition `Available` of each APIService: of those served here a matter of course, of others what a look tells."""

import asyncio
from collections.abc import Mapping

from kybern.api.resource import Object
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.admission.lookup import Lookup
from kybern.apiserver.aggregation.api_services import AVAILABLE, ApiServices, Remote
from kybern.apiserver.aggregation.reach import Reach
from kybern.apiserver.cache.change import Change
from kybern.apiserver.conditions import find_condition, timed_condition
from kybern.apiserver.objects.life import Life
from kybern.apiserver.objects.settling import Settling
from kybern.apiserver.objects.update import update
from kybern.apiserver.proxy.backend import ask
from kybern.apiserver.services.slices import SERVICE_LABEL, SLICES, ports_named, ready_endpoints, slices_of
from kybern.base.errors import Conflict, NotFound, ServiceUnavailable, Unreachable

LOOK_SECONDS = 30.0
"""Between looks when nothing changes."""
ANSWER_SECONDS = 5.0
LOCAL: Mapping[str, str] = {
    "status": "True", "reason": "Local", "message": "Local APIServices are always available"
}  # fmt: skip


class Availability:
    """Looks again after every change of an APIService, a Service or its endpoints."""

    def __init__(self, life: Life, lookup: Lookup, services: ApiServices, reach: Reach) -> None:
        self._life = life
        self._lookup = lookup
        self._services = services
        self._reach = reach
        self._changed = asyncio.Event()
        self._changed.set()
        self.settling = Settling()
        for resource in ("services", SLICES):
            lookup.cache(resource).listen(self._backend_changed)
        services.served.cache.listen(self._notice)

    async def run(self) -> None:
        """For ever."""
        while True:
            self._changed.clear()
            await self.settle()
            if not self._changed.is_set():
                self.settling.settle()
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def settle(self) -> None:
        """Write the conditions that differ."""
        for obj in list(self._services.objects()):
            remote = self._services.find(obj["spec"].get("group") or "", obj["spec"]["version"])
            state = LOCAL if remote is None else await self._look(remote)
            known = find_condition(obj, AVAILABLE)
            if any(known.get(key) != value for key, value in state.items()):
                await self._write(obj["metadata"]["name"], state)

    async def _look(self, remote: Remote) -> Mapping[str, str]:
        """The condition's status, reason and message, in upstream's words."""
        where = f'service/{remote.service} in "{remote.namespace}"'
        service = self._lookup.get("services", remote.service, remote.namespace)
        if service is None:
            return _not("ServiceNotFound", f"{where} is not present")
        if service["spec"].get("type") != "ExternalName":
            ports = service["spec"].get("ports") or ()
            port = next((each for each in ports if each["port"] == remote.port), None)
            if port is None:
                return _not("ServicePortError", f"{where} is not listening on port {remote.port}")
            fault = self._endpoint_fault(remote, port.get("name") or "", where)
            if fault is not None:
                return fault
        return await self._ask(remote)

    def _endpoint_fault(self, remote: Remote, port: str, where: str) -> Mapping[str, str] | None:
        slices = slices_of(self._lookup, remote.namespace, remote.service)
        if not slices:
            return _not("EndpointsNotFound", f"cannot find endpointslices for {where}")
        if any(ports_named(each, port) and any(True for _ in ready_endpoints(each)) for each in slices):
            return None
        return _not("MissingEndpoints", f'endpointslices for {where} have no addresses with port name "{port}"')

    async def _ask(self, remote: Remote) -> Mapping[str, str]:
        path = f"/apis/{remote.group}/{remote.version}"
        try:
            place = self._reach.place(remote)
            url = f"https://{place.netloc}{path}"
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await ask(place, "GET", path, {"X-Remote-User": "system:kube-aggregator"})
                answer.reader.close()  # Its status is all that counts.
        except TimeoutError:
            return _not("FailedDiscoveryCheck", f"failing or missing response from {url}: timed out waiting for {url}")
        except ServiceUnavailable as error:
            return _not("FailedDiscoveryCheck", error.message)
        except Unreachable as error:
            return _not("FailedDiscoveryCheck", f'failing or missing response from {url}: Get "{url}": {error}')
        if not 200 <= answer.status < 300:
            told = f"failing or missing response from {url}: bad status from {url}: {answer.status}"
            return _not("FailedDiscoveryCheck", told)
        return {"status": "True", "reason": "Passed", "message": "all checks passed"}

    async def _write(self, name: str, state: Mapping[str, str]) -> None:
        now = self._life.timestamp()

        def edit(obj: Object) -> Object:
            status = obj.get("status") or {}
            others = [each for each in status.get("conditions") or () if each.get("type") != AVAILABLE]
            told = timed_condition(find_condition(obj, AVAILABLE), {"type": AVAILABLE, **state}, now)
            return {**obj, "status": {**status, "conditions": [*others, told]}}

        served = self._services.served
        try:
            await update(
                self._life, served, edit, Attributes("UPDATE", served.resource, "", name, subresource="status")
            )
        except (NotFound, Conflict):
            return  # The change that came between is looked at next.

    def _notice(self, change: Change) -> None:
        self._changed.set()
        self.settling.disturb()

    def _backend_changed(self, change: Change) -> None:
        """Services and endpoints change often; what no APIService names is nobody's business here."""
        for version in (change.new, change.old):
            if version is not None and self._concerns(version.key, version.labels):
                self._changed.set()
                return

    def _concerns(self, key: str, labels: Mapping[str, str]) -> bool:
        namespace, _, name = key.partition("/")
        name = labels.get(SERVICE_LABEL, name)
        return any((row.namespace, row.service) == (namespace, name) for row in self._services.remote())


def _not(reason: str, message: str) -> Mapping[str, str]:
    return {"status": "False", "reason": reason, "message": message}
