"""Image archives made here: pause and busybox as OCI layouts in a tar, with no registry and no build tool.

The same input gives the same bytes. `ctr images import` and `docker load` read these files.
The format: https://github.com/opencontainers/image-spec/blob/main/image-layout.md
"""

import gzip
import hashlib
import io
import json
import platform
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kybern.supervisor.pause import pause_program

PAUSE_IMAGE = "localhost/pause:1"
BUSYBOX_IMAGE = "localhost/busybox:1"
BUSYBOX_PROGRAM = Path("/bin/busybox")
"""Debian's busybox-static."""

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
MEDIA_TYPE = "application/vnd.oci.image."


class NoBusybox(Exception):
    """There is no static busybox on this machine to make an image of."""


@dataclass(frozen=True)
class Layer:
    """Files of one layer. A file is its bytes and mode; a link is where it points; a directory has only a mode."""

    files: Mapping[str, tuple[bytes, int]] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    directories: Mapping[str, int] = field(default_factory=dict)

    def tar(self) -> bytes:
        """The uncompressed tar, in a fixed order and with no times."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for name, mode in sorted(self.directories.items()):
                entry = tarfile.TarInfo(name)
                entry.type, entry.mode = tarfile.DIRTYPE, mode
                tar.addfile(entry)
            for name, (data, mode) in sorted(self.files.items()):
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(data), mode
                tar.addfile(entry, io.BytesIO(data))
            for name, target in sorted(self.links.items()):
                entry = tarfile.TarInfo(name)
                entry.type, entry.linkname = tarfile.SYMTYPE, target
                tar.addfile(entry)
        return buffer.getvalue()


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _descriptor(kind: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": MEDIA_TYPE + kind, "digest": _digest(data), "size": len(data)}


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def write_archive(
    path: Path, reference: str, layers: Sequence[Layer], config: Mapping[str, Any], machine: str = ""
) -> None:
    """Write the image as a tar. `config` is the image's (Entrypoint, Cmd, Env, …); `machine` defaults to this one."""
    architecture = ARCHITECTURES[machine or platform.machine()]
    target = {"architecture": architecture, "os": "linux"}
    tars = [layer.tar() for layer in layers]
    blobs = [gzip.compress(tar, compresslevel=6, mtime=0) for tar in tars]
    image = _json(
        {
            **target,
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [_digest(tar) for tar in tars]},
            "history": [{"created_by": "kybern"} for _ in tars],
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": MEDIA_TYPE + "manifest.v1+json",
            "config": _descriptor("config.v1+json", image),
            "layers": [_descriptor("layer.v1.tar+gzip", blob) for blob in blobs],
        }
    )
    names = {
        "io.containerd.image.name": reference,
        "org.opencontainers.image.ref.name": reference.rsplit(":", 1)[1],
    }
    entry = {**_descriptor("manifest.v1+json", manifest), "annotations": names, "platform": target}
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with tarfile.open(partial, "w") as tar:
        _add(tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        _add(tar, "index.json", _json({"schemaVersion": 2, "manifests": [entry]}))
        for blob in {_digest(data): data for data in (*blobs, image, manifest)}.values():
            _add(tar, "blobs/sha256/" + _digest(blob).removeprefix("sha256:"), blob)
    partial.rename(path)


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    tar.addfile(entry, io.BytesIO(data))


def write_pause_archive(path: Path, machine: str = "") -> None:
    """The sandbox image `localhost/pause:1`."""
    program = pause_program(machine or platform.machine())
    write_archive(path, PAUSE_IMAGE, [Layer(files={"pause": (program, 0o755)})], {"Entrypoint": ["/pause"]}, machine)


def busybox_layer(program: Path = BUSYBOX_PROGRAM) -> Layer:
    """A root file system with busybox and a link for each of its applets. Raises NoBusybox."""
    if not program.exists():
        raise NoBusybox(f"{program} is missing; Debian's package busybox-static brings it")
    listed = subprocess.run([str(program), "--list"], capture_output=True, text=True, timeout=10, check=True)
    applets = sorted(set(listed.stdout.split()) - {"busybox"})
    users = b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n"
    return Layer(
        files={
            "bin/busybox": (program.read_bytes(), 0o755),
            "etc/passwd": (users, 0o644),
            "etc/group": (b"root:x:0:\nnogroup:x:65534:\n", 0o644),
        },
        links={**{f"bin/{applet}": "busybox" for applet in applets}, "usr/bin/env": "/bin/env"},
        directories={"bin": 0o755, "etc": 0o755, "root": 0o700, "tmp": 0o1777, "usr": 0o755, "usr/bin": 0o755}
        | {"var": 0o755, "run": 0o755},
    )


BUSYBOX_CONFIG: Mapping[str, Any] = {"Cmd": ["/bin/sh"], "Env": ["PATH=/bin:/usr/bin"], "WorkingDir": "/"}


def write_busybox_archive(path: Path, program: Path = BUSYBOX_PROGRAM) -> None:
    """The image `localhost/busybox:1`, from this machine's static busybox. Raises NoBusybox."""
    write_archive(path, BUSYBOX_IMAGE, [busybox_layer(program)], BUSYBOX_CONFIG)
