"""What a container may and may not is what its security context says, in a real container."""

import os

import pytest

from kybern.kubelet.kubelet_config import KubeletConfig
from kybern.kubelet.run import Kubelet

from .kubelets import container, is_ready, pod_of, running, status_of, until, write

pytestmark = pytest.mark.root

SLEEP = "exec sleep 100000"


async def said(kubelet: Kubelet, pod: str, script: str, index: int = 0) -> list[str]:
    """The lines that a shell prints in a container."""
    status = status_of(kubelet, pod, index)
    assert status is not None
    id = status.container_id.partition("://")[2]
    result = await kubelet.runtime.exec_sync(id, ["/bin/sh", "-c", script], 20)
    return (result.stdout + result.stderr).decode().splitlines()


async def test_a_confined_pod(config: KubeletConfig) -> None:
    own = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
    }
    shared = {
        "runAsUser": 1000,
        "runAsGroup": 2000,
        "fsGroup": 3000,
        "supplementalGroups": [4000],
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
        "sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "7"}],
    }
    main = container("main", SLEEP, securityContext=own, volumeMounts=[{"name": "work", "mountPath": "/work"}])
    spec = {
        "terminationGracePeriodSeconds": 1,
        "securityContext": shared,
        "volumes": [{"name": "work", "emptyDir": {}}],
        "containers": [main],
    }
    write(config, "confined", spec)
    async with running(config) as kubelet:
        await until(lambda: is_ready(kubelet, "confined"))
        assert await said(kubelet, "confined", "id") == ["uid=1000 gid=2000 groups=2000,3000,4000"]
        # 0x400 is CAP_NET_BIND_SERVICE; a user that is not root has it only in the bounding set.
        lines = await said(kubelet, "confined", "grep -E 'CapBnd|NoNewPrivs|Seccomp:' /proc/self/status")
        assert [line.split()[1].lstrip("0") for line in lines] == ["400", "1", "2"]
        assert await said(kubelet, "confined", "touch /x") == ["touch: /x: Read-only file system"]
        assert await said(kubelet, "confined", "stat -c %a:%g /work; touch /work/x; stat -c %g /work/x") == [
            "2777:3000",
            "3000",
        ]
        assert await said(kubelet, "confined", "cat /proc/sys/net/ipv4/ip_unprivileged_port_start") == ["7"]


async def test_a_privileged_container_beside_one_that_is_not(config: KubeletConfig) -> None:
    main = container("main", SLEEP, securityContext={"privileged": True})
    spec = {"terminationGracePeriodSeconds": 1, "containers": [main, container("plain", SLEEP)]}
    write(config, "privileged", {**spec, "shareProcessNamespace": True})
    async with running(config) as kubelet:
        await until(lambda: is_ready(kubelet, "privileged"))
        sys_admin = 1 << 21
        script = "grep CapEff /proc/self/status | cut -f2"
        assert int((await said(kubelet, "privileged", script))[0], 16) & sys_admin
        assert not int((await said(kubelet, "privileged", script, 1))[0], 16) & sys_admin
        assert "/pause" in " ".join(await said(kubelet, "privileged", "ps", 1))
        # What is masked in one is open in the other.
        probe = "head -c1 /proc/kcore >/dev/null 2>&1 && echo open || echo shut; mount | grep -c '/proc/sys'"
        assert (await said(kubelet, "privileged", probe, 1))[1] == "1"
        assert (await said(kubelet, "privileged", probe))[1] == "0"


async def test_root_where_it_must_not_be(config: KubeletConfig) -> None:
    def waiting(name: str, index: int = 0) -> str:
        status = status_of(kubelet, name, index)
        state = status.state.waiting if status and status.state else None
        return f"{state.reason}: {state.message}" if state else ""

    rule = {"runAsNonRoot": True}
    image = container("image", SLEEP, securityContext=rule)
    own = container("own", SLEEP, securityContext={**rule, "runAsUser": 0})
    write(config, "root", {"containers": [image, own]})
    async with running(config) as kubelet:
        await until(lambda: "CreateContainerConfigError" in waiting("root", 1))
        pod = pod_of(kubelet, "root")
        assert pod is not None
        subject = f'(pod: "{pod.metadata.name}_default({pod.metadata.uid})", container: '
        refused = "CreateContainerConfigError: container"
        assert waiting("root") == f"{refused} has runAsNonRoot and image will run as root {subject}image)"
        assert waiting("root", 1) == f"{refused}'s runAsUser breaks non-root policy {subject}own)"


async def test_names_and_name_servers(config: KubeletConfig) -> None:
    spec = {
        "terminationGracePeriodSeconds": 1,
        "hostname": "db",
        "subdomain": "shop",
        "hostAliases": [{"ip": "192.0.2.1", "hostnames": ["old", "older"]}],
        "dnsPolicy": "None",
        "dnsConfig": {
            "nameservers": ["192.0.2.53"],
            "searches": ["example.com"],
            "options": [{"name": "ndots", "value": "3"}, {"name": "edns0"}],
        },
        "containers": [container("main", SLEEP)],
    }
    write(config, "named", spec)
    async with running(config) as kubelet:
        await until(lambda: is_ready(kubelet, "named"))
        pod = pod_of(kubelet, "named")
        assert pod is not None
        hosts = await said(kubelet, "named", "cat /etc/hosts")
        assert hosts[0] == "# Kubernetes-managed hosts file."
        assert f"{pod.status.pod_ip}\tdb.shop.default.svc.cluster.local\tdb" in hosts
        assert hosts[-2:] == ["# Entries added by HostAliases.", "192.0.2.1\told\tolder"]
        assert await said(kubelet, "named", "cat /etc/resolv.conf; hostname") == [
            "search example.com",
            "nameserver 192.0.2.53",
            "options ndots:3 edns0",
            "db",
        ]


async def test_the_nodes_namespaces(config: KubeletConfig) -> None:
    spec = {"hostNetwork": True, "hostPID": True, "hostIPC": True, "terminationGracePeriodSeconds": 1}
    write(config, "node", {**spec, "containers": [container("main", SLEEP)]})
    async with running(config) as kubelet:
        await until(lambda: is_ready(kubelet, "node"))
        script = "for each in net pid ipc mnt; do readlink /proc/self/ns/$each; done"
        found = await said(kubelet, "node", script)
        own = [os.readlink(f"/proc/self/ns/{each}") for each in ("net", "pid", "ipc", "mnt")]
        assert found[:3] == own[:3]
        assert found[3] != own[3]
        hosts = await said(kubelet, "node", "head -1 /etc/hosts")
        assert hosts == ["# Kubernetes-managed hosts file (host network)."]
        pod = pod_of(kubelet, "node")
        assert pod is not None
        assert pod.status.pod_ip == pod.status.host_ip == config.node_ips[0]
