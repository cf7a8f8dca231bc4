"""`kybern up` where it cannot succeed: it says why, soon, and `kybern down` leaves the machine as it was."""

import shlex
import time
from collections.abc import Iterator

import pytest

from tests.scenarios.machine import Machine
from tests.scenarios.patience import patience
from tests.scenarios.test_down_leaves_nothing import same, state
from tests.scenarios.vocabulary import Cluster, User

DATA = "/var/lib/kybern"
SOON_SECONDS = 10.0
"""Well below the minute that `up` waits for what only takes long."""


@pytest.fixture
def user(machine: Machine) -> Iterator[User]:
    yield User(machine, "default")
    machine.run("kybern", "down", "--purge")


def breaks(user: User, program: str, script: str) -> str:
    """A command line's beginning under which `program` is this shell script."""
    path = user.file(f"broken-{program}/{program}", f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return f"PATH={path.parent}:$PATH"


def fails_soon(user: User, line: str, *expected: str) -> None:
    """It fails before a person wonders, and says this; then the machine can be as it was."""
    began = time.monotonic()
    done = user.types(line).done
    assert done.code == 1, str(done)
    assert time.monotonic() - began < patience(SOON_SECONDS), str(done)
    for each in expected:
        assert each in done.out + done.err, str(done)


def test_an_api_server_that_dies_at_once(user: User) -> None:
    before = state(user)
    Cluster(user.machine).up()
    user.types(f"kybern down && mv {DATA}/store.sqlite {DATA}/kept").succeeds()
    user.types(f"rm -f {DATA}/store.sqlite-*; echo nonsense > {DATA}/store.sqlite").succeeds()
    fails_soon(
        user,
        "kybern up",
        "the API server does not come: apiserver exited with 1, 3 times",
        f"{DATA}/log/apiserver.log ends with:",
        f"{DATA}/store.sqlite is not a SQLite database",
        "kybern down ends that",
    )
    status = user.types("kybern status").done
    assert "apiserver            dead     (exited with 1, " in status.out, str(status)
    user.types(f"mv {DATA}/kept {DATA}/store.sqlite").succeeds()
    user.types("kybern up").mentions("(it runs already)", "API server at")  # It was tried again.
    user.types("kybern down").succeeds()
    same(state(user), before)


MANIFESTS = """
{apiVersion: v1, kind: ConfigMap, metadata: {name: first}}
---
{apiVersion: v1, kind: Nonsense, metadata: {name: second}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: third, labels: {"a b": c}}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: fourth}}
"""


def test_manifests_that_are_refused(user: User) -> None:
    path = user.file("some.yaml", MANIFESTS)
    done = user.types(f"kybern up -f {path}").done
    assert done.code == 1, str(done)
    for expected in (
        "+ configmap/first created",
        '✗ Nonsense second: no matches for kind "Nonsense" in version "v1"',
        '✗ ConfigMap third: ConfigMap "third" is invalid: metadata.labels: Invalid value: "a b": ',
        "+ configmap/fourth created",
        "The cluster runs in the background.",
    ):
        assert expected in done.out, str(done)


BROKEN_PROGRAMS = {
    "containerd that leaves": (
        "containerd",
        'test "$1" != --version || exec /usr/bin/containerd "$@"; echo something is rotten >&2; exit 3',
        ("containerd-node exited with 3, 3 times", "something is rotten"),
    ),
    "containerd that cannot tell its version": (
        "containerd",
        "echo no such instruction >&2; exit 132",
        ("containerd-node exited with 132, 3 times", "no such instruction"),
    ),
    "no bridges": (
        "ip",
        'case "$*" in -batch*) said=$(cat);; *) exec /sbin/ip "$@";; esac; case "$said" in *"type bridge"*)'
        ' echo "Error: Unknown device type." >&2; exit 1;; esac; echo "$said" | /sbin/ip -batch -',
        ("Error: Unknown device type. (does this kernel have bridge? sudo modprobe bridge)",),
    ),
    "no tables": (
        "nft",
        'test "$1" = --json && exit; echo "Protocol not supported" >&2; exit 1',
        ("Protocol not supported (does this kernel have nf_tables? sudo modprobe nf_tables)",),
    ),
}


@pytest.mark.parametrize("name", BROKEN_PROGRAMS)
def test_a_program_of_the_machine_that_fails(user: User, name: str) -> None:
    program, script, expected = BROKEN_PROGRAMS[name]
    before = state(user)
    fails_soon(user, f"{breaks(user, program, script)} kybern up", *expected)
    user.types("kybern down").succeeds()
    same(state(user), before)


def test_a_kept_cluster_on_a_full_disk(user: User) -> None:
    disk = f"/tmp/full-{user.machine.name}"
    before = state(user)
    user.types(f"mkdir -p {disk} && mount -t tmpfs -o size=80m tmpfs {disk}").succeeds()
    user.types(f"kybern up --data-dir {disk} && kybern down").succeeds()
    user.types(f"dd if=/dev/zero of={disk}/ballast bs=64k")
    user.types(f"kybern up --data-dir {disk}").fails(
        f"error: the disk of {disk} has 0 MiB free, and a cluster needs 1; make room"
    )
    user.types(f"rm {disk}/ballast && kybern up --data-dir {disk} && kybern down --purge").succeeds()
    user.types(f"umount {disk} && rmdir {disk}").succeeds()
    same(state(user), before)


def test_a_directory_that_cannot_be_written_to(user: User) -> None:
    disk = f"/tmp/sealed-{user.machine.name}"
    user.types(f"mkdir -p {disk} && mount -t tmpfs -o ro tmpfs {disk}").succeeds()
    user.types(f"kybern up --data-dir {disk}").fails(
        f"error: {disk} cannot be written to: Read-only file system; name another one with --data-dir"
    )
    user.types(f"umount {disk} && rmdir {disk}").succeeds()


def test_a_network_of_others_in_the_way(user: User) -> None:
    before = state(user)
    user.types("ip link add theirs type bridge && ip address add 10.96.3.1/24 dev theirs").succeeds()
    user.types("ip link set theirs up").succeeds()
    user.types("kybern up").fails("error: these routes overlap the cluster's networks: 10.96.3.0/24 dev theirs")
    user.types("ip link delete theirs").succeeds()
    same(state(user), before)


@pytest.mark.parametrize(
    ("store", "expected"),
    [
        ("http://127.0.0.1:1", "error: --store: no etcd answers: http://127.0.0.1:1: Connection refused"),
        ("postgres://x", "error: --store is sqlite, memory, or the URLs of an etcd (http://HOST:2379,…), not …"),
    ],
)
def test_a_store_that_is_none(user: User, store: str, expected: str) -> None:
    user.types(f"kybern up --store {shlex.quote(store)}").fails(expected)
    user.types("kybern status").fails("", code=3)
