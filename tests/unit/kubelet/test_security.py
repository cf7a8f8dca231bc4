"""Security contexts as the runtime takes them."""

from pathlib import Path
from typing import Any

import pytest

from kybern.kubelet.pod_spec import find_container
from kybern.kubelet.ports import ConfigNotReady
from kybern.kubelet.runtime.views import Image
from kybern.kubelet.security import container_security, sandbox_security

from .worlds import container, pod

SECCOMP = Path("/var/lib/kubelet/seccomp")


def image(uid: int | None = None, username: str = "") -> Image:
    return Image("i", (), (), 0, uid, username, False)


def made(own: dict[str, Any] | None = None, found: Image | None = None, **shared: Any) -> dict[str, Any]:
    subject = pod(container("c", securityContext=own or {}), securityContext=shared)
    chosen = find_container(subject, "c")
    assert chosen is not None
    return container_security(subject, chosen[1], found or image(), SECCOMP)


def test_with_no_wishes_the_image_decides() -> None:
    plain = made(found=image(uid=7))
    assert plain["run_as_user"] == {"value": 7}
    assert "run_as_group" not in plain
    assert plain["seccomp"] == {"profile_type": 1}
    assert (plain["privileged"], plain["no_new_privs"], plain["readonly_rootfs"]) == (False, False, False)
    assert "/proc/kcore" in plain["masked_paths"]
    assert made(found=image(username="app"))["run_as_username"] == "app"
    assert made()["run_as_user"] == {"value": 0}


def test_the_containers_wishes_come_before_the_pods() -> None:
    both = made({"runAsUser": 1, "seccompProfile": {"type": "Unconfined"}}, runAsUser=2, runAsGroup=3,
                seccompProfile={"type": "RuntimeDefault"})  # fmt: skip
    assert (both["run_as_user"], both["run_as_group"]) == ({"value": 1}, {"value": 3})
    assert both["seccomp"] == {"profile_type": 1}
    assert made(seccompProfile={"type": "RuntimeDefault"})["seccomp"] == {"profile_type": 0}
    local = made(seccompProfile={"type": "Localhost", "localhostProfile": "a.json"})
    assert local["seccomp"] == {"profile_type": 2, "localhost_ref": f"{SECCOMP}/a.json"}


def test_groups_and_capabilities() -> None:
    found = made({"capabilities": {"add": ["SYS_TIME"], "drop": ["ALL"]}}, fsGroup=5, supplementalGroups=[6, 7])
    assert found["supplemental_groups"] == [5, 6, 7]
    assert found["capabilities"] == {"add_capabilities": ["SYS_TIME"], "drop_capabilities": ["ALL"]}


def test_what_opens_and_what_shuts() -> None:
    found = made({"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "procMount": "Unmasked"})
    assert (found["no_new_privs"], found["readonly_rootfs"]) == (True, True)
    assert "masked_paths" not in found


@pytest.mark.parametrize(
    ("own", "found", "problem"),
    [
        ({"runAsNonRoot": True}, image(uid=5), ""),
        ({"runAsNonRoot": True, "runAsUser": 5}, image(), ""),
        ({"runAsNonRoot": True}, image(), "container has runAsNonRoot and image will run as root"),
        ({"runAsNonRoot": True, "runAsUser": 0}, image(), "container's runAsUser breaks non-root policy"),
        ({"runAsNonRoot": True}, image(username="app"), "cannot verify user is non-root"),
    ],
)
def test_root_where_it_must_not_be(own: dict[str, Any], found: Image, problem: str) -> None:
    if not problem:
        made(own, found)
        return
    with pytest.raises(ConfigNotReady) as caught:
        made(own, found)
    assert problem in str(caught.value)
    assert str(caught.value).endswith('(pod: "p_d(u)", container: c)')


def test_the_sandbox_allows_for_its_containers() -> None:
    assert sandbox_security(pod())["privileged"] is False
    privileged = pod(container("c", securityContext={"privileged": True}), hostPID=True, hostIPC=True)
    found = sandbox_security(privileged)
    assert found["privileged"] is True
    assert found["namespace_options"] == {"network": 0, "pid": 2, "ipc": 2}


def test_a_user_namespace_is_refused_and_not_left_out() -> None:
    with pytest.raises(ConfigNotReady, match="does not support user namespaces"):
        sandbox_security(pod(hostUsers=False))
