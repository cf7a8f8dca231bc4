"""What the supervisor decides without touching the machine."""

import io
import json
import os
import platform
import signal
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from kybern.client.kubeconfig import KubeconfigError
from kybern.supervisor import kubeconfig
from kybern.supervisor.cgroups import hierarchies, hybrid_mounts, is_unified
from kybern.supervisor.containerd import Surroundings, configuration
from kybern.supervisor.convergence import progress
from kybern.supervisor.former_nodes import former_nodes
from kybern.supervisor.images import PAUSE_IMAGE, write_pause_archive
from kybern.supervisor.layout import plan_layout
from kybern.supervisor.manifests import LAST_APPLIED, BadManifest, annotated, parse, read, three_way_patch
from kybern.supervisor.network import conflicting_routes
from kybern.supervisor.pause import pause_program
from kybern.supervisor.requirements import Missing, explain, install_command

HYBRID = """\
30 25 0:26 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
31 25 0:27 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
"""
UNIFIED = "31 25 0:27 / /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw\n"


def test_cgroup_hierarchies() -> None:
    assert hierarchies(HYBRID) == [(Path("/sys/fs/cgroup/cpu"), "cgroup"), (Path("/sys/fs/cgroup/unified"), "cgroup2")]
    assert (is_unified(HYBRID), is_unified(UNIFIED)) == (False, True)
    assert (hybrid_mounts(HYBRID), hybrid_mounts(UNIFIED)) == ([Path("/sys/fs/cgroup/unified")], [])


def test_one_node_is_the_machine_and_several_are_namespaces() -> None:
    (node,) = plan_layout(Path("/d"), 1, "Box").nodes
    assert (node.name, node.address, str(node.pod_network), node.network_namespace) == (
        "box",
        "10.89.0.1",
        "10.244.0.0/24",
        "",
    )
    second = plan_layout(Path("/d"), 3).nodes[1]
    assert (second.name, second.address, str(second.pod_network)) == ("kybern-2", "10.89.0.12", "10.244.2.0/24")
    assert len(second.host_link) < 16
    for bad in (0, 65):
        with pytest.raises(ValueError, match="--nodes"):
            plan_layout(Path("/d"), bad)


def test_containerd_follows_the_machine() -> None:
    (node,) = plan_layout(Path("/d"), 1, "box").nodes
    text = configuration(node, Surroundings("/usr/sbin/runc", Path("/opt/cni/bin"), "native", False, False))
    for line in (
        "restrict_oom_score_adj = true",
        "disable_apparmor = true",
        'snapshotter = "native"',
        'bin_dir = "/opt/cni/bin"',
        f'sandbox_image = "{PAUSE_IMAGE}"',
    ):
        assert line in text


def test_nodes_of_an_earlier_start_are_known_by_their_identities(tmp_path: Path) -> None:
    (tmp_path / "pki").mkdir()
    for name in ("kubelet-box", "kubelet-kybern-1", "kubelet-kybern-9", "apiserver-kubelet-client", "admin"):
        (tmp_path / "pki" / f"{name}.crt").touch()
    assert former_nodes(plan_layout(tmp_path, 3)) == ["box", "kybern-9"]
    assert former_nodes(plan_layout(tmp_path, 1, "box")) == ["kybern-1", "kybern-9"]


@pytest.mark.parametrize(
    ("route", "conflicts"),
    [
        ({"dst": "default", "dev": "eth0"}, False),
        ({"dst": "10.96.4.0/24", "dev": "tun0"}, True),
        ({"dst": "10.244.0.7", "dev": "tun0"}, True),
        ({"dst": "10.244.9.0/24", "dev": "tun0"}, False),
        ({"dst": "10.0.0.0/8", "dev": "tun0"}, True),
        ({"dst": "10.89.0.0/24", "dev": "kybern0"}, False),
    ],
)
def test_routes_in_the_way(route: dict[str, str], conflicts: bool) -> None:
    assert bool(conflicting_routes([route], plan_layout(Path("/d"), 1, "box"))) == conflicts


def test_what_is_missing_is_told_with_its_cure() -> None:
    missing = [Missing("runc or crun", "runc"), Missing("nft", "nftables"), Missing("root's rights", "")]
    assert install_command(missing)[-2:] == ["nftables", "runc"]
    assert "sudo apt-get install" in explain(missing)
    assert install_command([missing[-1]]) == []
    assert explain([Missing("root's rights (run it with sudo)", "")]) == (
        "error: kybern up needs root's rights (run it with sudo)"
    )


@pytest.mark.skipif(platform.machine() != "x86_64", reason="runs the program of this machine")
@pytest.mark.parametrize("code", [signal.SIGTERM, signal.SIGINT])
def test_pause_stays_until_it_is_told(tmp_path: Path, code: signal.Signals) -> None:
    path = tmp_path / "pause"
    path.write_bytes(pause_program("x86_64"))
    path.chmod(0o755)
    with subprocess.Popen([path]) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.2)
        process.send_signal(code)
        assert process.wait(5) == 0


def test_an_archive_is_the_same_every_time_and_whole(tmp_path: Path) -> None:
    for machine, architecture in (("x86_64", "amd64"), ("aarch64", "arm64")):
        write_pause_archive(tmp_path / "a.tar", machine)
        write_pause_archive(tmp_path / "b.tar", machine)
        assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
        with tarfile.open(fileobj=io.BytesIO((tmp_path / "a.tar").read_bytes())) as tar:
            index = json.load(tar.extractfile("index.json") or io.BytesIO())
            manifest_file = "blobs/sha256/" + index["manifests"][0]["digest"].split(":")[1]
            manifest = json.load(tar.extractfile(manifest_file) or io.BytesIO())
            names = {entry.name for entry in tar}
        assert index["manifests"][0]["annotations"]["io.containerd.image.name"] == PAUSE_IMAGE
        assert index["manifests"][0]["platform"]["architecture"] == architecture
        for part in (manifest["config"], *manifest["layers"]):
            assert "blobs/sha256/" + part["digest"].split(":")[1] in names


ADMIN = {"clusters": [{"cluster": {"server": "https://x"}}], "users": [{"user": {"token": "t"}}]}


def test_the_context_comes_and_goes() -> None:
    mine = {
        "clusters": [{"name": "work", "cluster": {}}],
        "users": [{"name": "me", "user": {}}],
        "contexts": [{"name": "work", "context": {}}],
        "current-context": "work",
    }
    merged = kubeconfig.merge(mine, ADMIN)
    assert merged["current-context"] == "kybern"
    assert [entry["name"] for entry in merged["contexts"]] == ["work", "kybern"]
    assert kubeconfig.merge(merged, ADMIN) == merged
    assert kubeconfig.remove(merged, "work") == {"apiVersion": "v1", "kind": "Config", **mine}
    assert kubeconfig.remove(merged, "gone")["current-context"] == ""


def test_the_users_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kube" / "config"
    monkeypatch.setenv("KUBECONFIG", f"{path}:/elsewhere")
    (tmp_path / "admin").write_text(json.dumps(ADMIN))
    assert kubeconfig.write_context(tmp_path / "admin", tmp_path) == path
    assert os.stat(path).st_mode & 0o777 == 0o600
    kubeconfig.remove_context(tmp_path)
    assert not path.exists()


def test_the_namespace_that_the_user_chose_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config"
    monkeypatch.setenv("KUBECONFIG", str(path))
    (tmp_path / "admin").write_text(json.dumps(ADMIN))

    def up() -> str:
        kubeconfig.write_context(tmp_path / "admin", tmp_path)
        return kubeconfig.chosen_namespace(yaml.safe_load(path.read_text()))

    def choose(namespace: str) -> None:
        config = yaml.safe_load(path.read_text())
        config["contexts"][0]["context"]["namespace"] = namespace
        path.write_text(yaml.safe_dump(config))

    assert up() == ""
    choose("shop")
    assert up() == "shop"
    kubeconfig.remove_context(tmp_path)
    assert not path.exists()
    assert up() == "shop"
    choose("")
    kubeconfig.remove_context(tmp_path)
    assert up() == ""


def test_a_note_cut_off_is_none_and_a_file_that_is_no_yaml_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config"
    monkeypatch.setenv("KUBECONFIG", str(path))
    (tmp_path / "admin").write_text(json.dumps(ADMIN))
    kubeconfig.write_context(tmp_path / "admin", tmp_path)
    (tmp_path / kubeconfig.NOTE).write_text('{"pa')
    kubeconfig.remove_context(tmp_path)
    assert not path.exists()
    path.write_text("a: b: c")
    with pytest.raises(KubeconfigError, match=f"{path} is no YAML; mend it, or name another file in"):
        kubeconfig.write_context(tmp_path / "admin", tmp_path)
    assert path.read_text() == "a: b: c"


def test_manifests_of_a_directory_are_those_that_kubectl_reads(tmp_path: Path) -> None:
    with pytest.raises(BadManifest, match=r"holds no manifest \(\.json, \.yaml, \.yml\)"):
        read([str(tmp_path)])
    (tmp_path / "a.yaml").write_text("{apiVersion: v1, kind: A, metadata: {name: a}}")
    (tmp_path / "b.json").write_text('{"apiVersion": "v1", "kind": "B", "metadata": {"name": "b"}}')
    (tmp_path / "c.txt").write_text("- none")
    assert [each["kind"] for each in read([str(tmp_path)])] == ["A", "B"]
    (tmp_path / "d.yml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadManifest, match=r"d\.yml is no text"):
        read([str(tmp_path)])
    (tmp_path / "empty.yaml").write_text("# nothing\n---\n")
    with pytest.raises(BadManifest, match=r"no objects in .*empty\.yaml"):
        read([str(tmp_path / "empty.yaml")])


def manifest(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "a"}, "spec": spec}


def patched(last: dict[str, Any] | None, live: dict[str, Any], wanted: dict[str, Any]) -> Any:
    """The patch's spec, when `last` was applied, `live` became of it, and `wanted` is applied now."""
    there = manifest(**live)
    if last is not None:
        there["metadata"]["annotations"] = annotated(manifest(**last), "default")["metadata"]["annotations"]
    return three_way_patch(there, annotated(manifest(**wanted), "default")).get("spec")


@pytest.mark.parametrize(
    ("last", "live", "wanted", "expected"),
    [
        ({"a": 1}, {"a": 1, "defaulted": 2}, {"a": 1}, None),
        ({"a": 1}, {"a": 1, "defaulted": 2}, {"a": 3}, {"a": 3}),
        ({"a": 1, "b": 2}, {"a": 1, "b": 2}, {"a": 1}, {"b": None}),
        ({"a": 1, "b": 2}, {"a": 1}, {"a": 1}, None),
        ({"a": 1}, {"a": 5}, {"a": 1}, {"a": 1}),
        ({"m": {"x": 1, "y": 2}}, {"m": {"x": 1, "y": 2, "z": 3}}, {"m": {"x": 1}}, {"m": {"y": None}}),
        ({"l": [1]}, {"l": [1, 2]}, {"l": [1]}, None),
        ({"l": [1]}, {"l": [1, 2]}, {"l": [3]}, {"l": [3]}),
        (None, {"a": 1, "b": 2}, {"a": 1}, None),
    ],
)
def test_three_way_patch(last: Any, live: Any, wanted: Any, expected: Any) -> None:
    assert patched(last, live, wanted) == expected


def test_applying_the_same_again_patches_nothing() -> None:
    wanted = annotated(manifest(a=1), "default")
    assert three_way_patch(wanted, annotated(manifest(a=1), "default")) == {}
    assert json.loads(wanted["metadata"]["annotations"][LAST_APPLIED])["metadata"]["namespace"] == "default"


def test_manifests_are_read_as_kubernetes_reads_them() -> None:
    text = "a: 2026-01-01\napiVersion: v1\nkind: Thing\nmetadata: {name: a}\n---\n---\n"
    text += "apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: B, metadata: {name: b}}]\n"
    found = parse(text, "file")
    assert [each["kind"] for each in found] == ["Thing", "B"]
    assert found[0]["a"] == "2026-01-01"


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "- 1",
        "just text",
        "kind: A",
        "apiVersion: v1\nkind: 7\nmetadata: {name: a}\n",
        "apiVersion: v1\nkind: A\n",
    ],
)
def test_bad_manifests_are_refused(text: str) -> None:
    with pytest.raises(BadManifest):
        parse(text, "file")


PROGRESS: list[tuple[str, dict[str, Any], tuple[bool, str]]] = [
    ("Deployment", {"spec": {"replicas": 3}, "status": {"readyReplicas": 1, "replicas": 3}}, (False, "1/3 x ready")),
    (
        "Deployment",
        {"spec": {"replicas": 3}, "status": {"readyReplicas": 3, "updatedReplicas": 3, "replicas": 3}},
        (True, "3/3 x ready"),
    ),
    ("Job", {"spec": {"completions": 2}, "status": {"succeeded": 1}}, (False, "1/2 x completed")),
    ("Job", {"spec": {}, "status": {"conditions": [{"type": "Failed", "status": "True"}]}}, (True, "0/1 x failed")),
    ("Pod", {"status": {"phase": "Pending"}}, (False, "x Pending")),
]


@pytest.mark.parametrize(("kind", "obj", "expected"), PROGRESS)
def test_progress(kind: str, obj: dict[str, Any], expected: tuple[bool, str]) -> None:
    assert progress(kind, "x", obj) == expected
