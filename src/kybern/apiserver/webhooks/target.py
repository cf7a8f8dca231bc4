"""Where a webhook is: a `clientConfig` becomes an address to connect to and the URL that messages name.

Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#contacting-the-webhook
"""

from dataclasses import dataclass
from itertools import count
from urllib.parse import urlsplit

from kybern.api.resource import Object
from kybern.apiserver.admission.lookup import Lookup
from kybern.apiserver.services.slices import ports_named, ready_endpoints, slices_of

DEFAULT_PORT = 443


class Unresolved(Exception):
    """Nothing answers for the Service, in upstream's words."""


@dataclass(frozen=True, slots=True)
class Target:
    """The name is what the certificate must be for and what the URL shows."""

    netloc: str
    """`host:port` as the URL shows it."""
    server_name: str
    path: str
    service: tuple[str, str, int] | None = None
    """(namespace, name, port) of a Service, resolved anew for each connection."""
    port: int = DEFAULT_PORT

    def url(self, query: str) -> str:
        return f"https://{self.netloc}{self.path}{'?' + query if query else ''}"


def target_of(config: Object) -> Target:
    """Of a valid clientConfig."""
    service = config.get("service")
    if service is not None:
        port = service.get("port") or DEFAULT_PORT
        name = f"{service['name']}.{service['namespace']}.svc"
        path = "/" + (service.get("path") or "").lstrip("/")
        return Target(f"{name}:{port}", name, path, (service["namespace"], service["name"], port), port)
    url = urlsplit(config.get("url") or "")
    return Target(url.netloc, url.hostname or "", url.path or "/", None, url.port or DEFAULT_PORT)


class Services:
    """Finds who answers for a Service: its ready endpoints in turn."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._turns = count()

    def resolve(self, namespace: str, name: str, port: int) -> tuple[str, int]:
        """(host, port) to connect to. Raises Unresolved."""
        service = self._lookup.get("services", name, namespace)
        if service is None:
            raise Unresolved(f'service "{name}" not found')
        spec = service.get("spec") or {}
        if spec.get("type") == "ExternalName":
            return str(spec.get("externalName")), port
        wanted = next((each for each in spec.get("ports") or () if each["port"] == port), None)
        if wanted is None:
            raise Unresolved(f'no service port {port} found for service "{name}"')
        found = self._endpoints(namespace, name, wanted.get("name") or "")
        if not found:
            raise Unresolved(f'no endpoints available for service "{name}"')
        return found[next(self._turns) % len(found)]

    def _endpoints(self, namespace: str, name: str, port_name: str) -> list[tuple[str, int]]:
        return [
            (address, port["port"])
            for each in slices_of(self._lookup, namespace, name)
            for endpoint in ready_endpoints(each)
            for port in ports_named(each, port_name)
            for address in endpoint["addresses"][:1]
        ]
