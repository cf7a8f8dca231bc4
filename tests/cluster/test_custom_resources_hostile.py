"""Whatever definitions and objects say, the server answers in order: no 500, no hang."""

import random
from typing import Any

from tests.cluster.api_server import MERGE, Api, api_server
from tests.cluster.custom_resources import DEFINITIONS, WIDGETS, definition, established, widget

ROUNDS = 80
KEYS: dict[str, list[Any]] = {
    "type": ["object", "array", "string", "integer", "number", "boolean", "null", "", 5],
    "format": ["date-time", "int32", "byte", "odd"],
    "nullable": [True, False],
    "default": [None, 1, "a", {}, [], {"a": 1}, 1.5, True],
    "enum": [["a"], [1, None], [], [{"a": 1}]],
    "required": [["a"], []],
    "minimum": [0, -1.5, 1e30],
    "maximum": [0, 5],
    "exclusiveMinimum": [True],
    "multipleOf": [0, 2, 0.1, -1],
    "maxLength": [0, -1, 3],
    "minItems": [-1, 2],
    "pattern": ["^a", "(", "(?=a)", r"\d+"],
    "additionalProperties": [True, False, {"type": "string"}, {}, 5],
    "x-kubernetes-preserve-unknown-fields": [True, False],
    "x-kubernetes-int-or-string": [True],
    "x-kubernetes-embedded-resource": [True],
    "x-kubernetes-list-type": ["map", "set", "atomic", "odd"],
    "x-kubernetes-list-map-keys": [["a"], []],
    "x-kubernetes-map-type": ["atomic"],
    "x-kubernetes-validations": [[{"rule": "self.a == 1"}], [{"rule": ""}], [{"rule": "true", "message": "\n"}], [{}]],
    "uniqueItems": [True],
    "$ref": ["#/x"],
    "id": ["x"],
    "odd": [1],
}
VALUES: list[Any] = [None, True, 0, -1, 2**63, 1.5, 1e300, "", "a", "2024-01-01T00:00:00Z", "é\x00", [], {}]


SOUND = {"string": ["maxLength", "enum"], "integer": ["minimum", "maximum"], "object": [], "array": ["minItems"]}


def schema(source: random.Random, depth: int, *, wild: bool) -> Any:
    """`wild`: anything may stand in it; otherwise it is mostly sound."""
    if wild and source.random() < 0.02:
        return source.choice([None, 5, "x", []])
    kind = source.choice([*SOUND]) if depth else source.choice(["string", "integer"])
    made: dict[str, Any] = {"type": kind}
    keys = sorted(KEYS) if wild and source.random() < 0.3 else [*SOUND[kind], "nullable", "format"]
    for key in source.sample(keys, source.randint(0, min(2, len(keys)))):
        made[key] = source.choice(KEYS[key])
    if kind == "object":
        made["properties"] = {key: schema(source, depth - 1, wild=wild) for key in source.sample("abc", 2)}
    elif kind == "array":
        made["items"] = schema(source, depth - 1, wild=wild)
    if source.random() < 0.1:
        made[source.choice(["allOf", "anyOf", "oneOf"])] = [{"enum": ["a", 1]}, {"minimum": 1}]
    if wild and source.random() < 0.1:
        made["not"] = schema(source, max(depth - 1, 0), wild=wild)
    return made


def value(source: random.Random, depth: int) -> Any:
    if not depth or source.random() < 0.4:
        return source.choice(VALUES)
    if source.random() < 0.3:
        return [value(source, depth - 1) for _ in range(source.randint(0, 3))]
    return {key: value(source, depth - 1) for key in source.sample("abcd", source.randint(0, 3))}


async def test_nothing_that_is_written_is_the_servers_fault() -> None:
    source = random.Random(7)
    taken = 0
    async with api_server() as api:
        for number in range(ROUNDS):
            wild = number % 2 == 0
            parts = {"spec": schema(source, 3, wild=wild), "status": schema(source, 1, wild=wild)}
            given = {"type": "object", "properties": parts}
            version = {"schema": {"openAPIV3Schema": given}, "subresources": source.choice([{}, {"status": {}}])}
            body = definition(version=version, names={"plural": f"things{number}", "kind": f"Thing{number}"})
            answer = await api("POST", DEFINITIONS, body)
            assert answer.status in (201, 400, 422), (answer, given)
            if answer.status == 201:
                taken += 1
                await write(api, source, number, given)
        assert (await api("GET", "/openapi/v3/apis/example.com/v1")).status == 200
        assert (await api("GET", "/openapi/v2")).status == 200
    assert taken > ROUNDS // 20


async def write(api: Api, source: random.Random, number: int, given: Any) -> None:
    path = WIDGETS.replace("widgets", f"things{number}")
    while (await api("GET", path)).status == 404:
        pass
    for each in range(4):
        obj = {"apiVersion": "example.com/v1", "kind": f"Thing{number}", "metadata": {"name": f"w{each}"}}
        body = {**obj, "spec": value(source, 3), "status": value(source, 2)}
        answer = await api("POST", path, body)
        assert answer.status in (201, 400, 422), (answer, given, body)
        patched = await api.patch(f"{path}/w{each}", {"spec": value(source, 3)})
        assert patched.status in (200, 400, 404, 422), (patched, given, body)


async def test_what_is_too_deep_is_refused() -> None:
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    async with api_server() as api:
        await established(api, definition(version={"schema": schema}))
        await api.create(WIDGETS, widget("w"))
        for depth in (260, 900, 5000):
            deep = b'{"spec":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"
            head = b'{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"x"},'
            for validation in ("Ignore", "Strict"):
                made = await api("POST", WIDGETS, head + deep[1:], fieldValidation=validation)
                assert (made.status, "exceeded max depth" in made.message) == (400, True)
                patched = await api("PATCH", f"{WIDGETS}/w", deep, {"content-type": MERGE}, fieldValidation=validation)
                assert patched.status in (400, 422)
