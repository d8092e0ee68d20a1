"""Collector `apis`: what a node offers at its addresses, and how much room its database has.

antelope_api_open{node="tokyo",category="producer_rw"} 1
antelope_database_free_bytes{node="tokyo"} 2.62e+08
"""

from collections.abc import Iterable, Sequence

from exporter.collector import CollectorError, Source
from exporter.config import Config
from exporter.configs.chains import Node
from exporter.observation import Metric, Record, Sample
from nodekit.http import HttpError
from nodekit.nodeos import Nodeos

NAME = "apis"
EVERY = 60
"""Looks at the node per look at its APIs: they change with a restart, the database grows slowly."""

OPEN = Metric(
    "antelope_api_open",
    "1 when the node offers an API category at an address that we read, 0 when not; `_rw` changes the node.",
    ("node", "category"),
)
FREE = Metric("antelope_database_free_bytes", "Free room in the node's chain state database.", ("node",))
SIZE = Metric("antelope_database_size_bytes", "Size of the node's chain state database.", ("node",))
METRICS: tuple[Metric, ...] = (OPEN, FREE, SIZE)

CATEGORIES = {
    "chain_ro": "/chain/get_info",
    "chain_rw": "/chain/push_transaction",
    "producer_ro": "/producer/paused",
    "producer_rw": "/producer/pause",
    "net_ro": "/net/connections",
    "net_rw": "/net/connect",
    "db_size": "/db_size/get",
    "snapshot": "/producer/create_snapshot",
    "trace_api": "/trace_api/get_block",
}
"""Category → the end of a path that belongs to it (nodeos's `http-category-address`)."""
ABSENT = (401, 403, 404)


class ApiSource:
    """Looks at one node's list of paths and its database."""

    probe = NAME

    def __init__(self, name: str, node: Node, interval: float) -> None:
        self.target = name
        self.interval = EVERY * interval
        self._nodes = [Nodeos(url, node.timeout) for url in node.addresses]

    def observe(self, _now: float) -> Iterable[Sample]:
        """get_supported_apis of each address, db_size of the first that has it."""
        try:
            listed = [paths for node in self._nodes if (paths := _paths(node)) is not None]
            room = next((found for node in self._nodes if (found := _room(node)) is not None), None)
        except HttpError as error:
            raise CollectorError(error.reason, str(error)) from None
        return api_samples(self.target, listed, room)

    def close(self) -> None:
        """Drop the kept connections."""
        for node in self._nodes:
            node.close()


def _paths(node: Nodeos) -> tuple[str, ...] | None:
    try:
        return node.supported_apis()
    except HttpError as error:
        if error.status in ABSENT:
            return None  # EOSIO 1.8 has no such list
        raise


def _room(node: Nodeos) -> tuple[int, int] | None:
    try:
        return node.database()
    except HttpError as error:
        if error.status in ABSENT:
            return None  # the plugin is not loaded, or the category is closed
        raise


def api_samples(name: str, listed: Sequence[Sequence[str]], room: tuple[int, int] | None) -> Iterable[Sample]:
    """Samples of the lists of all addresses together; unknown ones are left out."""
    paths = [path for one in listed for path in one]
    for category, ending in CATEGORIES.items() if listed else ():
        yield OPEN.sample(float(any(path.endswith(ending) for path in paths)), name, category)
    if room is not None:
        yield FREE.sample(room[0], name)
        yield SIZE.sample(room[1], name)


def build(config: Config) -> Sequence[Source]:
    """One source a node."""
    return [
        ApiSource(name, node, chain.interval)
        for chain in config.chains.values()
        for name, node in chain.nodes.items()
    ]


def derive(_config: Config, _records: Sequence[Record], _now: float) -> Iterable[Sample]:
    """Nothing beyond what is observed."""
    return ()
