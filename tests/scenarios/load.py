"""A constant load of requests, from a Pod or from the node, that notes every failure."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.scenarios.programs import Program
from tests.scenarios.toolbox import PYTHON
from tests.scenarios.vocabulary import User

CLIENTS = 4
PROGRAM = """
import collections, json, sys, threading, time, urllib.request
url, clients = sys.argv[1], int(sys.argv[2])
done, failures, stop = collections.Counter(), [], threading.Event()

def ask():
    while not stop.is_set():
        began = time.time()
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                done[answer.read().decode().split("version ")[1].split(",")[0]] += 1
        except Exception as error:
            failures.append(f"{began:.3f} after {time.time() - began:.3f} s: {error!r}")
        time.sleep(0.01)

threads = [threading.Thread(target=ask) for _ in range(clients)]
for thread in threads:
    thread.start()
print("asking", flush=True)
sys.stdin.readline()
stop.set()
for thread in threads:
    thread.join()
print("RESULT" + json.dumps({"done": done, "failures": failures}), flush=True)
"""


class Load:
    """Clients that ask, each as soon as it has its answer, until told to stop."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def stop(self) -> dict[str, Any]:
        """`done`: answers by version; `failures`: one text each."""
        text = self._program.types("\n").shows("RESULT").ends().text
        found: dict[str, Any] = json.loads(text.partition("RESULT")[2])
        return found


@contextmanager
def load_from_pod(user: User, pod: str, url: str, clients: int = CLIENTS) -> Iterator[Load]:
    """From inside a Pod made by `toolbox.bring`; each request makes its own connection."""
    path = "/tmp/load.py"
    user.kubectl(f"exec -i {pod} -- sh -c 'cat > {path}'", stdin=PROGRAM).succeeds()
    with user.starts(f"exec -i {pod} -- {PYTHON} {path} {url} {clients}") as program:
        yield Load(program.shows("asking"))


@contextmanager
def load_from_node(user: User, url: str, clients: int = CLIENTS) -> Iterator[Load]:
    """From the machine itself."""
    path = user.file("load.py", PROGRAM)
    command = user.machine.command(PYTHON, str(path), url, str(clients))
    with Program.started(f"load on {url}", command) as program:
        yield Load(program.shows("asking"))
