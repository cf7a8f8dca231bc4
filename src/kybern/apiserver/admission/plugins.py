"""The list of admission plugins, in upstream's order. Webhooks and policies will stand before the quota."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kybern.apiserver.admission.certificates import Certificates
from kybern.apiserver.admission.chain import Plugin
from kybern.apiserver.admission.defaults import (
    DefaultIngressClass,
    DefaultStorageClass,
    TaintNodesByCondition,
)
from kybern.apiserver.admission.escalation import Escalation
from kybern.apiserver.admission.lookup import Lookup
from kybern.apiserver.admission.namespace_lifecycle import NamespaceLifecycle
from kybern.apiserver.admission.node_restriction import NodeRestriction
from kybern.apiserver.admission.pod_defaults import DefaultTolerationSeconds, Priority, RuntimeClass
from kybern.apiserver.admission.service_account import ServiceAccount

if TYPE_CHECKING:
    from kybern.apiserver.authorization.authorizer import Authorizer
    from kybern.apiserver.authorization.rbac import Rbac
    from kybern.base.ids import Ids


def plugins(
    lookup: Lookup, ids: "Ids", authorizer: "Authorizer", rbac: "Rbac", modes: Sequence[str]
) -> Sequence[Plugin]:
    """`modes`: of authorisation; what narrows them down is there only with them."""
    chosen: list[Plugin] = [
        NamespaceLifecycle(lookup),
        ServiceAccount(lookup, ids),
        TaintNodesByCondition(),
        Priority(lookup),
        DefaultTolerationSeconds(),
        DefaultStorageClass(lookup),
        RuntimeClass(lookup),
        Certificates(authorizer),
        DefaultIngressClass(lookup),
    ]
    if "Node" in modes:
        chosen.insert(1, NodeRestriction(lookup))
    if "RBAC" in modes and "AlwaysAllow" not in modes:
        chosen.append(Escalation(rbac, authorizer))
    return chosen
