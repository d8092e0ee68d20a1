"""Collector `production`: who produced, who missed, whose turn comes; for all producers of a chain.

    antelope_producer_blocks_missed_total{chain="eos",producer="eosstorebest"} 3
    antelope_producer_missed_in_turn{chain="eos",producer="eosstorebest"} 3
    antelope_producer_missed_in_a_row{chain="eos",producer="eosstorebest"} 0
    antelope_producer_next_turn_timestamp_seconds{chain="eos",producer="eosstorebest"} 1.7952158105e+09

One node is enough; which one does not matter, slots are counted once. Counters take blocks that lie
three turns deep, so that a fork does not rewrite them; the gauges follow the head and are recomputed
when it forks (`exporter/books.py`).
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace

from exporter.accounting import AccountingError, Mark, Trouble
from exporter.antelope.eras import SAVANNA
from exporter.antelope.reading import Reader, eras_with, mark_of
from exporter.antelope.sight import Glance, Sight, meet
from exporter.books import Books, advance, assumed, reopened
from exporter.collector import CollectorError, Source
from exporter.config import Config
from exporter.configs.chains import Chain
from exporter.memory import MemoryFile
from exporter.observation import Metric, Record, Sample
from exporter.turns import empty_in_turn, in_a_row, opening
from nodekit.answers import Block, ChainInfo
from nodekit.arrivals import Arrivals, chain_time, noted
from nodekit.http import HttpError
from nodekit.nodeos import Nodeos
from nodekit.slots import (
    current_slot,
    next_window,
    slot_of,
    slot_time,
)

log = logging.getLogger(__name__)

NAME = "production"
SAVE_EVERY = 5.0
"""Seconds between writes of what was counted; a crash costs nothing, the blocks are counted again."""
STALE_HEAD = 5.0
"""Seconds of head age after which another node is asked whether it knows more."""
VERIFY_EVERY = 15.0
"""Seconds after which blocks are read although get_info alone shows that no slot is empty."""
READS = 24
"""Blocks read in one look at most: 20 ms on loopback, 2.4 s at 100 ms a read; then the next look goes on."""
ANEW = frozenset({Trouble.UNKNOWN_SCHEDULE, Trouble.DEEP_FORK, Trouble.GAP_TOO_LONG, Trouble.NO_HISTORY})
"""Troubles after which counting begins at the present: they do not pass by themselves."""


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
IN_A_ROW = Metric(
    "antelope_producer_missed_in_a_row",
    "The newest of these slots that stayed empty, without a block after them: 0 when it produces again.",
    _LABELS,
)
SCHEDULED = Metric("antelope_producer_scheduled", "1 when the producer is in the active schedule.", _LABELS)
NEXT = Metric(
    "antelope_producer_next_turn_timestamp_seconds",
    "When it starts to work on the first block of its next turn, unix seconds.",
    _LABELS,
)
METRICS: tuple[Metric, ...] = (LAST, AGE, PRODUCED, MISSED, IN_TURN, IN_A_ROW, SCHEDULED, NEXT)


class ProductionSource:
    """Accounts one chain from whichever of its nodes answers."""

    probe = NAME

    def __init__(
        self, name: str, chain: Chain, nodes: Sequence[Sight], memory: MemoryFile | None = None
    ) -> None:
        self.target = name
        self.interval = chain.interval
        self._ours = chain.producers
        self.nodes = list(nodes)
        """The one that is used first."""
        self._memory = memory
        self._books = (memory.load() if memory is not None else None) or Books()
        self._met = False
        """Whether a node of the chain that is counted answered in this run."""
        self._saved_at = 0.0
        self._read_at: float | None = None
        self._arrivals = Arrivals()

    def observe(self, now: float) -> Iterable[Sample]:
        """Account what is new since the last look."""
        try:
            node, glance = self._choose(now)
            info = glance.answer()
            self._arrivals = noted(self._arrivals, glance.at, info.head_time, 3 * self.interval)
            books = self._followed(node.node, info, glance.at)
        except HttpError as error:
            raise CollectorError(error.reason, str(error)) from None
        except AccountingError as error:
            if error.trouble in ANEW:
                self._books = reopened(self._books)
            raise CollectorError(error.trouble, str(error)) from None
        if now - self._saved_at >= SAVE_EVERY:
            self._saved_at = now
            self._save()
        now = chain_time(self._arrivals, glance.at)
        return chain_samples(self.target, self._ours, books[0], books[1], now)

    def _followed(self, node: Nodeos, info: ChainInfo, at: float) -> tuple[Books, Mark]:
        """The books as of a node's answer, and the head there; blocks are read when it leaves a question."""
        last = self._books.head
        if last is not None and self._read_at is not None and 0 <= at - self._read_at < VERIFY_EVERY:
            seen = Mark(info.head_num, slot_of(info.head_time), info.head_id, last.schedule_version)
            books = assumed(self._books, seen, info.head_producer)
            if books is not None:
                return books, seen
        block = node.block(info.head_num)
        self._read_at = None
        self._books = self._introduced(node, info, block)
        head = mark_of(block, self._books)
        self._books = advance(self._books, head, Reader(node, READS, self._books))
        self._read_at = at
        return self._books, head

    def _choose(self, now: float) -> tuple[Sight, Glance]:
        """The node used last, unless it fails or is stale: then the one with the highest head."""
        found = self._answers(now)
        right = [item for item in found if self._counts(item[1].answer())]
        if not right and not self._met:
            log.warning("no node runs the chain that was counted as %s: counting begins anew", self.target)
            self._books, right = Books(), found
        if not right:
            node, glance = found[0]
            text = (
                f"{node.node.url}: runs chain {glance.answer().chain_id}, counted is {self._books.chain_id}"
            )
            raise AccountingError(Trouble.WRONG_CHAIN, text)
        self._met = True
        best = max(right, key=lambda item: item[1].answer().head_num)
        if best[0] is not self.nodes[0]:
            self.nodes.remove(best[0])
            self.nodes.insert(0, best[0])
            self._read_at = None  # it may be on another fork
        return best

    def _answers(self, now: float) -> list[tuple[Sight, Glance]]:
        """Nodes that answer, up to the first with a fresh head. Raises HttpError when none does."""
        problem: HttpError | None = None
        found: list[tuple[Sight, Glance]] = []
        if not self._met:
            meet(self.nodes, now)
        for node in self.nodes:
            glance = node.newest(now)
            if glance.info is None:
                problem = glance.error
                continue
            found.append((node, glance))
            if self._counts(glance.info) and now - glance.info.head_time < STALE_HEAD:
                break
        if not found:
            assert problem is not None  # noqa: S101 - a chain has at least one node
            raise problem
        return found

    def _counts(self, info: ChainInfo) -> bool:
        return self._books.chain_id in ("", info.chain_id)

    def _introduced(self, node: Nodeos, info: ChainInfo, head: Block) -> Books:
        """The books with the chain's id and the schedule in them that the head was made under."""
        books = replace(self._books, chain_id=info.chain_id)
        if head.schedule_version in books.schedules:
            return books
        active = node.schedules().active
        if head.schedule_version == SAVANNA:
            books = replace(books, eras=eras_with(self._books, node, head, active))
        return replace(books, schedules={**books.schedules, active.version: active.producers})

    def _save(self) -> None:
        if self._memory is not None and self._books.settled is not None:
            self._memory.save(self._books)

    def close(self) -> None:
        """Remember what was counted; the connections are the node probes'."""
        self._save()


def chain_samples(chain: str, ours: Sequence[str], books: Books, head: Mark, now: float) -> Iterable[Sample]:
    """Samples of every producer that is scheduled, ours, or was counted; `now` by the chain's clock."""
    producers, tally = books.schedules[head.schedule_version], books.tally
    for producer in sorted({*producers, *ours, *tally.missed}):
        labels = (chain, producer)
        yield SCHEDULED.sample(float(producer in producers), *labels)
        if producer in tally.missed or producer in producers:
            yield PRODUCED.sample(tally.produced.get(producer, 0), *labels)
            yield MISSED.sample(tally.missed.get(producer, 0), *labels)
        coming = next_window(producer, current_slot(now), producers)
        if coming is not None:
            yield NEXT.sample(opening(coming, producers, now), *labels)
    if books.head == head:  # else the view is still being brought up to it
        yield from view_samples(chain, producers, books, head, now)


def view_samples(
    chain: str, producers: tuple[str, ...], books: Books, head: Mark, now: float
) -> Iterable[Sample]:
    """Samples of what the newest blocks show."""
    for producer, slot in sorted(books.newest.items()):
        yield LAST.sample(slot_time(slot), chain, producer)
        yield AGE.sample(slot_time(slot), chain, producer)
    for producer in producers:
        empty = empty_in_turn(producer, producers, books.view, head, now)
        if empty is not None:
            yield IN_TURN.sample(sum(empty), chain, producer)
            yield IN_A_ROW.sample(in_a_row(empty), chain, producer)


def chain_source(config: Config, name: str, nodes: Sequence[Sight]) -> ProductionSource:
    """The source of one chain, which sees what the probes of its nodes see."""
    folder = config.state_dir
    memory = None if folder is None else MemoryFile(folder / f"production-{name}.json")
    return ProductionSource(name, config.chains[name], nodes, memory)


def build(_config: Config) -> Sequence[Source]:
    """None here: `nodeos.build` makes them beside the nodes whose answers they use."""
    return ()


def derive(_config: Config, _records: Sequence[Record], _now: float) -> Iterable[Sample]:
    """Nothing beyond what is observed."""
    return ()
