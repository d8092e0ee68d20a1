"""PURE: a witness's chain by slot, kept gapless back to `first_slot`; replaced where it forked."""

from dataclasses import dataclass, field

from actuator.facts import SeenBlock
from nodekit.answers import Block
from nodekit.slots import slot_of

KEEP_SLOTS = 1600
"""Slots that a view keeps: three rounds of 21 producers and some more."""
WALK = 120
"""Blocks that one look fetches at most."""


@dataclass(slots=True)
class ChainView:
    """The blocks of one witness. Not shared between threads: `blocks_by_slot` gives a copy."""

    _by_num: dict[int, tuple[int, SeenBlock]] = field(default_factory=dict)
    first_slot: int = 0

    def knows(self, num: int, block_id: str) -> bool:
        """Whether this very block is in the view."""
        found = self._by_num.get(num)
        return found is not None and found[1].id == block_id

    def accept(self, walked: list[Block], *, connected: bool) -> None:
        """Take blocks walked back from the head, newest first.

        `connected` says that the oldest one's parent is known already; otherwise the view begins
        anew with the oldest of them.
        """
        if not walked:
            return
        head = walked[0].num
        if not connected:
            self._by_num.clear()
            self.first_slot = slot_of(walked[-1].time)
        for num in [num for num in self._by_num if num >= walked[-1].num]:
            del self._by_num[num]
        for block in walked:
            self._by_num[block.num] = (slot_of(block.time), SeenBlock(block.num, block.id, block.producer))
        self._forget(self._by_num[head][0])

    def _forget(self, head_slot: int) -> None:
        oldest = head_slot - KEEP_SLOTS
        if self.first_slot >= oldest:
            return
        self.first_slot = oldest
        for num in [num for num, (slot, _) in self._by_num.items() if slot < oldest]:
            del self._by_num[num]

    @property
    def head_slot(self) -> int:
        """Slot of the newest block; 0 for an empty view."""
        return max((slot for slot, _ in self._by_num.values()), default=0)

    def blocks_by_slot(self) -> dict[int, SeenBlock]:
        """A copy: slot → block."""
        return dict(self._by_num.values())

    def ids(self) -> dict[int, str]:
        """A copy: block number → id."""
        return {num: block.id for num, (_, block) in self._by_num.items()}
