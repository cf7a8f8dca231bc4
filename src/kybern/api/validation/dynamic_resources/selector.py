"""Which devices fit: CEL expressions over `device`. Source: k8s.io/dynamic-resource-allocation/cel."""

from collections.abc import Iterator, Sequence
from functools import cache

from kybern.api.cel import CompileError, Environment, ProgramError, compile_expression
from kybern.api.cel.declarations import parse_type
from kybern.api.cel.types import ANY, BOOL, CelType, map_of, object_type
from kybern.api.resource import FieldError, Object
from kybern.api.validation import names
from kybern.api.validation.dynamic_resources.device_names import each
from kybern.api.validation.field import forbidden, internal, invalid, required, too_long

_SELECTORS_LIMIT = 32
_LONGEST_EXPRESSION = 10 * 1024
_MOST_COST = 1_000_000
_MOST_ATTRIBUTES = 32


def validate_selectors(selectors: Sequence[Object], path: str) -> Iterator[FieldError]:
    yield from each(selectors, _SELECTORS_LIMIT, path, _selector)


def _selector(selector: Object, path: str) -> Iterator[FieldError]:
    chosen = selector.get("cel")
    if chosen is None:
        yield required(f"{path}.cel")
        return
    at, text = f"{path}.cel.expression", chosen.get("expression") or ""
    if names.size(text) > _LONGEST_EXPRESSION:
        yield too_long(at, _LONGEST_EXPRESSION)
        return
    try:
        program = compile_expression(text, _environment())
    except CompileError as error:
        yield invalid(at, text, f"compilation failed: {error}")
        return
    except ProgramError as error:
        yield internal(at, f"program instantiation failed: {error}")
        return
    if program.result_type not in (BOOL, ANY):
        yield invalid(at, text, f"must evaluate to bool or the unknown type, not {program.result_type}")
    elif program.estimated_cost()[1] > _MOST_COST:
        yield forbidden(at, "too complex, exceeds cost limit")


@cache
def _environment() -> Environment:
    domain, identifier = _text(63), _text(32)
    attribute = CelType(ANY.kind, ANY.name, max_elements=64)
    quantity = parse_type("kubernetes.Quantity")
    fields = {
        "driver": domain,
        "allowMultipleAllocations": CelType("bool", max_elements=1, min_size=4),
        "attributes": map_of(domain, map_of(identifier, attribute, _MOST_ATTRIBUTES), _MOST_ATTRIBUTES),
        "capacity": map_of(domain, map_of(identifier, quantity, _MOST_ATTRIBUTES), _MOST_ATTRIBUTES),
    }
    return Environment({"device": object_type("kubernetes.DRADevice", fields)})


def _text(limit: int) -> CelType:
    return CelType("string", max_elements=limit, min_size=2)
