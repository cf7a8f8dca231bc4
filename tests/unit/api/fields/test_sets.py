"""Operations on sets of fields, each checked against the plain sets of their paths."""

from hypothesis import given
from hypothesis import strategies as st

from kybern.api.fields import sets
from kybern.api.fields.sets import Fields, Path
from tests.unit.api.fields.shapes import told

ELEMENTS = ("f:a", "f:b", 'k:{"name":"x"}', "v:1")
PATHS = st.lists(st.sampled_from(ELEMENTS), min_size=1, max_size=3).map(tuple)
TREES = st.sets(PATHS, max_size=6).map(lambda paths: of(*paths))


def of(*paths: Path) -> Fields:
    tree: Fields = {}
    for path in paths:
        tree = sets.union(tree, sets.of_path(path))
    return tree


def members(tree: Fields) -> set[Path]:
    return set(sets.paths(tree))


@given(st.sets(PATHS, max_size=8))
def test_a_set_has_the_paths_that_it_was_made_of(paths: set[Path]) -> None:
    tree = of(*paths)
    assert members(tree) == paths
    assert all(sets.has(tree, path) for path in paths)


@given(TREES, TREES)
def test_union_difference_intersection(left: Fields, right: Fields) -> None:
    assert members(sets.union(left, right)) == members(left) | members(right)
    assert members(sets.difference(left, right)) == members(left) - members(right)
    assert members(sets.intersection(left, right)) == members(left) & members(right)
    assert sets.is_within(left, right) == (members(left) <= members(right))


@given(TREES, TREES)
def test_without_takes_what_is_below_too(left: Fields, right: Fields) -> None:
    doomed = members(right)
    kept = {path for path in members(left) if not any(path[:length] in doomed for length in range(1, len(path) + 1))}
    assert members(sets.without(left, right)) == kept


@given(TREES, TREES)
def test_nothing_is_changed_and_nothing_is_left_empty(left: Fields, right: Fields) -> None:
    before = str(left), str(right)
    for operation in (sets.union, sets.difference, sets.intersection, sets.without):
        result = operation(left, right)
        assert operation(result, {}) in (result, {})
        assert _has_no_hollow_nodes(result)
    assert (str(left), str(right)) == before
    assert sets.LEAF == {}


def _has_no_hollow_nodes(tree: Fields) -> bool:
    """No node that holds only its own membership, which an empty one tells too."""
    return all(set(node) != {"."} and _has_no_hollow_nodes(node) for key, node in tree.items() if key != ".")


def test_members_are_told_level_by_level_in_order() -> None:
    tree = {
        "f:b": {},
        "f:a": {".": {}, 'k:{"port":80,"protocol":"TCP"}': {}, 'k:{"port":443,"protocol":"TCP"}': {}, "f:z": {}},
        "v:true": {},
        'v:"b"': {},
        "v:10": {},
        "v:9": {},
        "i:10": {},
        "i:9": {},
    }
    assert told(tree) == [
        ".a",
        ".b",
        "[=9]",
        "[=10]",
        '[="b"]',
        "[=true]",
        "[9]",
        "[10]",
        ".a.z",
        '.a[port=80,protocol="TCP"]',
        '.a[port=443,protocol="TCP"]',
    ]
