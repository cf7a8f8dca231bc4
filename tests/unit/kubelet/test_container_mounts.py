"""What is mounted into a container beside its volumes, and how parts of volumes are held."""

import os
from pathlib import Path
from typing import Any

import pytest

from kybern.kubelet.container_mounts import container_devices, container_mounts
from kybern.kubelet.hosts_file import hosts_text
from kybern.kubelet.kubelet_config import KubeletConfig
from kybern.kubelet.pod_spec import find_container
from kybern.kubelet.ports import ConfigNotReady, ContainerPlace, MountedVolume
from kybern.kubelet.runtime.views import Image
from kybern.kubelet.volumes.ownership import give_to_group

from .worlds import IP, container, pod, sandbox

NONE = Image("i", (), (), 0, None, "", False)


def mounted(directory: Path, mount: dict[str, Any], *, read_only: bool = False, **place: Any) -> list[dict[str, Any]]:
    config = KubeletConfig("n", root_directory=directory)
    volume = directory / "volume"
    volume.mkdir(exist_ok=True)
    subject = pod(container("c", volumeMounts=[mount], terminationMessagePath="/dev/termination-log"))
    found = find_container(subject, "c")
    assert found is not None
    where = ContainerPlace(sandbox(), NONE, {"v": MountedVolume(str(volume), read_only)}, 0, "", **place)
    return container_mounts(config, subject, found[1], where, {"A": "b"})


def test_a_volume_the_hosts_file_and_the_last_words(tmp_path: Path) -> None:
    volume, hosts, words = mounted(tmp_path, {"name": "v", "mountPath": "data"})
    assert (volume["container_path"], volume["readonly"]) == ("/data", False)
    assert hosts["container_path"] == "/etc/hosts"
    assert Path(hosts["host_path"]).read_text().startswith("# Kubernetes-managed hosts file.\n")
    assert words["container_path"] == "/dev/termination-log"
    assert Path(words["host_path"]).stat().st_mode & 0o777 == 0o666


def test_a_mount_of_ones_own_at_etc_hosts(tmp_path: Path) -> None:
    found = mounted(tmp_path, {"name": "v", "mountPath": "/etc/hosts"})
    assert [each["container_path"] for each in found] == ["/etc/hosts", "/dev/termination-log"]


def test_what_is_read_only_stays_so(tmp_path: Path) -> None:
    assert mounted(tmp_path, {"name": "v", "mountPath": "/d"}, read_only=True)[0]["readonly"] is True
    assert mounted(tmp_path, {"name": "v", "mountPath": "/d", "readOnly": True})[0]["readonly"] is True


@pytest.mark.parametrize(
    ("mount", "problem"),
    [
        ({"name": "none"}, 'cannot find volume "none" to mount into container "c"'),
        ({"subPath": "../x"}, "unable to provision SubPath `../x`"),
        ({"subPathExpr": "$(NONE)"}, 'failed to expand subPath for volumeMount "v"'),
        (
            {"readOnly": True, "recursiveReadOnly": "Enabled"},
            'volume "v" requested recursive read-only mode, but it is not supported by the runtime',
        ),
    ],
)
def test_what_cannot_be_mounted(tmp_path: Path, mount: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigNotReady) as caught:
        mounted(tmp_path, {"name": "v", "mountPath": "/d", **mount})
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("/etc/passwd", 'failed to prepare subPath for volumeMount "v" of container "c"'),
        ("/etc", 'failed to prepare subPath for volumeMount "v" of container "c"'),
        ("/etc/no-such-file", 'failed to create subPath directory for volumeMount "v" of container "c"'),
        ("file/below", 'failed to create subPath directory for volumeMount "v" of container "c"'),
    ],
)
def test_a_link_out_of_the_volume_leads_nowhere(tmp_path: Path, target: str, problem: str) -> None:
    (tmp_path / "volume").mkdir()
    (tmp_path / "volume" / "file").touch()
    (tmp_path / "volume" / "link").symlink_to(target)
    with pytest.raises(ConfigNotReady) as caught:
        mounted(tmp_path, {"name": "v", "mountPath": "/d", "subPath": "link"})
    assert str(caught.value) == problem


def test_recursive_read_only_where_the_runtime_can(tmp_path: Path) -> None:
    mount = {"name": "v", "mountPath": "/d", "readOnly": True, "recursiveReadOnly": "IfPossible"}
    assert mounted(tmp_path, mount)[0]["recursive_read_only"] is False
    assert mounted(tmp_path, mount, recursive_read_only=True)[0]["recursive_read_only"] is True


def test_the_hosts_file() -> None:
    aliases = [{"ip": "192.0.2.1", "hostnames": ["a", "b"]}]
    text = hosts_text(KubeletConfig("n"), pod(subdomain="s", hostAliases=aliases), [IP, "fd00::5"])
    lines = text.splitlines()
    assert lines[1:3] == ["127.0.0.1\tlocalhost", "::1\tlocalhost ip6-localhost ip6-loopback"]
    own = "p.s.d.svc.cluster.local\tp"
    assert lines[7:] == [f"{IP}\t{own}", f"fd00::5\t{own}", "", "# Entries added by HostAliases.", "192.0.2.1\ta\tb"]
    assert hosts_text(KubeletConfig("n"), pod(), [IP]).splitlines()[-1] == f"{IP}\tp"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_volume_is_given_to_a_group(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir(mode=0o700)
    (tmp_path / "d" / "f").touch(mode=0o600)
    (tmp_path / "link").symlink_to("/etc/passwd")
    before = os.stat("/etc/passwd")
    subject = pod(securityContext={"fsGroup": 3000, "fsGroupChangePolicy": "OnRootMismatch"})
    give_to_group(subject, tmp_path, read_only=False, always=False)
    found = {name: (tmp_path / name).lstat() for name in ("d", "d/f", "link")}
    assert {each.st_gid for each in found.values()} == {3000}
    assert (found["d"].st_mode & 0o7777, found["d/f"].st_mode & 0o7777) == (0o2770, 0o660)
    assert os.stat("/etc/passwd") == before
    # The root tells that it was done: what a program has changed since is left alone.
    (tmp_path / "d" / "f").chmod(0o600)
    give_to_group(subject, tmp_path, read_only=False, always=False)
    assert (tmp_path / "d" / "f").stat().st_mode & 0o7777 == 0o600
    give_to_group(subject, tmp_path, read_only=False)
    assert (tmp_path / "d" / "f").stat().st_mode & 0o7777 == 0o660


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_volume_whose_path_is_a_link_is_given_to_a_group(tmp_path: Path) -> None:
    """The link leads to the volume; links inside it are given away themselves, never what they lead to."""
    for name in ("volume", "elsewhere"):
        (tmp_path / name).mkdir(mode=0o700)
    (tmp_path / "path").symlink_to(tmp_path / "volume")
    (tmp_path / "volume" / "out").symlink_to(tmp_path / "elsewhere")
    give_to_group(pod(securityContext={"fsGroup": 3000}), tmp_path / "path", read_only=False)
    assert ((tmp_path / "volume").stat().st_gid, (tmp_path / "volume" / "out").lstat().st_gid) == (3000, 3000)
    assert ((tmp_path / "elsewhere").stat().st_gid, (tmp_path / "path").lstat().st_gid) == (0, 0)


def test_block_volumes_are_devices(tmp_path: Path) -> None:
    own = {"volumeDevices": [{"name": "disk", "devicePath": "/dev/xvda"}]}
    found = find_container(pod(container("c", **own)), "c")
    assert found is not None

    def devices(volume: MountedVolume) -> list[dict[str, str]]:
        return container_devices(found[1], ContainerPlace(sandbox(), NONE, {"disk": volume}, 0, ""))

    block = MountedVolume("/dev/vdb", is_block=True)
    assert devices(block) == [{"container_path": "/dev/xvda", "host_path": "/dev/vdb", "permissions": "mrw"}]
    with pytest.raises(ConfigNotReady, match="has volumeMode Filesystem, but is specified in volumeDevices"):
        devices(MountedVolume("/data"))
