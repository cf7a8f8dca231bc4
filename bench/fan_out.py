"""One event to a thousand watchers: CPU of the server for each event and watcher, the writes with it.

    python bench/fan_out.py [--watchers N]                          starts `kybern apiserver`
    python bench/fan_out.py --kubeconfig FILE --pids 1234,1240      any API server

Events come singly, and in bursts: several clients write at the same moment, as when a Deployment makes its Pods.
"""

import asyncio
import json

import uvloop
from target import NAMESPACE, Connection, Target, chosen, flags, prepare

WATCHERS = 1000
EVENTS = 48
BURST = 16
PAUSE_SECONDS = 0.1


async def fan_out(target: Target, watchers: int = WATCHERS) -> None:
    """Measure and print."""
    path = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
    readers = [await Connection.open(target) for _ in range(watchers)]
    for each in readers:
        each.send("GET", f"{path}?watch=1&resourceVersion=0&labelSelector=bench")
        await each.head()
    writers = [await Connection.open(target) for _ in range(BURST)]
    for burst, name in ((1, "singly"), (BURST, f"in bursts of {BURST}")):
        before = target.cpu_seconds()
        waiting = [asyncio.create_task(_see(each, EVENTS)) for each in readers]
        for first in range(0, EVENTS, burst):
            await asyncio.gather(*(_write(writers[index], path, f"{burst}-{first + index}") for index in range(burst)))
            await asyncio.sleep(PAUSE_SECONDS)
        await asyncio.gather(*waiting)
        used = (target.cpu_seconds() - before) / (watchers * EVENTS) * 1e6
        print(f"{f'an event to each of {watchers} watchers':32} {used:9.1f} µs CPU each, {name}", flush=True)
    for each in (*writers, *readers):
        each.writer.close()


async def _see(connection: Connection, events: int) -> None:
    seen = 0
    while seen < events:
        size = int(await connection.reader.readuntil(b"\r\n"), 16)
        seen += (await connection.reader.readexactly(size + 2)).count(b"\n") - 1


async def _write(connection: Connection, path: str, name: str) -> None:
    config = {"metadata": {"name": f"event-{name}", "labels": {"bench": "1"}}, "data": {"text": "x" * 1000}}
    status, answer = await connection.ask("POST", path, json.dumps(config).encode())
    assert status == 201, answer[:300]


async def run(target: Target, watchers: int) -> None:
    """The namespace, the measurement, and the namespace gone again."""
    first = await Connection.open(target)
    await prepare(first)
    await fan_out(target, watchers)
    await first.ask("DELETE", f"/api/v1/namespaces/{NAMESPACE}")


def main() -> None:
    parser = flags(__doc__)
    parser.add_argument("--watchers", type=int, default=WATCHERS)
    args = parser.parse_args()
    with chosen(args) as target:
        uvloop.run(run(target, args.watchers))


if __name__ == "__main__":
    main()
