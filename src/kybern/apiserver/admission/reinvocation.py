"""The second round of mutating plugins: those that asked for it see what others changed after them.

Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#reinvocation-policy
"""

import orjson

from kybern.api.resource import Object


class Reinvocation:
    """Of one write. Keys are the webhooks or bindings of policies, by the plugin that calls them."""

    def __init__(self) -> None:
        self.round = 0
        self.wanted = False
        """Somebody changed the object: the chain runs once more."""
        self._called: dict[object, set[object]] = {}
        """May be called again, if something changes after them."""
        self._again: dict[object, set[object]] = {}
        self._left: dict[object, bytes] = {}
        """The object as a plugin left it."""

    def begin(self, plugin: object, obj: Object | None) -> None:
        """A plugin's turn: in the second round a change by anyone since its last turn wakes all that it called."""
        if self.round and plugin in self._left and self._left[plugin] != _encoded(obj):
            self._wake(plugin)

    def takes(self, plugin: object, key: object) -> bool:
        """Whether to call now."""
        return not self.round or key in self._again.get(plugin, ())

    def called(self, plugin: object, key: object, *, changed: bool, again: bool) -> None:
        """`again`: it wants to be called once more where something changes after it."""
        if changed:
            self._wake(plugin)
            self.wanted = True
        if again:
            self._called.setdefault(plugin, set()).add(key)

    def end(self, plugin: object, obj: Object | None) -> None:
        self._left[plugin] = _encoded(obj)

    def _wake(self, plugin: object) -> None:
        self._again.setdefault(plugin, set()).update(self._called.pop(plugin, ()))


def _encoded(obj: Object | None) -> bytes:
    return orjson.dumps(obj, option=orjson.OPT_SORT_KEYS)
