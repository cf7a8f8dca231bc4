"""Where the CPU of a Pod's creation goes, stage by stage.

    python bench/create_path.py [--pods N]

In one process, over SQLite, 64 requests at once, from the parsed request to the answer; the transport (TLS, HTTP) is not
in it, `transport.py` measures that. A signal interrupts the process every so often of its CPU time, and the stage that is
at work then is counted: the shares hold on a machine that others use too.
"""

import argparse
import asyncio
import random
import signal
import tempfile
import time
from collections import Counter
from pathlib import Path
from types import FrameType

import orjson
from admission import CORE, ask
from target import POD

from kybern.apiserver.config import ApiServerConfig
from kybern.apiserver.server import ApiServer
from kybern.base.clock import SystemClock
from kybern.base.ids import RandomIds
from kybern.storage.sqlite import SqliteBackend

AT_ONCE = 64
SAMPLE_SECONDS = 0.001
STAGES = {
    "body_object": "decode, check, default the body",
    "track_create": "managedFields",
    "mutate": "admission",
    "validate": "admission",
    "_complete": "what the server sets (uid, times, QoS class)",
    "validate_create": "validation",
    "_warnings": "warnings",
    "stored_form": "encode",
    "put": "store: queue, statements, commit",
    "_run": "store: queue, statements, commit",
    "_ended": "store: queue, statements, commit",
    "_stand_aside": "store: queue, statements, commit",
    "_take": "watch cache",
    "_seen": "watch cache",
    "stored": "answer",
    "_finish": "answer",
    "authenticate": "authentication, flow control, authorisation",
    "limit": "authentication, flow control, authorisation",
    "authorize": "authentication, flow control, authorisation",
    "leave": "authentication, flow control, authorisation",
}
"""By the outermost function on the stack that is one of these, of the API server, the store or the API's rules."""
ROOMS = ("/apiserver/", "/storage/", "/api/")


def stage_of(frame: FrameType | None) -> str:
    """Of the stack that ends in `frame`."""
    found = "between them: tasks, routing, the order of things"
    while frame is not None:
        code = frame.f_code
        if code.co_name in STAGES and any(room in code.co_filename for room in ROOMS):
            found = STAGES[code.co_name]
        elif code.co_filename == __file__ or (code.co_filename.endswith("/admission.py") and code.co_name == "ask"):
            break
        frame = frame.f_back
    return found


async def create(server: ApiServer, pods: int) -> None:
    """So many, AT_ONCE at a time."""
    bodies = iter(
        orjson.dumps({**POD, "metadata": {"name": f"pod-{index}", "labels": POD["metadata"]["labels"]}})
        for index in range(pods)
    )

    async def work() -> None:
        for body in bodies:
            assert await ask(server, "POST", f"{CORE}/pods", body) == 201

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pods", type=int, default=10_000)
    pods = parser.parse_args().pods
    counted: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        store = await SqliteBackend.open(Path(folder) / "store.db")
        server = ApiServer(ApiServerConfig(), store, SystemClock(), RandomIds(random.Random(1)))
        await server.start()
        await ask(server, "POST", f"{CORE}/serviceaccounts", {"metadata": {"name": "default"}})
        signal.signal(signal.SIGPROF, lambda number, frame: counted.update((stage_of(frame),)))
        signal.setitimer(signal.ITIMER_PROF, SAMPLE_SECONDS, SAMPLE_SECONDS)
        begun = time.process_time()
        await create(server, pods)
        used = (time.process_time() - begun) / pods * 1e6
        signal.setitimer(signal.ITIMER_PROF, 0)
        await server.stop()
    print(f"{used:.0f} µs of CPU each")
    for stage, samples in counted.most_common():
        share = samples / counted.total()
        print(f"{stage:50} {share:6.1%} {share * used:6.0f} µs")


if __name__ == "__main__":
    asyncio.run(main())
