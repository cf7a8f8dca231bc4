"""A Pod that holds this machine's Python, to use the network from within as real programs do (glibc's resolver too)."""

import json
import shlex
import textwrap
from collections import Counter
from typing import Any

from tests.scenarios.vocabulary import User

IMAGE = "registry.example.com/shop/api-server:v1.4.2"
PLACES = ("usr", "lib", "lib64")
PYTHON = "/usr/bin/python3"

ASK = """
import socket, sys, time, urllib.request

def ask(url, seconds=5):
    "Who answered: the Pod's name, or the error."
    try:
        with urllib.request.urlopen(url, timeout=seconds) as answer:
            return answer.read().decode().split(",")[0].rsplit(" ", 1)[-1]
    except OSError as error:
        return str(getattr(error, "reason", error))

def timed(function, *arguments):
    began = time.monotonic()
    try:
        result = function(*arguments)
    except OSError as error:
        result = str(error)
    return result, time.monotonic() - began
"""
"""What every program begins with."""


def pod(name: str, *, labels: dict[str, str] | None = None, program: str = "", **spec: Any) -> dict[str, Any]:
    """A Pod that runs a Python program, or waits to be used."""
    command = [PYTHON, "-u", "-c", textwrap.dedent(program)] if program else ["sleep", "1000000"]
    mounts = [{"name": place, "mountPath": f"/{place}", "readOnly": True} for place in PLACES]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "tools", "image": IMAGE, "command": command, "volumeMounts": mounts}],
            "volumes": [{"name": place, "hostPath": {"path": f"/{place}"}} for place in PLACES],
            **spec,
        },
    }


def bring(user: User, *pods: dict[str, Any]) -> None:
    """Make these Pods and wait until they are Ready."""
    user.applies("\n---\n".join(map(json.dumps, pods)))
    names = " ".join(each["metadata"]["name"] for each in pods)
    user.kubectl(f"wait pod {names} --for=condition=Ready --timeout=180s").succeeds()


def inside(user: User, name: str, program: str, within: float = 60.0) -> Any:
    """Run a program in the Pod; it prints JSON, which is returned."""
    text = ASK + "import json\nfrom collections import Counter\n" + textwrap.dedent(program)
    return json.loads(user.kubectl(f"exec -i {name} -- {PYTHON} -", stdin=text, within=within).succeeds().out)


def on_the_node(user: User, program: str, within: float = 60.0) -> Any:
    """The same on the machine itself, outside every Pod."""
    text = ASK + "import json\nfrom collections import Counter\n" + textwrap.dedent(program)
    return json.loads(user.types(f"{PYTHON} -c {shlex.quote(text)}", within=within).succeeds().out)


def answers(user: User, name: str, url: str, times: int = 30) -> Counter[str]:
    """How often each answered when a Pod asks `url` so many times."""
    return Counter(inside(user, name, f"print(json.dumps(Counter(ask({url!r}) for _ in range({times}))))"))
