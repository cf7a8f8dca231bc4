"""Claims of devices: made from templates, told, reserved, released."""

from typing import Any

import pytest

from kybern.api.types import convert
from kybern.api.types.core_v1 import Pod
from kybern.api.types.resource_v1 import ResourceClaim, ResourceClaimTemplate
from kybern.controllers import resource_claim_release, resource_claims
from kybern.controllers.resource_claim_release import FINALIZER

TEMPLATES = {
    "gpu": convert(
        {
            "metadata": {"name": "gpu", "namespace": "n"},
            "spec": {
                "metadata": {"labels": {"of": "gpu"}, "annotations": {"a": "b"}},
                "spec": {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "c"}}]}},
            },
        },
        ResourceClaimTemplate,
    )
}
ALLOCATION = {"devices": {"results": [{"request": "r", "driver": "d", "pool": "p", "device": "x"}]}}
FROM_TEMPLATE = {"name": "dev", "resourceClaimTemplateName": "gpu"}


def pod(*claims: dict[str, Any], node: str = "", told: dict[str, str] | None = None, **more: Any) -> Pod:
    statuses = [{"name": name, "resourceClaimName": claim} for name, claim in (told or {}).items()]
    whole = {
        "metadata": {"name": "p", "namespace": "n", "uid": "pod", **more.pop("metadata", {})},
        "spec": {"nodeName": node, "resourceClaims": list(claims)},
        "status": {"resourceClaimStatuses": statuses, **more},
    }
    return convert(whole, Pod)


def claim(name: str, owner: str = "pod", *, of: str = "dev", status: Any = None, **metadata: Any) -> ResourceClaim:
    owners = [{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": owner, "controller": True}] if owner else []
    annotations = {resource_claims.POD_CLAIM: of} if of else {}
    meta = {"name": name, "namespace": "n", "ownerReferences": owners, "annotations": annotations, **metadata}
    return convert({"metadata": meta, "status": status or {}}, ResourceClaim)


def claims(*each: ResourceClaim) -> dict[str, ResourceClaim]:
    return {one.metadata.name: one for one in each}


def test_a_template_becomes_a_claim_of_the_pod() -> None:
    (create,) = resource_claims.decide(pod(FROM_TEMPLATE), {}, TEMPLATES).creates
    made = create.obj
    assert isinstance(made, ResourceClaim)
    assert (made.metadata.generate_name, made.metadata.labels) == ("p-dev-", {"of": "gpu"})
    assert made.metadata.annotations == {"a": "b", "resource.kubernetes.io/pod-claim-name": "dev"}
    (owner,) = made.metadata.owner_references
    assert (owner.kind, owner.uid, owner.controller, owner.block_owner_deletion) == ("Pod", "pod", True, None)
    assert made.spec.devices is not None
    assert TEMPLATES["gpu"].spec.metadata.annotations == {"a": "b"}, "the template is left as it is"


TOLD: dict[str, tuple[Pod, dict[str, ResourceClaim], list[str] | None, int]] = {
    "made, not told": (pod(FROM_TEMPLATE), claims(claim("p-dev-1")), ["p-dev-1"], 0),
    "told": (pod(FROM_TEMPLATE, told={"dev": "p-dev-1"}), claims(claim("p-dev-1")), None, 0),
    "told, and gone": (pod(FROM_TEMPLATE, told={"dev": "p-dev-1"}), {}, None, 1),
    "told, and another Pod's": (pod(FROM_TEMPLATE, told={"dev": "x"}), claims(claim("x", "other")), None, 1),
    "made for another claim": (pod(FROM_TEMPLATE), claims(claim("p-x-1", of="x")), None, 1),
    "not needed": (pod(FROM_TEMPLATE, told={"dev": ""}), {}, None, 0),
    "named": (pod({"name": "dev", "resourceClaimName": "own"}), {}, None, 0),
}


@pytest.mark.parametrize("case", TOLD)
def test_what_is_told_and_made(case: str) -> None:
    subject, known, told, made = TOLD[case]
    plan = resource_claims.decide(subject, known, TEMPLATES)
    statuses = [each.patch["status"]["resourceClaimStatuses"] for each in plan.patches]
    assert statuses == ([[{"name": "dev", "resourceClaimName": name} for name in told]] if told else [])
    assert len(plan.creates) == made


def test_a_template_that_is_not_there_is_an_event() -> None:
    plan = resource_claims.decide(pod(FROM_TEMPLATE), {}, {})
    assert [(each.reason, each.message) for each in plan.events] == [
        (
            "FailedResourceClaimCreation",
            'PodResourceClaim dev: resource claim template "gpu": resourceclaimtemplate.resource.k8s.io "gpu" not found',
        )
    ]
    assert plan.writes == 0


def test_long_names_leave_something_of_both() -> None:
    name = resource_claims.generate_name("p" * 60, "c" * 30)
    assert len(name) <= resource_claims.PREFIX_LIMIT
    assert name.startswith("p" * 30)
    assert name.endswith("c" * 15)


USER = {"resource": "pods", "name": "p", "uid": "pod"}
OTHER = {"resource": "pods", "name": "q", "uid": "other"}
RESERVATIONS: dict[str, tuple[str, dict[str, Any], list[str] | None]] = {
    "allocated": ("node", {"allocation": ALLOCATION, "reservedFor": [OTHER]}, ["other", "pod"]),
    "reserved": ("node", {"allocation": ALLOCATION, "reservedFor": [USER]}, None),
    "not allocated": ("node", {}, None),
    "without a node": ("", {"allocation": ALLOCATION}, None),
    "taken by many": ("node", {"allocation": ALLOCATION, "reservedFor": [OTHER] * 256}, None),
}


@pytest.mark.parametrize("case", RESERVATIONS)
def test_a_pod_on_a_node_is_given_its_reservation(case: str) -> None:
    node, status, reserved = RESERVATIONS[case]
    own = claim("own", "", status=status)
    plan = resource_claims.decide(pod({"name": "dev", "resourceClaimName": "own"}, node=node), claims(own), {})
    found = [[each.uid for each in update.obj.status.reserved_for] for update in plan.status_updates]  # type: ignore[attr-defined]
    assert found == ([reserved] if reserved else [])


HELD: dict[str, Any] = {"finalizers": ["x", FINALIZER]}
GOING: dict[str, Any] = {**HELD, "deletionTimestamp": "2026-01-01T00:00:00Z"}
RELEASES: dict[str, tuple[ResourceClaim, int, tuple[int, bool] | None]] = {
    "used": (claim("c", "", status={"allocation": ALLOCATION, "reservedFor": [USER]}, **HELD), 1, None),
    "one of two": (
        claim("c", "", status={"allocation": ALLOCATION, "reservedFor": [USER, OTHER]}, **HELD),
        1,
        (1, True),
    ),
    "the last": (claim("c", "", status={"allocation": ALLOCATION, "reservedFor": [USER]}, **HELD), 0, (0, False)),
    "never reserved": (claim("c", "", status={"allocation": ALLOCATION}, **HELD), 0, None),
    "never reserved, going": (claim("c", "", status={"allocation": ALLOCATION}, **GOING), 0, (0, False)),
    "held by nobody here": (claim("c", "", status={"allocation": ALLOCATION, "reservedFor": [USER]}), 0, (0, True)),
}


@pytest.mark.parametrize("case", RELEASES)
def test_the_last_consumer_frees_the_devices(case: str) -> None:
    subject, left, expected = RELEASES[case]
    changed = resource_claim_release.decide_status(subject, subject.status.reserved_for[:left])
    found = (len(changed.status.reserved_for), changed.status.allocation is not None) if changed is not None else None
    assert found == expected


def test_the_finalizer_goes_with_the_devices() -> None:
    free, allocated = claim("c", "", **HELD), claim("c", "", status={"allocation": ALLOCATION}, **GOING)
    (patch,) = resource_claim_release.decide(free, [], None, released=True).patches
    assert patch.patch["metadata"]["finalizers"] == ["x"]
    assert resource_claim_release.decide(free, [], None, released=False).writes == 0, "the scheduler may just allocate"
    assert resource_claim_release.decide(allocated, [], None, released=False).writes == 0
    assert len(resource_claim_release.decide(claim("c", "", **GOING), [], None, released=False).patches) == 1


@pytest.mark.parametrize(
    ("owner", "deletes"),
    [
        (pod(phase="Running"), 0),
        (pod(phase="Succeeded"), 1),
        (pod(phase="Pending", metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"}), 1),
        (pod(phase="Running", metadata={"uid": "successor"}), 1),
        (None, 0),
    ],
)
def test_a_claim_made_for_a_pod_goes_when_the_pod_has_ended(owner: Pod | None, deletes: int) -> None:
    assert len(resource_claim_release.decide(claim("c"), [], owner, released=False).deletes) == deletes
