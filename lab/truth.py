"""PURE: what happened in each slot of ours, from the chain's blocks and the members' log lines."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from nodekit.answers import Block
from nodekit.slots import SLOTS_PER_WINDOW, owner, parse_block_time, slot_of

PRODUCED = re.compile(
    r"Produced block (?P<id>[0-9a-f]{16})\.\.\. #(?P<num>\d+)(?: \d+)? @ (?P<time>\S+) "
    r"(?:signed by|singer:) (?P<producer>\S+) \["
)
"""Leap writes `signed by`, the wheel's fork `singer:` after one more number. The id is hex digits 8
to 24 of the block id: the height in front is cut off."""

MISSED, ORPHANED, OPEN = ".", "x", "?"


@dataclass(frozen=True, slots=True)
class Produced:
    """One `Produced block` line."""

    slot: int
    num: int
    short_id: str
    producer: str


@dataclass(frozen=True, slots=True)
class Copy:
    """A block that a member made for a slot."""

    member: str
    short_id: str


@dataclass(frozen=True, slots=True)
class SlotTruth:
    """What happened in one slot of ours."""

    slot: int
    decided: bool
    """Whether the chain holds a later block; until then a missing block may still come."""
    canonical: str | None
    """Short id of the block on the chain; None when the slot was missed or is open."""
    copies: tuple[Copy, ...]
    """All blocks that members made for it, in order of member names."""

    @property
    def makers(self) -> tuple[str, ...]:
        """Members that made the block on the chain: several when their blocks were identical."""
        return tuple(copy.member for copy in self.copies if copy.short_id == self.canonical)

    @property
    def orphans(self) -> tuple[Copy, ...]:
        """Blocks that did not stay on the chain."""
        return tuple(copy for copy in self.copies if copy.short_id != self.canonical)

    @property
    def missed(self) -> bool:
        """Whether the chain went on without a block for this slot."""
        return self.decided and self.canonical is None

    @property
    def doubled(self) -> bool:
        """Whether two members made a block for it, identical or not."""
        return len({copy.member for copy in self.copies}) > 1

    @property
    def doubled_unlike(self) -> bool:
        """Whether members made different blocks for it: what a network calls double-signing."""
        return self.doubled and len({copy.short_id for copy in self.copies}) > 1

    @property
    def letter(self) -> str:
        """Member on the chain; `x` only orphaned copies, `.` missed, `?` open or maker unknown."""
        if self.makers:
            return self.makers[0]
        if not self.decided or self.canonical is not None:
            return OPEN
        return ORPHANED if self.copies else MISSED


@dataclass(frozen=True, slots=True)
class Truth:
    """All slots of our producer from the first to the last one looked at, in order."""

    slots: tuple[SlotTruth, ...]

    def between(self, first_slot: int, last_slot: int) -> tuple[SlotTruth, ...]:
        """Our slots from first to last, both included."""
        return tuple(one for one in self.slots if first_slot <= one.slot <= last_slot)

    def strip(self, first_slot: int, last_slot: int) -> str:
        """One letter a slot of ours, windows apart by a space: `AAAAA.BBBBBB BBBBBBBBBBBB`."""
        return " ".join(text for _, text in _by_window(self.between(first_slot, last_slot)))

    def window_strips(self) -> tuple[tuple[int, str], ...]:
        """(first slot of the window, its letters) of every window looked at."""
        return tuple(_by_window(self.slots))

    def missed(self, first_slot: int, last_slot: int) -> int:
        """Slots of ours without a block on the chain."""
        return sum(one.missed for one in self.between(first_slot, last_slot))

    def doubled(self, first_slot: int, last_slot: int) -> int:
        """Slots of ours that two members made a block for, identical or not."""
        return sum(one.doubled for one in self.between(first_slot, last_slot))

    def doubled_unlike(self, first_slot: int, last_slot: int) -> int:
        """Slots of ours that members made different blocks for."""
        return sum(one.doubled_unlike for one in self.between(first_slot, last_slot))


def parse_produced(line: str) -> Produced | None:
    """The `Produced block` entry in a log line; None for every other line."""
    found = PRODUCED.search(line)
    if found is None:
        return None
    try:
        time = parse_block_time(found["time"])
    except ValueError:
        return None
    return Produced(slot_of(time), int(found["num"]), found["id"], found["producer"])


def short_id(block_id: str) -> str:
    """The part of a block id that logs show."""
    return block_id[8:24]


def assemble(
    ours: str,
    schedule: Sequence[str],
    slots: range,
    chain: Iterable[Block],
    logs: Mapping[str, Collection[Produced]],
) -> Truth:
    """Put the chain's blocks and each member's produced blocks together, for our slots in `slots`."""
    blocks = list(chain)
    by_slot = {slot_of(block.time): short_id(block.id) for block in blocks if block.producer == ours}
    head = max((slot_of(block.time) for block in blocks), default=-1)
    copies = _copies(ours, logs)
    return Truth(
        tuple(
            SlotTruth(slot, slot < head or slot in by_slot, by_slot.get(slot), copies.get(slot, ()))
            for slot in slots
            if owner(slot, schedule) == ours
        )
    )


def _copies(ours: str, logs: Mapping[str, Collection[Produced]]) -> dict[int, tuple[Copy, ...]]:
    """Each member's blocks of ours by slot; a block that is logged twice counts once."""
    found: dict[int, dict[Copy, None]] = {}
    for member in sorted(logs):
        for entry in logs[member]:
            if entry.producer == ours:
                found.setdefault(entry.slot, {})[Copy(member, entry.short_id)] = None
    return {slot: tuple(copies) for slot, copies in found.items()}


def _by_window(slots: Iterable[SlotTruth]) -> list[tuple[int, str]]:
    windows: dict[int, str] = {}
    for one in slots:
        first = one.slot - one.slot % SLOTS_PER_WINDOW
        windows[first] = windows.get(first, "") + one.letter
    return list(windows.items())
