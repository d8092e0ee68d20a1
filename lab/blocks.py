"""Collects the ground truth of a running chain: the world's blocks and the members' own logs.

Independent of the exporter on purpose: no scrape, no decision, no guess.
"""

import time
from collections.abc import Sequence
from pathlib import Path

from lab.chain import Chain
from lab.server import ServerError, poll
from lab.truth import Produced, Truth, assemble, parse_produced
from nodekit.answers import Block
from nodekit.nodeos import Nodeos, UnknownBlockError
from nodekit.slots import Window, current_slot, next_window, slot_of, slot_time


class ProducedLog:
    """Reads the `Produced block` lines that a node's log gained since the last read."""

    def __init__(self, path: Path) -> None:
        self.entries: list[Produced] = []
        self._path = path
        self._offset = 0

    def read(self) -> Sequence[Produced]:
        """All entries so far; a line that is not finished yet waits for the next read."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                text = file.read()
        except FileNotFoundError:
            return self.entries
        complete = text[: text.rfind(b"\n") + 1]
        self._offset += len(complete)
        lines = complete.decode("utf-8", "replace").splitlines()
        self.entries += [entry for entry in map(parse_produced, lines) if entry is not None]
        return self.entries


class ChainReader:
    """Reads a node's chain by height; only heights above its last irreversible one are read again."""

    def __init__(self, reader: Nodeos) -> None:
        self._reader = reader
        self._final: dict[int, Block] = {}

    def read(self, first: int) -> list[Block]:
        """The chain from a height to its head. Raises HttpError.

        A fork switch while reading can leave out the newest heights; the next read has them.
        """
        info = self._reader.info()
        blocks = []
        for num in range(first, info.head_num + 1):
            try:
                blocks.append(self._final.get(num) or self._reader.block(num))
            except UnknownBlockError:
                break
            if num <= info.lib_num:
                self._final[num] = blocks[-1]
        return blocks


class BlockCollector:
    """Tells for every slot of ours since it was made who produced, what was missed, what was doubled.

    Every answer reads the chain and the logs anew. All methods raise HttpError when the world node
    does not answer. Slots are counted as in `nodekit.slots`.
    """

    def __init__(self, chain: Chain) -> None:
        head = chain.world.info()
        self.first_slot = slot_of(head.head_time) + 1
        """First slot that is looked at."""
        self._chain = chain
        self._first_num = head.head_num
        self._blocks = ChainReader(chain.world.reader)
        self._logs = {name: ProducedLog(node.log_path) for name, node in chain.members.items()}

    def truth(self) -> Truth:
        """All slots of ours from the first to the newest one that anybody produced."""
        logs = {name: log.read() for name, log in self._logs.items()}
        blocks = self._blocks.read(self._first_num)
        seen = [slot_of(block.time) for block in blocks[-1:]]
        seen += [entry.slot for log in logs.values() for entry in log[-1:]]
        slots = range(self.first_slot, max(seen, default=self.first_slot) + 1)
        return assemble(self._chain.ours, self._chain.schedule, slots, blocks, logs)

    def strip(self, first_slot: int, last_slot: int) -> str:
        """`Truth.strip` as of now."""
        return self.truth().strip(first_slot, last_slot)

    def missed(self, first_slot: int, last_slot: int) -> int:
        """`Truth.missed` as of now."""
        return self.truth().missed(first_slot, last_slot)

    def doubled(self, first_slot: int, last_slot: int) -> int:
        """`Truth.doubled` as of now."""
        return self.truth().doubled(first_slot, last_slot)

    def window_strips(self) -> tuple[tuple[int, str], ...]:
        """`Truth.window_strips` as of now."""
        return self.truth().window_strips()

    def next_window(self, now: float | None = None) -> Window:
        """Our next window that is not being worked on yet; `now` in unix seconds, by default this moment."""
        moment = time.time() if now is None else now
        slot = current_slot(moment)
        found = next_window(self._chain.ours, slot, self._chain.schedule)
        assert found is not None  # noqa: S101 - a chain always schedules its own producer
        # Up to 0.6 s before it opens its first block is being made already.
        if found.opens - 1.0 > moment:
            return found
        later = next_window(self._chain.ours, found.last_slot + 1, self._chain.schedule)
        assert later is not None  # noqa: S101 - the same
        return later

    def settle(self, slot: int, timeout: float = 60.0) -> Truth:
        """Wait until another producer has built on whatever became of a slot; the truth then.

        Forks of ours end there: the next producer continues one of them and drops the others.
        Raises ServerError after `timeout` seconds.
        """

        def built_on() -> bool:
            head = self._chain.world.info()
            return slot_of(head.head_time) > slot and head.head_producer != self._chain.ours

        wait = max(0.0, slot_time(slot) - time.time()) + timeout
        if not poll(built_on, wait):
            raise ServerError(f"nothing was built on slot {slot} within {wait:.0f} s")
        return self.truth()
