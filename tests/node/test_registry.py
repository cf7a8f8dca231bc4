"""Images of a registry that asks for a password."""

import asyncio
import base64
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from kybern.api.types import convert
from kybern.api.types.core_v1 import Pod, Secret
from kybern.kubelet.kubelet_config import KubeletConfig

from .apis import api, pod, wait_event, wait_for
from .conftest import Containerd
from .kubelets import TIMEOUT_SECONDS, container, running

pytestmark = pytest.mark.root

USER, PASSWORD = "ann", "sesame"
HTPASSWD = "ann:$2b$05$abcdefghijklmnopqrstuuKcS.CYWVYVaLiiCKrrc0A5s3mGesJ9O\n"
"""The password under bcrypt."""
CONFIG = """
version: 0.1
storage: {{filesystem: {{rootdirectory: {directory}/data}}}}
http: {{addr: 127.0.0.1:{port}}}
auth: {{htpasswd: {{realm: test, path: {directory}/htpasswd}}}}
"""


@dataclass(frozen=True)
class Registry:
    host: str

    @property
    def image(self) -> str:
        return f"{self.host}/team/busybox:1"


def _ctr(containerd: Containerd, *command: str) -> None:
    subprocess.run(["ctr", "-a", str(containerd.socket), "-n", "k8s.io", *command], check=True, capture_output=True)


@pytest.fixture(scope="module")
def registry(containerd: Containerd, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """docker-registry on the loopback with one image, known to containerd as a plain HTTP registry."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("docker-registry is not installed")
    directory = tmp_path_factory.mktemp("registry")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (directory / "htpasswd").write_text(HTPASSWD)
    (directory / "config.yml").write_text(CONFIG.format(directory=directory, port=port))
    host = f"127.0.0.1:{port}"
    certs = containerd.directory / "certs.d" / host
    certs.mkdir(parents=True)
    (certs / "hosts.toml").write_text(f'[host."http://{host}"]\n  capabilities = ["pull", "resolve"]\n')
    process = subprocess.Popen([program, "serve", str(directory / "config.yml")], stderr=subprocess.DEVNULL)
    try:
        _wait_for_port(port)
        found = Registry(host)
        _ctr(containerd, "images", "tag", "localhost/busybox:1", found.image)
        _ctr(containerd, "images", "push", "--plain-http", "--user", f"{USER}:{PASSWORD}", found.image)
        _ctr(containerd, "images", "rm", found.image)
        yield found
    finally:
        process.terminate()
        process.wait(10)


def _wait_for_port(port: int) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("docker-registry did not start")


def secret(name: str, host: str, password: str) -> Secret:
    auths = {"auths": {host: {"auth": base64.b64encode(f"{USER}:{password}".encode()).decode()}}}
    plain = {
        "metadata": {"name": name, "namespace": "default"},
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": json.dumps(auths)},
    }
    return convert(plain, Secret)


def private(name: str, registry: Registry, *secrets: str) -> Pod:
    main = container("main", "exec sleep 100000") | {"image": registry.image, "imagePullPolicy": "Always"}
    references: list[dict[str, Any]] = [{"name": each} for each in secrets]
    return pod(name, containers=[main], imagePullSecrets=references, terminationGracePeriodSeconds=1)


def waiting(found: Pod) -> tuple[str, str]:
    statuses = found.status.container_statuses
    state = statuses[0].state.waiting if statuses and statuses[0].state else None
    return (state.reason, state.message) if state else ("", "")


async def test_a_secret_opens_a_registry(config: KubeletConfig, registry: Registry) -> None:
    async with api() as client, running(config, client):
        await client.create(secret("good", registry.host, PASSWORD))
        await client.create(secret("bad", registry.host, "guess"))
        # Every credential that fits is tried.
        await client.create(private("pulled", registry, "bad", "good"))
        await wait_for(client, "pulled", Ready="True")
        assert await wait_event(client, "pulled", "Pulling", "") == f'Pulling image "{registry.image}"'
        told = await wait_event(client, "pulled", "Pulled", "")
        assert told.startswith(f'Successfully pulled image "{registry.image}" in ')


async def test_a_pull_that_is_refused_backs_off(config: KubeletConfig, registry: Registry) -> None:
    async with api() as client, running(config, client):
        await client.create(private("refused", registry, "none"))
        text = "Unable to retrieve some image pull secrets (none); attempting to pull the image may not succeed."
        assert await wait_event(client, "refused", "FailedToRetrieveImagePullSecret", "none") == text
        failed = await wait_event(client, "refused", "Failed", "Failed to pull image")
        assert failed.startswith(f'Failed to pull image "{registry.image}": rpc error: code = ')
        assert await wait_event(client, "refused", "Failed", "Error: ") == "Error: ErrImagePull"
        backing_off = f'Back-off pulling image "{registry.image}"'
        assert await wait_event(client, "refused", "BackOff", "Back-off") == backing_off
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while waiting(found := await client.get(Pod, "refused", "default"))[0] != "ImagePullBackOff":
                await asyncio.sleep(0.05)
        assert waiting(found)[1].startswith(f"{backing_off}: ErrImagePull: rpc error: code = ")


async def test_an_image_is_only_for_those_who_could_have_pulled_it(config: KubeletConfig, registry: Registry) -> None:
    def present(name: str, *secrets: str) -> Pod:
        made = private(name, registry, *secrets)
        made.spec.containers[0].image_pull_policy = "IfNotPresent"
        return made

    async with api() as client, running(config, client):
        await client.create(secret("good", registry.host, PASSWORD))
        await client.create(private("first", registry, "good"))
        await wait_for(client, "first", Ready="True")
        await client.create(present("guest"))
        assert await wait_event(client, "guest", "Failed", "Error: ") == "Error: ErrImagePull"
    # Another kubelet knows it, too.
    async with api() as client, running(config, client):
        await client.create(secret("again", registry.host, PASSWORD))
        await client.create(present("second", "again"))
        await wait_for(client, "second", Ready="True")
        told = await wait_event(client, "second", "Pulled", "")
        assert told == f'Container image "{registry.image}" already present on machine and can be accessed by the pod'
        await client.create(present("stranger"))
        assert await wait_event(client, "stranger", "Failed", "Error: ") == "Error: ErrImagePull"
