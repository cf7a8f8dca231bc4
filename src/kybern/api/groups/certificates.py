"""CertificateSigningRequest."""

from collections.abc import Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour, SubresourceBehaviour, keep
from kybern.api.groups.columns import AGE, NAME, NONE, age, column, human_duration
from kybern.api.resource import Change, Column, FieldError, Object
from kybern.base.clock import format_time

COLUMNS = (
    NAME,
    AGE,
    Column(
        "SignerName",
        description=(
            "Requested signer for the request. It is a qualified name in the form: "
            "`scope-hostname.io/name`. If empty, it will be defaulted:\n 1. If it's a kubelet "
            "client certificate, it is assigned\n    "
            '"kubernetes.io/kube-apiserver-client-kubelet".\n 2. If it\'s a kubelet serving '
            'certificate, it is assigned\n    "kubernetes.io/kubelet-serving".\n 3. Otherwise, '
            'it is assigned "kubernetes.io/legacy-unknown".\nDistribution of trust for signers '
            "happens out of band. You can select on this field using `spec.signerName`."
        ),
    ),
    Column("Requestor", description="Base64-encoded PKCS#10 CSR data"),
    column("RequestedDuration", "certificates.v1.CertificateSigningRequestSpec.expirationSeconds"),
    Column("Condition", description="Conditions applied to the request, such as approval or denial."),
)
_APPROVALS = ("Approved", "Denied")
_REQUESTER = ("username", "uid", "groups", "extra")


def prepare_create(obj: Object, change: Change) -> None:
    """Who asks is the server's to say."""
    spec = {key: value for key, value in (obj.get("spec") or {}).items() if key not in _REQUESTER}
    extra = {key: list(values) for key, values in change.extra.items()}
    told = {"username": change.user, "uid": change.uid, "groups": list(change.groups), "extra": extra}
    obj["spec"] = spec | {key: value for key, value in told.items() if value}


def prepare_update(new: Object, old: Object, change: Change) -> None:
    keep("spec", new, old)


def prepare_approval(new: Object, old: Object, change: Change) -> None:
    """Only the conditions may change."""
    keep("spec", new, old)
    conditions = (new.get("status") or {}).get("conditions")
    status = {key: value for key, value in (old.get("status") or {}).items() if key != "conditions"}
    new["status"] = {**status, "conditions": conditions} if conditions else status
    _date(new, old, change)


def prepare_status(new: Object, old: Object, change: Change) -> None:
    """Approved and Denied stay as they were; where one was added or removed, validation fails."""
    conditions = list((new.get("status") or {}).get("conditions") or ())
    for kind in _APPROVALS:
        before = [one for one in (old.get("status") or {}).get("conditions") or () if one.get("type") == kind]
        places = [index for index, one in enumerate(conditions) if one.get("type") == kind]
        if len(before) == len(places):
            for index, one in zip(places, before, strict=True):
                conditions[index] = one
    if conditions:
        new["status"]["conditions"] = conditions
    _date(new, old, change)


def _date(new: Object, old: Object, change: Change) -> None:
    """Fills the times that the client left out; a transition is one of the status only."""
    conditions = new["status"].get("conditions")
    if not conditions:
        return
    now, dated = format_time(change.now), []
    before = {
        (one.get("type"), one.get("status")): one.get("lastTransitionTime")
        for one in (old.get("status") or {}).get("conditions") or ()
    }
    for one in conditions:
        since = one.get("lastTransitionTime") or before.get((one.get("type"), one.get("status"))) or now
        dated.append({**one, "lastUpdateTime": one.get("lastUpdateTime") or now, "lastTransitionTime": since})
    new["status"]["conditions"] = dated


def cells(obj: Object, now: float) -> Sequence[Any]:
    spec = obj.get("spec") or {}
    seconds = spec.get("expirationSeconds")
    return (
        obj["metadata"]["name"],
        age(obj, now),
        spec.get("signerName") or NONE,
        spec.get("username") or "",
        NONE if seconds is None else human_duration(seconds),
        _condition(obj.get("status") or {}),
    )


def _condition(status: Object) -> str:
    types = {one.get("type") for one in status.get("conditions") or ()}
    state = "Denied" if "Denied" in types else "Approved" if "Approved" in types else "Pending"
    return state + (",Failed" if "Failed" in types else "") + (",Issued" if status.get("certificate") else "")


def _validate(obj: Object) -> Sequence[FieldError]:
    from kybern.api.validation import certificates as rules

    return list(rules.validate_request(obj))


def _validate_update(rule: str) -> Any:
    def validate(new: Object, old: Object) -> Sequence[FieldError]:
        from kybern.api.validation import certificates as rules

        return list(getattr(rules, rule)(new, old))

    return validate


BEHAVIOUR = {
    "CertificateSigningRequest": Behaviour(
        columns=COLUMNS,
        cells=cells,
        selectable_fields={"spec.signerName": lambda obj: (obj.get("spec") or {}).get("signerName") or ""},
        prepare_create=prepare_create,
        prepare_update=prepare_update,
        prepare_status=prepare_status,
        validate=_validate,
        validate_update=_validate_update("validate_request_update"),
        validate_on_update=False,
        validate_status=_validate_update("validate_request_status"),
        validate_name=lambda name, prefix: (),
        subresources={
            "approval": SubresourceBehaviour(
                prepare_update=prepare_approval, validate_update=_validate_update("validate_approval")
            )
        },
    )
}
