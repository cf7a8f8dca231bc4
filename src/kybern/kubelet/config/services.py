"""Services as environment variables, the way that Docker's links once did it.

Source: https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
"""

from collections.abc import Iterable

from kybern.api.types.core_v1 import Service

MASTER = ("default", "kubernetes")
"""The Service that every container is told of, whatever its namespace and its wishes."""


def service_environment(services: Iterable[Service], namespace: str, *, links: bool) -> dict[str, str]:
    """Variables for a container in `namespace`; with `links` off only the API server's Service counts."""
    chosen: dict[str, Service] = {}
    for service in services:
        own = service.metadata.namespace, service.metadata.name
        if service.spec.cluster_ip in ("", "None"):
            continue
        if own == MASTER:
            chosen.setdefault(service.metadata.name, service)
        elif links and service.metadata.namespace == namespace:
            chosen[service.metadata.name] = service
    variables: dict[str, str] = {}
    for name in sorted(chosen):
        variables |= _variables(chosen[name])
    return variables


def _variables(service: Service) -> dict[str, str]:
    prefix, address, ports = _name(service.metadata.name), service.spec.cluster_ip, service.spec.ports
    if not ports:
        return {f"{prefix}_SERVICE_HOST": address}
    variables = {f"{prefix}_SERVICE_HOST": address, f"{prefix}_SERVICE_PORT": str(ports[0].port)}
    for port in ports:
        if port.name:
            variables[f"{prefix}_SERVICE_PORT_{_name(port.name)}"] = str(port.port)
    host = f"[{address}]" if ":" in address else address
    for index, port in enumerate(ports):
        protocol = (port.protocol or "TCP").lower()
        url = f"{protocol}://{host}:{port.port}"
        if index == 0:
            variables[f"{prefix}_PORT"] = url
        link = f"{prefix}_PORT_{port.port}_{protocol.upper()}"
        variables |= {
            link: url,
            f"{link}_PROTO": protocol,
            f"{link}_PORT": str(port.port),
            f"{link}_ADDR": address,
        }
    return variables


def _name(name: str) -> str:
    return name.upper().replace("-", "_")
