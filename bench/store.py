"""The stores by themselves: durable writes, reads, and what a watch costs.

    python bench/store.py [--seconds 2] [--folder DIR]

Counted is wall time for durable writes (the disk decides it) and CPU time of the process for everything.
"""

import argparse
import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable

import uvloop

from kybern.storage.backend import Backend
from kybern.storage.memory import MemoryBackend
from kybern.storage.sqlite import SqliteBackend

VALUE = os.urandom(2400)
"""As large as a Pod."""


async def timed(name: str, seconds: float, workers: int, work: Callable[[int, int], Awaitable[object]]) -> None:
    """Run `work(worker, count)` in `workers` loops; print operations a second and CPU µs an operation."""
    count = 0
    begun, cpu = time.perf_counter(), time.process_time()

    async def run(worker: int) -> None:
        nonlocal count
        number = 0
        while time.perf_counter() - begun < seconds:
            number += 1
            await work(worker, number)
            count += 1

    await asyncio.gather(*(run(worker) for worker in range(workers)))
    elapsed, spent = time.perf_counter() - begun, time.process_time() - cpu
    print(f"{name:44} {count / elapsed:9.0f} a second {spent / count * 1e6:8.1f} µs CPU each")


async def measure(kind: str, store: Backend, seconds: float) -> None:
    for workers in (1, 16, 64, 256):
        prefix = f"/bench/{workers}"
        await timed(
            f"{kind}: create, {workers} at once", seconds, workers,
            lambda worker, n, p=prefix: store.put(f"{p}/{worker}/{n}", VALUE, expected=0),  # type: ignore[misc]
        )  # fmt: skip
    revisions = [await store.put(f"/lease/{n}", VALUE, expected=0, trail=False) for n in range(64)]

    async def renew(worker: int, number: int) -> None:
        revisions[worker] = await store.put(f"/lease/{worker}", VALUE, expected=revisions[worker], trail=False)

    await timed(f"{kind}: update without trail, 64 at once", seconds, 64, renew)
    await timed(f"{kind}: get", seconds, 1, lambda worker, n: store.get(f"/lease/{n % 64}"))
    await timed(f"{kind}: range of 500", seconds, 1, lambda worker, n: store.range("/bench/64/", limit=500))
    heard = 0

    async def listen(number: int) -> None:
        nonlocal heard
        async for batch in store.watch("/heard/", after=store.revision):
            heard += len(batch)

    listeners = [asyncio.create_task(listen(n)) for n in range(100)]
    await asyncio.sleep(0.1)
    cpu = time.process_time()
    for turn in range(20):
        await asyncio.gather(*(store.put(f"/heard/{turn}/{n}", VALUE, expected=0) for n in range(64)))
    await asyncio.sleep(0.1)
    print(
        f"{kind + ': one event to one of 100 watches':44} {'':18} {(time.process_time() - cpu) / heard * 1e6:8.2f} µs CPU"
    )
    for listener in listeners:
        listener.cancel()
    await asyncio.gather(*listeners, return_exceptions=True)


async def run(seconds: float, folder: str) -> None:
    memory = MemoryBackend()
    await measure("memory", memory, min(seconds, 0.3))
    await memory.close()
    sqlite = await SqliteBackend.open(os.path.join(folder, "bench.db"))
    await measure("SQLite", sqlite, seconds)
    cpu = time.process_time()
    await asyncio.sleep(2)
    print(f"{'SQLite: idle':44} {(time.process_time() - cpu) / 2 * 100:8.3f} % of a core")
    await sqlite.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=1.5, help="for each figure")
    parser.add_argument("--folder", default=None, help="where the file lies (default: a new one beside this program)")
    args = parser.parse_args()
    folder = tempfile.mkdtemp(dir=args.folder or os.path.dirname(os.path.abspath(__file__)))
    try:
        uvloop.run(run(args.seconds, folder))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
