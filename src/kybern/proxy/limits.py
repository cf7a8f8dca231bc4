"""What the kernel's table of connections holds and for how long: kube-proxy's defaults.

Nothing here is needed for a packet to arrive: what the kernel does not let us set stays as it is.
"""

import logging
import os
from pathlib import Path

log = logging.getLogger(__name__)

DIRECTORY = Path("/proc/sys/net/netfilter")
CONNECTIONS_LEAST = 131_072
CONNECTIONS_PER_PROCESSOR = 32_768
CONNECTIONS_MOST = 1_048_576
TIMEOUTS_SECONDS = {"nf_conntrack_tcp_timeout_established": 24 * 3600, "nf_conntrack_tcp_timeout_close_wait": 3600}
"""An hour for half-closed connections: the kernel's minute ends those of programs that close late."""


def set_limits(directory: Path = DIRECTORY, processors: int | None = None) -> None:
    """Set the time-outs of this network namespace, and make room where there is less than kube-proxy makes."""
    wanted = min(CONNECTIONS_PER_PROCESSOR * (processors or os.cpu_count() or 1), CONNECTIONS_MOST)
    room = max(wanted, CONNECTIONS_LEAST)
    values = dict(TIMEOUTS_SECONDS)
    try:
        if int((directory / "nf_conntrack_max").read_text()) < room:
            values["nf_conntrack_max"] = room
    except OSError as error:
        log.warning("the kernel has no table of connections yet, its limits are its own: %s", error)
        return
    for name, number in values.items():
        try:
            (directory / name).write_text(f"{number}\n")
        except OSError as error:
            log.info("%s stays as it is: %s", name, error)
