"""One get_info a second for each node, whoever wants to know: the answer is kept for all."""

import threading
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from exporter.antelope.identity import Identity
from exporter.configs.chains import Chain, Node
from nodekit.answers import ChainInfo
from nodekit.http import HttpError, Reason
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

    def __init__(self, name: str, node: Node, interval: float, identity: Identity | None = None) -> None:
        self.name = name
        self._identity = identity or Identity(None, (name,))
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
        """Ask the node, for everybody. Raises HttpError, also when it runs another chain than the others."""
        try:
            glance = Glance(now, self._head.info(), None)
        except HttpError as error:
            glance = Glance(now, None, error)
        self._glance = glance
        self._identity.note(self.name, None if glance.info is None else glance.info.chain_id)
        if glance.info is not None:
            self._heads.append(glance.info)
        return self._judged(glance).answer()

    def newest(self, now: float) -> Glance:
        """What the node last said; it is asked only when nobody else did lately."""
        glance = self._glance
        if glance is not None and abs(now - glance.at) <= self._shared_for:
            return self._judged(glance)
        with self._lock:
            try:
                return Glance(now, self.look(now), None)
            except HttpError as error:
                return Glance(now, None, error)

    def _judged(self, glance: Glance) -> Glance:
        """The glance; an error when the answer is of another chain: nothing of it may be believed."""
        right = self._identity.right
        if glance.info is None or right in (None, glance.info.chain_id):
            return glance
        text = f"{self.node.url}: runs chain {glance.info.chain_id}, its chain here is {right}"
        return Glance(glance.at, None, HttpError(Reason.WRONG_CHAIN, text))

    @property
    def breaks(self) -> int:
        """Times that the connection to the node was lost between two answers."""
        return self._head.breaks

    @property
    def heads(self) -> Sequence[ChainInfo]:
        """The newest answers of the right chain, oldest first."""
        right = self._identity.right
        return tuple(info for info in tuple(self._heads) if right in (None, info.chain_id))

    def close(self) -> None:
        """Drop the kept connections."""
        self.node.close()
        self._head.close()
        self.producer.close()


def sights(chain: Chain) -> dict[str, Sight]:
    """Every node of a chain by name; each has a connection of its own, so that none waits for another."""
    identity = Identity(chain.chain_id, tuple(chain.nodes))
    return {name: Sight(name, node, chain.interval, identity) for name, node in chain.nodes.items()}


def meet(nodes: Sequence[Sight], now: float) -> None:
    """Let every node say which chain it runs, before any of them is believed."""
    for node in nodes:
        node.newest(now)


def best(nodes: Sequence[Sight], now: float, avoid: Collection[str] = ()) -> Sight:
    """The node with the newest head, rather none of those to avoid: their own blocks should not judge
    themselves. Raises HttpError when no node answers."""
    found: list[tuple[bool, int, Sight]] = []
    problem: HttpError | None = None
    meet(nodes, now)
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
