"""Produced and missed blocks of every producer, against a walk over every block."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.accounting import (
    AccountingError,
    Fetch,
    Mark,
    Schedules,
    Span,
    Tally,
    Trouble,
    add,
    between,
    last_filled,
    steps,
)
from exporter.turns import empty_in_turn, in_a_row
from nodekit.slots import owner, slot_time

FOUR = ("aa", "bb", "cc", "dd")
THREE = ("aa", "bb", "ee")
START = 48 * 1000


def chain_of(filled: list[bool], changes_at: int = 10**9) -> list[Mark]:
    """A chain with a block in each filled slot; from block `changes_at` on under schedule 2."""
    marks = [Mark(1, START, "id1", 1)]
    for offset, has_block in enumerate(filled, start=1):
        if has_block:
            num = len(marks) + 1
            marks.append(Mark(num, START + offset, f"id{num}", 2 if num >= changes_at else 1))
    return marks


def spans(older: Mark, newer: Mark, fetch: Fetch, schedules: Schedules) -> list[Span]:
    return [span for _, found in steps(older, newer, fetch, schedules) for span in found]


def walk(marks: list[Mark]) -> tuple[Counter[str], Counter[str]]:
    """Block by block: the truth that accounting must equal."""
    produced: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for before, after in pairwise(marks):
        schedule = FOUR if after.schedule_version == 1 else THREE
        for slot in range(before.slot + 1, after.slot):
            missed[owner(slot, schedule)] += 1
        produced[owner(after.slot, schedule)] += 1
    return produced, missed


@given(
    st.lists(st.booleans(), min_size=1, max_size=400),
    st.lists(st.integers(1, 400), max_size=6),
    st.integers(2, 300),
)
def test_accounting_equals_a_walk_over_every_block(
    filled: list[bool], looks: list[int], changes: int
) -> None:
    """Whatever slots are empty, whenever the exporter looked, and across a change of schedule."""
    marks = chain_of(filled, changes)
    stops = sorted({min(look, len(marks)) for look in looks} | {len(marks)})
    tally, at = Tally(), marks[0]
    for stop in stops:
        found = spans(at, marks[stop - 1], lambda num: marks[num - 1], {1: FOUR, 2: THREE})
        tally, at = add(tally, found), marks[stop - 1]

    produced, missed = walk(marks)
    assert {name: count for name, count in tally.produced.items() if count} == dict(produced)
    assert {name: count for name, count in tally.missed.items() if count} == dict(missed)


def test_a_span_without_empty_slots_costs_no_read() -> None:
    marks = chain_of([True] * 5000)

    found = spans(marks[0], marks[-1], lambda num: pytest.fail("read a block"), {1: FOUR})

    assert found == [Span(START + 1, START + 5000, filled=True, producers=FOUR)]


def test_one_empty_slot_in_thousands_costs_a_dozen_reads() -> None:
    filled = [True] * 4096
    filled[1234] = False
    marks = chain_of(filled)
    reads: list[int] = []

    found = spans(marks[0], marks[-1], lambda num: reads.append(num) or marks[num - 1], {1: FOUR})

    assert len(reads) <= 13
    assert [span.first for span in found if not span.filled] == [START + 1235]


def test_a_producer_that_missed_nothing_stands_there_with_zero() -> None:
    marks = chain_of([True] * 3)

    tally = add(Tally(), spans(marks[0], marks[-1], lambda num: marks[num - 1], {1: FOUR}))

    assert tally.missed == dict.fromkeys(FOUR, 0)


def test_blocks_of_an_unknown_schedule_are_not_guessed() -> None:
    marks = chain_of([True, True], changes_at=2)

    with pytest.raises(AccountingError, match="schedule 2 of block 3") as caught:
        spans(marks[1], marks[2], lambda num: marks[num - 1], {1: FOUR})
    assert caught.value.trouble is Trouble.UNKNOWN_SCHEDULE


def test_what_was_found_before_a_read_failed_is_given() -> None:
    """The left half needs no read, the right one fails: its part is lost, not the whole."""
    marks = chain_of([True] * 64 + [False] + [True] * 63)

    def fetch(num: int) -> Mark:
        if num > 64:
            raise LookupError
        return marks[num - 1]

    parts = steps(marks[0], marks[-1], fetch, {1: FOUR})

    assert next(parts)[0] == marks[63]
    with pytest.raises(LookupError):
        next(parts)


def test_spans_are_cut_to_the_slots_that_are_asked_for() -> None:
    given = [Span(1, 4, filled=True, producers=FOUR), Span(5, 9, filled=False, producers=FOUR)]

    assert between(given, 4, 6) == [Span(5, 6, filled=False, producers=FOUR)]
    assert between(given, 2, 20) == [Span(3, 4, filled=True, producers=FOUR), given[1]]
    assert between(given, 9, 20) == []


def test_the_newest_slot_of_each_producer_is_found_in_a_long_span() -> None:
    found = [Span(START, START + 10_000, filled=True, producers=FOUR)]

    newest = last_filled(found, {"zz": 5})

    assert newest["zz"] == 5
    assert {name: owner(slot, FOUR) for name, slot in newest.items() if name != "zz"} == {x: x for x in FOUR}
    assert max(newest.values()) == START + 10_000


@pytest.mark.parametrize(
    ("now_offset", "expected"),
    [(1.0, 0), (2.0, 2), (3.0, 4), (20.0, 9)],
    ids=["before they are due", "two slots due", "four slots due", "its turn is over"],
)
def test_empty_slots_count_as_soon_as_their_block_is_overdue(now_offset: float, expected: int) -> None:
    """aa made the first three blocks of its turn, then nobody made any."""
    head = Mark(100, START + 2, "x", 1)
    recent = [Span(START - 20, START + 2, filled=True, producers=FOUR)]

    empty = empty_in_turn("aa", FOUR, recent, head, slot_time(START + 2) + now_offset)

    assert empty is not None
    assert (sum(empty), in_a_row(empty)) == (expected, expected)


def test_empty_slots_below_the_head_count_at_once() -> None:
    """bb's first block is there already: blocks are made up to 0.6 s before their timestamp."""
    head = Mark(100, START + 12, "x", 1)
    recent = [
        Span(START - 20, START + 8, filled=True, producers=FOUR),
        Span(START + 9, START + 11, filled=False, producers=FOUR),
        Span(START + 12, START + 12, filled=True, producers=FOUR),
    ]

    empty = empty_in_turn("aa", FOUR, recent, head, slot_time(START + 12) - 0.5)

    assert empty is not None
    assert (sum(empty), in_a_row(empty)) == (3, 3)


def test_empty_slots_before_a_block_of_the_same_turn_are_missed_and_over() -> None:
    """Another node of ours took over in the middle of the turn."""
    head = Mark(100, START + 11, "x", 1)
    recent = [
        Span(START - 20, START + 3, filled=True, producers=FOUR),
        Span(START + 4, START + 7, filled=False, producers=FOUR),
        Span(START + 8, START + 11, filled=True, producers=FOUR),
    ]
    empty = empty_in_turn("aa", FOUR, recent, head, slot_time(START + 40))

    assert empty is not None
    assert (sum(empty), in_a_row(empty)) == (4, 0)


def test_a_turn_that_was_not_watched_from_its_beginning_is_unknown() -> None:
    head = Mark(100, START + 6, "x", 1)
    recent = [Span(START + 5, START + 6, filled=True, producers=FOUR)]

    assert empty_in_turn("aa", FOUR, recent, head, slot_time(START + 6)) is None
