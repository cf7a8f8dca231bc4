"""CPU time of expressions: `python bench/cel.py`.

Prints microseconds an evaluation (with its budget, the best of several rounds), milliseconds a compilation, and the
memory of a thousand compiled rules.
"""

import time
import tracemalloc
from collections.abc import Callable
from typing import Any

from kybern.api.cel import DYN, Budget, Environment, compile_expression, type_from_schema

ROUNDS, CALLS = 7, 20_000

_NUMBER, _TEXT = {"type": "integer"}, {"type": "string", "maxLength": 63}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "minReplicas": _NUMBER,
        "replicas": _NUMBER,
        "maxReplicas": _NUMBER,
        "name": _TEXT,
        "ports": {
            "type": "array",
            "maxItems": 20,
            "items": {"type": "object", "properties": {"name": _TEXT, "port": _NUMBER}},
        },
    },
}
VALUE = {
    "minReplicas": 1,
    "replicas": 2,
    "maxReplicas": 3,
    "name": "web-frontend",
    "ports": [{"name": f"port-{i}", "port": 8000 + i} for i in range(10)],
}
EXPRESSIONS = (
    "self.minReplicas <= self.replicas && self.replicas <= self.maxReplicas",
    "self.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
    "self.name == oldSelf.name",
    "has(self.ports) && size(self.ports) > 0",
    "self.ports.all(p, p.port > 1024 && p.name.startsWith('port-'))",
    "self.ports.map(p, p.name).filter(n, n.endsWith('3')).size() == 1",
)


def microseconds(call: Callable[[], object], calls: int) -> float:
    """CPU time of one call, the best of the rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(calls):
            call()
        best = min(best, (time.process_time() - start) / calls)
    return best * 1e6


def main() -> None:
    kind = type_from_schema(SCHEMA)
    assert kind is not None
    typed = Environment({"self": kind, "oldSelf": kind})
    dynamic = Environment({"self": DYN, "oldSelf": DYN})
    bindings = {"self": VALUE, "oldSelf": VALUE}
    for text in EXPRESSIONS:
        times = []
        for environment in (typed, dynamic):
            program, budget = compile_expression(text, environment), Budget(2**60)
            times.append(microseconds(lambda p=program, b=budget: p.evaluate(bindings, budget=b), CALLS))  # type: ignore[misc]
        compiling = microseconds(lambda t=text: compile_expression(t, typed), 50) / 1000  # type: ignore[misc]
        print(f"{times[0]:8.2f} µs typed {times[1]:8.2f} µs dyn {compiling:8.2f} ms to compile   {text}")
    tracemalloc.start()
    kept = [compile_expression(EXPRESSIONS[0], typed) for _ in range(1000)]
    print(f"{tracemalloc.get_traced_memory()[0] / len(kept) / 1024:8.1f} KiB a compiled rule")


if __name__ == "__main__":
    main()
