"""`kybern status`: which processes run, and which nodes are Ready."""

import argparse
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kybern.supervisor.identity import Record

ANSWER_SECONDS = 5.0
"""Of an API server that takes longer it is said that it does not answer."""
RECENT_SECONDS = 30.0
"""How long the failure of a program that runs again is told."""

NAME = "status"
HELP = "show what of the cluster runs"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data-dir", default="", metavar="DIR", help="ask about the cluster of this directory only")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="default: text")


def execute(args: argparse.Namespace) -> int:
    """0: all is well; 1: something is missing; 3: no cluster."""
    import asyncio
    import json
    import os
    from pathlib import Path

    from kybern.cli.parser import lacks_root
    from kybern.supervisor import identity

    record = identity.read_record()
    if record is not None and args.data_dir and record.data_directory != Path(args.data_dir).absolute():
        record = None
    if record is None or not any(found.alive for found in record.processes.values()):
        where = f"of {args.data_dir} runs" if args.data_dir else "runs on this machine"
        words = f"no cluster {where}; kybern up starts one"
        if record is not None and record.is_bereft:
            words = f"the cluster of {record.data_directory} was killed, all of it; kybern up brings it back"
        print("{}" if args.output == "json" else words)
        return 3
    kubeconfig = record.data_directory / "pki" / "admin.kubeconfig"
    if kubeconfig.parent.exists() and not os.access(kubeconfig, os.R_OK) and lacks_root("status"):
        return 1
    processes = _processes(record)
    found = asyncio.run(_nodes(str(kubeconfig)))
    nodes = found or {}
    well = all(each["running"] for each in processes.values()) and bool(nodes) and all(nodes.values())
    if args.output == "json":
        print(json.dumps({"dataDirectory": str(record.data_directory), "processes": processes, "nodes": nodes}))
        return 0 if well else 1
    print(f"data      {record.data_directory}")
    for name, each in processes.items():
        print(f"process   {name:<20} {_told(each)}")
    for name, ready in nodes.items():
        print(f"node      {name:<20} {'Ready' if ready else 'NotReady'}")
    if found is None:
        print("the API server does not answer")
    return 0 if well else 1


def _processes(record: "Record") -> dict[str, dict[str, Any]]:
    """Each program with its pid, whether it runs, and how it failed when it did a moment ago."""
    found: dict[str, dict[str, Any]] = {
        name: {"pid": found.pid, "running": found.alive} for name, found in record.processes.items()
    }
    for name, failure in record.failures.items():
        each = found.setdefault(name, {"pid": None, "running": False})
        if not each["running"] or time.monotonic() - failure.at < RECENT_SECONDS:
            each |= {"failure": failure.how, "failures": failure.times}
    return found


def _told(process: dict[str, Any]) -> str:
    words = f"{'running' if process['running'] else 'dead':<8}"
    words += f" pid {process['pid']}" if process["pid"] is not None else ""
    if "failure" not in process:
        return words
    times = process["failures"]
    return f"{words} ({process['failure']}{f', {times} times' if times > 1 else ''})"


async def _nodes(kubeconfig: str) -> dict[str, bool] | None:
    """Each node and whether it is Ready; None when the API server does not answer."""
    import asyncio

    from kybern.base.errors import KybernError
    from kybern.client.kubeconfig import client_from_kubeconfig

    try:
        client = client_from_kubeconfig(kubeconfig, user_agent="kybern")
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                nodes: list[dict[str, Any]] = (await client.get_json("/api/v1/nodes"))["items"]
        finally:
            await client.close()
    except (KybernError, TimeoutError):
        return None
    return {node["metadata"]["name"]: _is_ready(node) for node in nodes}


def _is_ready(node: dict[str, Any]) -> bool:
    conditions = node.get("status", {}).get("conditions") or []
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
