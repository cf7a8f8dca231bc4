"""Static manifests, names of images, DNS, rotated logs, last words."""

from pathlib import Path
from typing import Any

import pytest

from kybern.api.types.core_v1 import Pod
from kybern.kubelet.config.expansion import expand
from kybern.kubelet.images import with_default_tag
from kybern.kubelet.kubelet_config import KubeletConfig
from kybern.kubelet.labels import CONFIG_HASH, CONFIG_SOURCE, TERMINATION_MESSAGE_PATH, TERMINATION_MESSAGE_POLICY
from kybern.kubelet.log_rotation import move_away
from kybern.kubelet.mirror_pods import mirror_of
from kybern.kubelet.sandbox_config import hostname_of, make_dns_config
from kybern.kubelet.static_pods import read_static_pods
from kybern.kubelet.termination_message import read_termination_message

from .worlds import NOW, exited, pod

CONFIG = KubeletConfig(node_name="n", cluster_dns=("10.96.0.10",))
MANIFEST = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: c, image: nginx}]}\n"


def test_static_pods(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text(MANIFEST)
    (tmp_path / ".hidden.yaml").write_text(MANIFEST)
    (tmp_path / "broken.yaml").write_text("kind: [")
    (tmp_path / "service.yaml").write_text("apiVersion: v1\nkind: Service\n")
    first = read_static_pods(tmp_path, "n", NOW)
    assert [each.metadata.name for each in first] == ["web-n"]
    meta = first[0].metadata
    assert (meta.namespace, meta.uid) == ("default", meta.annotations[CONFIG_HASH])
    assert meta.annotations[CONFIG_SOURCE] == "file"
    assert first[0].spec.node_name == "n"
    assert first[0].spec.containers[0].image_pull_policy == "Always"
    assert read_static_pods(tmp_path, "n", NOW + 9)[0].metadata.uid == meta.uid, "the same manifest is the same Pod"
    (tmp_path / "web.yaml").write_text(MANIFEST.replace("nginx", "nginx:2"))
    assert read_static_pods(tmp_path, "n", NOW)[0].metadata.uid != meta.uid
    mirror = mirror_of(first[0], None)
    assert mirror.metadata.uid == ""
    assert mirror.metadata.annotations["kubernetes.io/config.mirror"] == meta.uid


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("nginx", "nginx:latest"),
        ("nginx:1.2", "nginx:1.2"),
        ("localhost:5000/a/b", "localhost:5000/a/b:latest"),
        ("example.com/a_b/c--d:v1", "example.com/a_b/c--d:v1"),
        ("a@sha256:" + "0" * 64, "a@sha256:" + "0" * 64),
    ],
)
def test_image_names(image: str, expected: str) -> None:
    assert with_default_tag(image) == expected


@pytest.mark.parametrize("image", ["", "NO", "a b", "http://x/y", "a:", "a/:b"])
def test_bad_image_names(image: str) -> None:
    with pytest.raises(ValueError, match="couldn't parse image name"):
        with_default_tag(image)


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (
            pod(),
            (["10.96.0.10"], ["d.svc.cluster.local", "svc.cluster.local", "cluster.local", "lan"], ["ndots:5"]),
        ),
        (pod(dnsPolicy="Default"), (["1.1.1.1"], ["lan"], ["edns0"])),
        (pod(hostNetwork=True), (["1.1.1.1"], ["lan"], ["edns0"])),
        (
            pod(
                dnsPolicy="None",
                dnsConfig={"nameservers": ["9.9.9.9"], "searches": ["x"], "options": [{"name": "ndots", "value": "2"}]},
            ),
            (["9.9.9.9"], ["x"], ["ndots:2"]),
        ),
    ],
)
def test_dns(subject: Pod, expected: tuple[list[str], list[str], list[str]]) -> None:
    made = make_dns_config(CONFIG, subject, "nameserver 1.1.1.1\nsearch lan.\noptions edns0\n")
    assert (made["servers"], made["searches"], made["options"]) == expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, "p"),
        ({"hostname": "h"}, "h"),
        ({"hostname": "h", "subdomain": "s"}, "h"),
        ({"hostname": "h", "subdomain": "s", "setHostnameAsFQDN": True}, "h.s.d.svc.cluster.local"),
        ({"hostnameOverride": "other"}, "other"),
    ],
)
def test_hostname(spec: dict[str, Any], expected: str) -> None:
    assert hostname_of(CONFIG, pod(**spec)) == expected


def test_expansion() -> None:
    assert expand("$(A) $$(A) $(B) $A $$", {"A": "1"}) == "1 $(A) $(B) $A $"


def test_rotation_keeps_so_many_files(tmp_path: Path) -> None:
    log = tmp_path / "0.log"
    for step in range(6):
        log.write_text("x" * 10)
        assert move_away(log, 10, 3, NOW + step) is not None
    log.write_text("small")
    assert move_away(log, 10, 3, NOW + 9) is None
    names = sorted(each.name for each in tmp_path.iterdir())
    assert names == ["0.log", "0.log.19700101-001644.gz", "0.log.19700101-001645"]


@pytest.mark.parametrize(
    ("policy", "code", "written", "expected"),
    [
        ("File", 1, "words", "words"),
        ("File", 1, "x" * 5000 + "end", "x" * 4093 + "end"),
        ("File", 1, "", "from the runtime"),
        ("FallbackToLogsOnError", 1, "", "one\ntwo"),
        ("FallbackToLogsOnError", 0, "", "from the runtime"),
        ("FallbackToLogsOnError", 1, "words", "words"),
    ],
)
def test_last_words(tmp_path: Path, policy: str, code: int, written: str, expected: str) -> None:
    (tmp_path / "message").write_text(written)
    entries = ("stdout F one", "stderr P tw", "stderr P o")
    (tmp_path / "log").write_text("".join(f"2026-01-01T00:00:00Z {each}\n" for each in entries))
    status = exited(
        "c",
        code,
        message="from the runtime",
        log_path=str(tmp_path / "log"),
        mounts={"/dev/termination-log": str(tmp_path / "message")},
        annotations={TERMINATION_MESSAGE_PATH: "/dev/termination-log", TERMINATION_MESSAGE_POLICY: policy},
    )
    assert read_termination_message(status) == expected
