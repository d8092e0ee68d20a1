"""PURE: a producer's turns as the newest blocks show them. No I/O, no clock."""

from collections.abc import Mapping, Sequence

from exporter.accounting import Mark, Span
from nodekit.slots import SLOT_SECONDS, Window, current_slot, next_window, previous_window, round_slots

ARRIVAL = 0.8
"""Seconds after a slot's timestamp from which an absent block is missed: 0.3 to arrive, 0.5 to be read."""


def opening(coming: Window, producers: tuple[str, ...], now: float) -> float:
    """When the next turn begins: a turn that is under way is not the next one."""
    if coming.opens > now:
        return coming.opens
    return coming.opens + round_slots(producers) * SLOT_SECONDS


def empty_in_turn(
    producer: str, producers: tuple[str, ...], recent: Sequence[Span], head: Mark, now: float
) -> tuple[bool, ...] | None:
    """Of each due slot of the current or last turn, whether it is empty; None when that was not watched."""
    due = max(head.slot, current_slot(now - ARRIVAL) - 1)
    window = next_window(producer, due, producers)
    if window is None or window.first_slot > due:
        window = previous_window(producer, due + 1, producers)
    if window is None or not recent or recent[0].first > window.first_slot:
        return None
    filled: Mapping[int, bool] = {
        slot: span.filled
        for span in recent
        for slot in range(max(span.first, window.first_slot), min(span.last, window.last_slot) + 1)
    }
    return tuple(slot > head.slot or not filled.get(slot, True) for slot in window.slots if slot <= due)


def in_a_row(empty: Sequence[bool]) -> int:
    """How many slots stayed empty since the newest block of a turn."""
    return next((back for back, one in enumerate(reversed(empty)) if not one), len(empty))
