"""`proxy` below Pods, Services and nodes: plain HTTP (and upgrades) to whoever listens there.

Source: https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/#manually-constructing-apiserver-proxy-urls
"""

import random
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
from kybern.apiserver.services.slices import ports_named, ready_endpoints, slices_of
from kybern.base.errors import BadRequest, ServiceUnavailable
from kybern.transport.exchange import Answer, Response

_VERBS = ("get", "create", "update", "patch", "delete", "")
"""The last one is that of OPTIONS, which has none."""
_choice = random.Random()
"""Only spreads requests over Pods; nothing depends on its values."""
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
            ("pods", "proxy"): all_verbs(self.pod_place),
            ("services", "proxy"): all_verbs(self.service_place),
            ("nodes", "proxy"): all_verbs(self.node_place),
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

    def pod_place(self, call: Call, served: Served) -> Place:
        """Raises BadRequest, NotFound."""
        scheme, name, port = _split(call)
        pod = self._lookup.get("pods", name, call.info.namespace)
        if pod is None:
            raise status.not_found(served.resource, name)
        address = (pod.get("status") or {}).get("podIP")
        if not address:
            raise BadRequest("address not allowed")
        return Place(address, _pod_port(pod, port), self._tls(scheme))

    def service_place(self, call: Call, served: Served) -> Place:
        """A ready Pod of the Service. Raises BadRequest, NotFound, ServiceUnavailable."""
        scheme, name, port = _split(call)
        namespace = call.info.namespace
        service = self._lookup.get("services", name, namespace)
        if service is None:
            raise status.not_found(served.resource, name)
        wanted = _port_name(service, name, port)
        slices = [each for each in slices_of(self._lookup, namespace, name) if each.get("endpoints")]
        places = [
            (address, port["port"])
            for each in slices
            for port in ports_named(each, wanted)
            if port.get("port")
            for address in map(self._address_of_pod(namespace), ready_endpoints(each))
            if address
        ]
        if not places:
            what = call.info.name if slices else name
            raise ServiceUnavailable(f'no endpoints available for service "{what}"')
        address, number = _choice.choice(places)
        return Place(address, number, self._tls(scheme))

    def _address_of_pod(self, namespace: str) -> Callable[[Object], str]:
        """The address of an endpoint; "" for one that is no Pod of the namespace: nothing else is proxied to."""

        def address_of(endpoint: Object) -> str:
            target = endpoint.get("targetRef") or {}
            address = str(endpoint["addresses"][0])
            if target.get("namespace") != namespace:
                return ""
            pod = self._lookup.get("pods", target.get("name", ""), namespace)
            known = ((pod or {}).get("status") or {}).get("podIPs") or ()
            return address if any(each.get("ip") == address for each in known) else ""

        return address_of

    def node_place(self, call: Call, served: Served) -> Place:
        """Raises BadRequest, NotFound."""
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


def _port_name(service: Object, name: str, port: str) -> str:
    """The name of the Service's port that a number means; a name is taken at its word. Raises ServiceUnavailable."""
    if not port.isdecimal():
        return port
    for each in service["spec"].get("ports") or ():
        if each["port"] == int(port):
            return str(each.get("name") or "")
    raise ServiceUnavailable(f'no service port {port} found for service "{name}"')
