"""The second round."""

from kybern.apiserver.admission.reinvocation import Reinvocation


def round_of(turn: Reinvocation, obj: dict[str, str], *hooks: tuple[str, str, bool]) -> list[str]:
    """Which hooks are called; each writes its value under its name, and may want to be called again."""
    called = []
    turn.begin("plugin", obj)
    for name, value, again in hooks:
        if turn.takes("plugin", name):
            called.append(name)
            changed = obj.get(name) != value
            obj[name] = value
            turn.called("plugin", name, changed=changed, again=again)
    turn.end("plugin", obj)
    return called


def test_those_before_a_change_are_called_again() -> None:
    turn, obj = Reinvocation(), {"a": "1"}
    assert round_of(turn, obj, ("a", "1", True), ("b", "1", True), ("c", "1", False)) == ["a", "b", "c"]
    assert turn.wanted
    turn.round = 1
    assert round_of(turn, obj, ("a", "1", True), ("b", "1", True), ("c", "1", False)) == ["a", "b"]


def test_nothing_changed_nothing_again() -> None:
    turn, obj = Reinvocation(), {"a": "1"}
    assert round_of(turn, obj, ("a", "1", True)) == ["a"]
    assert not turn.wanted


def test_a_change_by_another_plugin_wakes_all() -> None:
    turn, obj = Reinvocation(), {"a": "1"}
    round_of(turn, obj, ("a", "1", True), ("b", obj.get("b", ""), False))
    turn.round = 1
    obj["elsewhere"] = "x"
    assert round_of(turn, obj, ("a", "1", True)) == ["a"]
