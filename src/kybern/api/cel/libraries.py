"""All functions of Kubernetes v1.36's environment, in the order in which upstream adds their libraries."""

from functools import lru_cache

from kybern.api.cel import (
    addresses,
    authorizer,
    formats,
    lists,
    optionals,
    quantities,
    results,
    standard,
    text,
    urls,
)
from kybern.api.cel.declarations import Overload, overload

_TWO_VARIABLES = [
    overload("@mapInsert_map_key_value", "cel.@mapInsert", "(map<K, V>, K, V) -> map<K, V>"),
    overload("@mapInsert_map_map", "cel.@mapInsert", "(map<K, V>, map<K, V>) -> map<K, V>"),
]


@lru_cache(maxsize=2)
def overloads(*, mutation: bool) -> tuple[Overload, ...]:
    """The overloads of an environment; `mutation` adds those of mutating policies."""
    found = [
        *standard.OVERLOADS,
        *urls.OVERLOADS,
        *text.REGEX,
        *lists.KUBERNETES,
        *authorizer.OVERLOADS,
        *optionals.OVERLOADS,
        *quantities.QUANTITY,
        *text.STRINGS,
        *lists.SETS,
        *addresses.OVERLOADS,
        *formats.OVERLOADS,
        *_TWO_VARIABLES,
        *quantities.SEMVER,
        *lists.EXTENDED,
    ]
    return (*found, *results.MUTATION) if mutation else tuple(found)
