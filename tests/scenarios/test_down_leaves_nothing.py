"""`kybern down` in every state of a cluster: afterwards the machine is as it was before `kybern up`."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.scenarios.machine import Machine
from tests.scenarios.vocabulary import Cluster, User

PROBES = {
    "mounts": "cut -d' ' -f5 /proc/self/mountinfo | sort",
    "network namespaces": "ls /run/netns 2>/dev/null; lsns --noheadings --type net --output NPROCS | wc -l",
    "mount namespaces": "lsns --noheadings --type mnt --output NS | wc -l",
    "routes": "ip -4 route show table all | sort",
    "links": "ip -brief link | cut -d' ' -f1 | sort",
    "addresses": "ip -4 -oneline address | cut -d' ' -f2-7 | sort",
    "nft tables": "nft list ruleset",
    "iptables": "iptables-save 2>/dev/null | grep -v '^#'; true",
    "cgroups": "find /sys/fs/cgroup -mindepth 1 -name 'kybern*'",
    "processes": "ps -eo comm | grep -E 'kybern|containerd|pause|runc|httpd'; true",
    "run": "ls -A /run",
    "libcni": "ls -A /var/lib/cni 2>/dev/null; true",
    "switches": "cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/all/route_localnet",
    "kubeconfig": "cat $HOME/.kube/config 2>/dev/null; true",
}
OTHERS = """apiVersion: v1
clusters:
- {name: theirs, cluster: {server: 'https://192.0.2.1:6443'}}
contexts:
- {name: theirs, context: {cluster: theirs, user: them}}
users:
- {name: them, user: {token: a}}
current-context: theirs
kind: Config
"""
POD = "run web --image=registry.example.com/shop/api-server:v1.4.2"


def state(user: User) -> set[tuple[str, str]]:
    """Every line of every probe."""
    found = {(what, line) for what, probe in PROBES.items() for line in user.types(probe).succeeds().out.splitlines()}
    assert ("mounts", "/var/lib/kybern") in found, "the machine's own disk stays"
    return found


def same(now: set[tuple[str, str]], before: set[tuple[str, str]], but: str = "") -> None:
    """Nothing has come, nothing has gone. (Mounts may go: the private machine has copies of others', which end.)"""
    gone = {each for each in before - now if each[0] not in ("mounts", but)}
    assert {each for each in now - before if each[0] != but} | gone == set()


@pytest.fixture
def user(machine: Machine) -> Iterator[User]:
    """A machine without a cluster, whose user has a kubeconfig of another one."""
    yield User(machine, "default")
    machine.run("kybern", "down", "--purge")


def kill(user: User, *names: str) -> None:
    """kill -9 of these programs, all when none is named."""
    chosen = " ".join(names)
    user.types(
        "kybern status -o json | python3 -c \"import json, sys; [print(each['pid']) for name, each in"
        f" json.load(sys.stdin)['processes'].items() if not sys.argv[1:] or name in sys.argv[1:]]\" {chosen}"
        " | xargs kill -9"
    ).succeeds()


def nothing(_user: User) -> None:
    """The cluster runs."""


def killed(*names: str) -> Callable[[User], None]:
    return lambda user: kill(user, *names)


def succeeded(user: User) -> None:
    """The supervisor is killed, and its successor at work."""
    kill(user, "supervisor")
    Cluster(user.machine).eventually(lambda: user.types("kybern status").succeeds())


def pulled_cable(user: User) -> None:
    user.types("ip link set kybern-veth2 down && umount /run/netns/kybern-node3").succeeds()


STATES = {
    "running": ([], nothing),
    "three nodes": (["--nodes", "3"], nothing),
    "three nodes, one half gone": (["--nodes", "3"], pulled_cable),
    "all killed": ([], killed()),
    "three nodes, all killed": (["--nodes", "3"], killed()),
    "supervisor killed": ([], killed("supervisor")),
    "supervisor killed and succeeded": ([], succeeded),
    "keeper and supervisor killed": ([], killed("keeper", "supervisor")),
    "containerd killed": ([], killed("supervisor", "containerd-node")),
    "record lost": ([], lambda user: user.types("rm /run/kybern/processes.json").succeeds()),
    "run lost": ([], lambda user: user.types("rm -f /run/kybern/processes.json /run/kybern/boot").succeeds()),
}


@pytest.mark.parametrize("name", STATES)
def test_down_takes_everything_away(user: User, images: list[Path], name: str) -> None:
    arguments, make = STATES[name]
    user.file(".kube/config", OTHERS)
    before = state(user)
    cluster = Cluster(user.machine)
    cluster.up(*arguments)
    cluster.imports(images[0])
    user.kubectl(POD).succeeds()
    user.kubectl("wait pod web --for=condition=Ready --timeout=180s").succeeds()
    make(user)
    user.types("kybern down").mentions("the cluster is down; its data is kept in /var/lib/kybern")
    same(state(user), before, but="kubeconfig")
    user.kubectl("config current-context").prints("theirs")
    user.kubectl("config get-contexts -o name").prints("theirs")


@pytest.mark.parametrize("seconds", [0.4, 0.7, 1.0, 1.5])
def test_down_of_a_cluster_that_is_half_up(user: User, seconds: float) -> None:
    before = state(user)
    user.types(f"timeout {seconds} kybern up; true").succeeds()
    user.types("kybern down").succeeds()
    same(state(user), before)
    user.types("grep 'did not leave' /var/lib/kybern/log/supervisor.log; true").prints("")


def test_ctrl_c_ends_a_cluster_in_the_foreground_at_any_moment(user: User) -> None:
    before = state(user)
    for seconds in (0.5, 1.0, 5.0):
        user.types(f"timeout --signal=INT {seconds} kybern up --foreground; true").succeeds()
        user.types("pgrep -fl 'kybern (apiserver|node|controllers|supervisor)'; true").prints("")
    user.types("kybern down").succeeds()
    same(state(user), before)


def test_two_ups_at_once_start_one_cluster(user: User) -> None:
    before = state(user)
    user.types("kybern up & kybern up && wait").mentions("(it runs already)")
    user.types("ps -eo args | grep --count '^kybern supervisor'").prints("1")
    user.types("kybern status").succeeds()
    user.types("kybern down").succeeds()
    same(state(user), before)


def test_down_without_a_cluster_is_no_error(user: User) -> None:
    before = state(user)
    user.types("kybern down").succeeds()
    user.types("kybern down").succeeds()
    same(state(user), before)


def test_purge_deletes_nothing_but_a_clusters_directory(user: User) -> None:
    path = user.file("mine/letter", "dear")
    user.types(f"kybern down --purge --data-dir {path.parent}").fails(
        f"error: {path.parent} is no cluster's; nothing was deleted"
    )
    user.types(f"kybern up --data-dir {path.parent}").fails(
        f"error: {path.parent} is not empty, and no cluster's; name another one with --data-dir"
    )
    assert path.read_text() == "dear"


def test_ports_that_are_taken_are_named(user: User) -> None:
    listen = "python3 -m http.server --bind 127.0.0.1 6443 >/dev/null 2>&1 & until ss -ltn | grep -q :6443; do :; done"
    user.types(f"{listen}; kybern up; code=$?; kill $!; exit $code").fails(
        "error: another program listens on 127.0.0.1:6443; end it first (ss -lptn names it)"
    )


def test_the_namespace_chosen_in_the_context_comes_back(user: User) -> None:
    Cluster(user.machine).up()
    user.types("kybern status").succeeds()
    user.kubectl("config set-context kybern --namespace=kube-system").succeeds()
    user.types("kybern down").succeeds()
    Cluster(user.machine).up()
    user.kubectl("config view --minify -o jsonpath={..namespace}").prints("kube-system")


def test_purge_forgets_the_data(user: User) -> None:
    Cluster(user.machine).up()
    user.kubectl("create namespace kept").succeeds()
    user.types("kybern down --purge").mentions("its data is gone too")
    user.types("ls -A /var/lib/kybern").prints("")
    Cluster(user.machine).up()
    user.kubectl("get namespace kept").fails('Error from server (NotFound): namespaces "kept" not found')


def test_an_own_data_directory_is_remembered(user: User) -> None:
    before = state(user)
    user.types("kybern up --data-dir /tmp/machine-data").succeeds()
    user.types("kybern status").mentions("/tmp/machine-data")
    user.types("kybern down --purge").mentions("its data is gone too")
    user.types("test ! -e /tmp/machine-data").succeeds()
    same(state(user), before)


def test_a_firewall_that_drops_is_opened_and_left_as_it_was(user: User, images: list[Path]) -> None:
    """Docker sets such a policy."""
    user.types("nft add table ip filter").succeeds()
    user.types("nft 'add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }'").succeeds()
    before = state(user)
    cluster = Cluster(user.machine)
    cluster.up()
    cluster.imports(images[0])
    for name in ("web", "client"):
        user.kubectl(f"run {name} --image=registry.example.com/shop/api-server:v1.4.2").succeeds()
    user.kubectl("expose pod web --name=front --port=80 --target-port=8080").succeeds()
    user.kubectl("wait pod web client --for=condition=Ready --timeout=180s").succeeds()
    ask = "exec client -- wget -q -O - http://front/cgi-bin/index.cgi"
    cluster.eventually(lambda: user.kubectl(ask).mentions("hello from web"))
    user.types("kybern down").succeeds()
    same(state(user), before)
