"""This API server's own Lease in kube-system, by which others see that it lives; those that ended are taken away.

Source: https://kubernetes.io/docs/concepts/architecture/leases/#api-server-identity (KEP-1965).
"""

import base64
import hashlib
import socket
from contextlib import suppress

from kybern.api.resource import Object
from kybern.apiserver.admission.attributes import Attributes, Operation
from kybern.apiserver.objects.create import create
from kybern.apiserver.objects.delete import DeleteOptions, delete
from kybern.apiserver.objects.life import Life
from kybern.apiserver.objects.update import update
from kybern.apiserver.served import Served
from kybern.base.clock import Clock, format_micro_time, parse_time
from kybern.base.errors import KybernError

NAMESPACE = "kube-system"
LABEL, COMPONENT = "apiserver.kubernetes.io/identity", "kube-apiserver"
DURATION_SECONDS = 3600
PERIOD_SECONDS = 10.0


def lease_name(host: str) -> str:
    """Of the server on a machine, as upstream names it: both parts of what is hashed tell their length first."""
    hashed = b"".join(len(part).to_bytes(2, "big") + part for part in (host.encode(), COMPONENT.encode()))
    digest = hashlib.sha256(hashed).digest()[:16]
    return f"apiserver-{base64.b32encode(digest).decode().rstrip('=').lower()}"


class IdentityLease:
    """Renewed every PERIOD_SECONDS. The name is the machine's, so a server that is started again takes its own over."""

    def __init__(self, life: Life, leases: Served, clock: Clock, advertised: str, uid: str) -> None:
        self._life = life
        self._leases = leases
        self._clock = clock
        self._advertised = advertised
        self._host = socket.gethostname()
        self.name = lease_name(self._host)
        self._holder = f"{self.name}_{uid}"

    async def run(self) -> None:
        """For ever."""
        while True:
            with suppress(KybernError):  # The store cannot write now, or another was quicker: the next round sees.
                await self._renew()
                await self._collect()
            await self._clock.sleep(PERIOD_SECONDS)

    async def _renew(self) -> None:
        attributes = self._attributes("CREATE", self.name)
        if self._leases.find(NAMESPACE, self.name) is None:
            head = {"kind": self._leases.resource.kind, "apiVersion": self._leases.resource.api_version}
            lease = self._told({**head, "metadata": {"name": self.name, "namespace": NAMESPACE}})
            await create(self._life, self._leases, lease, attributes)
        else:
            await update(self._life, self._leases, self._told, self._attributes("UPDATE", self.name))

    def _told(self, lease: Object) -> Object:
        """A Lease as it is to be now."""
        metadata = lease["metadata"]
        labels = {**(metadata.get("labels") or {}), LABEL: COMPONENT, "kubernetes.io/hostname": self._host}
        annotations = {
            **(metadata.get("annotations") or {}),
            "kubernetes.io/peer-advertise-address": self._advertised,
        }
        spec = {
            "holderIdentity": self._holder,
            "leaseDurationSeconds": DURATION_SECONDS,
            "renewTime": format_micro_time(self._clock.now()),
        }
        return {**lease, "metadata": {**metadata, "labels": labels, "annotations": annotations}, "spec": spec}

    async def _collect(self) -> None:
        """Delete the Leases of servers that have renewed theirs for as long as they last no more."""
        for version in list(self._leases.cache.objects.values()):
            if version.labels.get(LABEL) == COMPONENT:
                lease = self._leases.parse(version)
                if self._has_ended(lease.get("spec") or {}):
                    name = lease["metadata"]["name"]
                    await delete(self._life, self._leases, DeleteOptions(), self._attributes("DELETE", name))

    def _has_ended(self, spec: Object) -> bool:
        renewed, lasts = spec.get("renewTime"), spec.get("leaseDurationSeconds")
        return renewed is None or lasts is None or parse_time(renewed) + lasts < self._clock.now()

    def _attributes(self, operation: Operation, name: str) -> Attributes:
        return Attributes(operation, self._leases.resource, NAMESPACE, name)
