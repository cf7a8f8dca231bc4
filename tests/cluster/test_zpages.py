"""/statusz, /flagz, the gates that switch them off, the identity of the server, and versions that are switched off."""

import asyncio

from kybern.api.feature_gates import parse as gates
from kybern.api.runtime_config import parse as runtime_config
from kybern.apiserver.identity import lease_name
from kybern.storage.memory import MemoryBackend
from tests.cluster.api_server import CORE, Api, api_server

LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
STRUCTURED = "{};g=config.k8s.io;v={};as={}"


async def test_pages_are_text_for_people() -> None:
    async with api_server(flags={"secure-port": "6443", "bind-address": "0.0.0.0"}) as api:
        for accept in ("", "*/*", "text/plain", "text/html,*/*;q=0.8"):
            status = await api("GET", "/statusz", None, {"accept": accept})
            assert "Paths: /flagz /healthz /livez /metrics /readyz /statusz /version\n" in status.body
            flags = await api("GET", "/flagz", None, {"accept": accept})
            assert flags.body.endswith("purposes only.\nbind-address: 0.0.0.0\nsecure-port: 6443\n")


async def test_programs_name_the_form_that_they_take() -> None:
    async with api_server(flags={"secure-port": "6443"}) as api:
        asked = STRUCTURED.format("application/json", "v1beta1", "Flagz")
        answer = await api("GET", "/flagz", None, {"accept": asked})
        head = {"kind": "Flagz", "apiVersion": "config.k8s.io/v1beta1", "metadata": {"name": "apiserver"}}
        assert (answer.body, answer.warnings) == ({**head, "flags": {"secure-port": "6443"}}, [])
        old = await api(
            "GET", "/statusz", None, {"accept": STRUCTURED.format("application/yaml", "v1alpha1", "Statusz")}
        )
        assert "apiVersion: config.k8s.io/v1alpha1\n" in old.body
        assert old.warnings == ["This version of the statusz endpoint is deprecated. Please use a newer version."]


async def test_what_has_no_form_is_refused() -> None:
    async with api_server() as api:
        for accept in ("application/json", STRUCTURED.format("application/json", "v1beta1", "Flagz"), "text/html"):
            answer = await api("GET", "/statusz", None, {"accept": accept})
            told = "only the following media types are accepted: application/json, application/yaml, text/plain"
            assert (answer.status, answer.message) == (406, told)


async def test_gates_take_the_pages_away() -> None:
    async with api_server(feature_gates=gates(("ComponentFlagz=false",))) as api:
        assert (await api("GET", "/flagz", None, {"accept": "*/*"})).status == 404
        assert (await api("GET", "/statusz", None, {"accept": "*/*"})).status == 200
        assert "/flagz" not in (await api.get("/"))["paths"]


async def test_metrics_tell_of_gates() -> None:
    async with api_server(feature_gates=gates(("ComponentFlagz=false",))) as api:
        text = await api.get("/metrics")
        assert 'kubernetes_feature_enabled{name="ComponentFlagz",stage="BETA"} 0\n' in text
        assert 'kubernetes_feature_enabled{name="WatchList",stage="BETA"} 1\n' in text


async def leases(api: Api) -> list[str]:
    return (await api.names(LEASES, labelSelector="apiserver.kubernetes.io/identity=kube-apiserver")).split()


async def test_a_server_has_a_lease_and_ended_ones_go() -> None:
    backend = MemoryBackend()
    async with api_server(backend) as api:
        lease = {"metadata": {"name": "ended", "labels": {"apiserver.kubernetes.io/identity": "kube-apiserver"}}}
        await api.create(LEASES, lease)
    async with api_server(backend) as api:
        async with asyncio.timeout(60):
            while not (found := await leases(api)) or "ended" in found:
                await asyncio.sleep(0.05)
        (name,) = found
        spec = (await api.get(f"{LEASES}/{name}"))["spec"]
        assert spec["holderIdentity"].startswith(f"{name}_")
        assert spec["leaseDurationSeconds"] == 3600


def test_the_lease_of_a_host_has_upstreams_name() -> None:
    assert lease_name("vm") == "apiserver-wlv32tlttr4jl3gtroqexyxapa"


async def test_versions_and_resources_are_switched_off() -> None:
    versions = {("apps", "v1"), ("batch", "v1"), ("autoscaling", "v1"), ("", "v1")}
    off = runtime_config(("batch/v1/cronjobs=false,autoscaling/v1=false",), versions)
    async with api_server(runtime_config=off) as api:
        jobs = await api.get("/apis/batch/v1")
        assert [row["name"] for row in jobs["resources"]] == ["jobs", "jobs/status"]
        assert (await api("GET", "/apis/batch/v1/cronjobs")).status == 404
        assert (await api("GET", "/apis/batch/v1/jobs")).status == 200
        assert (await api("GET", "/apis/autoscaling/v1")).status == 404
        group = await api.get("/apis/autoscaling")
        assert [each["version"] for each in group["versions"]] == ["v2"]
        assert (await api("GET", "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers")).status == 404
        assert (await api("GET", f"{CORE}/pods")).status == 200
