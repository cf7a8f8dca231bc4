"""kubectl on custom resources: what a person types, and what it prints."""

import json
from pathlib import Path

import pytest

from tests.cluster.test_kubectl_protobuf import Kubectl, served

DEFINITION = b"""
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: crontabs.stable.example.com}
spec:
  group: stable.example.com
  scope: Namespaced
  names: {plural: crontabs, kind: CronTab, shortNames: [ct], categories: [all]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources:
      status: {}
      scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}
    additionalPrinterColumns:
    - {name: Spec, type: string, jsonPath: .spec.cronSpec}
    - {name: Replicas, type: integer, jsonPath: .spec.replicas}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            description: What to run.
            x-kubernetes-validations:
            - {rule: self.replicas <= 10, message: at most ten}
            properties:
              cronSpec: {type: string, pattern: '^[0-9*/ ]+$', description: When to run.}
              replicas: {type: integer, minimum: 1, default: 1}
          status: {type: object, properties: {replicas: {type: integer}}}
"""
OBJECT = """
apiVersion: stable.example.com/v1
kind: CronTab
metadata: {name: %s}
spec: {cronSpec: "%s"%s}
"""


def crontab(name: str, spec: str = "* * * * */5", more: str = "") -> bytes:
    return (OBJECT % (name, spec, more)).encode()


async def install(kubectl: Kubectl) -> None:
    made = await kubectl("apply", "-f", "-", body=DEFINITION)
    assert made == b"customresourcedefinition.apiextensions.k8s.io/crontabs.stable.example.com created\n"
    await kubectl("wait", "--for=condition=established", "crd/crontabs.stable.example.com", "--timeout=20s")


@pytest.mark.parametrize("version", ["1.36", "1.32"])
async def test_the_life_of_a_custom_resource(tmp_path: Path, version: str) -> None:
    async with served(tmp_path, version) as kubectl:
        await install(kubectl)
        assert b"created" in await kubectl("apply", "-f", "-", body=crontab("a"))
        table = (await kubectl("get", "ct")).decode().splitlines()
        assert [line.split() for line in table] == [
            ["NAME", "SPEC", "REPLICAS"],
            ["a", "*", "*", "*", "*", "*/5", "1"],
        ]
        assert b"crontab.stable.example.com/a" in await kubectl("get", "all")
        assert b"configured" in await kubectl("apply", "-f", "-", body=crontab("a", "1 * * * *"))
        assert b"scaled" in await kubectl("scale", "--replicas=3", "ct/a")
        assert b"patched" in await kubectl("patch", "ct/a", "--type=merge", "-p", '{"spec":{"replicas":4}}')
        assert b"serverside-applied" in await kubectl(
            "apply", "--server-side", "--force-conflicts", "-f", "-", body=crontab("a", "2 * * * *")
        )
        stored = json.loads(await kubectl("get", "ct", "a", "-o", "json"))
        assert stored["spec"] == {"cronSpec": "2 * * * *", "replicas": 4}
        explained = (await kubectl("explain", "ct.spec")).decode()
        assert "What to run." in explained
        assert "cronSpec\t<string>" in explained
        assert b"Cron Spec:" in await kubectl("describe", "ct", "a")
        assert b"deleted" in await kubectl("delete", "ct", "--all")
        assert b"deleted" in await kubectl("delete", "crd", "crontabs.stable.example.com")
        assert b"crontabs" not in await kubectl("api-resources")


async def test_refusals_are_told(tmp_path: Path) -> None:
    async with served(tmp_path) as kubectl:
        await install(kubectl)
        code, _, error = await kubectl.run("apply", "-f", "-", body=crontab("b", "x", ", replicas: 0"))
        assert code == 1
        assert error.decode().splitlines() == [
            'The CronTab "b" is invalid: ',
            "* spec.cronSpec: Invalid value: \"x\": spec.cronSpec in body should match '^[0-9*/ ]+$'",
            "* spec.replicas: Invalid value: 0: spec.replicas in body should be greater than or equal to 1",
        ]
        _, _, error = await kubectl.run("create", "-f", "-", body=crontab("b", more=", replicas: 11"))
        assert error.decode() == 'The CronTab "b" is invalid: spec: Invalid value: at most ten\n'
        _, _, error = await kubectl.run("create", "-f", "-", body=crontab("b", more=", odd: 1"))
        assert 'strict decoding error: unknown field "spec.odd"' in error.decode()
