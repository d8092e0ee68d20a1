"""Slot arithmetic, checked against what a real chain showed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodekit.slots import (
    Window,
    current_slot,
    next_window,
    owner,
    parse_block_time,
    previous_window,
    slot_of,
    slot_time,
    window_of,
)

PRODUCERS = tuple(f"bp{letter * 10}" for letter in "abcdefghijklmnopqrstu")


def test_a_block_of_a_real_chain_of_21_falls_into_its_producers_window() -> None:
    """2026-11-20T19:57:51.500 was made by bpoooooooooo, as the eighth block of its turn."""
    slot = slot_of(parse_block_time("2026-11-20T19:57:51.500"))

    assert slot == 1697039743
    assert owner(slot, PRODUCERS) == "bpoooooooooo"
    assert window_of(slot, PRODUCERS).index(slot) == 7


def test_a_producer_works_half_a_second_before_its_first_timestamp() -> None:
    window = Window("bp", 24, 35)

    assert window.opens == slot_time(24) - 0.5
    assert window.closes == slot_time(35)
    assert len(window.slots) == 12


@pytest.mark.parametrize(
    ("offset", "slot"), [(0.0, 100), (0.001, 101), (0.25, 101), (0.5, 101), (0.501, 102), (-0.001, 100)]
)
def test_the_current_slot_is_the_first_whose_timestamp_is_not_past(offset: float, slot: int) -> None:
    assert current_slot(slot_time(100) + offset) == slot


def test_a_producer_outside_the_schedule_has_no_window() -> None:
    assert next_window("stranger", 5, PRODUCERS) is None
    assert previous_window("stranger", 5, PRODUCERS) is None


def test_an_empty_schedule_owns_nothing() -> None:
    with pytest.raises(ValueError, match="empty schedule"):
        owner(1, ())


@given(st.integers(10_000, 2_000_000_000), st.integers(1, 21), st.data())
def test_windows_around_a_slot_are_the_nearest_ones(slot: int, count: int, data: st.DataObject) -> None:
    producers = PRODUCERS[:count]
    producer = data.draw(st.sampled_from(producers))

    coming = next_window(producer, slot, producers)
    before = previous_window(producer, slot, producers)

    assert coming is not None and before is not None
    assert coming.last_slot >= slot > before.last_slot
    assert coming.first_slot - before.first_slot == 12 * count
    assert {owner(each, producers) for each in (*coming.slots, *before.slots)} == {producer}
