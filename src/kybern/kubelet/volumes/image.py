"""Image volumes: the files of an image, mounted read-only where a container finds them.

containerd takes images as volumes through the CRI from 2.1 on. What it does then is what its own client does with every
version: a view of the unpacked image, mounted. So that is asked for here, of whichever version there is.
Source: https://kubernetes.io/docs/concepts/storage/volumes/#image
"""

import asyncio
from pathlib import Path

from kybern.kubelet.cri import Runtime
from kybern.kubelet.volumes.payload import VolumeError

NAMESPACE = "k8s.io"
"""containerd's namespace of all that came through the CRI."""
TIMEOUT_SECONDS = 60.0
"""containerd's client waits for ever on a socket that nobody serves."""


class ImageMounts:
    """The views of one containerd."""

    def __init__(self, runtime: Runtime, socket: str) -> None:
        self._runtime = runtime
        self._socket = socket

    async def mount(self, reference: str, target: Path) -> None:
        """Have the files of an image that is there at `target`; nothing where they are. Raises VolumeError."""
        if _is_taken(target):
            return
        snapshotter = (await self._runtime.features()).snapshotter
        if not snapshotter:
            raise VolumeError("the container runtime of this node does not support image volumes")
        await self.forget(target)  # A view of before a crash has the same name.
        code, output = await self._ask("images", "mount", "--snapshotter", snapshotter, reference, str(target))
        if code:
            raise VolumeError(f"failed to mount image {reference}: {output}")

    async def forget(self, target: Path) -> None:
        """Let go of the view of what was mounted there, and of the lease that kept it; if there are none, that is well."""
        snapshotter = (await self._runtime.features()).snapshotter
        await self._ask("snapshots", "--snapshotter", snapshotter, "rm", str(target))
        await self._ask("leases", "rm", str(target))

    async def _ask(self, *words: str) -> tuple[int, str]:
        """Exit code and output of containerd's client."""
        process = await asyncio.create_subprocess_exec(
            *("ctr", "--address", self._socket, "--namespace", NAMESPACE, *words),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                output, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            return 1, "containerd did not answer"
        return process.returncode or 0, output.decode(errors="replace").strip()


def _is_taken(target: Path) -> bool:
    """Make the directory; whether something is mounted there already."""
    target.mkdir(parents=True, exist_ok=True)
    return target.is_mount()
