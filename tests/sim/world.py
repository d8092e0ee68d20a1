"""One story's world: chain, nodes, links, witnesses and the actuator, put together and warmed up."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from actuator.facts import NodeFact
from actuator.failover.machine import Phase
from actuator.failover.state import GroupState, Policy
from nodekit.slots import SLOT_SECONDS, round_slots, slot_time
from tests.sim.chain import KEY, OURS, Chain, Node, producers_of
from tests.sim.engine import Engine
from tests.sim.ledger import SimLedger
from tests.sim.network import Link, Network
from tests.sim.process import Actuator, Edges
from tests.sim.referee import Record, Referee
from tests.sim.sight import Witness

NAMES = ("A", "B", "C")
POLICY = Policy(group="bp", producer=OURS, members=NAMES, public_key=KEY, cooldown=60.0)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a world is like before anything happens; one value a member where there are three."""

    producers: int = 4
    place: int | None = None
    """Our place in the schedule; the last one when left out."""
    phase: float = 0.0
    """Seconds after the story's first slot at which it begins."""
    rtt: Sequence[float] = (0.001, 0.001, 0.001)
    loss: Sequence[float] = (0.0, 0.0, 0.0)
    starts_paused: Sequence[bool] = (True, True, True)
    asserted: Sequence[bool] = (True, True, True)
    """Of those that start paused: whether the configuration says it."""
    agents: Sequence[bool] = (False, False, False)
    witnesses: int = 1
    skew: float = 0.0
    """By how much the actuator's clock is ahead, seconds."""
    state: GroupState | None = None
    policy: Policy = POLICY
    twins: bool = False
    """A second actuator shares the ledger; its clock is wrong the other way."""
    loaded: bool = True
    """Transactions flow: two members' blocks of one slot differ."""


class World:
    """All parts of a story. Moments are seconds after the story's first slot."""

    def __init__(self, seed: int, settings: Settings, *, talk: bool = False) -> None:
        self.rng = Random(seed)
        self.settings = settings
        count, place = settings.producers, settings.place
        schedule = producers_of(count, count - 1 if place is None else place)
        first = round_slots(schedule) * 1000
        self.start = slot_time(first) - SLOT_SECONDS
        self.engine = Engine(self.start + settings.phase)
        self.policy = settings.policy
        self.state = settings.state or GroupState(
            Phase.STEADY, epoch=4, holder="A", since=self.start - 3600.0
        )  # fmt: skip
        self.nodes = [
            Node(
                name,
                paused=name != self.state.holder,
                starts_paused=fenced,
                agent=agent,
                asserted=fenced and asserted,
            )
            for name, fenced, asserted, agent in zip(
                NAMES, settings.starts_paused, settings.asserted, settings.agents, strict=True
            )
        ]
        self.by_name = {node.name: node for node in self.nodes}
        self.links = {
            name: Link(rtt, loss=loss)
            for name, rtt, loss in zip(NAMES, settings.rtt, settings.loss, strict=True)
        }
        self.chain = Chain(schedule, first, self.nodes, self.rng)
        self.chain.loaded = settings.loaded
        self.chain.advance(self.engine.now)
        self.ledger = SimLedger(self.state)
        self.witnesses = [Witness(f"w{number}") for number in range(settings.witnesses)]
        self.referee = Referee(self.engine, self.chain, self.nodes, self.ledger, self.links, talk=talk)
        network = Network(self.engine, self.chain, self.links, self.rng, self.obeyed)
        edges = Edges(self.engine, network, self.ledger, self.nodes, self.witnesses, self.referee)
        self.actuator = Actuator(edges, self.policy, settings.skew, shares=settings.twins)
        self.twin = (
            Actuator(edges, self.policy, -settings.skew, "two", shares=True) if settings.twins else None
        )
        self.referee.actuator = self.actuator
        self.ledger.take(self.actuator.name, self.engine.now)
        for actuator in self.actuators:
            actuator.begin(self.state)
        self.actuator.led = True
        self._warm_up()

    def _warm_up(self) -> None:
        """The eyes have been looking for long: the last irreversible block moved lately."""
        for actuator in self.actuators:
            now = actuator.clock() - 1.0
            seen = tuple(NodeFact(name, answered_at=now, lib_num=0, lib_moved_at=now) for name in NAMES)
            self.ledger.saw(seen)
            for eye, fact in zip(actuator.sight.members.values(), seen, strict=True):
                eye.fact = replace(fact, starts_paused=eye.node.asserted, agent=eye.node.agent)

    @property
    def actuators(self) -> list[Actuator]:
        """One, or two that share the ledger."""
        return [self.actuator] if self.twin is None else [self.actuator, self.twin]

    @property
    def leader(self) -> Actuator:
        """Who leads by the ledger; the first one while nobody does."""
        return next((one for one in self.actuators if one.name == self.ledger.leader), self.actuator)

    @property
    def record(self) -> Record:
        """What happened so far."""
        return self.referee.record

    @property
    def now(self) -> float:
        """Seconds after the story's first slot."""
        return self.engine.now - self.start

    def run(self, until: float) -> None:
        """Let time pass to a moment of the story."""
        self.engine.run(self.start + until)
        self.chain.advance(self.engine.now)

    def at(self, moment: float, name: str, *arguments: object) -> None:
        """Let something happen (a method of Group) at a moment."""
        self.engine.at(self.start + moment, self.happen, name, arguments)

    def happen(self, name: str, arguments: tuple[object, ...]) -> None:
        """It happens now."""
        self.chain.advance(self.engine.now)
        self.referee.say(f"* {name} {' '.join(map(str, arguments))}")
        getattr(self, name)(*arguments)

    def obeyed(self, node: Node, verb: str) -> None:
        """A node executes a call of the actuator's."""
        self.chain.advance(self.engine.now)
        self.set_paused(node, verb == "pause", "us")
        self.referee.effect(node, verb)
        if not node.queue:
            self.referee.settled(node)

    def set_paused(self, node: Node, paused: bool, by: str) -> None:
        """Production of a node stops, or starts within the slot in progress."""
        if node.paused == paused:
            return
        node.paused = paused
        if paused:
            node.paused_at = self.engine.now
        else:
            node.active_by, node.active_since = by, self.engine.now
            self.chain.catch_up(node, self.engine.now)

    def producing(self) -> list[str]:
        """Members that produce for the network."""
        return [
            node.name
            for node in self.nodes
            if node.process == "up" and not node.paused and node.fresh and node.linked and not node.mute
        ]

    def windows(self) -> list[str]:
        """Our windows so far as makers: `AAAAA.BBBBBB`; small letters for blocks the network never saw."""
        strip = self.record.strip
        firsts = sorted({slot - slot % 12 for slot in strip})
        return ["".join(strip.get(slot, "") for slot in range(first, first + 12)) for first in firsts]
