"""Collector `production`: who produced, who missed, whose turn comes; for all producers of a chain.

    antelope_producer_blocks_missed_total{chain="eos",producer="eosstorebest"} 3
    antelope_producer_missed_in_turn{chain="eos",producer="eosstorebest"} 3
    antelope_producer_next_turn_timestamp_seconds{chain="eos",producer="eosstorebest"} 1.7952158105e+09

One node is enough. Counters take blocks that are SETTLED blocks deep, so that a fork never rewrites
them; the gauges follow the head and are recomputed when it forks.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence

from exporter.accounting import Mark, Span, Tally, UnknownScheduleError, add, last_filled, spans
from exporter.collector import CollectorError, Source
from exporter.config import Chain, Config
from exporter.memory import Memory, MemoryFile
from exporter.observation import Metric, Record, Sample
from nodekit.answers import Block, ChainInfo
from nodekit.http import HttpError, session
from nodekit.nodeos import Nodeos
from nodekit.slots import (
    SLOT_SECONDS,
    Window,
    current_slot,
    next_window,
    previous_window,
    round_slots,
    slot_of,
    slot_time,
)

log = logging.getLogger(__name__)

NAME = "production"
SETTLED = 36
"""Blocks below the head that counters stay: three turns. Two active nodes fork one turn deep (measured)."""
CATCH_UP = 7200
"""Blocks that one look accounts at most: an hour of the chain."""
SAVE_EVERY = 5.0
"""Seconds between writes of what was counted; a crash costs nothing, the blocks are counted again."""
STALE_HEAD = 5.0
"""Seconds of head age after which another node is asked whether it knows more."""
ARRIVAL = 0.8
"""Seconds after a slot's timestamp from which an absent block is missed: 0.3 to arrive, 0.5 to be read."""

_LABELS = ("chain", "producer")
LAST = Metric(
    "antelope_producer_last_produced_timestamp_seconds",
    "Timestamp of its newest block, unix seconds.",
    _LABELS,
)
AGE = Metric(
    "antelope_producer_last_produced_age_seconds",
    "Seconds since the timestamp of its newest block.",
    _LABELS,
    "age",
)
PRODUCED = Metric(
    "antelope_producer_blocks_produced_total",
    "Slots of the producer that have a block, since the exporter began to count.",
    _LABELS,
    "counter",
)
MISSED = Metric(
    "antelope_producer_blocks_missed_total",
    "Slots of the producer that stayed empty, since the exporter began to count.",
    _LABELS,
    "counter",
)
IN_TURN = Metric(
    "antelope_producer_missed_in_turn",
    "Empty slots of its current turn, or of its last one when it is another's turn.",
    _LABELS,
)
SCHEDULED = Metric("antelope_producer_scheduled", "1 when the producer is in the active schedule.", _LABELS)
NEXT = Metric(
    "antelope_producer_next_turn_timestamp_seconds",
    "When it starts to work on the first block of its next turn, unix seconds.",
    _LABELS,
)
METRICS: tuple[Metric, ...] = (LAST, AGE, PRODUCED, MISSED, IN_TURN, SCHEDULED, NEXT)


class ProductionSource:
    """Accounts one chain from whichever of its nodes answers."""

    probe = NAME

    def __init__(self, name: str, chain: Chain, memory: MemoryFile | None = None) -> None:
        self.target = name
        self.interval = chain.interval
        self._ours = chain.producers
        self._http = session(pool=1 + len(chain.nodes))
        self._nodes = [Nodeos(node.url, node.timeout, self._http) for node in chain.nodes.values()]
        self._schedules: dict[int, tuple[str, ...]] = {}
        self._settled: Mark | None = None
        self._tally = Tally()
        self._memory = memory
        self._saved_at = 0.0
        self._recall()
        self._head: Mark | None = None
        self._recent: list[Span] = []
        """From the settled block to the head, and a round further back."""
        self._newest: dict[str, int] = {}

    def observe(self, now: float) -> Iterable[Sample]:
        """Account what is new since the last look."""
        try:
            node, info = self._choose(now)
            head = self._mark(node, info.head_num)
            self._account(node, head)
            self._follow(node, head)
            self._save(now, every=SAVE_EVERY)
        except HttpError as error:
            raise CollectorError(error.reason, str(error)) from None
        except UnknownScheduleError as error:
            self._settled = self._head = None  # count anew from here rather than count wrongly
            raise CollectorError("unknown_schedule", str(error)) from None
        return self._samples(self._schedules[head.schedule_version], head, now)

    def _recall(self) -> None:
        """Go on counting where the last run ended."""
        memory = self._memory.load() if self._memory is not None else None
        if memory is not None:
            self._settled, self._tally = memory.settled, memory.tally
            self._schedules.update(memory.schedules)

    def _save(self, now: float, *, every: float) -> None:
        if self._memory is not None and self._settled is not None and now - self._saved_at >= every:
            self._memory.save(Memory(self._settled, self._tally, dict(self._schedules)))
            self._saved_at = now

    def _choose(self, now: float) -> tuple[Nodeos, ChainInfo]:
        """The node used last, unless it fails or is stale: then the one with the highest head."""
        problem: HttpError | None = None
        found: list[tuple[Nodeos, ChainInfo]] = []
        for node in self._nodes:
            try:
                info = node.info()
            except HttpError as error:
                problem = error
                continue
            found.append((node, info))
            if now - info.head_time < STALE_HEAD:
                break
        if not found:
            assert problem is not None  # noqa: S101 - a chain has at least one node
            raise problem
        best = max(found, key=lambda item: item[1].head_num)
        self._nodes.remove(best[0])
        self._nodes.insert(0, best[0])
        return best

    def _mark(self, node: Nodeos, num: int) -> Mark:
        block = node.block(num)
        if block.schedule_version not in self._schedules:
            active = node.schedules().active
            self._schedules[active.version] = active.producers
        return mark_of(block)

    def _account(self, node: Nodeos, head: Mark) -> None:
        """Move the settled mark up and count what lies between."""
        if head.num <= SETTLED:
            return
        target = head.num - SETTLED
        if self._settled is not None and target > self._settled.num + CATCH_UP:
            target = self._settled.num + CATCH_UP  # a long outage is counted over several looks
        settled = self._mark(node, target)
        if settled.schedule_version not in self._schedules:
            self._settled = None  # made before the schedule that we met first: counting begins later
            return
        if self._settled is None or not self._continues(node, settled):
            self._settled = settled  # first look, or another chain altogether
            return
        found = spans(self._settled, settled, lambda num: self._mark(node, num), self._schedules)
        if found:
            self._tally, self._settled = add(self._tally, found), settled

    def _continues(self, node: Nodeos, settled: Mark) -> bool:
        """Whether the block that we counted up to is on this chain: asked after a restart and after doubt."""
        known = self._settled
        assert known is not None  # noqa: S101 - the caller checked
        if settled.num < known.num - SETTLED:
            return False
        if self._head is not None or settled.num < known.num:
            return True
        if self._mark(node, known.num).id == known.id:
            return True
        log.warning("block %d of %s is another one than before: counting begins anew", known.num, self.target)
        self._tally = Tally()
        return False

    def _follow(self, node: Nodeos, head: Mark) -> None:
        """Bring the view of the newest slots up to the head; from the settled block again after a fork."""
        forked = self._head is not None and (
            head.num < self._head.num or self._mark(node, self._head.num).id != self._head.id
        )
        if forked or self._head is None:
            self._head = self._settled or head
            self._recent = []
        found = spans(self._head, head, lambda num: self._mark(node, num), self._schedules)
        self._newest = last_filled(found, self._newest)
        keep = head.slot - 2 * round_slots(self._schedules[head.schedule_version])
        self._recent = [span for span in [*self._recent, *found] if span.last >= keep]
        self._head = head

    def _samples(self, producers: tuple[str, ...], head: Mark, now: float) -> Iterable[Sample]:
        chain = self.target
        for producer in sorted({*producers, *self._ours, *self._tally.missed}):
            labels = (chain, producer)
            yield SCHEDULED.sample(float(producer in producers), *labels)
            if producer in self._newest:
                produced_at = slot_time(self._newest[producer])
                yield LAST.sample(produced_at, *labels)
                yield AGE.sample(produced_at, *labels)
            if producer in self._tally.missed or producer in producers:
                yield PRODUCED.sample(self._tally.produced.get(producer, 0), *labels)
                yield MISSED.sample(self._tally.missed.get(producer, 0), *labels)
            coming = next_window(producer, current_slot(now), producers)
            if coming is not None:
                yield NEXT.sample(opening(coming, producers, now), *labels)
                missed = missed_in_turn(producer, producers, self._recent, head, now)
                if missed is not None:
                    yield IN_TURN.sample(missed, *labels)

    def close(self) -> None:
        """Remember what was counted and drop the kept connections."""
        self._save(self._saved_at, every=0.0)
        self._http.close()


def mark_of(block: Block) -> Mark:
    """A block as a mark."""
    return Mark(block.num, slot_of(block.time), block.id, block.schedule_version)


def opening(coming: Window, producers: tuple[str, ...], now: float) -> float:
    """When the next turn begins: a turn that is under way is not the next one."""
    if coming.opens > now:
        return coming.opens
    return coming.opens + round_slots(producers) * SLOT_SECONDS


def missed_in_turn(
    producer: str, producers: tuple[str, ...], recent: Sequence[Span], head: Mark, now: float
) -> int | None:
    """Empty slots of the current or last turn; None when that turn was not watched."""
    due = current_slot(now - ARRIVAL) - 1
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
    return sum(1 for slot in window.slots if slot <= due and (slot > head.slot or not filled.get(slot, True)))


def build(config: Config) -> Sequence[Source]:
    """One source a chain."""
    folder = config.state_dir
    return [
        ProductionSource(
            name, chain, None if folder is None else MemoryFile(folder / f"production-{name}.json")
        )
        for name, chain in config.chains.items()
    ]


def derive(_config: Config, _records: Sequence[Record], _now: float) -> Iterable[Sample]:
    """Nothing beyond what is observed."""
    return ()
