"""The actuator's eyes in virtual time: polling as MemberWatch, WitnessWatch and Sight do it.

Beliefs are made by the real `believe` and `agreement`; the rhythm comes from the real constants.
"""

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from actuator.facts import AGREE_SLOTS, ChainFact, Facts, NodeFact, Reach, SeenBlock, StepFact
from actuator.failover.members import (
    HEADS,
    IN_WINDOW_TIMEOUT,
    PEERS_EVERY,
    SUSPECT_FOR,
    SUSPECT_INTERVAL,
)
from actuator.failover.reading import Head, Reading, agreement, believe
from actuator.failover.sight import IN_WINDOW_INTERVAL, OPENING
from actuator.failover.witnesses import SCHEDULE_EVERY, WALK
from nodekit.slots import EPOCH
from tests.sim.chain import OURS, Chain, Node
from tests.sim.network import STOPPED, TIMEOUT, Answer, Shown

if TYPE_CHECKING:
    from tests.sim.process import Actuator

POLL = 1.0
"""poll_interval of a group, seconds."""


class Eye:
    """The newest belief about one member."""

    def __init__(self, actuator: "Actuator", node: Node, seen: NodeFact | None) -> None:
        self.actuator = actuator
        self.life = actuator.life
        self.node = node
        self.fact = replace(seen or NodeFact(node.name), starts_paused=node.asserted, agent=node.agent)
        self.newest: Reading | None = None
        """A reading that says the same as `fact` at a later time, not believed yet."""
        self.heads: deque[Head] = deque(maxlen=HEADS)
        self.peers: tuple[float, int] | None = None
        self.asked_for = False
        self.busy = False
        self.again = False
        self.produced = False
        """Its newest answer said that it produces."""
        self.asking = False
        self.wired = False
        """An idle connection stands: the kernel tells when the process dies."""
        self.turn = 0
        self.started = 0.0

    def look(self, turn: int) -> None:
        """Ask the node, unless a nudge came first."""
        if turn != self.turn or self.life != self.actuator.life:
            return
        self.turn += 1
        self.busy = True
        self.started = self.actuator.engine.now
        pace = self.actuator.pace(self.actuator.clock())
        self.actuator.network.call(
            self.node, "read", self.seen, IN_WINDOW_TIMEOUT if pace < POLL else TIMEOUT
        )

    def seen(self, answer: Answer) -> None:
        """The answer, or none in time."""
        if self.life != self.actuator.life:
            return
        asked_for, self.asked_for = self.asked_for, False
        now = self.actuator.clock()
        if isinstance(answer, Shown):
            if self.peers is None or now - self.peers[0] >= PEERS_EVERY:
                self.peers = (now, answer.peers)
            reading = Reading(now, Reach.ANSWERS, answer.paused, answer.head, answer.lib, self.peers[1])
            if not self.heads or self.heads[-1] is not answer.head:
                self.heads.append(answer.head)
        else:
            reading = Reading(now, Reach(answer))
        before, same = self.fact, self._same(reading)
        if same:
            self.newest = reading
        else:
            before = self._settle()
            after = self.fact = believe(before, reading)
            same = (before.paused, before.refusals) == (after.paused, after.refusals)
            same = same and before.reach is after.reach
        if asked_for or not same:
            self.actuator.wake()
        if isinstance(answer, Shown):
            self.produced = not answer.paused
        self._suspect()
        self.busy = False
        self.wired = self.node.alive and not self.actuator.network.links[self.node.name].down
        self._next()

    def _suspect(self) -> None:
        """As MemberWatch._suspect."""
        run = self.fact.refusals
        if not self.node.agent or not self.produced or self.asking or run is None:
            return
        if self.fact.stopped_at is None and run.last - run.since < SUSPECT_FOR:
            self.asking = True
            asked_at, since, life = self.actuator.clock(), run.since, self.life
            self.actuator.network.call(
                self.node, "stopped", lambda answer: self._found(answer, asked_at, since, life)
            )

    def _found(self, answer: Answer, asked_at: float, since: float, life: int) -> None:
        """What the agent says, in the run of refusals in which it was asked."""
        if life != self.actuator.life:
            return
        self.asking = False
        run = self.fact.refusals
        if answer == STOPPED and run is not None and run.since == since:
            self.fact = replace(self.fact, stopped_at=asked_at)
            self.actuator.wake()

    def _same(self, reading: Reading) -> bool:
        """Whether it answers as before: a belief that only grows younger is made when it is asked for."""
        return reading.reach is Reach.ANSWERS is self.fact.reach and reading.paused is self.fact.paused

    def _settle(self) -> NodeFact:
        if self.newest is not None:
            self.fact, self.newest = believe(self.fact, self.newest), None
        return self.fact

    def _next(self) -> None:
        pause = 0.0 if self.again else self._pause()
        self.again = False
        self.actuator.engine.after(pause, self.look, self.turn)

    def _pause(self) -> float:
        """As MemberWatch._pause."""
        now = self.actuator.clock()
        pace = self.actuator.pace(now)
        fact = self.fact
        if fact.reach is Reach.ANSWERS:
            return max(0.01, pace - (self.actuator.engine.now - self.started))
        quiet = now - fact.answered_at if fact.answered_at is not None else SUSPECT_FOR
        if quiet < SUSPECT_FOR:
            pace = min(pace, SUSPECT_INTERVAL)
            if fact.refusals is not None:
                proven = fact.refusals.since + self.actuator.policy.gone_after - now
                pace = min(pace, proven + 0.005) if proven > 0 else pace
        return max(0.01, pace - (self.actuator.engine.now - self.started))

    def nudge(self, *, asked_for: bool = True) -> None:
        """Look again now."""
        self.asked_for = self.asked_for or asked_for
        if self.busy:
            self.again = True
        else:
            self.turn += 1
            self.actuator.engine.after(0.0, self.look, self.turn)

    def tripped(self) -> None:
        """The process died: the idle connection breaks."""
        if self.wired:
            self.wired = False
            self.nudge(asked_for=False)

    def believed(self, ids: dict[int, str]) -> NodeFact:
        """The belief, compared with a witness."""
        fact = self._settle()
        agrees = agreement(tuple(self.heads), ids)
        if agrees is not fact.agrees:
            fact = self.fact = replace(fact, agrees=agrees)
        return fact


class Witness:
    """A nodeos that does not produce for us."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.linked = True
        """It sees the network's blocks."""
        self.reachable = True


class WitnessEye:
    """The newest testimony of one witness."""

    def __init__(self, actuator: "Actuator", witness: Witness) -> None:
        self.actuator = actuator
        self.life = actuator.life
        self.witness = witness
        self.blocks: dict[int, SeenBlock] = {}
        self.ids: dict[int, str] = {}
        self.head_slot = 0
        self.first_slot = 0
        self.schedule: tuple[float, tuple[str, ...], tuple[str, ...], int, str | None] | None = None
        self.at = 0.0
        self.answers = False
        self.fact: ChainFact | None = None

    def look(self) -> None:
        """Read the witness once and come back at the usual pace."""
        if self.life != self.actuator.life:
            return
        if not self.witness.reachable:
            self.actuator.engine.after(TIMEOUT, self._silent)
            return
        chain, now = self.actuator.network.chain, self.actuator.clock()
        if self.witness.linked:
            chain.advance(self.actuator.engine.now)
            self._follow(chain)
        if self.head_slot:
            self._read_schedule(chain, now)
            self.at, self.answers, self.fact = now, True, None
            self.actuator.sight.judge()
        self.actuator.engine.after(self.actuator.pace(now), self.look)

    def _silent(self) -> None:
        if self.life != self.actuator.life:
            return
        self.answers = False
        self.actuator.sight.judge()
        self.actuator.engine.after(self.actuator.pace(self.actuator.clock()), self.look)

    def _follow(self, chain: Chain) -> None:
        head = chain.head.slot
        if not self.head_slot:
            begin = chain.first_slot if self.actuator.warm else max(chain.first_slot, head - WALK)
            self.first_slot = begin
            if begin == chain.first_slot:
                self.blocks = dict(chain.blocks)
                self.ids = {block.num: block.id for block in self.blocks.values()}
                self.head_slot = head
                return
            self.head_slot = begin - 1
        for slot in range(self.head_slot + 1, head + 1):
            block = chain.blocks.get(slot)
            if block is not None:
                self.blocks[slot] = block
                self.ids[block.num] = block.id
        self.head_slot = head

    def _read_schedule(self, chain: Chain, now: float) -> None:
        if self.witness.linked and (self.schedule is None or now - self.schedule[0] >= SCHEDULE_EVERY):
            self.schedule = (now, chain.producers, chain.keys, chain.version, chain.changing)

    def testimony(self, answering: int) -> ChainFact | None:
        """The chain as this witness shows it."""
        if self.schedule is None:
            return None
        sight = self.actuator.sight
        stale = self.fact is None or (self.fact.witnesses, self.fact.agreeing, len(self.fact.doubled)) != (
            answering, sight.agreeing(), len(sight.doubled),
        )  # fmt: skip
        if self.fact is None or stale:
            _, producers, keys, version, changing = self.schedule
            self.fact = ChainFact(
                witnesses=answering, checked_at=self.at, producers=producers, schedule_version=version,
                our_keys=keys if OURS in producers else (), changing=changing, head_slot=self.head_slot,
                first_slot=self.first_slot, blocks=self.blocks, agreeing=self.actuator.sight.agreeing(),
                doubled=frozenset(self.actuator.sight.doubled),
            )  # fmt: skip
        return self.fact


class SimSight:
    """All eyes of one actuator."""

    def __init__(self, actuator: "Actuator", nodes: list[Node], witnesses: list[Witness]) -> None:
        sightings = actuator.ledger.sightings
        self.actuator = actuator
        self.members = {node.name: Eye(actuator, node, sightings.get(node.name)) for node in nodes}
        self.witnesses = [WitnessEye(actuator, witness) for witness in witnesses]
        self.best: WitnessEye | None = None
        self.answering = 0
        self.doubled: set[int] = set()
        """Our slots for which a member and the witness showed different blocks."""

    def start(self, spread: float) -> None:
        """Begin to look, each at its own moment."""
        for number, eye in enumerate((*self.members.values(), *self.witnesses)):
            delay = spread * number
            if isinstance(eye, Eye):
                self.actuator.engine.after(delay, eye.look, eye.turn)
            else:
                self.actuator.engine.after(delay, eye.look)

    def judge(self) -> None:
        """Choose the witness with the newest head."""
        answering = [eye for eye in self.witnesses if eye.answers]
        self.answering = len(answering)
        self.best = max(answering, key=lambda eye: eye.head_slot, default=None)

    def agreeing(self) -> int:
        """How many witnesses show the best one's chain; one that is stranded keeps an old head."""
        best = self.best
        return sum(
            1 for eye in self.witnesses
            if eye.answers and best is not None and best.head_slot - eye.head_slot <= AGREE_SLOTS
        )  # fmt: skip

    def compare(self) -> None:
        """Note slots of ours whose block at a member is not the witness's."""
        if self.best is None:
            return
        blocks = self.best.blocks
        for eye in self.members.values():
            for head in eye.heads:
                if head.producer == OURS:
                    seen = blocks.get(head.slot)
                    if seen is not None and seen.id != head.id:
                        self.doubled.add(head.slot)

    def facts(self, steps: tuple[StepFact, ...]) -> Facts:
        """What is believed now."""
        self.compare()
        best = self.best
        ids = best.ids if best is not None else {}
        nodes = tuple([eye.believed(ids) for eye in self.members.values()])
        chain = best.testimony(self.answering) if best is not None else None
        return Facts(self.actuator.clock(), nodes, chain, steps)

    def pace(self, now: float) -> float:
        """Seconds between looks, as Sight._pace."""
        if self.best is None or self.best.schedule is None:
            return POLL
        producers = self.best.schedule[1]
        if OURS not in producers:
            return POLL
        span = 12 * len(producers)
        place = ((now - EPOCH) * 2 - producers.index(OURS) * 12 + 1) % span  # slots since our window opened
        return IN_WINDOW_INTERVAL if place <= 12 or place > span - OPENING * 2 else POLL
