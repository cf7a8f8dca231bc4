"""Helm 4 installs, upgrades, tests, rolls back and takes away charts of three kinds."""

from pathlib import Path

import pytest

from tests.scenarios.vocabulary import Ended, User
from tests.tools import helm

CHARTS = Path(__file__).parent / "charts"


class HelmUser:
    """A user who types helm."""

    def __init__(self, user: User) -> None:
        self.user = user

    def __call__(self, line: str) -> Ended:
        return self.user.types(f"{helm()} --namespace {self.user.namespace} {line}", within=400)


@pytest.fixture
def types_helm(user: User) -> HelmUser:
    return HelmUser(user)


def test_a_web_service_from_install_to_uninstall(user: User, types_helm: HelmUser) -> None:
    types_helm(f"install shop {CHARTS / 'web'} --wait --timeout 180s").mentions(
        "STATUS: deployed", "REVISION: 1", "Ask http://shop."
    )
    user.kubectl("get deploy shop").mentions("shop 2/2 2 2")
    user.kubectl("get ingress/shop pdb/shop networkpolicy/shop secret/shop sa/shop -o name").succeeds()
    types_helm(f"upgrade shop {CHARTS / 'web'} --set tag=v1.4.3,greeting=good\\ day --wait --timeout 180s").mentions(
        "REVISION: 2", "STATUS: deployed"
    )
    user.kubectl("exec deploy/shop -- sh -c 'echo $GREETING'").mentions("good day")
    types_helm("test shop --timeout 180s").mentions("Phase: Succeeded")
    types_helm("rollback shop 1 --wait --timeout 180s").mentions("Rollback was a success")
    user.kubectl("get deploy shop -o jsonpath={.spec.template.spec.containers[0].image}").mentions("v1.4.2")
    types_helm("history shop").mentions("superseded", "Rollback to 1")
    types_helm("get values shop --all").mentions("greeting: hello")
    types_helm("uninstall shop --wait --timeout 180s").mentions('release "shop" uninstalled')
    user.kubectl("get deploy,svc,ingress,pdb,networkpolicy,cm -o name").prints("configmap/kube-root-ca.crt")


def test_a_chart_with_definitions_and_their_objects(user: User, types_helm: HelmUser) -> None:
    types_helm(f"install op {CHARTS / 'operator'} --wait --timeout 180s").mentions("STATUS: deployed")
    user.kubectl("get wd").prints("""
        NAME   SIZE   AGE
        op     5      …s
    """)
    user.kubectl("get widget op -o jsonpath={.spec.mode}").prints("fast")
    refused = types_helm(f"upgrade op {CHARTS / 'operator'} --set size=500")
    assert refused.done.code != 0
    refused.warns("a widget is smaller than 100")
    user.kubectl("scale widget op --replicas=7").prints("widget.example.com/op scaled")
    account = f"system:serviceaccount:{user.namespace}:op"
    user.kubectl(f"auth can-i patch widgets/op --subresource=status --as={account}").prints("yes")
    types_helm("uninstall op --wait --timeout 180s").succeeds()
    user.kubectl("get widgets").warns("No resources found")


def test_hooks_run_before_and_after_and_hold_back_what_fails(user: User, types_helm: HelmUser) -> None:
    types_helm(f"install nightly {CHARTS / 'batch'} --wait --timeout 180s").mentions("STATUS: deployed")
    user.kubectl("get jobs").mentions("nightly-pre-install Complete 1/1").omits("nightly-post-upgrade")
    types_helm(f"upgrade nightly {CHARTS / 'batch'} --wait --timeout 180s").mentions("REVISION: 2")
    user.kubectl("get jobs").mentions("nightly-post-upgrade Complete 1/1")
    failed = types_helm(f"upgrade nightly {CHARTS / 'batch'} --set-string ends=false --timeout 60s")
    assert failed.done.code != 0
    failed.warns("post-upgrade hooks failed")
    types_helm("status nightly").mentions("STATUS: failed")
    user.kubectl("get cronjob nightly").mentions("0 3 * * *")
