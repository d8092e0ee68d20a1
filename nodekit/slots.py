"""PURE slot arithmetic of Antelope chains: who owns a moment, when a producer's next window is.

A *slot* is half a second, counted from 2000-01-01T00:00:00Z; a *window* is the 12 consecutive slots
of one producer; a *round* is one window of every scheduled producer (Antelope
`libraries/chain/include/eosio/chain/config.hpp`: block_interval_ms 500, block_timestamp_epoch,
producer_repetitions 12; verified on 778 blocks of a real chain).

Block timestamps are the *end* of a slot: the block of slot s is made during the half second before
`slot_time(s)`, so a producer works on its window from `slot_time(first) - 0.5` to `slot_time(last)`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

EPOCH = 946_684_800.0
"""Unix seconds of slot 0."""
SLOT_SECONDS = 0.5
SLOTS_PER_WINDOW = 12


@dataclass(frozen=True, slots=True)
class Window:
    """The consecutive slots of one producer's turn, both ends included."""

    producer: str
    first_slot: int
    last_slot: int

    @property
    def opens(self) -> float:
        """Unix seconds when its producer starts to work on its first block."""
        return slot_time(self.first_slot) - SLOT_SECONDS

    @property
    def closes(self) -> float:
        """Unix seconds of its last block's timestamp."""
        return slot_time(self.last_slot)

    @property
    def slots(self) -> range:
        """Its slot numbers in order."""
        return range(self.first_slot, self.last_slot + 1)

    def index(self, slot: int) -> int:
        """Position of a slot in the window, 0 to 11."""
        return slot - self.first_slot


def slot_at(now: float) -> float:
    """Fractional slot number of a moment in unix seconds."""
    return (now - EPOCH) / SLOT_SECONDS


def slot_of(block_time: float) -> int:
    """Slot of a block timestamp in unix seconds."""
    return round((block_time - EPOCH) / SLOT_SECONDS)


def slot_time(slot: float) -> float:
    """Unix seconds of a slot's block timestamp."""
    return EPOCH + slot * SLOT_SECONDS


def current_slot(now: float) -> int:
    """The slot being worked on at `now`: the first whose timestamp is not in the past."""
    return -int(-slot_at(now) // 1)


def parse_block_time(text: str) -> float:
    """Unix seconds of nodeos's `2026-11-20T19:57:51.500` (UTC, written without a zone).

    Raises ValueError when the text is no ISO 8601 time.
    """
    moment = datetime.fromisoformat(text.removesuffix("Z"))
    return moment.replace(tzinfo=UTC).timestamp()


def round_slots(producers: Sequence[str]) -> int:
    """Slots in one round of a schedule."""
    return len(producers) * SLOTS_PER_WINDOW


def owner(slot: int, producers: Sequence[str]) -> str:
    """Producer that a slot belongs to; `producers` in the order of the active schedule.

    Raises ValueError for an empty schedule.
    """
    if not producers:
        raise ValueError("an empty schedule owns no slot")
    return producers[slot % round_slots(producers) // SLOTS_PER_WINDOW]


def window_of(slot: int, producers: Sequence[str]) -> Window:
    """The window that a slot lies in."""
    first = slot - slot % SLOTS_PER_WINDOW
    return Window(owner(slot, producers), first, first + SLOTS_PER_WINDOW - 1)


def next_window(producer: str, slot: int, producers: Sequence[str]) -> Window | None:
    """First window of a producer that ends at or after a slot; None when it is not scheduled."""
    if producer not in producers:
        return None
    here = slot // SLOTS_PER_WINDOW
    ahead = (producers.index(producer) - here) % len(producers)
    return window_of((here + ahead) * SLOTS_PER_WINDOW, producers)


def previous_window(producer: str, slot: int, producers: Sequence[str]) -> Window | None:
    """Last window of a producer that ended before a slot; None when it is not scheduled."""
    if producer not in producers:
        return None
    before = slot // SLOTS_PER_WINDOW - 1
    behind = (before - producers.index(producer)) % len(producers)
    return window_of((before - behind) * SLOTS_PER_WINDOW, producers)
