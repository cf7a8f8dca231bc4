"""NodePorts: a host port can be taken once for an address and protocol."""

from kybern.scheduler.columns import Mask, np
from kybern.scheduler.nodes import NodeTable
from kybern.scheduler.shape import HostPort, Shape

REASON = "node(s) didn't have free ports for the requested pod ports"
EVERYWHERE = "0.0.0.0"


def conflicts(port: HostPort, taken: list[str]) -> bool:
    """Whether an address of `taken` (same protocol and port) stands in the way."""
    return bool(taken) and (port.ip == EVERYWHERE or EVERYWHERE in taken or port.ip in taken)


def mask(shape: Shape, table: NodeTable) -> Mask:
    """Only rows where the port is taken at all are looked at."""
    result = np.ones(table.capacity, np.bool_)
    for port in shape.ports:
        for row, taken in table.ports.get((port.protocol, port.port), {}).items():
            if conflicts(port, taken):
                result[row] = False
    return result
