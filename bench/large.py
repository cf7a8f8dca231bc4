"""A hundred thousand Pods stored: memory, start, LIST by node, and GETs while a hundred clients create.

    python bench/large.py [--pods 100000]                                  starts `kybern apiserver` (SQLite, TLS, RBAC)
    python bench/large.py --kubeconfig FILE --pids 1234,1240 [--pods N]    any API server; its processes (with the store's)

Ten Pods on each node. Latencies are those that one client sees, the time of its own loop included. How long a start over
the full store takes is measured only where the server is the bench's own.
"""

import asyncio
import json
import multiprocessing
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvloop
from target import (
    NAMESPACE,
    POD,
    Connection,
    Target,
    cpu_seconds_of,
    data_directory,
    flags,
    named,
    own_server,
    prepare,
    read_kubeconfig,
)

PODS = 100_000
PER_NODE = 10
FILLERS = 32
CREATORS = 100
LISTS = 300
GETS = 2000
PAUSE_SECONDS = 0.002
START_SECONDS = 3.0
"""After which the creators are at work."""
PATH = f"/api/v1/namespaces/{NAMESPACE}/pods"


def pod(index: int) -> bytes:
    """The Pod of `api.py`, with a name and on a node."""
    metadata = {"name": f"stored-{index}", "labels": POD["metadata"]["labels"]}
    spec = {**POD["spec"], "nodeName": f"node-{index // PER_NODE}"}
    return json.dumps({**POD, "metadata": metadata, "spec": spec}).encode()


async def fill(target: Target, pods: int) -> None:
    """Create them all; prints how fast that was."""
    remaining = iter(range(pods))

    async def work() -> None:
        connection = await Connection.open(target)
        for index in remaining:
            status, answer = await connection.ask("POST", PATH, pod(index))
            assert status == 201, answer[:300]
        connection.writer.close()

    before, begun = target.cpu_seconds(), time.monotonic()
    await asyncio.gather(*(work() for _ in range(FILLERS)))
    used, wall = target.cpu_seconds() - before, time.monotonic() - begun
    show("creating them", f"{pods / wall:,.0f} /s, {used / pods * 1e6:,.0f} µs CPU each")


async def lists(target: Target, connection: Connection, pods: int) -> None:
    """LIST of one node's Pods."""
    times = []
    before = target.cpu_seconds()
    for index in range(LISTS):
        node = index * 7919 % (pods // PER_NODE)
        begun = time.perf_counter()
        status, answer = await connection.ask("GET", f"/api/v1/pods?fieldSelector=spec.nodeName%3Dnode-{node}")
        times.append(time.perf_counter() - begun)
        assert status == 200
        assert answer.count(f'"nodeName":"node-{node}"'.encode()) == PER_NODE
    used = (target.cpu_seconds() - before) / LISTS * 1e6
    show("LIST by node, 10 Pods", f"{spread(times)}, {used:,.0f} µs CPU each (bar 5 ms)")


async def gets(connection: Connection, pods: int, kubeconfig: Path, creators: int) -> None:
    """GETs of ever other Pods, one after the other, alone or while another process creates without a pause."""
    with creating(kubeconfig, creators):
        times = []
        for index in range(GETS):
            begun = time.perf_counter()
            status, _ = await connection.ask("GET", f"{PATH}/stored-{index * 7919 % pods}")
            times.append(time.perf_counter() - begun)
            assert status == 200
            await asyncio.sleep(PAUSE_SECONDS)
    show(f"GET beside {creators} creators" if creators else "GET alone", f"{spread(times)} (bar: p99 10 ms)")


@contextmanager
def creating(kubeconfig: Path, clients: int) -> Iterator[None]:
    """So many clients of another process, each with one creation under way at any time."""
    process = multiprocessing.get_context("spawn").Process(target=create_for_ever, args=(kubeconfig, clients))
    if clients:
        process.start()
        time.sleep(START_SECONDS)
    try:
        yield
    finally:
        if clients:
            process.kill()
            process.join()


def create_for_ever(kubeconfig: Path, clients: int) -> None:
    """The other process."""
    target, body = read_kubeconfig(kubeconfig, []), json.dumps(POD).encode()

    async def create() -> None:
        connection = await Connection.open(target)
        while True:
            status, answer = await connection.ask("POST", PATH, body)
            assert status == 201, answer[:300]

    async def run() -> None:
        await asyncio.gather(*(create() for _ in range(clients)))

    uvloop.run(run())


def spread(seconds: list[float]) -> str:
    """Median and 99th percentile."""
    cuts = statistics.quantiles(seconds, n=100)
    return f"p50 {cuts[49] * 1e3:.2f} ms, p99 {cuts[98] * 1e3:.2f} ms"


def memory(target: Target) -> str:
    """Resident in all the server's processes."""
    pages: list[dict[str, Any]] = []
    for pid in target.pids:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
        pages.append({line.partition(":")[0]: int(line.split()[1]) for line in lines})
    rss, pss = (sum(each[name] for each in pages) / 1024 for name in ("Rss", "Pss"))
    return f"{rss:,.0f} MB resident, {pss:,.0f} MB proportional (bar 1,000 MB)"


def show(name: str, text: str) -> None:
    print(f"{name:28} {text}", flush=True)


async def measure(target: Target, pods: int, kubeconfig: Path) -> None:
    """Fill, then everything that is asked of a full store."""
    connection = await Connection.open(target)
    await prepare(connection)
    show("memory, empty", memory(target))
    await fill(target, pods)
    show("memory, filled", memory(target))
    connection = await Connection.open(target)  # The other was idle for longer than a server bears.
    await lists(target, connection, pods)
    await gets(connection, pods, kubeconfig, 0)
    await gets(connection, pods, kubeconfig, CREATORS)


def main() -> None:
    parser = flags(__doc__)
    parser.add_argument("--pods", type=int, default=PODS)
    args = parser.parse_args()
    if args.kubeconfig is not None:
        uvloop.run(measure(named(args), args.pods, args.kubeconfig))
        return
    with data_directory() as folder:
        with own_server(folder) as target:
            assert target.kubeconfig is not None
            uvloop.run(measure(target, args.pods, target.kubeconfig))
        with own_server(folder) as target:
            show("memory, started anew", memory(target))
            show("CPU of that start", f"{sum(map(cpu_seconds_of, target.pids)):.2f} s (bar: ready within 5 s)")


if __name__ == "__main__":
    main()
