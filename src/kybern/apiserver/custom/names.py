"""Whose names are whose: which names a definition may have, and the conditions that tell of it. Pure.

Within a group no two definitions share a plural, singular, short name, kind or list kind: who came first keeps it.
Source: apiextensions-apiserver pkg/controller/{status,establish,apiapproval,nonstructuralschema}.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from kybern.api.resource import Object
from kybern.api.validation.api_approval import approval_condition
from kybern.api.validation.certificate_bundle import is_bundle
from kybern.api.validation.field import quote

_LISTS = ("shortNames", "categories")


def settled(definition: Object, others: Iterable[Object], now: str) -> Object:
    """The status that a definition should have. `others`: all definitions of its group but itself."""
    status: Object = {**(definition.get("status") or {})}
    conditions = [dict(each) for each in status.get("conditions") or ()]
    wanted, accepted = definition["spec"].get("names") or {}, status.get("acceptedNames") or {}
    established = _find(conditions, "Established")
    if not _same_names(wanted, accepted) or _find(conditions, "NamesAccepted") is None:
        names, fault = _accept(wanted, accepted, others)
        status["acceptedNames"] = names
        reason, message = fault or ("NoConflicts", "no conflicts found")
        _set(conditions, "NamesAccepted", not fault, reason, message, now)
        if established is None and fault:
            _set(conditions, "Established", False, "NotAccepted", "not all names are accepted", now)
    approval = approval_condition(definition)
    if approval is not None:
        _set(conditions, "KubernetesAPIApprovalPolicyConformant", *approval, now)
        conditions.sort(key=lambda each: each["type"] != "KubernetesAPIApprovalPolicyConformant")
    if _is_true(conditions, "NamesAccepted") and not _is_true(conditions, "Established"):
        _establish(definition, conditions, now)
    return {**status, "conditions": conditions}


def _establish(definition: Object, conditions: list[Object], now: str) -> None:
    webhook = (definition["spec"].get("conversion") or {}).get("webhook") or {}
    bundle = (webhook.get("clientConfig") or {}).get("caBundle")
    if bundle and not is_bundle(bundle):
        message = "The conversion webhook CABundle is invalid"
        _set(conditions, "Established", False, "InvalidCABundle", message, now)
        return
    message = "the initial names have been accepted"
    _set(conditions, "Established", True, "InitialNamesAccepted", message, now)


def _accept(wanted: Object, accepted: Object, others: Iterable[Object]) -> tuple[Object, tuple[str, str] | None]:
    """(the names it has from now on, (reason, message) of what it may not have)."""
    resources, kinds = _taken(others)
    names, fault = dict(accepted), None
    for key, reason, used in (
        ("plural", "PluralConflict", resources),
        ("singular", "SingularConflict", resources),
        ("shortNames", "ShortNamesConflict", resources),
        ("kind", "KindConflict", kinds),
        ("listKind", "ListKindConflict", kinds),
    ):
        mine = set(_each(accepted.get(key)))
        clashes = [each for each in _each(wanted.get(key)) if each not in mine and each in used]
        if clashes:
            messages = [f"{quote(each)} is already in use" for each in clashes]
            fault = (reason, messages[0] if len(messages) == 1 else f"[{', '.join(messages)}]")
        elif wanted.get(key):
            names[key] = wanted[key]
        else:
            names.pop(key, None)
    names.pop("categories", None)
    if wanted.get("categories"):
        names["categories"] = wanted["categories"]
    return names, fault


def _taken(others: Iterable[Object]) -> tuple[set[str], set[str]]:
    resources: set[str] = set()
    kinds: set[str] = set()
    for other in others:
        names = (other.get("status") or {}).get("acceptedNames") or {}
        for key in ("plural", "singular", "shortNames"):
            resources.update(_each(names.get(key)))
        for key in ("kind", "listKind"):
            kinds.update(_each(names.get(key)))
    return resources, kinds


def _each(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if value:
            yield value
    else:
        yield from value or ()


def _same_names(one: Object, other: Object) -> bool:
    keys = ("plural", "singular", "kind", "listKind", *_LISTS)
    return all((one.get(key) or None) == (other.get(key) or None) for key in keys)


def terminating(status: Object, is_true: bool, reason: str, message: str, now: str) -> Object:
    """The status with this state of the condition Terminating."""
    conditions = [dict(each) for each in status.get("conditions") or ()]
    _set(conditions, "Terminating", is_true, reason, message, now)
    return {**status, "conditions": conditions}


def _find(conditions: list[Object], type: str) -> Object | None:
    return next((each for each in conditions if each.get("type") == type), None)


def _is_true(conditions: list[Object], type: str) -> bool:
    found = _find(conditions, type)
    return found is not None and found.get("status") == "True"


def _set(conditions: list[Object], type: str, is_true: bool, reason: str, message: str, now: str) -> None:
    found, state = _find(conditions, type), "True" if is_true else "False"
    if found is None:
        found = {"type": type}
        conditions.append(found)
    if found.get("status") != state:
        found["lastTransitionTime"] = now
    found |= {"status": state, "reason": reason, "message": message}
