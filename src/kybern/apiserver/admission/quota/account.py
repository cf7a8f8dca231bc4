"""A quota as it was read, while writes are charged to it: what is used of it runs ahead of what is stored.

Its limits are parsed once, sums stay numbers until they are written.
"""

from collections.abc import Iterable

from kybern.api import quantity
from kybern.api.quantity import Exact
from kybern.api.quota import Evaluator, selectors_of
from kybern.api.quota.amounts import Amounts
from kybern.api.resource import Object


class Account:
    """Of one version of a quota."""

    __slots__ = ("_booked", "_names", "_used", "hard", "limits", "name", "revision", "selectors")

    def __init__(self, quota: Object) -> None:
        metadata = quota["metadata"]
        self.name: str = metadata["name"]
        self.revision: str = metadata.get("resourceVersion", "")
        self.hard = hard_of(quota)
        self.limits = {name: quantity.exact(amount)[0] for name, amount in self.hard.items()}
        """`hard` in nanos."""
        self._used = used_of(quota)
        self._booked: dict[str, Exact] = {}
        self.selectors = selectors_of(quota)
        self._names: dict[str, list[str]] = {}

    @property
    def is_charged(self) -> bool:
        """Whether more is used than what is stored."""
        return bool(self._booked)

    def names(self, evaluator: Evaluator) -> list[str]:
        """What it limits of one resource."""
        known = self._names.get(evaluator.group_resource)
        if known is None:
            known = self._names[evaluator.group_resource] = evaluator.names(self.hard)
        return known

    def takes_in(self, obj: Object, evaluator: Evaluator) -> bool:
        """Whether all its scopes do."""
        return all(evaluator.in_scope(selector, obj) for selector in self.selectors)

    def knows(self, names: Iterable[str]) -> bool:
        """Whether somebody has counted all of these."""
        return all(name in self._used for name in names)

    def after(self, name: str, amount: Exact) -> Exact:
        """What would be used with so much more."""
        booked = self._booked.get(name)
        if booked is None and name in self._used:
            booked = quantity.exact(self._used[name])
        return amount if booked is None else quantity.total(booked, amount)

    def book(self, after: dict[str, Exact]) -> None:
        """This much is used now."""
        self._booked.update(after)

    def used(self) -> dict[str, str]:
        """What is used of all that it tells of."""
        return {**self._used, **{name: quantity.format_nanos(*amount) for name, amount in self._booked.items()}}


def hard_of(quota: Object) -> Amounts:
    """What is enforced: the limits that the controller has taken note of."""
    hard: Amounts = (quota.get("status") or {}).get("hard") or {}
    return hard


def used_of(quota: Object) -> Amounts:
    used: Amounts = (quota.get("status") or {}).get("used") or {}
    return used
