"""Expressions of a ValidatingAdmissionPolicy against the kinds that it is about: fields that these do not have.

Nothing rests on the outcome, it is told in the policy's status.
Source: k8s.io/apiserver pkg/admission/plugin/policy/validating/typechecking.go.
"""

from collections.abc import Callable, Iterator, Sequence

from kybern.api.cel import DYN, CelType
from kybern.api.policies.expression import compile_for
from kybern.api.policies.names import Names
from kybern.api.resource import Object

KINDS_LIMIT = 10

GroupVersionKind = tuple[str, str, str]
KindOf = Callable[[str, str, str], GroupVersionKind | None]
"""(group, version, plural) -> its kind, where the server has one."""
TypeOf = Callable[[str, str], CelType | None]
"""(apiVersion, kind) -> its type, where there is a schema."""


def type_check(spec: Object, kind_of: KindOf, type_of: TypeOf) -> list[Object]:
    """`expressionWarnings` of the status."""
    kinds = [(kind, found) for kind in kinds_of(spec, kind_of) if (found := type_of(_api_version(kind), kind[2]))]
    param_kind = spec.get("paramKind")
    params = None
    if param_kind is not None:
        params = type_of(param_kind.get("apiVersion") or "", param_kind.get("kind") or "") or DYN
    warnings = []
    for index, validation in enumerate(spec.get("validations") or ()):
        for key in ("expression", "messageExpression"):
            if validation.get(key):
                faults = list(_faults(validation[key], spec, kinds, params))
                if faults:
                    warnings.append({"fieldRef": f"spec.validations[{index}].{key}", "warning": "\n".join(faults)})
    return warnings


def kinds_of(spec: Object, kind_of: KindOf) -> Sequence[GroupVersionKind]:
    """The kinds that the rules name one by one, sorted; wildcards and subresources are left out."""
    found: set[GroupVersionKind] = set()
    for rule in (spec.get("matchConstraints") or {}).get("resourceRules") or ():
        groups, versions = rule.get("apiGroups") or (), rule.get("apiVersions") or ()
        if any("*" in text for text in (*groups, *versions)):
            continue
        plain = sorted(text for text in rule.get("resources") or () if not {"*", "/"} & set(text))
        for group in sorted(groups):
            for version in sorted(versions):
                for plural in plain:
                    kind = kind_of(group, version, plural)
                    if kind is not None and len(found) < KINDS_LIMIT:
                        found.add(kind)
    return sorted(found)


def _faults(
    text: str, spec: Object, kinds: Sequence[tuple[GroupVersionKind, CelType]], params: CelType | None
) -> Iterator[str]:
    for kind, found in kinds:
        names = Names(params=params, objects={"object": found, "oldObject": found})
        for variable in spec.get("variables") or ():
            compiled = compile_for(variable.get("expression") or "", names.environment())
            names.add(variable.get("name") or "", compiled.result_type)
        expression = compile_for(text, names.environment())
        if expression.program is None:
            yield f"{kind[0]}/{kind[1]}, Kind={kind[2]}: {expression.fault}\n"


def _api_version(kind: GroupVersionKind) -> str:
    return f"{kind[0]}/{kind[1]}" if kind[0] else kind[1]
