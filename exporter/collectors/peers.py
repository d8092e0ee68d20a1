"""Collector `peers`: p2p links of each node.

antelope_p2p_connections{node="tokyo",direction="inbound"} 3
"""

from collections.abc import Iterable, Sequence

from exporter.antelope.sockets import local_links
from exporter.collector import CollectorError, Source
from exporter.config import Config
from exporter.configs.chains import Node
from exporter.observation import Metric, Record, Sample
from nodekit.answers import Peer
from nodekit.http import HttpError
from nodekit.nodeos import Nodeos

NAME = "peers"
EVERY = 10
"""Looks at the node per look at its links: links change slowly, and the list is long."""
CLOSED = (401, 403, 404)
"""Answers of an address at which the net API is closed."""

LINKS = Metric(
    "antelope_p2p_connections",
    "Links over which a handshake took place; a configured peer that is down does not count.",
    ("node", "direction"),
)
METRICS: tuple[Metric, ...] = (LINKS,)


class PeerSource:
    """Looks at one node's net API; a node elsewhere that keeps it closed fails this probe and no other."""

    probe = NAME

    def __init__(self, name: str, node: Node, interval: float) -> None:
        self.target = name
        self.interval = interval
        self._node = Nodeos(node.net_url or node.url, node.timeout)
        self._url = node.url

    def observe(self, _now: float) -> Iterable[Sample]:
        """net/connections; where that is closed, the socket table of the process, if it runs on this host."""
        try:
            return link_samples(self.target, self._node.peers())
        except HttpError as error:
            found = local_links(self._url) if error.status in CLOSED else None
            if found is None:
                raise CollectorError(error.reason, str(error)) from None
            return [
                LINKS.sample(found[0], self.target, "inbound"),
                LINKS.sample(found[1], self.target, "outbound"),
            ]

    def close(self) -> None:
        """Drop the kept connection."""
        self._node.close()


def link_samples(name: str, peers: Sequence[Peer]) -> list[Sample]:
    """Live links by who dialled."""
    live = [peer for peer in peers if peer.connected]
    inbound = sum(1 for peer in live if peer.inbound)
    return [LINKS.sample(inbound, name, "inbound"), LINKS.sample(len(live) - inbound, name, "outbound")]


def build(config: Config) -> Sequence[Source]:
    """One source a node."""
    return [
        PeerSource(name, node, EVERY * chain.interval)
        for chain in config.chains.values()
        for name, node in chain.nodes.items()
    ]


def derive(_config: Config, _records: Sequence[Record], _now: float) -> Iterable[Sample]:
    """Nothing beyond what is observed."""
    return ()
