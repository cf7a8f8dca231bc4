"""What admission adds to the creation of a Pod, in microseconds of CPU: with nothing in place, and with each of its means.

    python bench/admission.py [--pods N]

In one process, no socket and no store on disk: what is measured is the chain of plugins alone (`chain`), and the whole
way of a request from its bytes to the answer (`request`), 64 requests at once.
"""

import argparse
import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

from target import POD

from kybern.apiserver.admission.attributes import Attributes
from kybern.apiserver.config import ApiServerConfig
from kybern.apiserver.server import ApiServer
from kybern.apiserver.user import authenticated
from kybern.base.clock import SystemClock
from kybern.base.ids import RandomIds
from kybern.storage.memory import MemoryBackend
from kybern.transport.exchange import Request

AT_ONCE = 64
CORE = "/api/v1/namespaces/default"
REGISTRATION = "/apis/admissionregistration.k8s.io/v1"
ADMIN = authenticated("admin", ("system:masters",))
POLICY = {
    "matchConstraints": {
        "resourceRules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}]
    },
    "validations": [{"expression": "object.spec.containers.all(c, c.image.startsWith('example.com/'))"}],
}


async def ask(server: ApiServer, method: str, path: str, body: Any, *, patch: bool = False) -> int:
    kind = "application/merge-patch+json" if patch else "application/json"
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = Request(method, path, {}, {"content-type": kind}, data, "127.0.0.1:1", path, context={"user": ADMIN})
    answer: Any = server(request)
    if isinstance(answer, Awaitable):
        answer = await answer
    return int(answer.status)


async def nothing(server: ApiServer) -> None:
    """Upstream's default plugins, and no object that any of them would heed."""


async def limits(server: ApiServer) -> None:
    item = {"type": "Container", "max": {"cpu": "2"}, "default": {"cpu": "1"}}
    await ask(server, "POST", f"{CORE}/limitranges", {"metadata": {"name": "r"}, "spec": {"limits": [item]}})


async def restricted(server: ApiServer) -> None:
    labels = {"pod-security.kubernetes.io/enforce": "baseline"}
    await ask(server, "PATCH", "/api/v1/namespaces/default", {"metadata": {"labels": labels}}, patch=True)


async def quota(server: ApiServer) -> None:
    hard = {"pods": "1000000", "requests.cpu": "1000000"}
    await ask(server, "POST", f"{CORE}/resourcequotas", {"metadata": {"name": "q"}, "spec": {"hard": hard}})
    status = {"hard": hard, "used": dict.fromkeys(hard, "0")}
    await ask(server, "PATCH", f"{CORE}/resourcequotas/q/status", {"status": status}, patch=True)


async def policy(server: ApiServer) -> None:
    await ask(
        server, "POST", f"{REGISTRATION}/validatingadmissionpolicies", {"metadata": {"name": "p"}, "spec": POLICY}
    )
    spec = {"policyName": "p", "validationActions": ["Deny"]}
    await ask(
        server, "POST", f"{REGISTRATION}/validatingadmissionpolicybindings", {"metadata": {"name": "b"}, "spec": spec}
    )


async def measure(name: str, prepare: Callable[[ApiServer], Awaitable[None]], pods: int) -> None:
    server = ApiServer(ApiServerConfig(), MemoryBackend(), SystemClock(), RandomIds(random.Random(1)))
    await server.start()
    try:
        await ask(server, "POST", f"{CORE}/serviceaccounts", {"metadata": {"name": "default"}})
        await prepare(server)
        chain = await _chain(server, pods)
        request = await _requests(server, pods)
        print(f"{name:24} {chain:8.1f} µs in the chain {request:8.0f} µs a request {1e6 / request:8,.0f} /CPU-s")
    finally:
        await server.stop()


async def _chain(server: ApiServer, pods: int) -> float:
    served = server.served["", "v1", "pods"]
    body = json.dumps(POD).encode()
    objects = [served.codec.admit(body, "Ignore")[0] for _ in range(pods)]
    chain = server.life.admission
    begun = time.process_time()
    for obj in objects:
        obj["metadata"] |= {"namespace": "default", "name": "p"}
        attributes = Attributes("CREATE", served.resource, "default", "p", ADMIN, dry_run=True)
        await chain.mutate(attributes, obj, None)
        await chain.validate(attributes, obj, None)
    return (time.process_time() - begun) / pods * 1e6


async def _requests(server: ApiServer, pods: int) -> float:
    body = json.dumps(POD).encode()
    remaining = iter(range(pods))

    async def worker() -> None:
        for _ in remaining:
            status = await ask(server, "POST", f"{CORE}/pods", body)
            assert status == 201, status

    begun = time.process_time()
    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    return (time.process_time() - begun) / pods * 1e6


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pods", type=int, default=3000)
    pods = parser.parse_args().pods
    for prepare in (nothing, nothing, limits, restricted, quota, policy):
        await measure(prepare.__name__, prepare, pods)


if __name__ == "__main__":
    asyncio.run(main())
