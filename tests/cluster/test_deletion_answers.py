"""What a deletion is answered with."""

from tests.cluster.api_server import CORE, api_server

JOBS = "/apis/batch/v1/namespaces/default/jobs"
TEMPLATE = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "example.com/app:v1"}]}}
CLASSES = "/apis/storage.k8s.io/v1/volumeattributesclasses"


async def test_some_kinds_are_shown_once_more() -> None:
    async with api_server() as api:
        await api.create(CLASSES, {"metadata": {"name": "c"}, "driverName": "d.example.com", "parameters": {"a": "b"}})
        assert (await api("DELETE", f"{CLASSES}/c")).body["kind"] == "VolumeAttributesClass"
        await api.create(f"{CORE}/configmaps", {"metadata": {"name": "c"}})
        assert (await api("DELETE", f"{CORE}/configmaps/c")).body["kind"] == "Status"


async def test_who_says_nothing_of_a_jobs_pods_is_warned() -> None:
    async with api_server() as api:
        for name in ("a", "b"):
            await api.create(JOBS, {"metadata": {"name": name}, "spec": {"template": TEMPLATE}})
        assert not (await api("DELETE", f"{JOBS}/a", propagationPolicy="Background")).warnings
        [warning] = (await api("DELETE", f"{JOBS}/b")).warnings
        assert "child pods are preserved by default" in warning


async def test_a_second_default_class_is_refused_before_its_name() -> None:
    async with api_server() as api:
        path = "/apis/scheduling.k8s.io/v1/priorityclasses"
        default = {"metadata": {"name": "p"}, "value": 1, "globalDefault": True}
        await api.create(path, default)
        assert (await api("POST", path, default)).status == 403
        assert (await api.patch(f"{path}/p", {"description": "d"})).status == 200


async def test_the_first_deletion_of_a_namespace_says_what_becomes_of_dependents() -> None:
    async with api_server() as api:
        await api.create("/api/v1/namespaces", {"metadata": {"name": "n", "finalizers": ["example.com/a"]}})
        first = await api("DELETE", "/api/v1/namespaces/n", propagationPolicy="Foreground")
        assert first.body["metadata"]["finalizers"] == ["example.com/a", "foregroundDeletion"]
        assert first.body["status"]["phase"] == "Terminating"
        second = await api("DELETE", "/api/v1/namespaces/n", propagationPolicy="Orphan")
        assert second.body["metadata"]["finalizers"] == ["example.com/a", "foregroundDeletion"]
