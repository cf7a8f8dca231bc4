"""The memory of an API server that is attacked: idle connections, readers that do not read, lists of everything.

    python bench/attack.py [--connections 8000] [--readers 200]     starts `kybern apiserver` (SQLite, TLS, RBAC)

Idle connections have shaken hands and say nothing. A reader that does not read asks for all Pods, as JSON, and leaves the
answer in the socket. Memory is the server's, proportional; beside each attack a client of good will gets one Pod, again
and again. Connections are made in processes of their own.
"""

import argparse
import asyncio
import json
import multiprocessing
import socket
import statistics
import time
from multiprocessing.connection import Connection as Pipe

import uvloop
from target import NAMESPACE, POD, Connection, Target, data_directory, own_server, prepare, proportional_megabytes

PODS = 2000
PROCESSES = 4
GETS = 500
AT_ONCE = 64
PATH = f"/api/v1/namespaces/{NAMESPACE}/pods"


def hold(target: Target, count: int, request: bytes, told: Pipe) -> None:
    """Open connections, ask `request` on each and read nothing, until told to end."""
    uvloop.run(_hold(target, count, request, told))


async def _hold(target: Target, count: int, request: bytes, told: Pipe) -> None:
    gate = asyncio.Semaphore(AT_ONCE)
    writers: list[asyncio.StreamWriter] = []

    async def one() -> None:
        async with gate:
            raw = socket.socket()
            raw.setblocking(False)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            await asyncio.get_running_loop().sock_connect(raw, (target.host, target.port))
            _, writer = await asyncio.open_connection(sock=raw, ssl=target.tls, server_hostname="")
            if request:
                writer.write(request)
            writers.append(writer)

    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(one())
    told.send(len(writers))
    await asyncio.to_thread(told.recv)


async def gets(target: Target) -> str:
    """What one client sees meanwhile."""
    connection = await Connection.open(target)
    waits = []
    for _ in range(GETS):
        begun = time.perf_counter()
        status, answer = await connection.ask("GET", f"{PATH}/pod-0")
        assert status == 200, answer[:300]
        waits.append(time.perf_counter() - begun)
    connection.writer.close()
    return (
        f"GET p50 {1000 * statistics.median(waits):.1f} ms, p99 {1000 * sorted(waits)[len(waits) * 99 // 100]:.1f} ms"
    )


async def attack(target: Target, what: str, count: int, request: bytes) -> None:
    """Begin, measure, end."""
    before = proportional_megabytes(target.pids[0])
    context = multiprocessing.get_context("fork")
    pipes, processes = [], []
    for _ in range(PROCESSES):
        ours, theirs = context.Pipe()
        process = context.Process(target=hold, args=(target, count // PROCESSES, request, theirs), daemon=True)
        process.start()
        pipes.append(ours)
        processes.append(process)
    held = sum([await asyncio.to_thread(pipe.recv) for pipe in pipes])
    seen = await gets(target)
    now = proportional_megabytes(target.pids[0])
    print(f"{held:6} {what:28} {before:6.0f} MB, then {now:6.0f} MB; {seen}", flush=True)
    for pipe, process in zip(pipes, processes, strict=True):
        pipe.send(None)
        await asyncio.to_thread(process.join, 30)


async def run(target: Target, connections: int, readers: int) -> None:
    first = await Connection.open(target)
    await prepare(first)
    for index in range(PODS):
        body = {**POD, "metadata": {"name": f"pod-{index}", "labels": POD["metadata"]["labels"]}}
        status, answer = await first.ask("POST", PATH, json.dumps(body).encode())
        assert status == 201, answer[:300]
    print(f"{'':6} {'quiet':28} {proportional_megabytes(target.pids[0]):6.0f} MB; {await gets(target)}", flush=True)
    await attack(target, "idle connections", connections, b"")
    everything = f"GET {PATH} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    await attack(target, "lists that nobody reads", readers, everything)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=8_000)
    parser.add_argument("--readers", type=int, default=200)
    args = parser.parse_args()
    with data_directory() as folder, own_server(folder) as target:
        uvloop.run(run(target, args.connections, args.readers))


if __name__ == "__main__":
    main()
