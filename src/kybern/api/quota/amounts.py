"""Lists of resources: names to quantities in their canonical text. Source: k8s.io/apiserver pkg/quota/v1."""

from collections.abc import Iterable, Mapping

from kybern.api import quantity

Amounts = Mapping[str, str]


def add(left: Amounts, right: Amounts) -> dict[str, str]:
    """The sum, name by name."""
    total = dict(left)
    for name, amount in right.items():
        total[name] = quantity.add(total[name], amount) if name in total else amount
    return total


def largest(left: Amounts, right: Amounts) -> dict[str, str]:
    """The greater of both, name by name."""
    found = dict(left)
    for name, amount in right.items():
        if name not in found or quantity.compare(amount, found[name]) > 0:
            found[name] = amount
    return found


def rise(new: Amounts, old: Amounts) -> dict[str, str]:
    """By how much each has grown; what has shrunk is zero."""
    grown = {}
    for name, amount in new.items():
        difference = quantity.subtract(amount, old[name]) if name in old else amount
        grown[name] = difference if quantity.parse(difference) > 0 else "0"
    return grown


def subtract(left: Amounts, right: Amounts) -> dict[str, str]:
    """The difference for the names of the left side, nothing below zero."""
    rest = dict(left)
    for name, amount in right.items():
        if name in rest:
            difference = quantity.subtract(rest[name], amount)
            rest[name] = difference if quantity.parse(difference) > 0 else "0"
    return rest


def masked(amounts: Amounts, names: Iterable[str]) -> dict[str, str]:
    """Only those named, in their order in `amounts`."""
    wanted = set(names)
    return {name: amount for name, amount in amounts.items() if name in wanted}


def nonzero(amounts: Amounts) -> dict[str, str]:
    return {name: amount for name, amount in amounts.items() if quantity.parse(amount)}


def equal(left: Amounts, right: Amounts) -> bool:
    """The same names with the same values, however they are written."""
    return left.keys() == right.keys() and all(not quantity.compare(left[name], right[name]) for name in left)


def shown(amounts: Amounts) -> str:
    """`cpu=1,pods=2`: how messages list them."""
    return ",".join(f"{name}={quantity.canonical(amounts[name])}" for name in sorted(amounts))
