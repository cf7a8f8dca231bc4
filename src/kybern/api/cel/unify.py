"""Which type fits where: substitutions of type parameters, by the rules of cel-go's checker."""

from kybern.api.cel.types import DYN, CelType, is_dyn

_NULLABLE = frozenset({"opaque", "object", "timestamp", "duration"})


class Substitutions:
    """What type parameters stand for. A failed attempt leaves it as it was."""

    def __init__(self) -> None:
        self._found: dict[str, CelType] = {}

    def find(self, kind: CelType) -> CelType | None:
        return self._found.get(kind.name) if kind.kind == "param" else None

    def assignable(self, left: list[CelType], right: list[CelType]) -> bool:
        """Whether each type on the left fits the one on the right; keeps what it learns if all do."""
        before = dict(self._found)
        if self._all_assignable(left, right):
            return True
        self._found = before
        return False

    def resolve(self, kind: CelType, *, to_dyn: bool = False) -> CelType:
        """The type with its parameters replaced; with `to_dyn` free ones become dyn."""
        found = self.find(kind)
        if found is not None:
            return self.resolve(found, to_dyn=to_dyn)
        if kind.kind == "param":
            return DYN if to_dyn else kind
        if kind.params and kind.kind in ("opaque", "list", "map", "type", "function"):
            params = tuple(self.resolve(inner, to_dyn=to_dyn) for inner in kind.params)
            if any(new is not old for new, old in zip(params, kind.params, strict=True)):
                return CelType(kind.kind, kind.name, params)
        return kind

    def _all_assignable(self, left: list[CelType], right: list[CelType]) -> bool:
        if len(left) != len(right):
            return False
        return all(self._fits(one, other) for one, other in zip(left, right, strict=True))

    def _fits(self, left: CelType, right: CelType) -> bool:
        if right.kind == "param":
            valid, known = self._substitute(left, right)
            if valid or known:
                return valid
        if left.kind == "param":
            return self._substitute(right, left)[0]
        if left.kind in ("dyn", "error") or right.kind in ("dyn", "error"):
            return True
        if left.kind == "null" or right.kind == "null":
            other = right if left.kind == "null" else left
            return other.kind == "null" or other.kind in _NULLABLE
        if left.kind == "type":
            return right.kind == "type"
        if left.kind != right.kind or left.name != right.name:
            return False
        return self._all_assignable(list(left.params), list(right.params))

    def _substitute(self, kind: CelType, parameter: CelType) -> tuple[bool, bool]:
        """Whether `kind` can be what `parameter` stands for, and whether that was known before."""
        if kind == parameter:
            return True, True
        known = self.find(parameter)
        if known is not None:
            if kind == known:
                return True, True
            if self._fits(kind, known):
                general = most_general(kind, known)
                if self._free_of(parameter, general):
                    self._found[parameter.name] = general
                return True, True
            return False, True
        if self._free_of(parameter, kind):
            self._found[parameter.name] = kind
            return True, False
        return False, False

    def _free_of(self, parameter: CelType, within: CelType) -> bool:
        if parameter == within:
            return False
        if within.kind == "param":
            found = self.find(within)
            return found is None or self._free_of(parameter, found)
        return all(self._free_of(parameter, inner) for inner in within.params)


def most_general(one: CelType, other: CelType) -> CelType:
    return one if _less_specific(one, other) else other


def _less_specific(one: CelType, other: CelType) -> bool:
    if is_dyn(one) or one.kind == "param":
        return True
    if is_dyn(other) or other.kind == "param":
        return False
    if one.kind != other.kind:
        return False
    if one.kind in ("opaque", "list", "map"):
        same = one.name == other.name and len(one.params) == len(other.params)
        return same and all(_less_specific(a, b) for a, b in zip(one.params, other.params, strict=True))
    return one.kind == "type" or one == other
