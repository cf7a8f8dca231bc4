"""`proxy` below Pods, Services and nodes: plain HTTP (and upgrades) to whoever listens there.

Source: https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/#manually-constructing-apiserver-proxy-urls
"""

import ssl
from collections.abc import Callable, Mapping

from kybern.api.resource import Object
from kybern.apiserver import status
from kybern.apiserver.admission.lookup import Lookup
from kybern.apiserver.call import Call
from kybern.apiserver.endpoints.connecting import admit_connection
from kybern.apiserver.endpoints.route import Endpoint
from kybern.apiserver.endpoints.surroundings import Surroundings
from kybern.apiserver.proxy.backend import Place
from kybern.apiserver.proxy.kubelets import Kubelets
from kybern.apiserver.proxy.passing import pass_on
from kybern.apiserver.proxy.rewrite import Rewriter
from kybern.apiserver.served import Served
from kybern.base.errors import BadRequest, ServiceUnavailable
from kybern.transport.exchange import Answer, Response

_VERBS = ("get", "create", "update", "patch", "delete", "")
"""The last one is that of OPTIONS, which has none."""
_SERVICE_LABEL = "kubernetes.io/service-name"
_PARTS_BEFORE_REST = {"pods": 8, "services": 8, "nodes": 6}
"""Segments of the path up to `proxy`, the empty first one with them: /api/v1/namespaces/NS/pods/NAME/proxy."""


class Proxying:
    """`pods/proxy`, `services/proxy`, `nodes/proxy`."""

    def __init__(self, lookup: Lookup, kubelets: Kubelets) -> None:
        self._lookup = lookup
        self._kubelets = kubelets
        self._unverified: ssl.SSLContext | None = None

    def endpoints(self) -> Mapping[tuple[str, str], Mapping[str, Endpoint]]:
        def all_verbs(find: Callable[[Call, Served], Place]) -> Mapping[str, Endpoint]:
            async def endpoint(at: Surroundings, call: Call, served: Served) -> Answer:
                place = find(call, served)
                await admit_connection(at, call, served)
                return await self._pass(call, place)

            return dict.fromkeys(_VERBS, endpoint)

        return {
            ("pods", "proxy"): all_verbs(self._pod),
            ("services", "proxy"): all_verbs(self._service),
            ("nodes", "proxy"): all_verbs(self._node),
        }

    async def _pass(self, call: Call, place: Place) -> Answer:
        request = call.request
        parts = request.raw_path.split("/")
        place_of_rest = _PARTS_BEFORE_REST[call.info.resource]
        if len(parts) == place_of_rest and request.method in ("GET", "HEAD"):
            # Relative links of what answers only lead back here with a slash at the end.
            query = f"?{request.raw_query}" if request.raw_query else ""
            return Response(301, b"", "text/html", headers=(("Location", f"{request.raw_path}/{query}"),))
        target, prefix = "/" + "/".join(parts[place_of_rest:]), "/".join(parts[:place_of_rest])
        query = f"?{request.raw_query}" if request.raw_query else ""
        answer = await pass_on(call, place, target + query, (("x-forwarded-uri", prefix + target),))
        return Rewriter(prefix, place.netloc, request.headers.get("host", "")).led_back(answer)

    def _pod(self, call: Call, served: Served) -> Place:
        scheme, name, port = _split(call)
        pod = self._lookup.get("pods", name, call.info.namespace)
        if pod is None:
            raise status.not_found(served.resource, name)
        address = (pod.get("status") or {}).get("podIP")
        if not address:
            raise BadRequest("address not allowed")
        return Place(address, _pod_port(pod, port), self._tls(scheme))

    def _service(self, call: Call, served: Served) -> Place:
        scheme, name, port = _split(call)
        namespace = call.info.namespace
        service = self._lookup.get("services", name, namespace)
        if service is None:
            raise status.not_found(served.resource, name)
        wanted = _service_port(service, name, port)
        for each in self._lookup.list("endpointslices.discovery.k8s.io", namespace):
            if (each["metadata"].get("labels") or {}).get(_SERVICE_LABEL) != name:
                continue
            for number in (p.get("port") for p in each.get("ports") or () if (p.get("name") or "") == wanted):
                for endpoint in each.get("endpoints") or ():
                    if (endpoint.get("conditions") or {}).get("ready", True) and number:
                        return Place(endpoint["addresses"][0], number, self._tls(scheme))
        raise ServiceUnavailable(f'no endpoints available for service "{name}"')

    def _node(self, call: Call, served: Served) -> Place:
        _, name, port = _split(call)
        if self._lookup.get("nodes", name) is None:
            raise status.not_found(served.resource, name)
        place = self._kubelets.place(name)
        return Place(place.host, int(port), None) if port and int(port) != place.port else place

    def _tls(self, scheme: str) -> ssl.SSLContext | None:
        """Pods' certificates are nobody's business here: upstream does not check them either."""
        if scheme != "https":
            return None
        if self._unverified is None:
            self._unverified = ssl.create_default_context()
            self._unverified.check_hostname = False
            self._unverified.verify_mode = ssl.CERT_NONE
        return self._unverified


def _split(call: Call) -> tuple[str, str, str]:
    """`https:web:443` -> scheme, name, port. Raises BadRequest."""
    match call.info.name.split(":"):
        case [alone]:
            return "", alone, ""
        case [host, port]:
            return "", host, port
        case [("" | "http" | "https") as scheme, host, port]:
            return scheme, host, port
    raise BadRequest(f'invalid {call.info.resource.removesuffix("s")} request "{call.info.name}"')


def _pod_port(pod: Object, port: str) -> int:
    declared = [each for container in pod["spec"]["containers"] for each in container.get("ports") or ()]
    if not port:
        return int(declared[0]["containerPort"]) if declared else 80
    if port.isdecimal():
        return int(port)
    for each in declared:
        if each.get("name") == port:
            return int(each["containerPort"])
    raise BadRequest(f'invalid port "{port}"')


def _service_port(service: Object, name: str, port: str) -> str:
    """The name of the Service's port that is meant."""
    ports: list[Object] = service["spec"].get("ports") or []
    if not port and len(ports) == 1:
        return str(ports[0].get("name") or "")
    for each in ports:
        if port and port in {each.get("name"), str(each["port"])}:
            return str(each.get("name") or "")
    raise ServiceUnavailable(f'no service port "{port}" found for service "{name}"')
