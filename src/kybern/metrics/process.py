"""The process itself, under the names that every Prometheus client uses. Read from /proc when asked."""

import os
import resource
from collections.abc import Iterator
from pathlib import Path

from kybern import KUBERNETES_VERSION
from kybern.metrics.family import COUNTER, GAUGE, Family

_PROCESS = Path("/proc/self")


def families() -> Iterator[Family]:
    number = KUBERNETES_VERSION.removeprefix("v")
    major, minor = number.split(".")[:2]
    build = Family("kubernetes_build_info", GAUGE, "A metric with a constant '1' value labeled by the build.")
    build.add(1, major=major, minor=minor, git_version=f"v{number}", platform=f"linux/{os.uname().machine}")
    yield build
    usage = resource.getrusage(resource.RUSAGE_SELF)
    yield _one("process_cpu_seconds_total", COUNTER, "Total user and system CPU time.", usage.ru_utime + usage.ru_stime)
    fields = (_PROCESS / "stat").read_text().rpartition(")")[2].split()
    page = resource.getpagesize()
    yield _one("process_virtual_memory_bytes", GAUGE, "Virtual memory size in bytes.", int(fields[20]))
    yield _one("process_resident_memory_bytes", GAUGE, "Resident memory size in bytes.", int(fields[21]) * page)
    booted = next(
        int(line.split()[1]) for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime ")
    )
    started = booted + int(fields[19]) / os.sysconf("SC_CLK_TCK")
    yield _one("process_start_time_seconds", GAUGE, "Start time since the epoch in seconds.", started)
    yield _one("process_open_fds", GAUGE, "Open file descriptors.", len(os.listdir(_PROCESS / "fd")))
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    yield _one("process_max_fds", GAUGE, "Most file descriptors that may be open.", limit)


def _one(name: str, kind: str, text: str, value: float) -> Family:
    family = Family(name, kind, text)
    family.add(value)
    return family
