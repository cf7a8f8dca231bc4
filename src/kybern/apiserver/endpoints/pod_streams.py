"""What a Pod's kubelet answers: logs, exec, attach, port-forward.

Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/ and pkg/registry/core/pod.
"""

from collections.abc import AsyncIterator, Mapping
from urllib.parse import quote, urlencode

from kybern.api.resource import Object
from kybern.apiserver import status
from kybern.apiserver.authorization.authorizer import Authorizer
from kybern.apiserver.call import Call
from kybern.apiserver.endpoints.connecting import admit_connection
from kybern.apiserver.endpoints.pod_log_options import log_options
from kybern.apiserver.endpoints.route import Endpoint
from kybern.apiserver.endpoints.surroundings import Surroundings
from kybern.apiserver.proxy.backend import Place
from kybern.apiserver.proxy.kubelets import Kubelets
from kybern.apiserver.proxy.passing import fetch, pass_upgrade
from kybern.apiserver.proxy.websocket_stream import asks_for_websocket, log_messages
from kybern.apiserver.request_info import RequestInfo, truthy
from kybern.apiserver.served import Served
from kybern.base.errors import BadRequest, NotFound
from kybern.transport.exchange import Answer, Response

TEXT = "text/plain"
_STREAMS = {"stdin": "input", "stdout": "output", "stderr": "error", "tty": "tty"}
"""The API's names of the streams, and the kubelet's."""


class PodStreams:
    """The endpoints below `pods/NAME/`."""

    def __init__(self, kubelets: Kubelets, authorizer: Authorizer) -> None:
        self._kubelets = kubelets
        self._authorizer = authorizer

    def endpoints(self) -> Mapping[tuple[str, str], Mapping[str, Endpoint]]:
        return {
            ("pods", "log"): {"get": self.log},
            ("pods", "exec"): {"get": self.run, "create": self.run},
            ("pods", "attach"): {"get": self.run, "create": self.run},
            ("pods", "portforward"): {"get": self.port_forward, "create": self.port_forward},
        }

    async def log(self, at: Surroundings, call: Call, served: Served) -> Answer:
        """200 and the log as text, for ever where it is followed; 204 before the Pod has a node."""
        options = log_options(call.request, call.info.name)
        pod = _pod(call, served)
        name = _container(pod, call.request.parameter("container"))
        node = pod["spec"].get("nodeName")
        if not node:
            return Response(204)
        target = _target("containerLogs", call, name, options)
        answer = await fetch(call, self._place(served, node), target)
        answer.content_type = TEXT
        if "limitBytes" in options:
            answer.pieces = _limited(answer.pieces, int(options["limitBytes"]))
        return log_messages(call.request, answer) if asks_for_websocket(call.request) else answer

    async def run(self, at: Surroundings, call: Call, served: Served) -> Answer:
        """exec and attach: the connection goes to the kubelet."""
        self._check_create(call)
        pod = _pod(call, served)
        name = _container(pod, call.request.parameter("container"))
        options: list[tuple[str, str]] = [
            (theirs, "1")
            for ours, theirs in _STREAMS.items()
            if truthy(call.request.parameter(ours, "false")) and call.request.parameter(ours)
        ]
        options += [("command", part) for part in call.request.query.get("command", ())]
        await admit_connection(at, call, served)
        place = self._place(served, _host(pod))
        if not options:
            raise BadRequest("you must specify at least 1 of stdin, stdout, stderr")
        return await pass_upgrade(call, place, _target(call.info.subresource, call, name, options))

    async def port_forward(self, at: Surroundings, call: Call, served: Served) -> Answer:
        self._check_create(call)
        pod = _pod(call, served)
        await admit_connection(at, call, served)
        ports = [("port", port) for port in call.request.query.get("ports", ())]
        place = self._place(served, _host(pod))
        return await pass_upgrade(call, place, _target("portForward", call, "", ports))

    def _place(self, served: Served, node: str) -> Place:
        """Raises NotFound, which upstream tells as if a Pod of the node's name were missing."""
        try:
            return self._kubelets.place(node)
        except NotFound:
            raise status.not_found(served.resource, node) from None

    def _check_create(self, call: Call) -> None:
        """A WebSocket begins with a GET; it takes the right to create all the same (KEP-4006). Raises Forbidden."""
        info = call.info
        asked = RequestInfo(
            True,
            "create",
            info.path,
            info.group,
            info.version,
            info.namespace,
            info.resource,
            info.subresource,
            info.name,
        )
        self._authorizer.check(call.user, asked)


def _pod(call: Call, served: Served) -> Object:
    version = served.find(call.info.namespace, call.info.name)
    if version is None:
        raise status.not_found(served.resource, call.info.name)
    return served.parse(version)


def _host(pod: Object) -> str:
    node = pod["spec"].get("nodeName")
    if not node:
        raise BadRequest(f"pod {pod['metadata']['name']} does not have a host assigned")
    return str(node)


def _container(pod: Object, name: str) -> str:
    """The container that is meant. Raises BadRequest."""
    spec, pod_name = pod["spec"], pod["metadata"]["name"]
    names = [each["name"] for each in spec.get("containers") or ()]
    inits = [each["name"] for each in spec.get("initContainers") or ()]
    ephemeral = [each["name"] for each in spec.get("ephemeralContainers") or ()]
    if name:
        if name not in (*names, *inits, *ephemeral):
            raise BadRequest(f"container {name} is not valid for pod {pod_name}")
        return name
    if len(names) == 1:
        return str(names[0])
    choice = " ".join((*inits, *names, *ephemeral))
    raise BadRequest(f"a container name must be specified for pod {pod_name}, choose one of: [{choice}]")


def _target(what: str, call: Call, container: str, options: Mapping[str, str] | list[tuple[str, str]]) -> str:
    parts = [what, call.info.namespace, call.info.name, *([container] if container else [])]
    query = urlencode(options)
    return "/" + "/".join(quote(part, safe="") for part in parts) + (f"?{query}" if query else "")


async def _limited(pieces: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    async for piece in pieces:
        yield piece[:limit]
        limit -= len(piece)
        if limit <= 0:
            return
