"""Scheduling through an API server: Pods bound a second, and what one costs the server and the scheduler.

    python bench/scheduling.py --api SchedulingBasic                        starts `kybern apiserver` and `kybern scheduler`
    python bench/scheduling.py --kubeconfig FILE --pids 12,15 SchedulingBasic           any cluster whose scheduler runs
    python bench/scheduling.py --kubeconfig FILE --scheduler 'COMMAND' SchedulingBasic  a scheduler that is started here

Two measures. "From a full queue": all Pods are there before the scheduler starts; time runs from the binding of the last
initial Pod to that of the last measured one. "While creating", as upstream's scheduler_perf does it: time runs from the
first creation until all are bound, so that creators, API server and scheduler share the machine. Without a scheduler of
its own the bench can only do the second. Bound means seen bound by a GET. Events are written behind the bindings; the
bench waits for them too and says what all came to.
"""

import asyncio
import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from target import CONNECTIONS, Connection, Target, cpu_seconds_of

NAMESPACE = "bench-scheduling"
BASE = f"/api/v1/namespaces/{NAMESPACE}"
LABEL = "bench-scheduling"
STALLED_SECONDS = 5.0
"""No further event within this time: no more will come."""
DEADLINE_SECONDS = 900.0
Json = dict[str, Any]


@dataclass
class Ground:
    """An API server, and the processes of the scheduler."""

    target: Target
    start_scheduler: str = ""
    """A command; "": one runs already."""
    scheduler_pids: list[int] = field(default_factory=list)

    def cpu(self) -> tuple[float, float]:
        """CPU seconds so far of (the server's processes, the scheduler's)."""
        return self.target.cpu_seconds(), sum(map(cpu_seconds_of, self.scheduler_pids))


@dataclass(frozen=True)
class Load:
    """What is to be scheduled."""

    nodes: list[Json]
    initial: list[Json]
    measured: list[Json]

    @property
    def pods(self) -> list[Json]:
        return [*self.initial, *self.measured]


async def schedule(ground: Ground, load: Load, while_creating: bool) -> None:
    """Measure and print."""
    first = await Connection.open(ground.target)
    await _prepare(first)
    await _create_nodes(ground.target, load.nodes)
    if while_creating or not ground.start_scheduler:
        await _while_creating(ground, first, load)
    else:
        await _from_a_full_queue(ground, first, load)
    await first.ask("DELETE", f"/api/v1/namespaces/{NAMESPACE}")
    await first.ask("DELETE", f"/api/v1/nodes?labelSelector={LABEL}")


async def _from_a_full_queue(ground: Ground, first: Connection, load: Load) -> None:
    await _create(ground.target, f"{BASE}/pods", load.initial)
    await _create(ground.target, f"{BASE}/pods", load.measured)
    with _scheduler(ground):
        await _bound(first, load.initial)
        meter = Meter(ground, len(load.measured))
        await _bound(first, load.measured)
        meter.show("bound, from a full queue")
        await _events(first, len(load.pods))
        meter.show("… and their events written")


async def _while_creating(ground: Ground, first: Connection, load: Load) -> None:
    with _scheduler(ground):
        await _create(ground.target, f"{BASE}/pods", load.initial)
        await _bound(first, load.initial)
        await _events(first, len(load.initial))
        meter = Meter(ground, len(load.measured))
        await _create(ground.target, f"{BASE}/pods", load.measured)
        await _bound(first, load.measured)
        meter.show("created and bound")
        await _events(first, len(load.pods))
        meter.show("… and their events written")


class Meter:
    """Time and CPU since it was made."""

    def __init__(self, ground: Ground, pods: int) -> None:
        self._ground = ground
        self._pods = pods
        self._begun = time.monotonic()
        self._before = ground.cpu()

    def show(self, name: str) -> None:
        wall = time.monotonic() - self._begun
        server, scheduler = (now - then for now, then in zip(self._ground.cpu(), self._before, strict=True))
        each = 1e6 / self._pods
        print(
            f"{name:28} {self._pods:6} in {wall:6.2f} s {self._pods / wall:8.0f}/s   CPU each: server "
            f"{server * each:5.0f} µs, scheduler {scheduler * each:5.0f} µs",
            flush=True,
        )


@contextmanager
def _scheduler(ground: Ground) -> Iterator[None]:
    """The scheduler, for as long as it is needed, where it is the bench's to start."""
    if not ground.start_scheduler:
        yield
        return
    process = subprocess.Popen(shlex.split(ground.start_scheduler), start_new_session=True)
    ground.scheduler_pids = [process.pid]
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def kybern_scheduler(kubeconfig: object) -> str:
    """The command of Kybern's."""
    return shlex.join(
        [sys.executable, "-m", "kybern", "scheduler", "--secure-port", "0", "--kubeconfig", str(kubeconfig)]
    )


async def _prepare(connection: Connection) -> None:
    await connection.ask("POST", "/api/v1/namespaces", json.dumps({"metadata": {"name": NAMESPACE}}).encode())
    await connection.ask("POST", f"{BASE}/serviceaccounts", b'{"metadata":{"name":"default"}}')


async def _create_nodes(target: Target, nodes: list[Json]) -> None:
    for node in nodes:
        node["metadata"]["labels"][LABEL] = ""
    await _create(target, "/api/v1/nodes", nodes)
    # Admission taints a new node as not ready; no kubelet and no controller is there to take that back.
    untaint = json.dumps({"spec": {"taints": None}}).encode()
    await _each(target, nodes, lambda node: ("PATCH", f"/api/v1/nodes/{node['metadata']['name']}", untaint))


async def _create(target: Target, path: str, objects: list[Json]) -> None:
    for each in objects:
        each["metadata"].pop("uid", None)
        each["metadata"].pop("namespace", None)
    await _each(target, objects, lambda obj: ("POST", path, json.dumps(obj).encode()))


async def _each(target: Target, objects: Iterable[Json], ask: Callable[[Json], tuple[str, str, bytes]]) -> None:
    """One request for each object, over CONNECTIONS connections, in their order."""
    remaining = iter(objects)

    async def work() -> None:
        connection = await Connection.open(target)
        for obj in remaining:
            method, path, body = ask(obj)
            media = "application/merge-patch+json" if method == "PATCH" else "application/json"
            status, answer = await connection.ask(method, path, body, media)
            assert status in (200, 201), answer[:300]
        connection.writer.close()

    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))


async def _bound(connection: Connection, pods: list[Json]) -> None:
    """Wait until all have a node. The newest comes last in the queue: it is asked for, and once it has one, all are."""
    newest = f"{BASE}/pods/{pods[-1]['metadata']['name']}"
    names = {each["metadata"]["name"] for each in pods}
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        assert time.monotonic() < deadline, "not all Pods were bound"
        _, answer = await connection.ask("GET", newest)
        if json.loads(answer)["spec"].get("nodeName"):
            _, answer = await connection.ask("GET", f"{BASE}/pods?fieldSelector=spec.nodeName%3D")
            if names.isdisjoint(each["metadata"]["name"] for each in json.loads(answer)["items"]):
                return
        await asyncio.sleep(0.02)


async def _events(connection: Connection, number: int) -> None:
    """Wait until there are so many Events, or no more come."""
    seen, since = -1, time.monotonic()
    while seen < number and time.monotonic() - since < STALLED_SECONDS:
        _, answer = await connection.ask("GET", f"{BASE}/events?limit=1")
        page = json.loads(answer)
        count = len(page["items"]) + page["metadata"].get("remainingItemCount", 0)
        if count != seen:
            seen, since = count, time.monotonic()
        await asyncio.sleep(0.1)
    if seen < number:
        print(f"{seen} of {number} events were written")
