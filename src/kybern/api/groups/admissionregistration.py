"""Webhook configurations, admission policies and their bindings."""

from collections.abc import Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour, anything_changed, keep_metadata, spec_changed
from kybern.api.groups.columns import AGE, NAME, UNSET, age
from kybern.api.resource import Column, FieldError, Object
from kybern.api.validation import admission_policy as rules
from kybern.api.validation.admission import validate_webhooks

WEBHOOK_COLUMNS = (
    NAME,
    Column(
        "Webhooks", "integer", description="Webhooks indicates the number of webhooks registered in this configuration"
    ),
    AGE,
)
VALIDATING_POLICY_COLUMNS = (
    NAME,
    Column(
        "Validations",
        "integer",
        description="Validations indicates the number of validation rules defined in this configuration",
    ),
    Column("ParamKind", description="ParamKind specifies the kind of resources used to parameterize this policy"),
    AGE,
)
MUTATING_POLICY_COLUMNS = (
    NAME,
    Column(
        "Mutations",
        "integer",
        description="Mutation indicates the number of mutations rules defined in this configuration",
    ),
    Column("ParamKind", description="ParamKind specifies the kind of resources used to parameterize this policy"),
    AGE,
)
VALIDATING_BINDING_COLUMNS = (
    NAME,
    Column("PolicyName", description="PolicyName indicates the policy definition which the policy binding binded to"),
    Column("ParamRef", description="ParamRef indicates the param resource which sets the configuration param"),
    AGE,
)
MUTATING_BINDING_COLUMNS = (
    NAME,
    Column("PolicyName", description="PolicyName indicates the policy definition which the policy binding binded to"),
    Column("ParamRef", description="ParamRef indicates the param resource which sets the configuration param"),
    AGE,
)


def webhook_cells(obj: Object, now: float) -> Sequence[Any]:
    return obj["metadata"]["name"], len(obj.get("webhooks") or ()), age(obj, now)


def _policy_cells(rules_key: str) -> Any:
    def cells(obj: Object, now: float) -> Sequence[Any]:
        spec = obj.get("spec") or {}
        kind = spec.get("paramKind")
        shown = UNSET if kind is None else f"{kind.get('apiVersion') or ''}/{kind.get('kind') or ''}"
        return obj["metadata"]["name"], len(spec.get(rules_key) or ()), shown, age(obj, now)

    return cells


def binding_cells(obj: Object, now: float) -> Sequence[Any]:
    spec = obj.get("spec") or {}
    return obj["metadata"]["name"], spec.get("policyName") or "", _parameters(spec.get("paramRef")), age(obj, now)


def _parameters(reference: Object | None) -> str:
    """Upstream shows a selector in Go's debugging form."""
    if reference is None:
        return UNSET
    if name := reference.get("name"):
        return f"{reference.get('namespace') or '*'}/{name}"
    selector = reference.get("selector")
    return UNSET if selector is None else _go_selector(selector)


def _go_selector(selector: Object) -> str:
    labels = "".join(f"{key}: {value}," for key, value in sorted((selector.get("matchLabels") or {}).items()))
    expressions = "".join(
        f"LabelSelectorRequirement{{Key:{one.get('key')},Operator:{one.get('operator')},"
        f"Values:[{' '.join(one.get('values') or ())}],}},"
        for one in selector.get("matchExpressions") or ()
    )
    matching = f"[]LabelSelectorRequirement{{{expressions}}}"
    return f"&LabelSelector{{MatchLabels:map[string]string{{{labels}}},MatchExpressions:{matching},}}"


def _webhooks() -> Behaviour:
    return Behaviour(
        columns=WEBHOOK_COLUMNS,
        cells=webhook_cells,
        generation=anything_changed,
        counts_empties=True,
        validate=lambda obj: list(validate_webhooks(obj)),
        unconditional_update=False,
    )


def _policy_status(new: Object, old: Object) -> Sequence[FieldError]:
    return list(rules.validate_policy_status(new, old))


def _with_spec(columns: Sequence[Column], cells: Any, validate: Any, validate_status: Any = None) -> Behaviour:
    return Behaviour(
        columns=columns,
        cells=cells,
        generation=spec_changed,
        prepare_status=keep_metadata,
        validate=lambda obj: list(validate(obj)),
        validate_status=validate_status,
        unconditional_update=False,
    )


BEHAVIOUR = {
    "MutatingWebhookConfiguration": _webhooks(),
    "ValidatingWebhookConfiguration": _webhooks(),
    "ValidatingAdmissionPolicy": _with_spec(
        VALIDATING_POLICY_COLUMNS, _policy_cells("validations"), rules.validate_validating_policy, _policy_status
    ),
    "MutatingAdmissionPolicy": _with_spec(
        MUTATING_POLICY_COLUMNS, _policy_cells("mutations"), rules.validate_mutating_policy
    ),
    "ValidatingAdmissionPolicyBinding": _with_spec(
        VALIDATING_BINDING_COLUMNS, binding_cells, rules.validate_validating_binding
    ),
    "MutatingAdmissionPolicyBinding": _with_spec(
        MUTATING_BINDING_COLUMNS, binding_cells, rules.validate_mutating_binding
    ),
}
