"""PURE: which slots have blocks and which are empty, for every producer of a chain, exactly.

Between two blocks of one chain, the slots less the numbers is the count of empty slots. When it is 0 every
slot has its owner's block and nothing needs to be read; otherwise the span is halved, so that k empty
slots in n blocks cost about k·log2(n) reads of a block header.

The owner of an empty slot is told by the schedule version in the header of the next block: a header carries
the version under which its producer was chosen (Antelope `block_header_state::next`).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from nodekit.slots import owner, round_slots


class Trouble(StrEnum):
    """Why a chain cannot be accounted at the moment."""

    UNKNOWN_SCHEDULE = "unknown_schedule"
    """A block was made under a schedule that is not known; its empty slots have no owner for us."""
    DEEP_FORK = "deep_fork"
    """Blocks that are counted already were replaced."""
    GAP_TOO_LONG = "gap_too_long"
    """More blocks were made unseen than will be accounted afterwards."""
    NO_BLOCK = "no_block"
    """The node has just left the block for another fork; the next look finds out."""
    NO_HISTORY = "no_history"
    """The node does not have blocks as old as those that have to be counted."""
    BEHIND = "behind"
    """The node's head is below what is counted already."""
    WRONG_CHAIN = "wrong_chain"
    """The node runs another chain than the one that is counted."""


class AccountingError(Exception):
    """Nothing was counted; `trouble` says why."""

    def __init__(self, trouble: Trouble, message: str) -> None:
        super().__init__(message)
        self.trouble = trouble


class NoBlockError(Exception):
    """The node that is asked has no block at a height."""

    def __init__(self, num: int) -> None:
        super().__init__(f"the node has no block {num}")
        self.num = num


class OutOfReadsError(Exception):
    """As many blocks were read as one look may; the next look goes on from here."""


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
"""The block at a height of the chain that a node is on; raises NoBlockError and OutOfReadsError."""
Schedules = Mapping[int, tuple[str, ...]]
"""Schedule version → producers in turn order."""


def steps(older: Mark, newer: Mark, fetch: Fetch, schedules: Schedules) -> Iterator[tuple[Mark, list[Span]]]:
    """Every slot after `older` up to `newer`, in order, each part with the block that it ends at.

    `fetch` gives the block at a height between the two. Raises AccountingError, and what `fetch` raises;
    the parts given before hold.
    """
    if newer.num <= older.num:
        return
    same_schedule = newer.schedule_version == older.schedule_version
    if newer.slot - older.slot == newer.num - older.num and same_schedule:
        yield newer, [Span(older.slot + 1, newer.slot, filled=True, producers=schedule_of(newer, schedules))]
    elif newer.num == older.num + 1:
        producers = schedule_of(newer, schedules)
        found = [Span(newer.slot, newer.slot, filled=True, producers=producers)]
        if newer.slot > older.slot + 1:
            found.insert(0, Span(older.slot + 1, newer.slot - 1, filled=False, producers=producers))
        yield newer, found
    else:
        middle = fetch((older.num + newer.num) // 2)
        yield from steps(older, middle, fetch, schedules)
        yield from steps(middle, newer, fetch, schedules)


def schedule_of(mark: Mark, schedules: Schedules) -> tuple[str, ...]:
    """Producers in turn order when a block was made. Raises AccountingError when they are not known."""
    producers = schedules.get(mark.schedule_version)
    if not producers:
        text = f"schedule {mark.schedule_version} of block {mark.num} is not known"
        raise AccountingError(Trouble.UNKNOWN_SCHEDULE, text)
    return producers


def between(spans: Iterable[Span], after: int, upto: int) -> list[Span]:
    """What of the spans lies after one slot, up to and with another."""
    return [
        Span(max(span.first, after + 1), min(span.last, upto), span.filled, span.producers)
        for span in spans
        if span.last > after and span.first <= upto
    ]


def add(tally: Tally, found: Iterable[Span]) -> Tally:
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


def last_filled(found: Iterable[Span], before: Mapping[str, int]) -> dict[str, int]:
    """Producer → its newest slot with a block; `before` holds what was known already."""
    newest = dict(before)
    for span in found:
        if not span.filled:
            continue
        # Only the last round of a long span can hold a producer's newest slot.
        first = max(span.first, span.last + 1 - round_slots(span.producers))
        for slot in range(first, span.last + 1):
            newest[owner(slot, span.producers)] = slot
    return newest
