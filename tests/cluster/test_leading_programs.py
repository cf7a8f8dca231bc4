"""The programs that lead by a Lease, as processes: SIGTERM lets go of it, so that the next leads at once."""

import asyncio
import sys
from pathlib import Path

import pytest

from kybern.api.types.coordination_v1 import Lease
from kybern.base.errors import NotFound
from kybern.client.client import Client
from kybern.client.kubeconfig import client_from_kubeconfig

from .server_over_tls import serving

WAIT_SECONDS = 60


async def holder(client: Client, name: str) -> str | None:
    """Who holds the Lease; "" when nobody does, None without one."""
    try:
        return (await client.get(Lease, name, "kube-system")).spec.holder_identity
    except NotFound:
        return None


@pytest.mark.parametrize("name", ["scheduler", "controller-manager"])
async def test_a_program_that_is_told_to_end_lets_go_of_its_lease(name: str, tmp_path: Path) -> None:
    async with serving(tmp_path) as kubeconfig, asyncio.timeout(WAIT_SECONDS):
        client = client_from_kubeconfig(str(kubeconfig), user_agent="test")
        program = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "kybern", name, "--kubeconfig", str(kubeconfig), "--secure-port", "0"),
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            while not await holder(client, f"kube-{name}"):
                await asyncio.sleep(0.1)
            program.terminate()
            _, told = await program.communicate()
            print(told.decode())  # Shown whole where it is not as it should be.
            assert (program.returncode, b"Traceback" in told) == (0, False)
            assert await holder(client, f"kube-{name}") == ""
        finally:
            if program.returncode is None:
                program.kill()
                await program.wait()
            await client.close()
