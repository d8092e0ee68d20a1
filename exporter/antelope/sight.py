"""One get_info a second for each node, whoever wants to know: the answer is kept for all."""

import threading
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from exporter.configs.chains import Chain, Node
from nodekit.answers import ChainInfo
from nodekit.http import HttpError
from nodekit.nodeos import Nodeos

SHARED_FOR = 1.5
"""Intervals for which an answer is good enough for the others."""
HEADS = 90
"""Heads that are kept: more than lie between one and its settling, at one a second."""


@dataclass(frozen=True, slots=True)
class Glance:
    """What a node said when it was last asked; `at` is unix seconds. Exactly one of the two is there."""

    at: float
    info: ChainInfo | None
    error: HttpError | None

    def answer(self) -> ChainInfo:
        """The answer; raises HttpError when there was none."""
        if self.info is None:
            assert self.error is not None  # noqa: S101 - one of the two is there
            raise self.error
        return self.info


class Sight:
    """A node and its newest get_info."""

    def __init__(self, name: str, node: Node, interval: float) -> None:
        self.name = name
        self.node = Nodeos(node.url, node.timeout)
        self._head = Nodeos(node.url, node.timeout)
        """A connection of its own, so that a break of it tells of a restart."""
        self.producer = Nodeos(node.producer_url or node.url, node.timeout)
        """Where the producer API is; it may have an address of its own."""
        self._shared_for = SHARED_FOR * interval + node.timeout
        self._lock = threading.Lock()
        self._glance: Glance | None = None
        self._heads: deque[ChainInfo] = deque(maxlen=HEADS)

    def look(self, now: float) -> ChainInfo:
        """Ask the node, for everybody. Raises HttpError."""
        try:
            glance = Glance(now, self._head.info(), None)
        except HttpError as error:
            glance = Glance(now, None, error)
        self._glance = glance
        if glance.info is not None:
            self._heads.append(glance.info)
        return glance.answer()

    def newest(self, now: float) -> Glance:
        """What the node last said; it is asked only when nobody else did lately."""
        glance = self._glance
        if glance is not None and abs(now - glance.at) <= self._shared_for:
            return glance
        with self._lock:
            try:
                return Glance(now, self.look(now), None)
            except HttpError as error:
                return Glance(now, None, error)

    @property
    def breaks(self) -> int:
        """Times that the connection to the node was lost between two answers."""
        return self._head.breaks

    @property
    def heads(self) -> Sequence[ChainInfo]:
        """The newest answers, oldest first."""
        return tuple(self._heads)

    def close(self) -> None:
        """Drop the kept connections."""
        self.node.close()
        self._head.close()
        self.producer.close()


def sights(chain: Chain) -> dict[str, Sight]:
    """Every node of a chain by name; each has a connection of its own, so that none waits for another."""
    return {name: Sight(name, node, chain.interval) for name, node in chain.nodes.items()}


def best(nodes: Sequence[Sight], now: float, avoid: Collection[str] = ()) -> Sight:
    """The node with the newest head, rather none of those to avoid: their own blocks should not judge
    themselves. Raises HttpError when no node answers."""
    found: list[tuple[bool, int, Sight]] = []
    problem: HttpError | None = None
    for node in nodes:
        glance = node.newest(now)
        if glance.info is None:
            problem = glance.error
        else:
            found.append((node.name not in avoid, glance.info.head_num, node))
    if not found:
        assert problem is not None  # noqa: S101 - a chain has at least one node
        raise problem
    return max(found, key=lambda item: item[:2])[2]
