"""Collector `nodeos`: head, last irreversible block and pause state of each node.

antelope_head_block_number{node="tokyo"} 71
antelope_head_block_timestamp_seconds{node="tokyo"} 1.7952048845e+09
antelope_production_paused{node="tokyo"} 0
"""

from collections import deque
from collections.abc import Iterable, Sequence

from exporter.collector import CollectorError, Source
from exporter.config import Config
from exporter.configs.chains import Node
from exporter.observation import Metric, Record, Sample
from nodekit.answers import ChainInfo
from nodekit.http import HttpError, session
from nodekit.nodeos import Nodeos

NAME = "nodeos"
WINDOW = 60.0
"""Seconds in which distinct producers are counted: a round of 21 takes 126 s, a healthy minute has 10."""
LONGEST_BLINK = 6.0
"""Seconds between two looks in which no producer can go unseen: a turn."""

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
METRICS: tuple[Metric, ...] = (HEAD, HEAD_TIME, LIB, LIB_TIME, PAUSED, DISTINCT, CHAIN_INFO, NODE_INFO)


class NodeSource:
    """Looks at one node."""

    probe = NAME

    def __init__(self, name: str, node: Node, interval: float) -> None:
        self.target = name
        self.interval = interval
        self._http = session()
        self._node = Nodeos(node.url, node.timeout, self._http)
        self._heads = Heads()

    def observe(self, now: float) -> Iterable[Sample]:
        """get_info and paused; a closed producer API leaves the pause state out."""
        try:
            info = self._node.info()
            paused = self._paused()
        except HttpError as error:
            raise CollectorError(error.reason, str(error)) from None
        yield from head_samples(self.target, info)
        if paused is not None:
            yield PAUSED.sample(float(paused), self.target)
        distinct = self._heads.distinct(now, info.head_producer)
        if distinct is not None:
            yield DISTINCT.sample(distinct, self.target)

    def _paused(self) -> bool | None:
        try:
            return self._node.paused()
        except HttpError as error:
            if error.status in (401, 403, 404):
                return None  # that API category is closed on this port: unknown
            raise

    def close(self) -> None:
        """Drop the kept connection."""
        self._http.close()


class Heads:
    """Who made the blocks that were a node's head within the last WINDOW."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, str]] = deque()
        self._began = 0.0

    def distinct(self, now: float, producer: str) -> int | None:
        """Producers with this one; None until a whole window was watched without closing an eye."""
        if not self._seen or not 0 <= now - self._seen[-1][0] <= LONGEST_BLINK:
            self._seen.clear()
            self._began = now
        self._seen.append((now, producer))
        while now - self._seen[0][0] > WINDOW:
            self._seen.popleft()
        return len({name for _, name in self._seen}) if now - self._began >= WINDOW else None


def head_samples(name: str, info: ChainInfo) -> Iterable[Sample]:
    """Samples of a get_info answer."""
    yield HEAD.sample(info.head_num, name)
    yield HEAD_TIME.sample(info.head_time, name)
    yield LIB.sample(info.lib_num, name)
    if info.lib_time is not None:
        yield LIB_TIME.sample(info.lib_time, name)
    yield CHAIN_INFO.sample(1, name, info.chain_id, info.version)


def build(config: Config) -> Sequence[Source]:
    """One source a node."""
    return [
        NodeSource(name, node, chain.interval)
        for chain in config.chains.values()
        for name, node in chain.nodes.items()
    ]


def derive(config: Config, _records: Sequence[Record], _now: float) -> Iterable[Sample]:
    """What the configuration says of the nodes: known also when they are down."""
    for chain_name, chain in config.chains.items():
        for name, node in chain.nodes.items():
            yield NODE_INFO.sample(1, name, chain_name, node.group or "", node.role)
