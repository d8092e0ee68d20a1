"""Watches the true state of the world and writes down every broken promise (I1 to I13)."""

from dataclasses import dataclass, field

from actuator.facts import Facts
from actuator.failover.state import Decision, GroupState, Verb
from actuator.step import State
from tests.sim.actuator import Watcher
from tests.sim.chain import KEY, OURS, Chain, Node
from tests.sim.engine import Engine
from tests.sim.ledger import Row, SimLedger
from tests.sim.network import QUEUED

REACTION = 2.5
"""Seconds within which a second active node that can be reached must have been told to pause: one poll,
one decision, one call."""
GONE_FOR = 4.0
"""Seconds for which the evidence that a process was gone may have been gathered before its return."""
SCHEDULE_SEEN = 5.0
"""Seconds after which a changed schedule must have been noticed."""


@dataclass(slots=True)
class Record:
    """What happened in a story."""

    broken: list[str] = field(default_factory=list)
    """Broken promises, in words."""
    missed: set[int] = field(default_factory=set)
    doubled: set[int] = field(default_factory=set)
    """Our slots that two members made in time, whoever's fault."""
    strip: dict[int, str] = field(default_factory=dict)
    """Our slots → names of the makers."""
    resumes: list[tuple[float, str]] = field(default_factory=list)
    """Resumes of ours that took effect."""
    pauses: list[tuple[float, str]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    """The story in words, when asked for."""


class Referee(Watcher):
    """Judges one story by the truth that the actuator cannot see."""

    def __init__(
        self, engine: Engine, chain: Chain, nodes: list[Node], ledger: SimLedger, *, talk: bool = False
    ) -> None:
        self.engine = engine
        self.chain = chain
        self.nodes = nodes
        self.ledger = ledger
        self.talk = talk
        self.record = Record()
        self.verified_at: dict[str, float] = {}
        self.no_action: str | None = None
        """While set, any order is a broken promise of that name."""
        self.hands_off: dict[str, float] = {}
        """Nodes that an operator paused while all was well: they may not be resumed by us."""
        self.two_since: float | None = None
        self.reachable: dict[str, bool] = {}
        chain.on_slot = self.slot

    def say(self, text: str) -> None:
        """Note an event for a reader."""
        if self.talk:
            slot = (self.engine.now - 946684800.0) * 2 - self.chain.first_slot
            self.record.lines.append(f"{slot:8.2f} {text}")

    def broke(self, promise: str, text: str) -> None:
        """Note a broken promise once."""
        line = f"{promise}: {text}"
        self.say(f"BROKEN {line}")
        self.record.broken.append(line)

    def slot(self, slot: int, makers: list[str], seen: bool) -> None:
        """One of our slots passed."""
        record = self.record
        record.strip[slot] = "".join(makers) if seen else "".join(makers).lower() or "."
        record.missed.discard(slot)
        if not seen and not self.chain.stalled:
            record.missed.add(slot)
        if len(makers) > 1:
            record.doubled.add(slot)

    def effect(self, node: Node, verb: str) -> None:
        """A pause or resume of ours was executed by a node."""
        now = self.engine.now
        self.say(f"{node.name} executes {verb}")
        if verb == "pause":
            self.record.pauses.append((now, node.name))
            return
        self.record.resumes.append((now, node.name))
        if node.name in self.hands_off:
            self.broke("I11", f"{node.name} was paused by an operator and is resumed")
        against = self.chain.changed_at
        if against is not None and now - against > SCHEDULE_SEEN:
            self.broke("I13", f"{node.name} is resumed although the schedule turned against us")

    def settled(self, node: Node) -> None:
        """A node that we resumed goes on running with that (a queue was worked off, if there was one)."""
        if node.paused or node.active_by != "us":
            return
        for other in self.nodes:
            if other is node or not other.armed or other.disarms_itself:
                continue
            known = self.verified_at.get(other.name, 0.0)
            if other.active_by in ("operator", "restart") and other.active_since > known:
                continue  # came later than the last look before the resume: not our doing
            self.broke("I1", f"{node.name} was resumed by us while {other.name} ({other.active_by}) is armed")

    def claimed(self, row: Row) -> None:
        """A resume needs a fence record of its own epoch for every other member (I2)."""
        self.say(f"claimed {row.key} {row.order.verb}")
        if self.no_action is not None:
            self.broke(self.no_action, f"{row.key} is performed")
        if row.order.verb is not Verb.RESUME:
            return
        self.verified_at.clear()
        for node in self.nodes:
            if node.name != row.order.node and not self._fenced(node, row.epoch):
                self.broke("I2", f"{row.key} without a fence of {node.name} in epoch {row.epoch}")

    def _fenced(self, node: Node, epoch: int) -> bool:
        """Whether a pause of this epoch is acknowledged or waits at the node, or its process was gone."""
        pauses = [
            row
            for row in self.ledger.epochs.get(epoch, [])
            if row.order.node == node.name and row.order.verb is Verb.PAUSE
        ]
        held = any(row.state is State.OK for row in pauses)
        waits = any(row.evidence == QUEUED for row in pauses) and node.starts_paused
        gone = self.engine.now - node.up_since < GONE_FOR or node.process in ("down", "starting")
        return held or waits or (gone and node.starts_paused)

    def verified(self, row: Row) -> None:
        """All others were read just now."""
        for node in self.nodes:
            self.verified_at[node.name] = self.engine.now

    def died(self) -> None:
        """Nobody can react now."""
        self.two_since = None

    def decided(self, before: GroupState, decision: Decision, facts: Facts) -> None:
        """Look at the truth after every decision."""
        state = decision.state
        if self.talk and (state.phase is not before.phase or decision.orders):
            orders = ", ".join(f"{order.verb} {order.node}" for order in decision.orders)
            self.say(f"{before.phase} → {state.phase} e{state.epoch} [{orders}] {decision.why}")
            for notice in decision.notices:
                self.say(f"  told: {notice.kind} {notice.details}")
        active = [node for node in self.nodes if node.process == "up" and not node.paused]
        if len(active) < 2 or state.operator_latch or not all(self.reachable[node.name] for node in active):
            self.two_since = None
        elif self.two_since is None:
            self.two_since = self.engine.now
        elif self.engine.now - self.two_since > REACTION:
            self.broke("I1", f"{len(active)} members are active for more than {REACTION} s, nobody is paused")
            self.two_since = float("inf")

    def schedule_against_us(self) -> bool:
        """Whether no node of ours may produce by the active schedule."""
        return OURS not in self.chain.producers or self.chain.keys != (KEY,)
