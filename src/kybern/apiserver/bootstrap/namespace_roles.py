"""Upstream's default Roles and RoleBindings in kube-system and kube-public.

Source: kubernetes/kubernetes plugin/pkg/auth/authorizer/rbac/bootstrappolicy/namespace_policy.go
"""

from kybern.api.resource import Object
from kybern.apiserver.bootstrap.rules import EVENTS, READ, account, role, role_binding, rule, user

SYSTEM, PUBLIC = "kube-system", "kube-public"
_MANAGER, _SCHEDULER = "kube-controller-manager", "kube-scheduler"
_AUTHENTICATION_READER = "extension-apiserver-authentication-reader"
_SIGNER = "system:controller:bootstrap-signer"


def roles() -> list[Object]:
    return [
        role(
            SYSTEM,
            _AUTHENTICATION_READER,
            rule(READ, "core", "configmaps", "extension-apiserver-authentication"),
        ),
        role(SYSTEM, _SIGNER, rule(READ, "core", "secrets")),
        role(SYSTEM, "system:controller:cloud-provider", rule(f"{READ} create", "core", "configmaps")),
        role(SYSTEM, "system:controller:token-cleaner", rule(f"{READ} delete", "core", "secrets"), EVENTS),
        _leader_locking(_MANAGER),
        _leader_locking(_SCHEDULER),
        role(
            PUBLIC,
            _SIGNER,
            rule(READ, "core", "configmaps"),
            rule("update", "core", "configmaps", "cluster-info"),
            EVENTS,
        ),
    ]


def _leader_locking(component: str) -> Object:
    return role(
        SYSTEM,
        f"system::leader-locking-{component}",
        rule(f"{READ} create update", "coordination.k8s.io", "leases"),
        rule(f"{READ} create update", "coordination.k8s.io", "leasecandidates"),
    )


def role_bindings() -> list[Object]:
    manager, scheduler = user(f"system:{_MANAGER}"), user(f"system:{_SCHEDULER}")
    return [
        role_binding(SYSTEM, _AUTHENTICATION_READER, [manager, scheduler], name=f"system::{_AUTHENTICATION_READER}"),
        role_binding(
            SYSTEM,
            f"system::leader-locking-{_MANAGER}",
            [manager, account(_MANAGER), account("leader-election-controller")],
        ),
        role_binding(SYSTEM, f"system::leader-locking-{_SCHEDULER}", [scheduler, account(_SCHEDULER)]),
        role_binding(SYSTEM, _SIGNER, [account("bootstrap-signer")]),
        role_binding(SYSTEM, "system:controller:cloud-provider", [account("cloud-provider")]),
        role_binding(SYSTEM, "system:controller:token-cleaner", [account("token-cleaner")]),
        role_binding(PUBLIC, _SIGNER, [account("bootstrap-signer")]),
    ]
