"""Who claims which element: turns what each Service wants into the smallest change of the maps. Pure.

Two Services may claim the same element (an external address; the hairpin of a shared endpoint). The claimant that comes
first by name has it; when it lets go the next one gets it. Numbers of endpoint groups are given here too.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from kybern.proxy.decide import Element, Elements, GroupKey

GROUPS_LIMIT = 1 << 23
"""Group numbers fit below the mark's high byte, with one bit to spare."""


@dataclass
class Change:
    """What must happen to the maps, in one transaction: first all removals, then all additions."""

    removed: list[Element] = field(default_factory=list)
    added: Elements = field(default_factory=dict)
    lost_backends: set[tuple[str, str]] = field(default_factory=set)
    """Group marks and endpoints (`address . port`) that may have clients remembered, and are gone."""

    def __bool__(self) -> bool:
        return bool(self.removed or self.added)


class Ledger:
    """All claims, and the elements that follow from them."""

    def __init__(self) -> None:
        self._claims: defaultdict[Element, dict[str, str]] = defaultdict(dict)
        self._by_claimant: dict[str, Elements] = {}
        self._numbers: dict[GroupKey, int] = {}
        self._taken: set[int] = set()
        self._next = 1

    def identify(self, group: GroupKey) -> int:
        """The number of a group; a new one for a new group, and none that was in use lately."""
        if group not in self._numbers:
            assert len(self._taken) < GROUPS_LIMIT - 1, "more endpoint groups than marks"
            while self._next in self._taken or self._next == 0:
                self._next = (self._next + 1) % GROUPS_LIMIT
            self._numbers[group] = self._next
            self._taken.add(self._next)
            self._next = (self._next + 1) % GROUPS_LIMIT
        return self._numbers[group]

    def release(self, groups: set[GroupKey]) -> None:
        """Groups that nobody uses any more."""
        for group in groups:
            number = self._numbers.pop(group, None)
            if number is not None:
                self._taken.discard(number)

    def claim(self, claimant: str, wanted: Mapping[Element, str], change: Change) -> None:
        """Replace all that `claimant` claims; what follows is added to `change`."""
        former = self._by_claimant.get(claimant, {})
        for element in former.keys() - wanted.keys():
            self._settle(element, claimant, None, change)
        for element, value in wanted.items():
            if former.get(element) != value:
                self._settle(element, claimant, value, change)
        change.lost_backends -= {
            (key.split(" . ")[0], value) for (table, key), value in wanted.items() if table == "endpoints"
        }
        if wanted:
            self._by_claimant[claimant] = dict(wanted)
        else:
            self._by_claimant.pop(claimant, None)

    def elements(self) -> Elements:
        """All elements that the maps should hold."""
        return {element: claims[min(claims)] for element, claims in self._claims.items()}

    def _settle(self, element: Element, claimant: str, value: str | None, change: Change) -> None:
        claims = self._claims[element]
        before = claims[min(claims)] if claims else None
        if value is None:
            claims.pop(claimant, None)
        else:
            claims[claimant] = value
        after = claims[min(claims)] if claims else None
        if not claims:
            del self._claims[element]
        if before == after:
            return
        if before is not None:
            if element in change.added:
                del change.added[element]
            else:
                change.removed.append(element)
            if element[0] == "endpoints":
                change.lost_backends.add((element[1].split(" . ")[0], before))
        if after is not None:
            change.added[element] = after
