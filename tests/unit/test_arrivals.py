"""A clock that is wrong makes nobody miss a block, and hides none that is missed."""

import pytest

from exporter.accounting import Mark, Span
from exporter.turns import empty_in_turn
from nodekit.arrivals import Arrivals, chain_time, clock_ahead, noted
from nodekit.slots import SLOT_SECONDS, current_slot, slot_time

FOUR = ("aa", "bb", "cc", "dd")
START = 1_700_000_016 - 1_700_000_016 % 48
"""The first slot of a turn of aa."""
GAP = 3.0


def looks(
    first: int, seconds: int, ahead: float, *, still_from: float | None = None
) -> tuple[Arrivals, Mark, float]:
    """One look a second from a slot on, by a clock that is so many seconds ahead: what was noted, the last head, and
    the last moment by that clock. From `still_from` seconds on no block is made."""
    arrivals, slot, at = Arrivals(), first, 0.0
    for second in range(seconds):
        real = slot_time(first) + second
        last = real if still_from is None else min(real, slot_time(first) + still_from)
        slot, at = current_slot(last), real + ahead
        arrivals = noted(arrivals, at, slot_time(slot), GAP)
    return arrivals, Mark(100, slot, "x", 1), at


def missed(arrivals: Arrivals, head: Mark, at: float) -> int | None:
    """Of aa, on a chain that was full up to the head."""
    full = [Span(START - 100, head.slot, filled=True, producers=FOUR)]
    empty = empty_in_turn("aa", FOUR, full, head, chain_time(arrivals, at))
    return None if empty is None else sum(empty)


@pytest.mark.parametrize("ahead", [-5.0, -2.0, -0.3, 0.0, 0.3, 2.0, 3.0, 60.0])
def test_nobody_has_missed_a_block_of_a_full_chain_whatever_our_clock_says(ahead: float) -> None:
    for seconds in range(1, 40):
        arrivals, head, at = looks(START - 40, seconds, ahead)
        assert missed(arrivals, head, at) == 0, f"after {seconds} looks"


@pytest.mark.parametrize("ahead", [-5.0, 0.0, 3.0, 60.0])
def test_a_turn_that_stays_empty_is_seen_whatever_our_clock_says(ahead: float) -> None:
    """aa makes no block: the looks begin 10 s before its turn and end 4 s into it."""
    arrivals, head, at = looks(START - 20, 15, ahead, still_from=20 * SLOT_SECONDS - SLOT_SECONDS)

    assert missed(arrivals, head, at) in {5, 6, 7, 8}


def test_two_empty_turns_are_not_taken_for_a_wrong_clock() -> None:
    arrivals, _, at = looks(START, 26, 0.0, still_from=13.0)

    assert chain_time(arrivals, at) == at


def test_a_clock_that_jumps_is_measured_anew_at_once() -> None:
    arrivals, head, at = looks(START - 40, 20, 0.0)
    jumped = noted(arrivals, at + 31.0, slot_time(head.slot) + 1.0, GAP)

    assert chain_time(jumped, at + 31.0) == pytest.approx(at + 1.0, abs=1.0)


def test_a_clock_that_is_ahead_is_known_after_some_looks_only() -> None:
    for ahead, seconds, known in ((3.0, 20, True), (3.0, 5, False), (0.0, 20, False), (-3.0, 20, False)):
        arrivals, _, _ = looks(START - 40, seconds, ahead)
        found = clock_ahead(arrivals, 10.0)
        assert (2.0 < found < 3.5) if known else found == 0.0, (ahead, seconds, found)


def test_a_turn_of_empty_slots_is_not_taken_for_a_clock_that_is_ahead() -> None:
    arrivals, _, _ = looks(START - 40, 26, 0.0, still_from=20.0)

    assert clock_ahead(arrivals, 10.0) == 0.0
