"""Ports of this machine for programs that have to be told one before they listen."""

import random
import socket

OWN = (10_000, 32_000)
"""Below those that the kernel gives to clients: nobody takes one before it is listened on."""


def free_ports(count: int) -> list[int]:
    """On which nobody listens."""
    sockets: list[socket.socket] = []
    while len(sockets) < count:
        try:
            sockets.append(socket.create_server(("127.0.0.1", random.SystemRandom().randrange(*OWN))))
        except OSError:
            continue  # Somebody listens there.
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
