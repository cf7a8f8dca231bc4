"""Ingress and IngressClass."""

from collections.abc import Sequence
from typing import Any

from kybern.api.groups.behaviour import Behaviour, spec_changed
from kybern.api.groups.columns import AGE, NAME, NONE, age
from kybern.api.groups.core.service import ingress_addresses
from kybern.api.resource import Column, Object
from kybern.api.validation.networking.ingress import (
    validate_ingress,
    validate_ingress_class,
    validate_ingress_class_update,
    validate_ingress_status,
)

INGRESS_COLUMNS = (
    NAME,
    Column(
        "Class", description=("The name of the IngressClass resource that should be used for additional configuration")
    ),
    Column("Hosts", description="Hosts that incoming requests are matched against before the ingress rule"),
    Column("Address", description="Address is a list containing ingress points for the load-balancer"),
    Column("Ports", description="Ports of TLS configurations that open"),
    AGE,
)
CLASS_COLUMNS = (
    NAME,
    Column("Controller", description="Controller that is responsible for handling this class"),
    Column("Parameters", description="A reference to a resource with additional parameters"),
    AGE,
)
_LEGACY_CLASS = "kubernetes.io/ingress.class"
_DEFAULT_CLASS = "ingressclass.kubernetes.io/is-default-class"
_HOSTS_SHOWN = 3


def ingress_cells(obj: Object, now: float) -> Sequence[Any]:
    spec = obj.get("spec") or {}
    name = spec.get("ingressClassName")
    return (
        obj["metadata"]["name"],
        NONE if name is None else name,
        _hosts(spec.get("rules") or ()),
        ",".join(ingress_addresses(obj.get("status") or {})),
        "80, 443" if spec.get("tls") else "80",
        age(obj, now),
    )


def _hosts(rules: Sequence[Object]) -> str:
    named = [index for index, rule in enumerate(rules) if rule.get("host")]
    text = ",".join(rules[index]["host"] for index in named[:_HOSTS_SHOWN]) or "*"
    rules_follow = len(named) >= _HOSTS_SHOWN and named[_HOSTS_SHOWN - 1] < len(rules) - 1
    return f"{text} + {len(rules) - _HOSTS_SHOWN} more..." if rules_follow else text


def class_cells(obj: Object, now: float) -> Sequence[Any]:
    spec, name = obj.get("spec") or {}, obj["metadata"]["name"]
    if (obj["metadata"].get("annotations") or {}).get(_DEFAULT_CLASS) == "true":
        name += " (default)"
    return name, spec.get("controller") or "", _parameters(spec.get("parameters")), age(obj, now)


def _parameters(reference: Object | None) -> str:
    if reference is None:
        return NONE
    group = reference.get("apiGroup")
    kind = reference["kind"] if group is None else f"{reference['kind']}.{group}"
    return f"{kind}/{reference['name']}"


def _warnings(new: Object, old: Object | None) -> Sequence[str]:
    if old is not None or _LEGACY_CLASS not in (new["metadata"].get("annotations") or {}):
        return ()
    return (f"annotation \"{_LEGACY_CLASS}\" is deprecated, please use 'spec.ingressClassName' instead",)


BEHAVIOUR = {
    "Ingress": Behaviour(
        columns=INGRESS_COLUMNS,
        cells=ingress_cells,
        generation=spec_changed,
        validate=lambda obj: list(validate_ingress(obj)),
        validate_status=lambda new, old: list(validate_ingress_status(new, old)),
        warnings=_warnings,
    ),
    "IngressClass": Behaviour(
        columns=CLASS_COLUMNS,
        cells=class_cells,
        generation=spec_changed,
        validate=lambda obj: list(validate_ingress_class(obj)),
        validate_update=lambda new, old: list(validate_ingress_class_update(new, old)),
    ),
}
