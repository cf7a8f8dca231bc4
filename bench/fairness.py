"""What one abusive lister does to others: latency of GET without it and beside it.

    python bench/fairness.py [--pods 5000] [--listers 50] [--seconds 15]
    python bench/fairness.py --kubeconfig FILE       any API server

The listers are a process of their own: as many connections as told, each asking for all Pods again and again. Both share
the machine's processors with the server, so the figures are an upper bound of what the server is to blame for.
"""

import argparse
import asyncio
import json
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvloop
from target import NAMESPACE, POD, Connection, Target, chosen, flags, prepare, read_kubeconfig

ASKERS = 4


def list_for_ever(kubeconfig: Path, target: tuple[str, int], connections: int) -> None:
    """The abusive process."""
    place = read_kubeconfig(kubeconfig, [])
    place.host, place.port = target

    async def lister() -> None:
        connection = await Connection.open(place)
        while True:
            await connection.ask("GET", f"/api/v1/namespaces/{NAMESPACE}/pods")

    async def main() -> None:
        await asyncio.gather(*(lister() for _ in range(connections)))

    uvloop.run(main())


@contextmanager
def abuse(kubeconfig: Path, target: Target, connections: int) -> Iterator[None]:
    process = multiprocessing.Process(
        target=list_for_ever, args=(kubeconfig, (target.host, target.port), connections), daemon=True
    )
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()


async def latencies(target: Target, seconds: float) -> list[float]:
    """Of GETs of one ConfigMap, in seconds."""
    found: list[float] = []
    end = time.monotonic() + seconds

    async def asker() -> None:
        connection = await Connection.open(target)
        while time.monotonic() < end:
            begun = time.perf_counter()
            status, _ = await connection.ask("GET", f"/api/v1/namespaces/{NAMESPACE}/configmaps/one")
            assert status == 200
            found.append(time.perf_counter() - begun)
            await asyncio.sleep(0.005)

    await asyncio.gather(*(asker() for _ in range(ASKERS)))
    return sorted(found)


def tell(name: str, found: list[float]) -> None:
    figures = "  ".join(
        f"p{share} {found[min(len(found) - 1, len(found) * share // 100)] * 1000:7.1f} ms" for share in (50, 99)
    )
    print(f"{name:32} {figures}   most {found[-1] * 1000:7.1f} ms   of {len(found)}")


async def fill(target: Target, pods: int) -> None:
    first = await Connection.open(target)
    base = f"/api/v1/namespaces/{NAMESPACE}"
    await prepare(first)
    await first.ask("POST", f"{base}/configmaps", b'{"metadata":{"name":"one"}}')
    body = json.dumps(POD).encode()
    remaining = iter(range(pods))

    async def worker() -> None:
        connection = await Connection.open(target)
        for _ in remaining:
            status, answer = await connection.ask("POST", f"{base}/pods", body)
            assert status == 201, answer[:300]

    await asyncio.gather(*(worker() for _ in range(32)))


def measure(target: Target, kubeconfig: Path, options: argparse.Namespace) -> None:
    uvloop.run(fill(target, options.pods))
    tell("GET alone", uvloop.run(latencies(target, options.seconds)))
    with abuse(kubeconfig, target, options.listers):
        time.sleep(2)
        tell(f"GET beside {options.listers} listers", uvloop.run(latencies(target, options.seconds)))


def main() -> None:
    parser = flags(__doc__)
    parser.add_argument("--pods", type=int, default=5000)
    parser.add_argument("--listers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=15)
    options = parser.parse_args()
    with chosen(options) as target:
        assert target.kubeconfig is not None
        measure(target, target.kubeconfig, options)


if __name__ == "__main__":
    main()
