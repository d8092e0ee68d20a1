"""Collector `nodeos`: head, last irreversible block and pause state of each node.

antelope_head_block_number{node="tokyo"} 71
antelope_head_block_timestamp_seconds{node="tokyo"} 1.7952048845e+09
antelope_production_paused{node="tokyo"} 0
"""

from collections import deque
from collections.abc import Iterable, Sequence

from exporter.antelope.generation import generation
from exporter.antelope.sight import Sight, sights
from exporter.collector import CollectorError, Source
from exporter.collectors.forks import ForkSource
from exporter.collectors.production import chain_source
from exporter.collectors.schedule import ScheduleSource
from exporter.config import Config
from exporter.configs.chains import Node
from exporter.observation import Metric, Record, Sample
from nodekit.answers import ChainInfo
from nodekit.http import HttpError, Reason

NAME = "nodeos"
WINDOW = 60.0
"""Seconds in which distinct producers are counted: a round of 21 takes 126 s, a healthy minute has 10."""
LONGEST_BLINK = 6.0
"""Seconds between two looks in which no producer can go unseen: a turn."""
PAUSED_EVERY = 2
"""Looks at a member of a group per question whether it is paused."""
PAUSED_EVERY_ELSEWHERE = 30
"""The same for nodes that are in no group: nobody waits for that answer."""
AFTER_REFUSAL = 60.0
"""Seconds that what a node says first after a start may be taken for how it started."""
IMPLICIT = "spring"
"""The generation whose `paused` is also true while votes of its finalizers stay away; that ends by itself."""

HEAD = Metric("antelope_head_block_number", "Number of the node's head block.", ("node",))
HEAD_TIME = Metric(
    "antelope_head_block_timestamp_seconds",
    "Timestamp of the node's head block, unix seconds; healthy nodes are -0.6 to +0.5 s old.",
    ("node",),
)
LIB = Metric("antelope_last_irreversible_block_number", "Number of the last irreversible block.", ("node",))
LIB_TIME = Metric(
    "antelope_last_irreversible_block_timestamp_seconds",
    "Timestamp of the last irreversible block, unix seconds.",
    ("node",),
)
PAUSED = Metric(
    "antelope_production_paused", "1 when the node says that its production is paused.", ("node",)
)
DISTINCT = Metric(
    "antelope_distinct_producers", "Producers seen at the node's head within the last 60 s.", ("node",)
)
CHAIN_INFO = Metric(
    "antelope_chain_info", "1; the chain and version that the node runs.", ("node", "chain_id", "version")
)
NODE_INFO = Metric(
    "antelope_node_info", "1; what the configuration says of the node.", ("node", "chain", "group", "role")
)
EXPLICIT = Metric(
    "antelope_production_paused_explicitly",
    "1 when production was paused by a request or at the start; absent on Spring while it is paused, which "
    "does not tell that from its own pause for lack of votes.",
    ("node",),
)
LIB_CHANGED = Metric(
    "antelope_last_irreversible_block_changed_timestamp_seconds",
    "When another last irreversible block was first seen, unix seconds.",
    ("node",),
)
RESTARTS = Metric(
    "antelope_node_restarts_total",
    "Times the node answered again after it had refused connections, or lost the one that was kept.",
    ("node",),
    "counter",
)
FENCE = Metric(
    "antelope_node_starts_paused",
    "1 when a start leaves the node paused: `asserted` by the configuration, `seen` at its newest restart.",
    ("node", "how"),
)
EARLIEST = Metric(
    "antelope_head_earliest_arrival_seconds",
    "Smallest head age within the last 60 s; far from -0.6 to 0.4 on all nodes, our clock is wrong.",
    ("node",),
)
METRICS: tuple[Metric, ...] = (
    HEAD, HEAD_TIME, LIB, LIB_TIME, LIB_CHANGED, PAUSED, EXPLICIT, DISTINCT, EARLIEST, RESTARTS, FENCE,
    CHAIN_INFO, NODE_INFO,
)  # fmt: skip


class Turnout:
    """When members of a group are asked whether they are paused: all at once, when one of them changed."""

    def __init__(self) -> None:
        self.changed_at = 0.0


class NodeSource:
    """Looks at one node."""

    probe = NAME

    def __init__(self, node: Node, sight: Sight, interval: float, turnout: Turnout) -> None:
        self.target = sight.name
        self.interval = interval
        self._sight = sight
        self._turnout = turnout
        self._pause_every = interval * (PAUSED_EVERY if node.group else PAUSED_EVERY_ELSEWHERE)
        self._asked_at: float | None = None
        self._paused: bool | None = None
        self._heads = Heads()
        self._starts = Starts()
        self._lib: tuple[int, float] | None = None

    def observe(self, now: float) -> Iterable[Sample]:
        """get_info, and now and then paused; a closed producer API leaves the pause state out."""
        try:
            info = self._sight.look(now)
            restarted = self._starts.answered(now, self._sight.breaks)
            if restarted or self._pause_due(now):
                self._ask_paused(now)
                self._starts.shown(now, paused=self._paused)
        except HttpError as error:
            if error.reason is Reason.REFUSED:
                self._starts.refused()
            self._asked_at = None
            raise CollectorError(error.reason, str(error)) from None
        return self._samples(info, now)

    def _samples(self, info: ChainInfo, now: float) -> Iterable[Sample]:
        name = self.target
        yield from head_samples(name, info)
        if self._lib is None or self._lib[0] != info.lib_num:
            self._lib = (info.lib_num, now)
        yield LIB_CHANGED.sample(self._lib[1], name)
        yield RESTARTS.sample(self._starts.count, name)
        if self._starts.paused is not None:
            yield FENCE.sample(float(self._starts.paused), name, "seen")
        if self._paused is not None:
            yield PAUSED.sample(float(self._paused), name)
            if not self._paused or generation(info.version) != IMPLICIT:
                yield EXPLICIT.sample(float(self._paused), name)
        yield from self._heads.samples(name, now, info)

    def _pause_due(self, now: float) -> bool:
        asked = self._asked_at
        due = asked is None or not 0 <= now - asked < self._pause_every - self.interval / 2
        return due or (asked is not None and self._turnout.changed_at > asked)

    def _ask_paused(self, now: float) -> None:
        before, self._asked_at = self._paused, now
        try:
            self._paused = self._sight.producer.paused()
        except HttpError as error:
            if error.status not in (401, 403, 404):
                raise
            self._paused = None  # that API category is closed on this port: unknown
        if before is not None and before is not self._paused:
            self._turnout.changed_at = now

    def close(self) -> None:
        """Drop the kept connection."""
        self._sight.close()


class Starts:
    """A node's restarts as they show from outside: refused connections, or a kept one lost, then answers."""

    def __init__(self) -> None:
        self.count = 0
        self.paused: bool | None = None
        """Whether the newest restart left it paused; None before one was seen."""
        self._refusing = self._answered = False
        self._breaks = 0
        self._began: float | None = None

    def refused(self) -> None:
        """Nobody listens; before the first answer that is no sign of a restart."""
        self._refusing = self._answered

    def answered(self, now: float, breaks: int = 0) -> bool:
        """Note an answer, and how many connections were lost so far; True for the first since a restart."""
        restarted = self._refusing or breaks > self._breaks
        self._answered, self._refusing, self._breaks = True, False, breaks
        if restarted:
            self.count += 1
            self.paused, self._began = None, now
        return restarted

    def shown(self, now: float, *, paused: bool | None) -> None:
        """Note a pause state; the first one after a restart tells how it started."""
        if self._began is not None and now - self._began < AFTER_REFUSAL and self.paused is None:
            self.paused = paused
        self._began = None if paused is not None else self._began


class Heads:
    """Who made the blocks that were a node's head within the last WINDOW, and how old they were when seen."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, str, float]] = deque()
        self._began = 0.0

    def samples(self, name: str, now: float, info: ChainInfo) -> Iterable[Sample]:
        """What the last WINDOW shows; nothing before one was watched without closing an eye."""
        distinct = self.distinct(now, info.head_producer, now - info.head_time)
        if distinct is not None:
            yield DISTINCT.sample(distinct, name)
            yield EARLIEST.sample(min(age for *_, age in self._seen), name)

    def distinct(self, now: float, producer: str, age: float = 0.0) -> int | None:
        """Producers with this one; None until a whole window was watched without closing an eye."""
        if not self._seen or not 0 <= now - self._seen[-1][0] <= LONGEST_BLINK:
            self._seen.clear()
            self._began = now
        self._seen.append((now, producer, age))
        while now - self._seen[0][0] > WINDOW:
            self._seen.popleft()
        return len({name for _, name, _ in self._seen}) if now - self._began >= WINDOW else None


def head_samples(name: str, info: ChainInfo) -> Iterable[Sample]:
    """Samples of a get_info answer."""
    yield HEAD.sample(info.head_num, name)
    yield HEAD_TIME.sample(info.head_time, name)
    yield LIB.sample(info.lib_num, name)
    if info.lib_time is not None:
        yield LIB_TIME.sample(info.lib_time, name)
    yield CHAIN_INFO.sample(1, name, info.chain_id, info.version)


def build(config: Config) -> Sequence[Source]:
    """One source a node, and those of its chain: they share what get_info answers."""
    return [
        source for name, chain in config.chains.items() if chain.nodes for source in _of_chain(config, name)
    ]


def _of_chain(config: Config, name: str) -> Iterable[Source]:
    chain = config.chains[name]
    seen = sights(chain)
    turnouts = {node.group: Turnout() for node in chain.nodes.values()}
    for node_name, node in chain.nodes.items():
        yield NodeSource(node, seen[node_name], chain.interval, turnouts[node.group])
    nodes = tuple(seen.values())
    yield chain_source(config, name, nodes)
    yield ScheduleSource(name, chain, nodes)
    yield ForkSource(name, chain, nodes)


def derive(config: Config, _records: Sequence[Record], _now: float) -> Iterable[Sample]:
    """What the configuration says of the nodes: known also when they are down."""
    for chain_name, chain in config.chains.items():
        for name, node in chain.nodes.items():
            yield NODE_INFO.sample(1, name, chain_name, node.group or "", node.role)
            if node.group:
                yield FENCE.sample(float(node.starts_paused), name, "asserted")
