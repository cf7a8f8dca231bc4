"""Datagram flows that the kernel still sends to endpoints that are gone, or past endpoints that have come.

TCP ends by itself when an endpoint dies; a UDP client that keeps its port would be sent to a dead address for as long
as it sends. Needs the tool `conntrack`; without it such a flow lives until it has been silent for 30 seconds.
"""

import asyncio
import shutil
from collections.abc import Mapping, Sequence

from kybern.proxy.decide import Element

FLUSH_SECONDS = 5.0
FRONTEND_TABLES = ("cluster_groups", "external_groups", "nodeport_groups")


def stale_flows(former: Mapping[Element, str], wanted: Mapping[Element, str]) -> list[tuple[str, ...]]:
    """Pure: the arguments of `conntrack --delete`, each for one sort of flow that must be looked at anew."""
    flows: list[tuple[str, ...]] = []
    before, after = _backends(former), _backends(wanted)
    for frontend in _udp_frontends(former) | _udp_frontends(wanted):
        where = _where(frontend)
        if frontend not in before and frontend in after:
            flows.append(where)
        for backend in sorted(before.get(frontend, set()) - after.get(frontend, set())):
            flows.append((*where, "--reply-src", backend))
    return sorted(flows)


def _where(frontend: Element) -> tuple[str, ...]:
    parts = frontend[1].split(" . ")
    address = ("--orig-dst", parts[0]) if len(parts) == 3 else ()
    return ("--proto", "udp", *address, "--orig-port-dst", parts[-1])


def _udp_frontends(elements: Mapping[Element, str]) -> set[Element]:
    return {element for element in elements if element[0] in FRONTEND_TABLES and "udp . " in element[1]}


def _backends(elements: Mapping[Element, str]) -> dict[Element, set[str]]:
    """Endpoint addresses behind each UDP frontend."""
    by_group: dict[str, set[str]] = {}
    for (table, key), value in elements.items():
        if table == "endpoints":
            by_group.setdefault(key.split(" . ")[0], set()).add(value.split(" . ")[0])
    return {frontend: by_group.get(elements[frontend], set()) for frontend in _udp_frontends(elements)}


async def flush(flows: Sequence[tuple[str, ...]]) -> None:
    """Delete these flows from the kernel's table, where the tool is installed."""
    program = shutil.which("conntrack")
    if program is None:
        return
    for flow in flows:
        process = await asyncio.create_subprocess_exec(
            program, "--delete", *flow, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
