"""Collector `forks`: do our nodes agree on the chain, and did it keep our blocks?

antelope_node_on_chain{node="tokyo"} 1
antelope_producer_blocks_orphaned_total{chain="eos",producer="eosstorebest"} 2

Heads are seen once a second, half of all blocks: an orphan between two looks stays unseen, and without
transactions two active nodes make the same block. What is counted did happen.
"""

from collections.abc import Iterable, Sequence

from exporter.antelope.orphans import Own, common_height, gathered, judged
from exporter.antelope.sight import Sight, best
from exporter.books import SETTLED
from exporter.collector import CollectorError, Source
from exporter.config import Config
from exporter.configs.chains import Chain
from exporter.observation import Metric, Record, Sample
from nodekit.http import HttpError

NAME = "forks"
EVERY = 10
"""Looks at the nodes per comparison: every node is asked for one block."""

ON_CHAIN = Metric(
    "antelope_node_on_chain",
    "1 when the node has the same block as the reference at one height, 0 when it has another; absent when "
    "it could not be asked, or there is no other node.",
    ("node",),
)
ORPHANED = Metric(
    "antelope_producer_blocks_orphaned_total",
    "Blocks of our producer that a node had as its head and that the chain did not keep.",
    ("chain", "producer"),
    "counter",
)
DOUBLED = Metric(
    "antelope_producer_slots_doubled_total",
    "Slots of our producer for which nodes showed different blocks: two nodes signed them.",
    ("chain", "producer"),
    "counter",
)
METRICS: tuple[Metric, ...] = (ON_CHAIN, ORPHANED, DOUBLED)


class ForkSource:
    """Compares the nodes of one chain with the one that has the newest head."""

    probe = NAME

    def __init__(self, name: str, chain: Chain, nodes: Sequence[Sight]) -> None:
        self.target = name
        self.interval = EVERY * chain.interval
        self._nodes = nodes
        self._own = {producer: Own() for producer in chain.producers}
        self._grouped = {node for node, settings in chain.nodes.items() if settings.group}

    def observe(self, now: float) -> Iterable[Sample]:
        """One block of each node, and those of our own that are settled."""
        try:
            reference = best(self._nodes, now, self._grouped)
            self._judge(reference)
            right: dict[int, str] = {}
            samples = [
                sample for node in self._nodes for sample in self._compared(node, reference, now, right)
            ]
        except HttpError as error:
            raise CollectorError(error.reason, str(error)) from None
        for producer, own in self._own.items():
            samples.append(ORPHANED.sample(own.orphaned, self.target, producer))
            samples.append(DOUBLED.sample(own.doubled, self.target, producer))
        return samples

    def _judge(self, reference: Sight) -> None:
        settled = reference.heads[-1].head_num - SETTLED
        for producer, own in self._own.items():
            heads = [info for node in self._nodes for info in node.heads]
            seen = gathered(own, producer, heads)
            self._own[producer] = seen
            self._own[producer] = judged(seen, settled, lambda num: reference.node.block(num).id)

    def _compared(self, node: Sight, reference: Sight, now: float, right: dict[int, str]) -> Iterable[Sample]:
        """A difference counts when it is there twice: the first may be a fork that is just being left."""
        if len(self._nodes) < 2 or node.newest(now).info is None:
            return
        if node is reference:
            yield ON_CHAIN.sample(1, node.name)
            return
        same = _same_block(node, reference, right)
        if same is False:
            same = _same_block(node, reference, {})
        if same is not None:
            yield ON_CHAIN.sample(float(same), node.name)

    def close(self) -> None:
        """Nothing: the connections are the node probes'."""


def _same_block(node: Sight, reference: Sight, right: dict[int, str]) -> bool | None:
    """Whether two nodes have one block at a height; None when one of them cannot tell. `right` keeps what the
    reference said in this look: the other nodes stand at the same heights."""
    height = common_height(node.heads, reference.heads)
    if height is None:
        return None
    try:
        if height not in right:
            right[height] = reference.node.block(height).id
        return node.node.block(height).id == right[height]
    except HttpError:
        return None


def build(_config: Config) -> Sequence[Source]:
    """None here: `nodeos.build` makes them beside the nodes whose answers they use."""
    return ()


def derive(_config: Config, _records: Sequence[Record], _now: float) -> Iterable[Sample]:
    """Nothing beyond what is observed."""
    return ()
