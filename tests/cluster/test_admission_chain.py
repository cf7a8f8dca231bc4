"""Admission as a client meets it: bounds, quotas, Pod security, and what the server fills in."""

import asyncio
from typing import Any

from kybern.apiserver.user import authenticated
from tests.cluster.api_server import CORE, Api, api_server, config_map, pod

STRICT_LABELS = {"pod-security.kubernetes.io/enforce": "restricted"}
SAFE = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def limit_range(name: str, **item: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"limits": [{"type": "Container", **item}]}}


def with_resources(name: str, **resources: Any) -> dict[str, Any]:
    made = pod(name)
    made["spec"]["containers"][0]["resources"] = resources
    return made


async def quota(api: Api, hard: dict[str, str], used: dict[str, str] | None = None, **spec: Any) -> None:
    """A quota whose controller has counted."""
    body = {"metadata": {"name": "q"}, "spec": {"hard": hard, **spec}}
    made = await api.create(f"{CORE}/resourcequotas", body)
    made["status"] = {"hard": hard, "used": dict.fromkeys(hard, "0") | (used or {})}
    answer = await api("PUT", f"{CORE}/resourcequotas/q/status", made)
    assert answer.status == 200, answer


async def used(api: Api) -> Any:
    return (await api.get(f"{CORE}/resourcequotas/q"))["status"]["used"]


async def test_limit_ranges_default_and_bound() -> None:
    async with api_server() as api:
        bounds = limit_range(
            "r", min={"cpu": "100m"}, max={"cpu": "1"}, default={"cpu": "500m"}, defaultRequest={"cpu": "200m"}
        )
        await api.create(f"{CORE}/limitranges", bounds)
        made = await api.create(f"{CORE}/pods", pod("filled"))
        resources = made["spec"]["containers"][0]["resources"]
        assert resources == {"limits": {"cpu": "500m"}, "requests": {"cpu": "200m"}}
        note = "LimitRanger plugin set: cpu request for container c; cpu limit for container c"
        assert made["metadata"]["annotations"]["kubernetes.io/limit-ranger"] == note
        refused = await api("POST", f"{CORE}/pods", with_resources("x", requests={"cpu": "50m"}))
        assert refused.status == 403
        assert refused.message == ('pods "x" is forbidden: minimum cpu usage per Container is 100m, but request is 50m')
        refused = await api("POST", f"{CORE}/pods", with_resources("x", limits={"cpu": "2"}))
        assert refused.message == 'pods "x" is forbidden: maximum cpu usage per Container is 1, but limit is 2'


async def test_limit_ranges_of_pods_claims_and_ratios() -> None:
    async with api_server() as api:
        items = [
            {"type": "Pod", "max": {"memory": "1Gi"}, "maxLimitRequestRatio": {"cpu": "2"}},
            {"type": "PersistentVolumeClaim", "min": {"storage": "1Gi"}, "max": {"storage": "2Gi"}},
        ]
        await api.create(f"{CORE}/limitranges", {"metadata": {"name": "r"}, "spec": {"limits": items}})
        refused = await api(
            "POST",
            f"{CORE}/pods",
            with_resources("x", limits={"cpu": "1", "memory": "2Gi"}, requests={"cpu": "100m"}),
        )
        assert refused.message == (
            'pods "x" is forbidden: [maximum memory usage per Pod is 1Gi, but limit is 2Gi, '
            "cpu max limit to request ratio per Pod is 2, but provided ratio is 10.000000]"
        )
        claim = {
            "metadata": {"name": "c"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "500Mi"}}},
        }
        refused = await api("POST", f"{CORE}/persistentvolumeclaims", claim)
        assert refused.message == (
            'persistentvolumeclaims "c" is forbidden: minimum storage usage per PersistentVolumeClaim is 1Gi, '
            "but request is 500Mi"
        )


async def test_quota_is_charged_and_refuses() -> None:
    async with api_server() as api:
        await quota(api, {"pods": "2", "count/configmaps": "1"})
        for name in ("a", "b"):
            await api.create(f"{CORE}/pods", pod(name))
        refused = await api("POST", f"{CORE}/pods", pod("c"))
        assert refused.status == 403
        assert refused.message == (
            'pods "c" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2'
        )
        assert await used(api) == {"pods": "2", "count/configmaps": "0"}
        dry = await api("POST", f"{CORE}/configmaps", config_map("m"), dryRun="All")
        assert dry.status == 201
        assert (await used(api))["count/configmaps"] == "0"
        await api.create(f"{CORE}/configmaps", config_map("m"))
        refused = await api("POST", f"{CORE}/configmaps", config_map("n"), dryRun="All")
        assert "exceeded quota: q, requested: count/configmaps=1" in refused.message


async def test_quota_demands_resources_and_a_count() -> None:
    async with api_server() as api:
        await api.create(f"{CORE}/resourcequotas", {"metadata": {"name": "q"}, "spec": {"hard": {"pods": "1"}}})
        assert (await api("POST", f"{CORE}/pods", pod("free"))).status == 201
        body = await api.get(f"{CORE}/resourcequotas/q")
        body["status"] = {"hard": {"cpu": "1", "limits.memory": "1Gi"}}
        assert (await api("PUT", f"{CORE}/resourcequotas/q/status", body)).status == 200
        refused = await api("POST", f"{CORE}/pods", pod("x"))
        assert refused.message == (
            'pods "x" is forbidden: failed quota: q: must specify cpu for: c; limits.memory for: c'
        )
        given = with_resources("x", limits={"cpu": "1", "memory": "1Gi"})
        refused = await api("POST", f"{CORE}/pods", given)
        assert refused.message == 'pods "x" is forbidden: status unknown for quota: q, resources: cpu,limits.memory'


async def test_fifty_creators_do_not_overshoot() -> None:
    async with api_server() as api:
        await quota(api, {"pods": "20"})
        answers = await asyncio.gather(*(api("POST", f"{CORE}/pods", pod(f"p-{index}")) for index in range(50)))
        assert sorted({answer.status for answer in answers}) == [201, 403]
        assert sum(answer.status == 201 for answer in answers) == 20
        assert await used(api) == {"pods": "20"}


async def test_what_was_not_stored_is_not_charged() -> None:
    async with api_server() as api:
        await quota(api, {"count/configmaps": "5"})
        await api.create(f"{CORE}/configmaps", config_map("m"))
        assert (await api("POST", f"{CORE}/configmaps", config_map("m"))).status == 409
        assert await used(api) == {"count/configmaps": "1"}


async def test_a_sum_that_missed_new_objects_is_corrected() -> None:
    async with api_server() as api:
        await quota(api, {"count/configmaps": "3"})
        before = await api.get(f"{CORE}/resourcequotas/q")
        for name in ("a", "b"):
            await api.create(f"{CORE}/configmaps", config_map(name))
        body = await api.get(f"{CORE}/resourcequotas/q")
        body["status"]["used"] = before["status"]["used"]
        assert (await api("PUT", f"{CORE}/resourcequotas/q/status", body)).status == 200
        assert await used(api) == {"count/configmaps": "2"}


async def test_quota_scopes() -> None:
    async with api_server() as api:
        await quota(api, {"pods": "1"}, scopes=["Terminating"])
        for name in ("a", "b"):
            await api.create(f"{CORE}/pods", pod(name))
        await api.create(f"{CORE}/pods", pod("c", activeDeadlineSeconds=60))
        refused = await api("POST", f"{CORE}/pods", pod("d", activeDeadlineSeconds=60))
        assert "exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1" in refused.message


async def test_services_are_charged_by_their_type() -> None:
    async with api_server() as api:
        await quota(api, {"services.nodeports": "1", "services.loadbalancers": "0"})
        ports = [{"port": 80, "name": "a"}, {"port": 81, "name": "b"}]
        body: dict[str, Any] = {"metadata": {"name": "s"}, "spec": {"ports": ports}}
        made = await api.create(f"{CORE}/services", body)
        made["spec"]["type"] = "NodePort"
        refused = await api("PUT", f"{CORE}/services/s", made)
        assert refused.message == (
            'services "s" is forbidden: exceeded quota: q, requested: services.nodeports=2, '
            "used: services.nodeports=0, limited: services.nodeports=1"
        )


async def namespace(api: Api, name: str, labels: dict[str, str]) -> Any:
    answer = await api("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
    if answer.status == 201:
        await api.create(f"/api/v1/namespaces/{name}/serviceaccounts", {"metadata": {"name": "default"}})
    return answer


async def test_restricted_namespaces_refuse() -> None:
    async with api_server() as api:
        await namespace(api, "strict", STRICT_LABELS)
        refused = await api("POST", "/api/v1/namespaces/strict/pods", pod("x"))
        assert refused.status == 403
        assert refused.message == (
            'pods "x" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false '
            '(container "c" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities '
            '(container "c" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container '
            '"c" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container "c" must set '
            'securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")'
        )
        safe = pod("x")
        safe["spec"]["containers"][0]["securityContext"] = SAFE
        await api.create("/api/v1/namespaces/strict/pods", safe)
        template = {"metadata": {"labels": {"a": "b"}}, "spec": pod("x")["spec"]}
        spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template}
        made = await api(
            "POST", "/apis/apps/v1/namespaces/strict/deployments", {"metadata": {"name": "d"}, "spec": spec}
        )
        assert made.status == 201
        assert made.warnings[0].startswith(
            'would violate PodSecurity \\"restricted:latest\\": allowPrivilegeEscalation'
        )


async def test_labels_of_namespaces_are_checked_and_warn() -> None:
    async with api_server() as api:
        refused = await namespace(api, "odd", {"pod-security.kubernetes.io/enforce": "strict"})
        assert refused.status == 422
        assert refused.message == (
            'Namespace "odd" is invalid: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "strict": '
            "must be one of privileged, baseline, restricted"
        )
        for name in ("b", "a"):
            await api.create(f"{CORE}/pods", pod(name))
        answer = await api.patch("/api/v1/namespaces/default", {"metadata": {"labels": STRICT_LABELS}})
        assert answer.status == 200
        assert answer.warnings == [
            'existing pods in namespace \\"default\\" violate the new PodSecurity enforce level \\"restricted:latest\\"',
            "a (and 1 other pod): allowPrivilegeEscalation != false, unrestricted capabilities, runAsNonRoot != true, "
            "seccompProfile",
        ]


async def test_exemptions_of_the_configuration_file(tmp_path: Any) -> None:
    path = tmp_path / "admission.yaml"
    path.write_text(
        """
apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: PodSecurity
  configuration:
    apiVersion: pod-security.admission.config.k8s.io/v1
    kind: PodSecurityConfiguration
    defaults: {enforce: baseline, enforce-version: latest}
    exemptions: {usernames: [trusted], runtimeClasses: [], namespaces: [kube-system]}
"""
    )
    async with api_server(admission_control_config_file=path) as api:
        refused = await api("POST", f"{CORE}/pods", pod("x", hostNetwork=True))
        assert 'violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true)' in refused.message
        trusted = api.as_user(authenticated("trusted", ("system:masters",)))
        assert (await trusted("POST", f"{CORE}/pods", pod("x", hostNetwork=True))).status == 201


async def test_storage_in_use_is_protected() -> None:
    async with api_server() as api:
        spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        made = await api.create(f"{CORE}/persistentvolumeclaims", {"metadata": {"name": "c"}, "spec": spec})
        assert made["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]
        body = {
            "metadata": {"name": "v"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "capacity": {"storage": "1Gi"},
                "hostPath": {"path": "/data"},
            },
        }
        made = await api.create("/api/v1/persistentvolumes", body)
        assert made["metadata"]["finalizers"] == ["kubernetes.io/pv-protection"]


async def test_a_bound_pod_carries_its_nodes_topology() -> None:
    async with api_server() as api:
        labels = {"topology.kubernetes.io/zone": "z1", "topology.kubernetes.io/region": "r1", "other": "x"}
        await api.create("/api/v1/nodes", {"metadata": {"name": "n", "labels": labels}})
        await api.create(f"{CORE}/pods", pod("p"))
        target = {"target": {"kind": "Node", "name": "n"}}
        assert (await api("POST", f"{CORE}/pods/p/binding", {"metadata": {"name": "p"}, **target})).status == 201
        made = await api.get(f"{CORE}/pods/p")
        assert made["metadata"]["labels"] == {
            "topology.kubernetes.io/zone": "z1",
            "topology.kubernetes.io/region": "r1",
        }
