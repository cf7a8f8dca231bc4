"""/metrics under upstream's names."""

from prometheus_client.parser import text_string_to_metric_families

from tests.cluster.api_server import CORE, Api, api_server, config_map


async def _sample(api: Api, sample: str, path: str = "/metrics", /, **labels: str) -> float:
    """The sum of the series that have these labels."""
    text = (await api("GET", path)).body
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    found = [each for each in samples if each.name == sample and labels.items() <= each.labels.items()]
    return sum(each.value for each in found)


async def test_requests_are_counted_by_what_they_ask() -> None:
    async with api_server() as api:
        await api.create(f"{CORE}/configmaps", config_map("c"))
        await api("GET", f"{CORE}/configmaps/c")
        await api("GET", f"{CORE}/configmaps/absent")
        await api("POST", f"{CORE}/configmaps", config_map("d"), dryRun="All")
        what = {"resource": "configmaps", "group": "", "version": "v1", "component": "apiserver"}
        assert await _sample(api, "apiserver_request_total", verb="POST", code="201", dry_run="", **what) == 1
        assert await _sample(api, "apiserver_request_total", verb="POST", dry_run="All", **what) == 1
        assert await _sample(api, "apiserver_request_total", verb="GET", code="404", scope="resource", **what) == 1
        name = "apiserver_request_duration_seconds_count"
        assert await _sample(api, name, verb="GET", **what) == 2
        assert await _sample(api, "apiserver_request_duration_seconds_bucket", verb="GET", le="60", **what) == 2


async def test_verbs_are_those_of_http_but_for_a_few() -> None:
    async with api_server() as api:
        path = f"{CORE}/configmaps/c"
        await api.create(f"{CORE}/configmaps", config_map("c"))
        await api("PUT", path, config_map("c", a="b"))
        await api.patch(path, {"data": {"a": "c"}})
        config = {"kind": "ConfigMap", "apiVersion": "v1", **config_map("c")}
        await api.patch(path, config, "application/apply-patch+yaml", fieldManager="m")
        await api("GET", f"{CORE}/configmaps")
        await api("DELETE", f"{CORE}/configmaps")
        await api("GET", f"{CORE}/pods/p/log")
        told = {
            (verb, scope): await _sample(
                api, "apiserver_request_total", resource="configmaps", verb=verb, scope=scope, component="apiserver"
            )
            for verb, scope in (
                ("POST", "resource"),
                ("PUT", "resource"),
                ("PATCH", "resource"),
                ("APPLY", "resource"),
                ("LIST", "namespace"),
                ("DELETE", "namespace"),
            )
        }
        assert set(told.values()) == {1}, told
        assert await _sample(api, "apiserver_request_total", resource="pods", subresource="log", verb="CONNECT") == 1


async def test_objects_watches_and_events_are_counted() -> None:
    async with api_server() as api:
        before = await _sample(api, "apiserver_storage_objects", resource="configmaps")
        watch = await api.watch(f"{CORE}/configmaps")
        await api.create(f"{CORE}/configmaps", config_map("c"))
        await watch.take(1)
        assert await _sample(api, "apiserver_storage_objects", resource="configmaps") == before + 1
        assert await _sample(api, "apiserver_longrunning_requests", resource="configmaps", verb="WATCH") == 1
        assert await _sample(api, "apiserver_watch_events_total", resource="configmaps") == 1


async def test_flow_control_tells_its_seats() -> None:
    async with api_server() as api:
        await api("GET", f"{CORE}/configmaps")
        assert await _sample(api, "apiserver_flowcontrol_nominal_limit_seats", priority_level="workload-low") == 245
        assert await _sample(api, "apiserver_flowcontrol_current_executing_seats", priority_level="exempt") == 1


async def test_health_checks_are_counted() -> None:
    """Only where all of a path are asked, and none that is left out."""
    slis, what = "/metrics/slis", {"name": "ping", "type": "readyz"}
    async with api_server() as api:
        assert (await api("GET", slis)).body == ""
        await api("GET", "/readyz")
        await api("GET", "/readyz")
        await api("GET", "/readyz/ping")
        await api("GET", "/readyz", exclude="ping")
        assert await _sample(api, "kubernetes_healthcheck", slis, **what) == 1
        assert await _sample(api, "kubernetes_healthchecks_total", slis, status="success", **what) == 2
        assert await _sample(api, "kubernetes_healthchecks_total", slis, status="success", type="livez") == 0
