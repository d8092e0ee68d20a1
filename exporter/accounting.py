"""PURE: which slots have blocks and which are empty, for every producer of a chain, exactly.

Between two blocks of one chain, the slots less the numbers is the count of empty slots. When it is 0 every
slot has its owner's block and nothing needs to be read; otherwise the span is halved, so that k empty
slots in n blocks cost about k·log2(n) reads of a block header.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from nodekit.slots import owner


class UnknownScheduleError(Exception):
    """A block was made under a schedule that is not known; its empty slots have no owner for us."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A block as far as accounting needs it."""

    num: int
    slot: int
    id: str
    schedule_version: int


@dataclass(frozen=True, slots=True)
class Span:
    """Consecutive slots that all have blocks, or all have none; both ends included."""

    first: int
    last: int
    filled: bool
    producers: tuple[str, ...]
    """The schedule that they belong to, in turn order."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Blocks produced and missed by each producer since the exporter began to count."""

    produced: Mapping[str, int] = field(default_factory=dict)
    missed: Mapping[str, int] = field(default_factory=dict)


Fetch = Callable[[int], Mark]
Schedules = Mapping[int, tuple[str, ...]]
"""Schedule version → producers in turn order."""


def spans(older: Mark, newer: Mark, fetch: Fetch, schedules: Schedules) -> list[Span]:
    """Every slot after `older` up to `newer`, in order.

    `fetch` gives the block at a height between the two. Raises UnknownScheduleError, and what `fetch`
    raises.
    """
    if newer.num <= older.num:
        return []
    same_schedule = newer.schedule_version == older.schedule_version
    if newer.slot - older.slot == newer.num - older.num and same_schedule:
        return [Span(older.slot + 1, newer.slot, filled=True, producers=_schedule(newer, schedules))]
    if newer.num == older.num + 1:
        producers = _schedule(newer, schedules)
        found = [Span(newer.slot, newer.slot, filled=True, producers=producers)]
        if newer.slot > older.slot + 1:
            found.insert(0, Span(older.slot + 1, newer.slot - 1, filled=False, producers=producers))
        return found
    middle = fetch((older.num + newer.num) // 2)
    return [*spans(older, middle, fetch, schedules), *spans(middle, newer, fetch, schedules)]


def _schedule(mark: Mark, schedules: Schedules) -> tuple[str, ...]:
    producers = schedules.get(mark.schedule_version)
    if not producers:
        raise UnknownScheduleError(f"schedule {mark.schedule_version} of block {mark.num} is not known")
    return producers


def add(tally: Tally, found: list[Span]) -> Tally:
    """The tally with these slots in it; scheduled producers that missed nothing stand there with 0."""
    produced, missed = dict(tally.produced), dict(tally.missed)
    for span in found:
        for producer in span.producers:
            produced.setdefault(producer, 0)
            missed.setdefault(producer, 0)
        counts = produced if span.filled else missed
        for slot in range(span.first, span.last + 1):
            counts[owner(slot, span.producers)] += 1
    return Tally(produced, missed)


def last_filled(found: list[Span], before: Mapping[str, int]) -> dict[str, int]:
    """Producer → its newest slot with a block; `before` holds what was known already."""
    newest = dict(before)
    for span in found:
        if not span.filled:
            continue
        # Only the last round of a long span can hold a producer's newest slot.
        first = max(span.first, span.last - 12 * len(span.producers))
        for slot in range(first, span.last + 1):
            newest[owner(slot, span.producers)] = slot
    return newest
