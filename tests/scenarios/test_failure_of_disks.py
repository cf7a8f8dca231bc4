"""A full disk: errors say so, nothing acknowledged is lost, and with room everything goes on."""

from tests.scenarios.machine import Machine
from tests.scenarios.vocabulary import Cluster, User

DISK = "/tmp/small-disk"


def test_a_full_disk_refuses_writes_and_loses_none(machine: Machine) -> None:
    user, cluster = User(machine, "default"), Cluster(machine)
    user.types(f"mkdir -p {DISK} && mount -t tmpfs -o size=64m tmpfs {DISK}").succeeds()
    cluster.up("--data-dir", DISK)
    user.types(f"dd if=/dev/zero of={DISK}/ballast bs=64k")
    text = "x" * 60_000
    written = 0
    while written < 300:
        done = user.kubectl("create -f -", stdin=_config_map(f"full-{written}", text)).done
        if done.code:
            break
        written += 1
    assert "the store is unavailable" in done.err
    assert written < 300
    user.kubectl("get nodes").mentions(" Ready ")  # Reads go on.
    user.types(f"rm {DISK}/ballast").succeeds()
    cluster.eventually(lambda: user.kubectl("create configmap after").succeeds())
    there = user.kubectl("get configmaps -o name").succeeds().out
    assert all(f"configmap/full-{number}\n" in there for number in range(written))
    user.types("kybern status").succeeds()
    user.types("kybern down").succeeds()
    user.types(f"umount {DISK}").succeeds()


def _config_map(name: str, text: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{text: {text}}}\n"
