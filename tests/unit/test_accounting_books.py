"""Counters and view of a chain that forks, stalls and is seen through nodes that lag: against a walk."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.accounting import AccountingError, Mark, NoBlockError, OutOfReadsError, Span, Trouble
from exporter.books import CHUNK, LONGEST_GAP, SETTLED, Books, advance, reopened
from nodekit.slots import owner

FOUR = ("aa", "bb", "cc", "dd")
KNOWN = Books(chain_id="x", schedules={1: FOUR})
START = 48 * 1000
READS = 24

Chain = list[Mark]


def grown(chain: Chain, filled: list[bool], branch: str = "a") -> Chain:
    """The chain with a block in each filled slot after its last one."""
    found = list(chain)
    for offset, has_block in enumerate(filled, start=1):
        if has_block:
            num = len(found) + 1
            found.append(Mark(num, chain[-1].slot + offset, f"{branch}{num}", 1))
    return found


def new_chain(blocks: int) -> Chain:
    return grown([Mark(1, START, "genesis", 1)], [True] * (blocks - 1))


def reader(chain: Chain, reads: int = READS) -> Callable[[int], Mark]:
    left = reads

    def fetch(num: int) -> Mark:
        nonlocal left
        if left == 0:
            raise OutOfReadsError
        left -= 1
        if not 1 <= num <= len(chain):
            raise NoBlockError(num)
        return chain[num - 1]

    return fetch


def look(books: Books, chain: Chain) -> Books:
    return advance(books, chain[-1], reader(chain))


def caught_up(books: Books, chain: Chain) -> Books:
    """Looks until there is nothing left to read."""
    while (after := look(books, chain)) != books:
        books = after
    return books


def walk(chain: Chain, first: int, last: int) -> tuple[Counter[str], Counter[str]]:
    """Produced and missed in slots `first` to `last`, block by block."""
    taken = {mark.slot for mark in chain}
    slots = range(first, last + 1)
    return (
        Counter(owner(slot, FOUR) for slot in slots if slot in taken),
        Counter(owner(slot, FOUR) for slot in slots if slot not in taken),
    )


def counted(books: Books) -> tuple[Counter[str], Counter[str]]:
    tally = books.tally
    return +Counter(dict(tally.produced)), +Counter(dict(tally.missed))


growth = st.lists(st.booleans(), min_size=1, max_size=40)
event = st.one_of(
    st.tuples(st.just("grow"), growth),
    st.tuples(st.just("fork"), st.integers(1, SETTLED - 1), growth),
    st.tuples(st.just("lag"), st.integers(1, 80)),
    st.tuples(st.just("unseen"), growth),
)
"""grow: blocks, then a look. fork: the newest blocks are replaced. lag: a look through a node that is behind.
unseen: blocks without a look."""


@given(st.lists(event, max_size=30))
def test_counters_equal_a_walk_whatever_forks_and_whoever_is_asked(events: list[tuple[object, ...]]) -> None:
    chain = new_chain(60)
    books = look(KNOWN, chain)
    began = books.settled
    assert began is not None
    for number, (kind, *given_) in enumerate(events):
        if kind == "lag":
            behind = chain[: -int(given_[0])] or chain[:1]  # type: ignore[call-overload]
            try:
                books = look(books, behind)
            except AccountingError as error:
                assert error.trouble is Trouble.BEHIND
            continue
        if kind == "fork":
            assert books.settled is not None
            chain = chain[: max(len(chain) - int(given_[0]), books.settled.num)]  # type: ignore[call-overload]
        chain = grown(chain, [*given_[-1], True], branch=f"b{number}-")  # type: ignore[misc]
        if kind != "unseen":
            books = look(books, chain)
    chain = grown(chain, [True] * SETTLED, "end")
    books = caught_up(books, chain)

    assert books.settled == chain[-1 - SETTLED]
    assert counted(books) == walk(chain, began.slot + 1, chain[-1 - SETTLED].slot)
    assert books.head == chain[-1]
    newest = {owner(mark.slot, FOUR): mark.slot for mark in chain[-96:] if mark.slot > books.view[0].first}
    assert {name: slot for name, slot in books.newest.items() if name in newest} == newest
    assert view_of(books) == {mark.slot for mark in chain if mark.slot >= books.view[0].first}


def view_of(books: Books) -> set[int]:
    """Filled slots in view; spans must join without a hole."""
    for before, after in pairwise(books.view):
        assert after.first == before.last + 1
    return {slot for span in books.view if span.filled for slot in range(span.first, span.last + 1)}


def test_a_look_reads_no_more_than_it_may_and_the_next_ones_catch_up() -> None:
    """Every other slot of ten minutes is empty: far too much for one look."""
    chain = new_chain(60)
    books = began = look(KNOWN, chain)
    chain = grown(chain, [False, True] * 600)
    looks = 0
    while books.settled != chain[-1 - SETTLED]:
        before, books = books, look(books, chain)
        looks += 1
        assert books != before, "each look gets on"

    assert looks > 10
    assert began.settled is not None and books.settled is not None
    assert counted(books) == walk(chain, began.settled.slot + 1, books.settled.slot)


def test_a_day_without_gaps_is_caught_up_within_minutes() -> None:
    chain = new_chain(60)
    books = look(KNOWN, chain)
    chain = grown(chain, [True] * 50_000)
    looks = 0
    while books.settled != chain[-1 - SETTLED]:
        books = look(books, chain)
        looks += 1

    assert looks <= 50_000 // (CHUNK * (READS - 5)) + 1


def test_the_first_look_sees_two_rounds_back_but_counts_from_now_on() -> None:
    """An exporter that starts while our producer is silent can tell since when."""
    chain = grown(new_chain(60), [owner(START + 60 + n, FOUR) != "bb" for n in range(60)])

    books = look(KNOWN, chain)

    assert counted(books) == (Counter(), Counter())
    assert books.view[0].first <= chain[-1].slot - 94
    assert books.newest == {
        name: max(mark.slot for mark in chain if owner(mark.slot, FOUR) == name) for name in FOUR
    }


def test_a_block_of_ours_that_a_fork_dropped_is_no_longer_our_newest() -> None:
    chain = new_chain(97)
    while owner(chain[-1].slot, FOUR) != "bb":
        chain = grown(chain, [True])
    books = look(KNOWN, chain)
    ours = books.newest["bb"]
    assert ours == chain[-1].slot

    books = look(books, grown(chain[:-1], [False] * 12 + [True], "fork"))

    assert books.newest["bb"] < ours


def test_a_fork_leaves_what_lies_below_it_in_view() -> None:
    chain = new_chain(200)
    books = look(KNOWN, chain)
    first = books.view[0].first

    after = look(books, grown(chain[:-3], [True] * 4, "fork"))

    assert after.view[0].first <= first + 1


def test_a_fork_below_what_is_counted_is_told_and_nothing_is_counted_twice() -> None:
    chain = new_chain(100)
    books = caught_up(look(KNOWN, chain), chain := grown(chain, [True, False] * 50))
    other = grown(chain[: -SETTLED - 10], [False] * 5 + [True] * 30, "deep")

    with pytest.raises(AccountingError) as caught:
        look(books, other)
    assert caught.value.trouble is Trouble.DEEP_FORK

    anew = look(reopened(books), other)
    assert anew.settled is not None and books.counted is not None
    assert anew.settled.slot < books.counted, "it begins below what is counted"
    after = caught_up(anew, grown(other, [True] * 50))
    assert after.counted is not None and after.counted > books.counted
    slots = sum((counted(after)[0] + counted(after)[1]).values())
    assert slots == after.counted - chain[100 - SETTLED - 1].slot


def test_a_producer_whose_only_block_was_dropped_has_no_newest_block() -> None:
    chain = grown(new_chain(60), [owner(START + 60 + n, FOUR) != "bb" for n in range(300)])
    while owner(chain[-1].slot + 1, FOUR) != "bb":
        chain = grown(chain, [True])
    books = look(reopened(KNOWN), chain)
    assert "bb" not in books.newest
    books = look(books, grown(chain, [True]))
    assert "bb" in books.newest

    books = look(books, grown(chain, [False] * 12 + [True], "fork"))

    assert "bb" not in books.newest


def test_a_node_that_is_far_behind_changes_nothing() -> None:
    chain = new_chain(200)
    books = look(KNOWN, chain)

    with pytest.raises(AccountingError) as caught:
        look(books, chain[:100])

    assert caught.value.trouble is Trouble.BEHIND


def test_more_than_a_day_unseen_is_told_and_not_read() -> None:
    books = look(KNOWN, new_chain(100))
    assert books.settled is not None
    far = books.settled.num + LONGEST_GAP + SETTLED + 1
    asked: list[int] = []

    def fetch(num: int) -> Mark:
        asked.append(num)
        return Mark(num, START + num - 1, f"a{num}", 1)

    with pytest.raises(AccountingError) as caught:
        advance(books, fetch(far), fetch)

    assert caught.value.trouble is Trouble.GAP_TOO_LONG
    assert len(asked) < 5


def test_a_node_without_the_blocks_in_between_is_told_apart_from_one_that_just_switched_forks() -> None:
    chain = new_chain(100)
    books = look(KNOWN, chain)
    longer = grown(chain, [True] * 400)

    def young(num: int) -> Mark:
        if num < 300:
            raise NoBlockError(num)
        return longer[num - 1]

    def switching(num: int) -> Mark:
        raise NoBlockError(num)

    with pytest.raises(AccountingError) as pruned:
        advance(books, longer[-1], young)
    with pytest.raises(AccountingError) as moment:
        advance(books, grown(chain, [True])[-1], switching)

    assert pruned.value.trouble is Trouble.NO_HISTORY
    assert moment.value.trouble is Trouble.NO_BLOCK


def kept(books: Books) -> Books:
    """As a restarted exporter finds them: what was counted, without the view."""
    return replace(books, head=None, view=(), newest={})


@pytest.mark.parametrize("slots", [5, 70, 700])
def test_a_restarted_exporter_counts_what_was_made_meanwhile_and_sees_two_rounds_back(slots: int) -> None:
    chain = new_chain(100)
    books = began = look(KNOWN, chain)
    chain = grown(chain, [n % 7 > 0 for n in range(slots)])

    books = caught_up(kept(books), chain)

    assert began.settled is not None and books.settled == chain[-1 - SETTLED]
    assert counted(books) == walk(chain, began.settled.slot + 1, books.settled.slot)
    assert books.view[0].first <= chain[-1].slot - 94


def test_a_restarted_exporter_does_not_go_on_from_a_block_that_was_replaced() -> None:
    chain = new_chain(100)
    books = look(KNOWN, chain)

    with pytest.raises(AccountingError) as caught:
        look(kept(books), grown(chain[:50], [True] * 100, "other"))

    assert caught.value.trouble is Trouble.DEEP_FORK


def test_a_view_that_would_reach_into_an_unknown_schedule_begins_at_the_head() -> None:
    """The exporter met schedule 2 first; blocks of schedule 1 have no owner for it."""
    chain = [replace(mark, schedule_version=1 if mark.num < 180 else 2) for mark in new_chain(200)]

    books = look(replace(KNOWN, schedules={2: FOUR}), chain)

    assert (books.head, books.view, books.settled) == (chain[-1], (), None)


def test_empty_slots_before_the_first_block_of_a_new_schedule_are_its_producers() -> None:
    """A header carries the version under which its own producer was chosen."""
    chain = new_chain(100)
    turned = Mark(101, chain[-1].slot + 3, "turned", 2)
    books = look(replace(KNOWN, schedules={1: FOUR, 2: ("ee", "ff")}), chain)

    books = look(books, [*chain, turned])

    assert [span for span in books.view if not span.filled] == [
        Span(chain[-1].slot + 1, turned.slot - 1, filled=False, producers=("ee", "ff"))
    ]
