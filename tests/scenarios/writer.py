"""Writes objects one after the other through any outage, and tells which were acknowledged, a line for each.

RUN sets its objects apart from those of other runs. It is run inside a cluster's machine with the project's Python:
`python writer.py KUBECONFIG RUN`; a line on its standard input ends it.
"""

import asyncio
import contextlib
import sys

from kybern.api.types.core_v1 import ConfigMap
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.base.errors import AlreadyExists, KybernError
from kybern.client.kubeconfig import client_from_kubeconfig

PAUSE_SECONDS = 0.05
WRITERS = 8


async def main(kubeconfig: str, run: str) -> None:
    client = client_from_kubeconfig(kubeconfig, user_agent="writer")
    stop = asyncio.Event()

    async def write(writer: int) -> None:
        number = 0
        while not stop.is_set():
            name = f"written-{run}-{writer}-{number}"
            try:
                await client.create(ConfigMap(metadata=ObjectMeta(name=name, namespace="default")))
                print(name, flush=True)
                number += 1
            except AlreadyExists:
                number += 1  # Written, but the answer was lost: nobody was promised anything.
            except (KybernError, OSError):
                pass  # Refused, or lost on the way: it is tried again under the same name.
            await asyncio.sleep(PAUSE_SECONDS)

    writers = [asyncio.create_task(write(number)) for number in range(WRITERS)]
    await asyncio.to_thread(sys.stdin.readline)
    stop.set()
    await asyncio.gather(*writers)
    with contextlib.suppress(KybernError):
        await client.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
