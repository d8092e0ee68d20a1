"""PURE: which schedule a block was made under where its header does not say.

Blocks of Savanna, the consensus of Spring, all carry one number in the place of the schedule's version
(AntelopeIO/spring block_header.hpp, `proper_svnn_schedule_version`). The node tells which schedule is active
at its head. When that has changed, the first window of the new one is found by who made the blocks between:
it begins with a window (its `get_next_next_round_block_time`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from nodekit.answers import Block
from nodekit.slots import SLOTS_PER_WINDOW, owner, slot_of

SAVANNA = 1 << 31
"""The number in headers of Savanna."""
UNKNOWN = -1
"""Version of a block whose producer had no turn by the schedule that should be active."""
KEPT = 4
"""Eras that are kept: nobody looks further back than two rounds."""

Era = tuple[int, int]
"""From this slot on, that version."""
Producers = tuple[str, ...]


def version_of(block: Block, eras: Sequence[Era], schedules: Mapping[int, Producers]) -> int:
    """The header's version, that of the block's era, or UNKNOWN."""
    if block.schedule_version != SAVANNA:
        return block.schedule_version
    slot = slot_of(block.time)
    version = next((number for first, number in reversed(eras) if slot >= first), UNKNOWN)
    producers = schedules.get(version)
    return version if producers and owner(slot, producers) == block.producer else UNKNOWN


@dataclass(frozen=True, slots=True)
class Change:
    """One schedule that took another's place."""

    since: int
    """The slot from which the old one was active."""
    old: Producers
    new: Producers

    def tells(self, block: Block) -> bool:
        """Whether a block shows if it is before or behind the change."""
        slot = slot_of(block.time)
        return slot < self.since or owner(slot, self.old) != owner(slot, self.new)

    def is_before(self, block: Block) -> bool:
        """For a block that tells. A producer of neither schedule is taken for one behind the change: what
        does not fit there is found UNKNOWN, which ends the counting of this stretch."""
        slot = slot_of(block.time)
        return slot < self.since or owner(slot, self.old) == block.producer


def first_slot(change: Change, after: int, head: Block, read: Callable[[int], Block]) -> int:
    """The first slot of a new schedule that is active at the head; block `after` was made before the change.

    Only blocks of windows that the two give to different producers tell, the others are right in either era.
    When none tells, the new one begins with the next window.
    """
    low, high = after, head.num + 1
    found = _window(slot_of(head.time)) + SLOTS_PER_WINDOW
    while high - low > 1:
        middle = (low + high) // 2
        block = _telling(middle, high, change, read)
        if block is None:
            high = middle
        elif change.is_before(block):
            low = block.num
        else:
            high, found = block.num, _window(slot_of(block.time))
    return found


def with_era(eras: Sequence[Era], first: int, version: int) -> tuple[Era, ...]:
    """Another era behind the others; one that begins before the last of them takes its place."""
    return (*(era for era in eras if era[0] < first), (first, version))[-KEPT:]


def _telling(num: int, before: int, change: Change, read: Callable[[int], Block]) -> Block | None:
    """A block that tells from a height on; None when there is none below `before`.

    From a block that does not tell it leaps to the next window that would. Empty slots make such a leap too
    long; then it goes on from window to window.
    """
    leaps, block = True, read(num)
    while not change.tells(block):
        slot = slot_of(block.time)
        target = _next_difference(slot, change)
        ahead = _ahead(block, target, before, read) if leaps else None
        if leaps and (ahead is None or _window(slot_of(ahead.time)) > target):
            leaps, ahead = False, None
        ahead = ahead or _ahead(block, _window(slot) + SLOTS_PER_WINDOW, before, read)
        if ahead is None:
            return None
        block = ahead
    return block


def _ahead(block: Block, slot: int, before: int, read: Callable[[int], Block]) -> Block | None:
    """The block at a later slot if none is empty in between; None when its height is not below `before`."""
    num = block.num + slot - slot_of(block.time)
    return read(num) if num < before else None


def _next_difference(slot: int, change: Change) -> int:
    """First slot of the next window that they give to different producers; some later one if none is."""
    window = _window(slot) + SLOTS_PER_WINDOW
    for _ in range(len(change.old) * len(change.new)):
        if owner(window, change.old) != owner(window, change.new):
            break
        window += SLOTS_PER_WINDOW
    return window


def _window(slot: int) -> int:
    return slot - slot % SLOTS_PER_WINDOW
