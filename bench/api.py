"""What an API server costs: GET, create, LIST, and one event to a thousand watchers, in CPU seconds of its processes.

    python bench/api.py                                     starts `kybern apiserver` (SQLite, TLS, RBAC) and measures it
    python bench/api.py --guarded                           the same with a ResourceQuota and an audit log
    python bench/api.py --kubeconfig FILE --pids 1234,1240  any API server; its processes (with the store's) are named

Counted is CPU time (user and system) of the server's processes, so that the figures hold on a shared machine. The
namespace `bench-api` is deleted at the end.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop
from fan_out import fan_out
from target import CONNECTIONS, NAMESPACE, POD, Connection, Target, chosen, flags, prepare

LIST_PODS = 5000
GETS = 10_000
APPLIES = 3000
APPLY = "application/apply-patch+yaml"
HARD = {"pods": "1M", "requests.cpu": "1M", "requests.memory": "1Pi"}
AUDIT = """
apiVersion: audit.k8s.io/v1
kind: Policy
rules: [{level: Metadata}]
"""
"""Who did what and when, of every request."""


async def measure(
    target: Target, name: str, count: int, work: Callable[[Connection, int], Awaitable[None]], connections: int
) -> float:
    """`count` times `work`, spread over connections; how many per CPU second."""
    opened = [await Connection.open(target) for _ in range(connections)]
    remaining = iter(range(count))

    async def worker(connection: Connection) -> None:
        for index in remaining:
            await work(connection, index)

    before, begun = target.cpu_seconds(), time.monotonic()
    await asyncio.gather(*(worker(each) for each in opened))
    used, wall = target.cpu_seconds() - before, time.monotonic() - begun
    for each in opened:
        each.writer.close()
    print(f"{name:32} {count / used:9,.0f} /CPU-s   {count / wall:9,.0f} /s   {used / count * 1e6:9,.0f} µs CPU each")
    return count / used


async def run(target: Target, pods: int, *, guarded: bool = False) -> None:
    """All measurements, one after the other; `guarded`: a ResourceQuota counts what is created."""
    first = await Connection.open(target)
    base = f"/api/v1/namespaces/{NAMESPACE}"
    await prepare(first)
    if guarded:
        await _limit(first, base)
    body = json.dumps(POD).encode()

    async def create(connection: Connection, index: int) -> None:
        status, answer = await connection.ask("POST", f"{base}/pods", body)
        assert status == 201, answer[:300]

    await measure(target, "create a Pod (durable)", pods, create, 64)
    _status, listing = await first.ask("GET", f"{base}/pods?limit=1")
    pod = json.loads(listing)["items"][0]["metadata"]["name"]

    async def get(connection: Connection, index: int) -> None:
        status, _ = await connection.ask("GET", f"{base}/pods/{pod}")
        assert status == 200

    await measure(target, "GET one Pod", GETS, get, CONNECTIONS)
    first = await Connection.open(target)  # The other may have been idle for longer than a server bears.
    await _apply(target, first, f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments")

    async def list_all(connection: Connection, index: int) -> None:
        status, answer = await connection.ask("GET", f"{base}/pods")
        assert status == 200
        assert answer

    await measure(target, f"LIST {pods} Pods", 20, list_all, 2)
    await fan_out(target)
    await first.ask("DELETE", f"/api/v1/namespaces/{NAMESPACE}")


async def _limit(connection: Connection, base: str) -> None:
    """A quota that nothing reaches; nobody else counts, so it is told here what there is."""
    quota = {"metadata": {"name": "all"}, "spec": {"hard": HARD}}
    status, answer = await connection.ask("POST", f"{base}/resourcequotas", json.dumps(quota).encode())
    assert status == 201, answer[:300]
    counted = {"status": {"hard": HARD, "used": dict.fromkeys(HARD, "0")}}
    media = "application/merge-patch+json"
    status, answer = await connection.ask(
        "PATCH", f"{base}/resourcequotas/all/status", json.dumps(counted).encode(), media
    )
    assert status == 200, answer[:300]


async def _apply(target: Target, first: Connection, path: str) -> None:
    """Server-side apply of what is there already, by its manager: nothing is written."""
    labels = {"app": "bench"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": POD["spec"]["containers"]}}
    spec = {"replicas": 3, "selector": {"matchLabels": labels}, "template": template}
    config = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "applied"}, "spec": spec}
    body, path = json.dumps(config).encode(), f"{path}/applied?fieldManager=bench"
    status, answer = await first.ask("PATCH", path, body, APPLY)
    assert status == 201, answer[:300]

    async def apply(connection: Connection, index: int) -> None:
        status, again = await connection.ask("PATCH", path, body, APPLY)
        assert status == 200
        assert again == answer

    await measure(target, "apply an unchanged Deployment", APPLIES, apply, CONNECTIONS)


def main() -> None:
    parser = flags(__doc__)
    parser.add_argument("--pods", type=int, default=LIST_PODS)
    parser.add_argument(
        "--guarded",
        action="store_true",
        help="with a ResourceQuota; a server that is started here audits every request",
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        policy, log = Path(folder) / "policy.yaml", Path(folder) / "audit.log"
        policy.write_text(AUDIT)
        audited = ("--audit-policy-file", str(policy), "--audit-log-path", str(log)) if args.guarded else ()
        with chosen(args, *audited) as target:
            uvloop.run(run(target, args.pods, guarded=args.guarded))
            if audited:
                print(f"{'audit log':32} {log.stat().st_size / 1e6:9.0f} MB")


if __name__ == "__main__":
    main()
