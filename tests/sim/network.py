"""Calls from the actuator to nodes: latency, loss, partitions, and what a hung nodeos does with a call.

A call to a hung node is accepted by its kernel and executed when it wakes, in order of arrival, also when the
client gave up long before. A call into a partition is lost; an answer can be lost after the effect took place.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from actuator.facts import Reach
from actuator.failover.reading import Head
from tests.sim.chain import LIB_LAG, Chain, Node
from tests.sim.engine import Engine

TIMEOUT = 1.0
"""Seconds after which a client gives up (poll_timeout of a group)."""
SWIFT = 0.01
"""Round trips below this many seconds are taken as no time at all: fewer events, the same order."""


@dataclass(slots=True)
class Link:
    """The way between the actuator and one node."""

    rtt: float = 0.001
    down: bool = False
    healed_at: float = 0.0
    """When calls got through again."""
    loss: float = 0.0
    """Share of calls that get lost, half of them after they took effect."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a nodeos answers to get_info, paused and connections."""

    paused: bool
    head: Head
    lib: int
    peers: int


STOPPED = "stopped"
"""What the agent of a node's host says: no process, and its start is fenced."""
KEPT = "kept"
"""The same agent: the node cannot be told, it is paused should it start unpaused."""
QUEUED = "queued"
"""No answer in time, but the node's kernel has acknowledged every byte of the call."""
Answer = Reach | Shown | str
"""A node's answer, or how the call failed (`broken`: the connection closed), or QUEUED, STOPPED, KEPT."""
Answered = Callable[[Answer], None]
Effect = Callable[[Node, str], None]


class Network:
    """Carries `read`, `pause` and `resume` to nodes, `stopped` to agents. `effect` is told of every pause and resume executed."""

    def __init__(
        self, engine: Engine, chain: Chain, links: dict[str, Link], rng: Random, effect: Effect
    ) -> None:
        self.engine = engine
        self.chain = chain
        self.links = links
        self.rng = rng
        self.effect = effect

    def call(self, node: Node, verb: str, answered: Answered, timeout: float = TIMEOUT) -> None:
        """Send a call; `answered` is called exactly once, at latest when the client gives up."""
        link = self.links[node.name]
        if link.down or (link.loss and self.rng.random() < link.loss / 2):
            self.engine.after(timeout, answered, Reach.TIMEOUT)
            return
        once = _Once(answered)
        if link.rtt < SWIFT:
            self._arrive(node, verb, once)
        else:
            self.engine.after(link.rtt / 2, self._arrive, node, verb, once)
        if not once.done:
            self.engine.after(timeout, self._give_up, once)

    @staticmethod
    def _give_up(once: "_Once") -> None:
        once(QUEUED if once.queued else Reach.TIMEOUT)

    def _arrive(self, node: Node, verb: str, once: "_Once") -> None:
        link = self.links[node.name]
        if link.down:
            return
        if verb == "stopped":
            there = node.process != "down" or not node.starts_paused
            self._back(link, once, Reach.BROKEN if there else STOPPED)
            return
        if node.agent and verb != "read":
            node.kept = verb == "pause"
            if verb == "pause" and (node.deaf or node.process not in ("up", "hung")):
                self._back(link, once, STOPPED if node.process == "down" and node.starts_paused else KEPT)
                return
        if node.deaf:
            self._back(link, once, Reach.REFUSED)
        elif node.process == "hung":
            once.queued = verb != "read"
            node.queue.append((verb, lambda: self._execute(node, verb, once)))
        elif node.process == "up":
            self._execute(node, verb, once)
        else:
            self._back(link, once, Reach.REFUSED)

    def _execute(self, node: Node, verb: str, once: "_Once") -> None:
        """The node's main thread does it and answers."""
        link = self.links[node.name]
        if not node.alive:
            self._back(link, once, Reach.BROKEN)
            return
        if verb != "read":
            self.effect(node, verb)
        if not (link.loss and self.rng.random() < link.loss / 2):
            self._back(link, once, self.show(node))

    def _back(self, link: Link, once: "_Once", answer: Answer) -> None:
        if link.rtt < SWIFT:
            once(answer)
        else:
            self.engine.after(link.rtt / 2, self._deliver, link, once, answer)

    @staticmethod
    def _deliver(link: Link, once: "_Once", answer: Answer) -> None:
        if not link.down:
            once(answer)

    def show(self, node: Node) -> Shown:
        """What the node would answer now."""
        chain = self.chain
        chain.advance(self.engine.now)
        head = chain.head_of(node)
        lib = (head.num if node.following else 0) - LIB_LAG if node.lib_at is None else node.lib_at
        return Shown(node.paused, head, lib, 2 if node.linked else 0)


class _Once:
    """Only the first answer counts."""

    __slots__ = ("answered", "done", "queued")

    def __init__(self, answered: Answered) -> None:
        self.answered = answered
        self.done = False
        self.queued = False

    def __call__(self, answer: Answer) -> None:
        if not self.done:
            self.done = True
            self.answered(answer)
