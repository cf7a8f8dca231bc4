"""ServiceAccount `default`: in which namespaces it is made."""

import pytest

from kybern.api.types.core_v1 import Namespace, NamespaceStatus, ServiceAccount
from kybern.api.types.meta_v1 import ObjectMeta
from kybern.controllers import service_account

CASES = [("Active", False, 1), ("Active", True, 0), ("Terminating", False, 0)]


@pytest.mark.parametrize(("phase", "exists", "creates"), CASES)
def test_decide(phase: str, exists: bool, creates: int) -> None:
    namespace = Namespace(metadata=ObjectMeta(name="a"), status=NamespaceStatus(phase=phase))
    plan = service_account.decide(namespace, ServiceAccount() if exists else None)
    assert [(each.obj.metadata.namespace, each.obj.metadata.name) for each in plan.creates] == [
        ("a", "default")
    ] * creates
    assert plan.writes == creates
