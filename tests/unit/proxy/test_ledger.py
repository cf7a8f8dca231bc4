"""From claims to changes: applying every change gives what the ledger says should be there."""

from hypothesis import given
from hypothesis import strategies as st

from kybern.proxy.decide import Element, Elements
from kybern.proxy.ledger import Change, Ledger

elements = st.dictionaries(
    st.tuples(st.just("external_groups"), st.sampled_from("abcd")), st.sampled_from("123"), max_size=4
)
steps = st.lists(st.tuples(st.sampled_from(["x", "y", "z"]), elements), max_size=12)


@given(steps, st.integers(1, 4))
def test_changes_lead_to_the_claims(steps: list[tuple[str, Elements]], batch: int) -> None:
    ledger, kernel = Ledger(), dict[Element, str]()
    for start in range(0, len(steps), batch):
        change = Change()
        for claimant, wanted in steps[start : start + batch]:
            ledger.claim(claimant, wanted, change)
        for element in change.removed:
            del kernel[element]
        for element, value in change.added.items():
            assert element not in kernel, "the kernel refuses an element that is there with another value"
            kernel[element] = value
        assert kernel == ledger.elements()


def test_the_first_by_name_has_it_and_the_next_gets_it() -> None:
    ledger, element = Ledger(), ("external_groups", "192.0.2.1 . tcp . 80")
    ledger.claim("b", {element: "2"}, Change())
    change = Change()
    ledger.claim("a", {element: "1"}, change)
    assert (change.removed, change.added) == ([element], {element: "1"})
    change = Change()
    ledger.claim("a", {}, change)
    assert (change.removed, change.added) == ([element], {element: "2"})


def test_lost_backends_are_those_that_no_index_has() -> None:
    ledger = Ledger()
    ledger.claim("s", {("endpoints", "m . 0"): "a", ("endpoints", "m . 1"): "b"}, Change())
    change = Change()
    ledger.claim("s", {("endpoints", "m . 0"): "b"}, change)
    assert change.lost_backends == {("m", "a")}


def test_numbers_are_not_given_again_at_once() -> None:
    ledger = Ledger()
    first = ledger.identify(("ns", "a", "tcp/80", "cluster"))
    assert ledger.identify(("ns", "a", "tcp/80", "cluster")) == first
    ledger.release({("ns", "a", "tcp/80", "cluster")})
    assert ledger.identify(("ns", "b", "tcp/80", "cluster")) != first
