"""CEL as Kubernetes v1.36 uses it: rules of CRDs, admission policies, match conditions.

```python
self_type = type_from_schema(structural_schema, root=True)          # None: expressions cannot see such values
environment = Environment({"self": self_type, "oldSelf": self_type})
program = compile_expression("self.spec.replicas <= 5", environment)  # CompileError, ProgramError
low, high = program.estimated_cost()                                   # from maxLength, maxItems, maxProperties
program.uses("oldSelf"), program.result_type
budget = Budget(BUDGET_LIMIT)                                          # shared by all programs run on one object
program.evaluate({"self": obj}, budget=budget)                         # EvaluationError, CostExceeded, BudgetExceeded
```

Values are the JSON of the object, never copied; a result can hold `Timestamp`, `Duration`, `Uint`, `bytes`, `Optional`,
`StructValue` and library values besides (`to_json` makes JSON of it). Variables are declared with

- `type_from_schema` or `type_from_definition`: a field that is null is absent;
- `object_type({…})`: fields can be null, and are CEL values already; anything with `find(name)`, which answers MISSING for
  what it has not, can compute them when they are first read;
- `optional_of(T)`: takes JSON or None;
- DYN: for what has no schema (`object` in policies);
- REQUEST, NAMESPACE, AUTHORIZER (an `Authorizer(ask)`), RESOURCE_CHECK (its `resource_check(…)`): of admission.

Messages are cel-go's: `str(CompileError)` is what upstream prints behind "compilation failed: ", `str(ProgramError)` what
it prints behind "program instantiation failed: ".

Pure: no I/O, no clock. Text to tokens (lexer, literals), to a tree (parser, syntax, macros, nodes), to types (checker,
unify, scope), to Python source (generator…), with its cost (costs at run time, estimate before it).
"""

from kybern.api.cel.authorizer import Answer, Authorizer, Check
from kybern.api.cel.costs import BUDGET_LIMIT, MATCH_CONDITIONS_LIMIT, PER_CALL_LIMIT
from kybern.api.cel.definitions import AUTHORIZER, NAMESPACE, REQUEST, RESOURCE_CHECK, type_from_definition
from kybern.api.cel.errors import (
    BudgetExceeded,
    CompileError,
    CostExceeded,
    EvaluationError,
    Issue,
    ProgramError,
    ResultTypeError,
)
from kybern.api.cel.instants import Duration, Timestamp
from kybern.api.cel.program import Budget, Environment, Program, compile_expression
from kybern.api.cel.results import check_type_names, to_json
from kybern.api.cel.schemas import max_cardinality, type_from_schema
from kybern.api.cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    NULL,
    STRING,
    TIMESTAMP,
    UINT,
    CelType,
    list_of,
    map_of,
    object_type,
    optional_of,
)
from kybern.api.cel.values import MISSING, NONE, Optional, StructValue, Uint

__all__ = [
    "AUTHORIZER",
    "BOOL",
    "BUDGET_LIMIT",
    "BYTES",
    "DOUBLE",
    "DURATION",
    "DYN",
    "INT",
    "MATCH_CONDITIONS_LIMIT",
    "MISSING",
    "NAMESPACE",
    "NONE",
    "NULL",
    "PER_CALL_LIMIT",
    "REQUEST",
    "RESOURCE_CHECK",
    "STRING",
    "TIMESTAMP",
    "UINT",
    "Answer",
    "Authorizer",
    "Budget",
    "BudgetExceeded",
    "CelType",
    "Check",
    "CompileError",
    "CostExceeded",
    "Duration",
    "Environment",
    "EvaluationError",
    "Issue",
    "Optional",
    "Program",
    "ProgramError",
    "ResultTypeError",
    "StructValue",
    "Timestamp",
    "Uint",
    "check_type_names",
    "compile_expression",
    "list_of",
    "map_of",
    "max_cardinality",
    "object_type",
    "optional_of",
    "to_json",
    "type_from_definition",
    "type_from_schema",
]
