"""The Service `kubernetes` in `default`, its endpoints, and the ServiceCIDR: kept as this server is reached.

Source: upstream's kubernetesservice controller and the reconciler of its endpoints.
"""

import ipaddress

from kybern.api.resource import Object
from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.endpoints.own_apply import apply_status
from kybern.apiserver.objects.create import create
from kybern.apiserver.objects.life import Life
from kybern.apiserver.objects.update import update
from kybern.apiserver.served import Served, ServedResources
from kybern.base.clock import Clock
from kybern.base.errors import StatusError

NAME, NAMESPACE = "kubernetes", "default"
CIDR_MANAGER = "kubernetes-service-cidr-controller"
PERIOD_SECONDS = 10.0


class KubernetesService:
    """Looks at its objects every PERIOD_SECONDS and writes only what differs."""

    def __init__(
        self, life: Life, served: ServedResources, clock: Clock, address: str, port: int, cluster_ip: str, cidr: str
    ) -> None:
        self._life = life
        self._clock = clock
        self._wanted: list[tuple[Served, Object]] = [
            (served["networking.k8s.io", "v1", "servicecidrs"], _service_cidr(cidr)),
            (served["", "v1", "services"], _service(cluster_ip, port)),
        ]
        if not ipaddress.ip_address(address).is_loopback:  # Nobody else could reach it; validation refuses it too.
            self._wanted += [
                (served["", "v1", "endpoints"], _endpoints(address, port)),
                (served["discovery.k8s.io", "v1", "endpointslices"], _slice(address, port)),
            ]

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._clock.sleep(PERIOD_SECONDS)
            try:
                await self.settle()
            except StatusError:
                continue  # The store cannot write now, or someone wrote at the same moment: the next round sees.

    async def settle(self) -> None:
        """Write what is missing or differs. Raises StatusError."""
        for served, wanted in self._wanted:
            metadata = wanted["metadata"]
            namespace = metadata.get("namespace", "")
            version = served.find(namespace, metadata["name"])
            if version is None:
                obj: Object = {"kind": served.resource.kind, "apiVersion": served.resource.api_version}
                obj |= {**wanted, "metadata": dict(metadata)}
                served.codec.default(obj)
                if served.resource.default is not None:
                    served.resource.default(obj)
                attributes = Attributes("CREATE", served.resource, namespace, metadata["name"])
                await create(self._life, served, obj, attributes)
                if served.resource.kind == "ServiceCIDR":
                    await self._tell_ready(served)
            elif served.resource.kind in ("Endpoints", "EndpointSlice"):
                await self._update(served, wanted, namespace)
            elif served.resource.kind == "ServiceCIDR" and not served.parse(version).get("status"):
                await self._tell_ready(served)

    async def _tell_ready(self, served: Served) -> None:
        ready = {
            "type": "Ready",
            "status": "True",
            "message": "Kubernetes default Service CIDR is ready",
            "lastTransitionTime": self._life.timestamp(),
        }
        await apply_status(self._life, served, NAME, {"conditions": [ready]}, CIDR_MANAGER)

    async def _update(self, served: Served, wanted: Object, namespace: str) -> None:
        def edit(stored: Object) -> Object:
            changed = {**stored, **{key: value for key, value in wanted.items() if key != "metadata"}}
            labels = {**(stored["metadata"].get("labels") or {}), **wanted["metadata"]["labels"]}
            changed["metadata"] = {**stored["metadata"], "labels": labels}
            return changed

        attributes = Attributes("UPDATE", served.resource, namespace, wanted["metadata"]["name"])
        await update(self._life, served, edit, attributes)


def _service_cidr(cidr: str) -> Object:
    return {"metadata": {"name": NAME}, "spec": {"cidrs": [cidr]}}


def _service(cluster_ip: str, port: int) -> Object:
    return {
        "metadata": {
            "name": NAME,
            "namespace": NAMESPACE,
            "labels": {"component": "apiserver", "provider": "kubernetes"},
        },
        "spec": {
            "type": "ClusterIP",
            "clusterIP": cluster_ip,
            "ipFamilyPolicy": "SingleStack",
            "sessionAffinity": "None",
            "ports": [{"name": "https", "protocol": "TCP", "port": 443, "targetPort": port}],
        },
    }


def _endpoints(address: str, port: int) -> Object:
    labels = {"endpointslice.kubernetes.io/skip-mirror": "true"}
    ports = [{"name": "https", "port": port, "protocol": "TCP"}]
    return {
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels},
        "subsets": [{"addresses": [{"ip": address}], "ports": ports}],
    }


def _slice(address: str, port: int) -> Object:
    return {
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": {"kubernetes.io/service-name": NAME}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
        "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
    }
