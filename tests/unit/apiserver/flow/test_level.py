"""Seats and queues of one priority level."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kybern.apiserver.flow.level import Level, LevelSpec, Ticket, hand


def _level(lent: int = 0, **spec: int | bool | None) -> Level:
    return Level(LevelSpec("l", **{"seats": 2, "queues": 4, "hand_size": 2, **spec}), lambda level: lent)  # type: ignore[arg-type]


def _entered(level: Level, flow: str = "f", seats: int = 1) -> Ticket:
    ticket = level.enter(flow, seats, 0.0)
    assert ticket is not None
    return ticket


def _waits(ticket: Ticket) -> bool:
    return ticket.ready is not None and not ticket.ready.done()


async def test_who_finds_no_seat_waits_until_one_is_free() -> None:
    level = _level()
    first, second, third = (_entered(level) for _ in range(3))
    assert [_waits(each) for each in (first, second, third)] == [False, False, True]
    level.leave(first, 0.1)
    assert not _waits(third)
    assert (level.in_use, level.waiting) == (2, 0)


async def test_a_wide_request_waits_for_all_its_seats() -> None:
    level = _level(seats=3)
    first, second = _entered(level), _entered(level)
    wide = _entered(level, seats=3)
    late = _entered(level, "other")
    level.leave(first, 0.1)
    assert _waits(wide)
    level.leave(second, 0.1)
    assert level.in_use == 3 or not _waits(late)
    assert not (_waits(wide) and _waits(late))


async def test_a_request_wider_than_the_level_gets_all_of_it() -> None:
    level = _level()
    assert _entered(level, seats=10).seats == 2


async def test_a_level_without_queues_refuses() -> None:
    level = _level(queues=0)
    _entered(level)
    _entered(level)
    assert level.enter("f", 1, 0.0) is None


async def test_a_full_queue_refuses_its_flow_and_lets_others_wait() -> None:
    level = _level(queues=64, hand_size=1, queue_length=3)
    tickets = [level.enter("busy", 1, 0.0) for _ in range(10)]
    assert tickets.count(None) == 5
    assert level.enter("other", 1, 0.0) is not None


async def test_an_exempt_level_takes_everyone() -> None:
    level = _level(exempt=True, seats=0)
    assert not any(_waits(_entered(level, seats=10)) for _ in range(100))


async def test_free_seats_of_others_are_borrowed() -> None:
    level = _level(lent=2)
    assert [_waits(_entered(level)) for _ in range(5)] == [False] * 4 + [True]
    bounded = _level(lent=2, borrowing_limit=1)
    assert [_waits(_entered(bounded)) for _ in range(4)] == [False] * 3 + [True]


async def test_a_quiet_flow_is_served_before_the_backlog_of_a_busy_one() -> None:
    level = _level(seats=1, queues=64, hand_size=1, queue_length=1000)
    running = _entered(level, "busy")
    backlog = [_entered(level, "busy") for _ in range(100)]
    for now in range(5):
        level.leave(running, now + 1.0)
        running = next(ticket for ticket in backlog if ticket.ready is not None and ticket.ready.done())
        backlog.remove(running)
    quiet = _entered(level, "quiet")
    level.leave(running, 6.0)
    assert not _waits(quiet)


async def test_who_gives_up_frees_its_place() -> None:
    level = _level(seats=1, hand_size=1, queue_length=1)
    _entered(level)
    waiting = _entered(level)
    assert level.enter("f", 1, 0.0) is None
    level.leave(waiting, 1.0)
    assert (level.in_use, level.waiting) == (1, 0)
    assert level.enter("f", 1, 0.0) is not None


async def test_another_configuration_lets_in_who_waits_and_counts_who_sits() -> None:
    level = _level(seats=1)
    first, second = _entered(level), _entered(level)
    level.reconfigure(LevelSpec("l", seats=5))
    assert not _waits(second)
    assert level.in_use == 2
    level.leave(first, 1.0)
    level.leave(second, 1.0)
    assert level.in_use == 0


@given(st.text(max_size=20), st.integers(1, 128), st.integers(1, 12))
def test_a_hand_has_different_queues(flow: str, queues: int, size: int) -> None:
    dealt = hand(flow, queues, size)
    assert len(dealt) == len(set(dealt)) == min(size, queues)
    assert all(0 <= index < queues for index in dealt)


def test_hands_differ() -> None:
    hands = {frozenset(hand(f"user-{number}", 128, 6)) for number in range(1000)}
    assert len(hands) == 1000


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abc"), st.integers(1, 4)), max_size=60))
def test_seats_are_never_exceeded_and_all_come_back(steps: list[tuple[bool, str, int]]) -> None:
    async def play() -> None:
        level = _level(seats=4)
        held: list[Ticket] = []
        for enters, flow, seats in steps:
            if enters:
                ticket = level.enter(flow, seats, 0.0)
                if ticket is not None:
                    held.append(ticket)
            elif held:
                level.leave(held.pop(seats % len(held)), 1.0)
            assert level.in_use <= 4
            assert level.in_use == sum(each.seats for each in held if not _waits(each))
            assert level.waiting == sum(map(_waits, held))
        while held:
            level.leave(held.pop(), 2.0)
        assert (level.in_use, level.waiting) == (0, 0)

    asyncio.run(play())


@pytest.mark.parametrize("lendable", [0, 1, 5])
async def test_only_free_seats_are_lent(lendable: int) -> None:
    level = _level(seats=3, lendable=lendable)
    assert level.lends == min(3, lendable)
    _entered(level, seats=2)
    assert level.lends == min(1, lendable)
