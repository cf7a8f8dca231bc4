"""What generated code can name, and nothing else: Python's built-in functions are not among it."""

from typing import Any, Final

from kybern.api.cel import access, costs, operators
from kybern.api.cel.errors import CostExceeded, EvaluationError
from kybern.api.cel.typed import adapt
from kybern.api.cel.values import MISSING, NONE, Optional, StructValue, to_key

GLOBALS: Final[dict[str, Any]] = {
    "E": EvaluationError,
    "exceeded": CostExceeded,
    "MISSING": MISSING,
    "NO_FIELDS": {},
    "NONE": NONE,
    "Optional": Optional,
    "Struct": StructValue,
    "adapt": adapt,
    "to_key": to_key,
    "traversal": costs.traversal,
    "equality": costs.equality,
    "inequality": costs.inequality,
    "concatenation": costs.concatenation,
    "len": len,
    "range": range,
    "enumerate": enumerate,
    "float": float,
    "min": min,
    "__builtins__": {},
} | {
    function.__name__: function
    for function in (
        operators.add,
        access.as_bool,
        access.bind_optional,
        operators.check_int,
        operators.contains,
        access.cost_size,
        operators.divide,
        operators.equal,
        access.find_field,
        operators.greater,
        operators.greater_equals,
        access.has,
        access.index,
        access.insert,
        access.insert_all,
        access.iterate,
        operators.less,
        operators.less_equals,
        operators.modulo,
        operators.multiply,
        operators.negate,
        access.no_key,
        operators.not_equal,
        access.optional_select,
        access.pairs,
        access.require_optional,
        access.select,
        operators.subtract,
    )
}
