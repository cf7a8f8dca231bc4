"""Addresses and ports of Services: taken before a Service is judged, given back when it does not come to be."""

from typing import Any

from tests.cluster.api_server import CORE, Answer, Api, api_server

SERVICES = f"{CORE}/services"
ADDRESSES = "/apis/networking.k8s.io/v1/ipaddresses"
RANGES = "/apis/networking.k8s.io/v1/servicecidrs"


def service(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"selector": {"a": "b"}, "ports": [{"port": 80}], **spec}}


async def post(api: Api, name: str, *, dry: bool = False, **spec: Any) -> Answer:
    return await api("POST", SERVICES, service(name, **spec), **({"dryRun": "All"} if dry else {}))


async def test_an_address_is_asked_for_before_the_name() -> None:
    async with api_server(service_cluster_ip_range="10.9.0.0/24") as api:
        assert (await post(api, "s", clusterIP="10.9.0.7")).status == 201
        again = await post(api, "s", clusterIP="10.9.0.7")
        assert (again.status, again.body["details"]["kind"]) == (422, "Service")
        assert "failed to allocate IP 10.9.0.7: provided IP is already allocated" in again.message
        assert (await post(api, "s", clusterIP="10.9.0.8")).status == 409
        assert (await post(api, "t", clusterIP="10.9.0.8")).status == 201, "the refused one gave it back"


async def test_a_dry_run_takes_nothing_and_shows_the_same_each_time() -> None:
    async with api_server(service_cluster_ip_range="10.9.0.0/24") as api:
        ports = [{"port": 80, "name": "a"}, {"port": 81, "name": "b"}]
        for _ in range(2):
            shown = (await post(api, "s", dry=True, type="NodePort", ports=ports)).body["spec"]
            assert shown["clusterIP"] == "10.9.0.0"
            assert [port["nodePort"] for port in shown["ports"]] == [32769, 32770]
        await post(api, "t", clusterIP="10.9.0.7")
        assert (await post(api, "s", dry=True, clusterIP="10.9.0.7")).status == 201
        assert (await api.names(ADDRESSES)) == "10.9.0.1 10.9.0.7"


async def test_a_refused_service_gives_back_what_it_took() -> None:
    async with api_server(service_cluster_ip_range="10.9.0.0/24") as api:
        taken = {"clusterIP": "10.9.0.7", "type": "NodePort", "ports": [{"port": 80, "nodePort": 30001}]}
        assert (await post(api, "s", sessionAffinity="nonsense", **taken)).status == 422
        assert (await post(api, "t", **taken)).status == 201


async def test_a_refused_change_leaves_others_their_ports() -> None:
    async with api_server() as api:
        await post(api, "other", type="NodePort", ports=[{"port": 80, "nodePort": 30001}])
        await post(api, "s")
        stolen = await api.patch(f"{SERVICES}/s", {"spec": {"ports": [{"port": 80, "nodePort": 30001}]}})
        assert stolen.status == 422
        again = await post(api, "t", type="NodePort", ports=[{"port": 80, "nodePort": 30001}])
        assert "provided port is already allocated" in again.message


async def test_a_change_of_type_gives_back() -> None:
    async with api_server(service_cluster_ip_range="10.9.0.0/24") as api:
        taken = {"clusterIP": "10.9.0.7", "type": "NodePort", "ports": [{"port": 80, "nodePort": 30001}]}
        await post(api, "s", **taken)
        changed = await api.patch(f"{SERVICES}/s", {"spec": {"type": "ExternalName", "externalName": "x.example"}})
        assert changed.status == 200
        assert not {"clusterIP", "ipFamilies", "internalTrafficPolicy"} & changed.body["spec"].keys()
        assert (await post(api, "t", **taken)).status == 201


async def test_ports_of_a_health_check_are_no_fault_of_a_field() -> None:
    async with api_server() as api:
        local = {"type": "LoadBalancer", "externalTrafficPolicy": "Local"}
        refused = await post(api, "s", healthCheckNodePort=80, **local)
        assert refused.status == 500
        why = "failed to allocate requested HealthCheck NodePort 80: provided port is not in the valid range."
        assert refused.body["details"]["causes"][0]["message"].startswith(why)


async def test_more_ranges() -> None:
    async with api_server(service_cluster_ip_range="10.9.0.0/24") as api:
        first = await api.get(f"{RANGES}/kubernetes")
        assert [each["status"] for each in first["status"]["conditions"]] == ["True"]
        refused = await post(api, "s", clusterIP="10.8.0.7")
        assert (
            "failed to allocate IP 10.8.0.7: the provided network does not match the current range" in refused.message
        )
        await api.create(RANGES, {"metadata": {"name": "more"}, "spec": {"cidrs": ["10.8.0.0/28"]}})
        assert (await post(api, "s", clusterIP="10.8.0.7")).status == 201
        assert (await api.get(f"{ADDRESSES}/10.8.0.7"))["spec"]["parentRef"]["name"] == "s"


async def test_a_services_endpoints_go_with_it() -> None:
    async with api_server() as api:
        await post(api, "s")
        await api.create(f"{CORE}/endpoints", {"metadata": {"name": "s"}})
        assert (await api("DELETE", f"{SERVICES}/s")).status == 200
        assert (await api("GET", f"{CORE}/endpoints/s")).status == 404
