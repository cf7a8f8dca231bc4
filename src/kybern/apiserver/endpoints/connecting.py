"""Admission of what opens a connection (exec, attach, port-forward, proxy): the operation CONNECT, whose object is the
options of the request. Source: k8s.io/apiserver pkg/endpoints/handlers/rest.go, ConnectResource."""

from typing import Any

from kybern.api.resource import Object
from kybern.apiserver.call import Call
from kybern.apiserver.endpoints.surroundings import Surroundings, attributes_of
from kybern.apiserver.served import Served

_FLAGS = ("stdin", "stdout", "stderr", "tty")
_TRUE = frozenset(("1", "t", "T", "true", "TRUE", "True", ""))


async def admit_connection(at: Surroundings, call: Call, served: Served) -> None:
    """Raises StatusError."""
    subresource = call.info.subresource
    attributes = attributes_of(call, served, "CONNECT", subresource)
    attributes.options = dict
    options = _options(call, served.resource.kind, subresource)
    await at.life.admission.mutate(attributes, options, None)
    await at.life.admission.validate(attributes, options, None)


def _options(call: Call, kind: str, subresource: str) -> Object:
    """PodExecOptions, PodAttachOptions, PodPortForwardOptions, PodProxyOptions, ServiceProxyOptions, NodeProxyOptions."""
    names = {"portforward": "PortForward"}
    options: dict[str, Any] = {
        "kind": f"{kind}{names.get(subresource, subresource.capitalize())}Options",
        "apiVersion": "v1",
    }
    query = call.request.query
    if subresource in ("exec", "attach"):
        options |= {flag: True for flag in _FLAGS if flag in query and query[flag][0] in _TRUE}
        if query.get("container"):
            options["container"] = query["container"][0]
        if subresource == "exec":
            options["command"] = list(query.get("command", ()))
    elif subresource == "portforward":
        options["ports"] = [
            int(port) for text in query.get("ports", ()) for port in text.split(",") if port.isdecimal()
        ]
    elif subresource == "proxy":
        rest = call.info.path.partition("/proxy")[2]
        if rest:
            options["path"] = rest
    return options
