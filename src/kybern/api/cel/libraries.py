"""All functions of Kubernetes v1.36's environment, in the order in which upstream adds their libraries."""

from functools import lru_cache

from kybern.api.cel import lists, optionals, standard
from kybern.api.cel.declarations import Overload, overload

_TWO_VARIABLES = [
    overload("@mapInsert_map_key_value", "cel.@mapInsert", "(map<K, V>, K, V) -> map<K, V>"),
    overload("@mapInsert_map_map", "cel.@mapInsert", "(map<K, V>, map<K, V>) -> map<K, V>"),
]


@lru_cache(maxsize=4)
def overloads(*, authorizer: bool, mutation: bool) -> tuple[Overload, ...]:
    """The overloads of an environment."""
    found = [
        *standard.OVERLOADS,
        *lists.KUBERNETES,
        *optionals.OVERLOADS,
        *lists.SETS,
        *_TWO_VARIABLES,
        *lists.EXTENDED,
    ]
    return tuple(found)
