"""Watches one witness: a nodeos that does not produce for us and shows what the chain has."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from actuator.facts import ARRIVAL_GRACE, SeenBlock
from actuator.failover.chainview import WALK, ChainView
from nodekit.answers import Block, ChainInfo, Schedules
from nodekit.arrivals import Arrivals, clock_ahead, noted
from nodekit.http import HttpError
from nodekit.nodeos import Nodeos
from nodekit.slots import SLOT_SECONDS, slot_time

log = logging.getLogger(__name__)

SCHEDULE_EVERY = 3.0
"""Seconds between reads of the schedule: a change takes longer than that to become active."""
AFTER_SETTLING = 0.02
"""Seconds after a slot is settled at which it is looked at."""
LONGEST_GAP = 5.0
"""Seconds between looks beyond which what was known of our clock counts no more."""
KNOWN_FOR = 10.0
"""Seconds of looks that say whether our clock is ahead: more than a turn of empty slots."""
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Testimony:
    """What a witness shows; the newest good look, `at` unix seconds."""

    name: str
    at: float
    answers: bool
    chain_id: str
    schedules: Schedules
    head_slot: int
    first_slot: int
    blocks: dict[int, SeenBlock]
    ids: dict[int, str]
    ahead: float = 0.0
    """Seconds by which our clock is clearly ahead of the chain's."""


class WitnessWatch:
    """The newest testimony of one witness."""

    def __init__(self, node: Nodeos, changed: Callable[[], None], clock: Clock = time.time) -> None:
        self.name = node.url
        self._node = node
        self._changed = changed
        self._clock = clock
        self._view = ChainView()
        self._schedules: tuple[float, Schedules] | None = None
        self._answers = False
        self._arrivals = Arrivals()
        self._testimony: Testimony | None = None

    def testimony(self) -> Testimony | None:
        """The newest look; None until there was a good one, or when the newest failed."""
        return self._testimony if self._answers else None

    def look(self) -> None:
        """Read the witness once."""
        try:
            info = self._node.info()
            self._follow(info)
            at = self._clock()
            schedules = self._read_schedules(at)
        except HttpError as error:
            if self._answers:
                log.warning("witness %s: %s", self.name, error)
            self._answers = False
            return
        self._arrivals = noted(self._arrivals, at, slot_time(self._view.head_slot), LONGEST_GAP)
        self._testimony = Testimony(
            name=self.name,
            at=at,
            answers=True,
            chain_id=info.chain_id,
            schedules=schedules,
            head_slot=self._view.head_slot,
            first_slot=self._view.first_slot,
            blocks=self._view.blocks_by_slot(),
            ids=self._view.ids(),
            ahead=clock_ahead(self._arrivals, KNOWN_FOR),
        )
        self._answers = True

    def _follow(self, info: ChainInfo) -> None:
        """Walk back from the head until a known block, so that forks replace what they replace."""
        walked: list[Block] = []
        num, wanted = info.head_num, info.head_id
        while num > 0 and len(walked) < WALK and not self._view.knows(num, wanted):
            block = self._node.block(num)
            if block.id != wanted:
                return  # the head moved to another fork meanwhile; the next look walks that one
            walked.append(block)
            num, wanted = num - 1, block.previous
        connected = bool(walked) and self._view.knows(num, wanted)
        self._view.accept(walked, connected=connected)

    def _read_schedules(self, now: float) -> Schedules:
        if self._schedules is None or now - self._schedules[0] >= SCHEDULE_EVERY:
            self._schedules = (now, self._node.schedules())
        return self._schedules[1]

    def run(self, stop: threading.Event, pace: Callable[[], float]) -> None:
        """Look until told to stop; `pace` gives the seconds between looks."""
        while not stop.is_set():
            try:
                self.look()
            except Exception:  # the one broad except of this thread: a watch never ends
                log.exception("looking at witness %s failed", self.name)
                self._answers = False
            seconds = pace()
            if seconds < SLOT_SECONDS:
                self._changed()  # our window is open: every slot counts
                seconds = until_settled(self._clock(), seconds)
            stop.wait(seconds)


def until_settled(now: float, pace: float) -> float:
    """Seconds to the next look of a rhythm in which one look falls right after a slot is settled.

    An empty slot is known ARRIVAL_GRACE after its time; a look that comes by chance later loses that much
    of the next slot.
    """
    wait = (ARRIVAL_GRACE + AFTER_SETTLING - now) % pace
    return wait if wait > AFTER_SETTLING else wait + pace
