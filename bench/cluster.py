"""What a whole cluster costs: its start, its memory, its idling, and a Pod's way from `create` to Ready.

    python bench/cluster.py [--idle-seconds 30] [--pods 10]

Needs root. The cluster runs in a machine of its own (tests/machine) and is gone afterwards. CPU and memory are read from
/proc for all processes of that machine; proportional set size (PSS) counts what processes share once.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from target import cpu_seconds_of, proportional_megabytes

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
IMAGE = "registry.example.com/shop/api-server:v1.4.2"
READY_SECONDS = 60.0


class Machine:
    """The machine that the cluster runs in."""

    def __init__(self) -> None:
        self.name = f"bench-{os.getpid()}"

    def run(self, *command: str, stdin: str = "") -> str:
        done = subprocess.run(
            [str(ROOT / "tests/machine"), self.name, *command], input=stdin, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(command)}: {done.stderr}")
        return done.stdout

    def pids(self) -> Iterator[int]:
        """All its processes, by the numbers that they have outside."""
        mount = next(path for path in Path("/sys/fs/cgroup").glob("*") if (path / f"machine-{self.name}").is_dir())
        for file in (mount / f"machine-{self.name}").rglob("cgroup.procs"):
            yield from map(int, file.read_text().split())

    def end(self) -> None:
        subprocess.run([str(ROOT / "tests/machine"), self.name, "--end"], check=True)


def is_python(pid: int) -> bool:
    return "python" in os.readlink(f"/proc/{pid}/exe")


def summed(pids: list[int], measure: Callable[[int], float]) -> float:
    total = 0.0
    for pid in pids:
        try:
            total += measure(pid)
        except OSError:
            continue  # It has ended meanwhile.
    return total


def seconds(machine: Machine, name: str) -> float:
    """From the creation of a Pod to Ready, by the API server's clock of events and ours of the watch."""
    manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [{"name": "c", "image": IMAGE}]},
    }
    begun = time.perf_counter()
    machine.run("kubectl", "create", "-f", "-", stdin=json.dumps(manifest))
    machine.run("kubectl", "wait", "--for=condition=Ready", f"pod/{name}", f"--timeout={READY_SECONDS:.0f}s")
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--idle-seconds", type=float, default=30.0)
    parser.add_argument("--pods", type=int, default=10)
    options = parser.parse_args()
    from examples.images import write_images

    machine = Machine()
    try:
        machine.run("true")
        begun = time.perf_counter()
        machine.run("kybern", "up")
        print(f"{'kybern up, node Ready':36} {time.perf_counter() - begun:8.2f} s    (bar 2)")
        images = write_images(ROOT / "build/images")
        machine.run("kybern", "image", "import", *map(str, images))
        while "default" not in machine.run("kubectl", "get", "serviceaccounts", "-o", "name"):
            time.sleep(0.1)
        time.sleep(5.0)
        pids = list(machine.pids())
        python = [pid for pid in pids if is_python(pid)]
        print(f"{'memory of the Python processes':36} {summed(python, proportional_megabytes):8.0f} MB   (bar 200)")
        before = summed(python, cpu_seconds_of), summed(pids, cpu_seconds_of)
        time.sleep(options.idle_seconds)
        after = summed(python, cpu_seconds_of), summed(pids, cpu_seconds_of)
        shares = [100 * (late - early) / options.idle_seconds for early, late in zip(before, after, strict=True)]
        print(f"{'idle, the Python processes':36} {shares[0]:8.2f} %    (of a core; bar 2)")
        print(f"{'idle, with containerd':36} {shares[1]:8.2f} %")
        taken = [seconds(machine, f"p{number}") for number in range(options.pods)]
        print(f"{'Pod, create to Ready (two kubectl)':36} {statistics.median(taken) * 1000:8.0f} ms   (median)")
    finally:
        machine.end()


if __name__ == "__main__":
    main()
