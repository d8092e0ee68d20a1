"""Watches the true state of the world and writes down every broken promise (I1 to I13)."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from actuator.facts import Facts
from actuator.failover.machine import Phase
from actuator.failover.state import Automation, Decision, GroupState, Kind, Verb
from actuator.lease import RENEW, TTL
from actuator.step import State
from nodekit.slots import EPOCH, current_slot, next_window, round_slots
from tests.sim.chain import OURS, Chain, Node
from tests.sim.engine import Engine
from tests.sim.lawbook import unproven
from tests.sim.ledger import Row, SimLedger
from tests.sim.network import QUEUED, Link
from tests.sim.process import Watcher

if TYPE_CHECKING:
    from tests.sim.process import Actuator

REACTION = 2.5
"""Seconds within which a second active node that can be reached must have been told to pause: one poll,
one decision, one call."""
LEADERLESS = TTL + 2 * RENEW
"""Seconds for which nobody of two actuators may lead: the lease runs out, the other one asks each second."""
NOTICED = 1.6
"""Seconds after which what an operator did must have been seen."""
GONE_FOR = 4.0
"""Seconds for which the evidence that a process was gone may have been gathered before its return."""
SCHEDULE_SEEN = 6.0
"""Seconds after which a changed schedule, read every three, must count for a resume."""
STALL_SEEN = 22.0
"""Seconds after which a chain that stands still must be known to: two turns of others, one of ours, two of
looking."""


UNDER_WAY = 2.5
"""Seconds that a claimed resume may take: the others are read once more, then it is sent."""
UNFIT = {"cut": 5.5, "stale": 11.5, "astray": 4.0, "stuck": 64.0}
"""Seconds after which what makes a node unfit must keep it from being resumed: peers are asked for every three
seconds, a head grows old by the slots of others only, and a call may be two seconds under way."""
BLIND_SEEN = 5.0


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
    effects: list[tuple[float, str, str]] = field(default_factory=list)
    """Calls of ours that took effect: true time, verb, node."""
    lines: list[str] = field(default_factory=list)
    """The story in words, when asked for."""

    def of(self, verb: str) -> list[tuple[float, str]]:
        """When and where calls of one kind took effect."""
        return [(moment, node) for moment, done, node in self.effects if done == verb]


class Referee(Watcher):
    """Judges one story by the truth that the actuator cannot see."""

    actuator: "Actuator"

    def __init__(
        self,
        engine: Engine,
        chain: Chain,
        nodes: list[Node],
        ledger: SimLedger,
        links: dict[str, Link],
        *,
        talk: bool = False,
    ) -> None:
        self.engine = engine
        self.chain = chain
        self.nodes = nodes
        self.ledger = ledger
        self.links = links
        self.talk = talk
        self.record = Record()
        self._verified_at = 0.0
        self._two_since: float | None = None
        self._decided_at = 0.0
        self._stood_still_at = 0.0
        """When the chain was last seen standing still."""
        self._shortest = round_slots(chain.producers)
        """Slots of the smallest round so far: a start observes the one that it finds."""
        self._hands_off = False
        self._barred_since: float | None = None
        self.sighted_since = 0.0
        """Since when some witness shows the chain as it is."""
        self.blind_since: float | None = None
        """Since when no witness answers."""
        self._held: dict[str, tuple[float, float]] = {}
        self._written: set[str] = set()
        """What some decision noted as held: a request may die with the process that took it."""
        self._automatic: dict[int, float] = {}
        """Automatic plans that resumed a node → when they did last."""
        chain.on_slot = self._slot

    def say(self, text: str) -> None:
        """Note an event for a reader."""
        if self.talk:
            slot = (self.engine.now - EPOCH) * 2 - self.chain.first_slot
            self.record.lines.append(f"{slot:8.2f} {text}")

    def broke(self, promise: str, text: str) -> None:
        """Note a broken promise."""
        self.say(f"BROKEN {promise}: {text}")
        self.record.broken.append(f"{promise}: {text}")

    def _slot(self, slot: int, makers: list[str], seen: bool) -> None:
        record = self.record
        record.strip[slot] = "".join(makers) if seen else "".join(makers).lower() or "."
        record.missed.discard(slot)
        if not seen and self.chain.stalled_since is None:
            record.missed.add(slot)
        if len(makers) > 1:
            record.doubled.add(slot)

    # --- people ---------------------------------------------------------------------------------------

    def by_hand(self, node: Node, verb: str) -> None:
        """An operator paused the only active node while all was well: that must stay so (I11)."""
        if verb == "pause" and self._all_well() and self.ledger.state.holder == node.name:
            self.engine.after(NOTICED, self._noticed, node, self.actuator.life)

    def _noticed(self, node: Node, life: int) -> None:
        same = self.engine.now - node.up_since > NOTICED  # a restart in this moment hides who paused it
        if same and self._all_well(paused=node) and life == self.actuator.life:
            self._hands_off = True

    def _all_well(self, paused: Node | None = None) -> bool:
        resting = self.actuator.state.phase in (Phase.STEADY, Phase.LATCHED)
        return (
            self.actuator.up and self.actuator.confirmed() and resting
            and all(self._reached(node) for node in self.nodes)
            and not any(node.armed for node in self.nodes if node is not paused and paused is not None)
            and (paused is None or paused.paused)
        )  # fmt: skip

    def _reached(self, node: Node) -> bool:
        link = self.links[node.name]
        return node.process == "up" and not link.down and link.loss == 0.0

    def _reached_lately(self, node: Node) -> bool:
        """Reached, and for long enough to be known when a resume was claimed."""
        since = max(self.links[node.name].healed_at, node.woke_at)
        return self._reached(node) and self.engine.now - since > UNDER_WAY

    def consent(self) -> None:
        """An operator asks for something: automation may move again."""
        self._hands_off = False
        self._automatic.clear()

    def ruled(self, mode: Automation) -> None:
        """What automation may do was changed."""
        self._barred_since = None if mode is Automation.ON else self.engine.now

    def held(self, name: str, until: float) -> None:
        """An operator holds a node or the group; a resume may be under way already."""
        self._held[name] = (self.engine.now + UNDER_WAY, until)

    # --- calls ----------------------------------------------------------------------------------------

    def claimed(self, row: Row) -> None:
        """A resume needs a fence record of its own epoch for every other member (I2)."""
        self.say(f"claimed {row.key} {row.order.verb}")
        if row.order.verb is not Verb.RESUME:
            return
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
        waits = any(row.evidence == QUEUED for row in pauses)
        gone = self.engine.now - node.up_since < GONE_FOR or node.process in ("down", "starting", "stopping")
        # Mode bounded has a fourth evidence, which the lawbook judges by the facts.
        return held or self.actuator.policy.bounded or ((waits or gone) and node.starts_paused)

    def verifies(self, row: Row) -> None:
        """All others are being read from now on."""
        self._verified_at = self.engine.now

    def sent(self, row: Row) -> None:
        """A call goes out: each at most once, for ever (I3)."""
        if row.sent > 1:
            self.broke("I3", f"{row.key} was sent {row.sent} times")
        if row.order.verb is Verb.RESUME:
            self._promised(row.order.node)
            self._fit(next(node for node in self.nodes if node.name == row.order.node))

    def _fit(self, node: Node) -> None:
        """A candidate is in sync on the network's chain, and the chain can be seen (P2)."""
        now = self.engine.now
        slow = max(0.0, -self.actuator.skew)
        for what, since in node.bad.items():
            idle = what == "stale" and now - self._stood_still_at < STALL_SEEN  # then nobody's head is newer
            if now - since > UNFIT[what] + slow and not idle:
                self.broke("P2", f"{node.name} is resumed although it is {what} for {now - since:.1f} s")
        if self.blind_since is not None and now - self.blind_since > BLIND_SEEN:
            self.broke("P2", f"{node.name} is resumed although no witness answers")
        plan = self.ledger.state.plan
        window = next_window(OURS, current_slot(now), self.chain.producers)
        if plan is None or plan.kind is not Kind.SWITCHOVER or node.name != plan.wanted or window is None:
            return
        if now - self.chain.changed_at < SCHEDULE_SEEN:
            return
        if now > window.opens - self.actuator.policy.guard + 1.0 + slow and plan.deadline is not None:
            self.broke("I6", f"{node.name} is resumed {window.opens - now:.1f} s before our window opens")

    def _promised(self, name: str) -> None:
        """What a resume must never go against."""
        now, chain = self.engine.now, self.chain
        if self._hands_off:
            self.broke("I11", f"{name} is resumed although an operator stopped production")
        since = max(chain.against_since or now, self.sighted_since)
        if now - since > SCHEDULE_SEEN:
            self.broke("I13", f"{name} is resumed although the schedule turned against us")
        if chain.stalled_since is not None and now - chain.stalled_since > STALL_SEEN:
            self.broke("I8", f"{name} is resumed although the whole chain stands still")
        if self._barred_since is not None and self._automatic_since() > self._barred_since:
            self.broke("I11", f"{name} is resumed although automation is {self.actuator.policy.automation}")
        begin, end = self._held.get(name, (0.0, 0.0))
        end -= 2 * abs(self.actuator.skew) if self.actuator.shares else 0.0  # the other one's clock says when
        if begin < now < end and name in self._written:
            self.broke("I11", f"{name} is resumed although an operator holds it")
        self._count()

    def _automatic_since(self) -> float:
        """When this process began to work on a plan of its own: one that is under way may be finished."""
        plan = self.ledger.state.plan
        if plan is None or plan.request is not None:
            return 0.0
        return max(plan.started_at - self.actuator.skew, self.actuator.born)

    def _count(self) -> None:
        """Automatic takeovers keep their distance and their daily number (I10)."""
        plan, policy, now = self.ledger.state.plan, self.actuator.policy, self.engine.now
        if plan is None or plan.kind not in (Kind.TAKEOVER, Kind.RESTORE):
            return
        earlier = [moment for epoch, moment in self._automatic.items() if epoch != plan.first_epoch]
        if earlier and now - max(earlier) < policy.cooldown:
            self.broke("I10", f"two automatic takeovers within {now - max(earlier):.0f} s")
        if len(earlier) >= policy.per_day:
            self.broke("I10", f"more than {policy.per_day} automatic takeovers")
        self._automatic[plan.first_epoch] = now

    def effect(self, node: Node, verb: str) -> None:
        """A pause or resume of ours was executed by a node."""
        self.say(f"{node.name} executes {verb}")
        self.record.effects.append((self.engine.now, verb, node.name))

    def settled(self, node: Node) -> None:
        """A node that we resumed goes on running with that: nobody else may be armed (I1).

        Called when the last call that waited at it is executed. What became active after the others
        were read for this resume, by an operator's hand or an unfenced start, is not our doing.
        """
        if node.paused or node.active_by != "us":
            return
        for other in self.nodes:
            if other is node or not other.armed or other.disarms_itself:
                continue
            lately = self._reached_lately(node) and self._reached_lately(other)
            if self.actuator.policy.bounded and not lately:
                continue
            if other.active_by in ("operator", "restart") and other.active_since > self._verified_at:
                continue
            self.broke("I1", f"{node.name} was resumed by us while {other.name} ({other.active_by}) is armed")

    # --- decisions ------------------------------------------------------------------------------------

    def died(self) -> None:
        """Nobody can react now."""
        self._two_since = None

    def decided(self, before: GroupState, decision: Decision, facts: Facts) -> None:
        """Look at the truth after every decision."""
        if self.talk:
            self._tell(before, decision)
        self._written.update(hold.node for hold in decision.state.holds)
        if self.chain.stalled_since is not None:
            self._stood_still_at = self.engine.now
        self._shortest = min(self._shortest, round_slots(self.chain.producers))
        self._by_the_book(before, decision, facts)
        active = [node for node in self.nodes if node.process == "up" and not node.paused]
        leaderless = self.engine.now - self._decided_at
        self._decided_at = self.engine.now
        if self.actuator.shares and self._two_since is not None and REACTION < leaderless < LEADERLESS:
            self._two_since = self.engine.now  # the first decision of who leads now
        if len(active) < 2 or not self._must_separate(active):
            self._two_since = None
        elif self._two_since is None:
            self._two_since = self.engine.now
        elif self.engine.now - self._two_since > REACTION:
            self.broke("I1", f"{len(active)} members are active for more than {REACTION} s, nobody is paused")
            self._two_since = float("inf")

    def _by_the_book(self, before: GroupState, decision: Decision, facts: Facts) -> None:
        """What a decision gives must follow from its facts by the letter of the laws."""
        state = decision.state
        born = self.actuator.born + self.actuator.skew
        for order in decision.orders:
            if order.verb is Verb.RESUME:
                for problem in unproven(order.node, facts, self.actuator.policy, born):
                    self.broke("I2", f"resume of {order.node} in epoch {state.epoch}: {problem}")
        plan, began = state.plan, before.plan is None and state.plan is not None
        if began and plan is not None and plan.kind in (Kind.TAKEOVER, Kind.RESTORE):
            watched = facts.now - born
            if watched < 0.5 * self._shortest - 0.1:
                self.broke("P7", f"an automatic plan {watched:.1f} s after the start")

    def _must_separate(self, active: list[Node]) -> bool:
        free = self.actuator.policy.automation is Automation.ON and "*" not in self._held
        return free and not self.ledger.state.operator_latch and all(self._reached(node) for node in active)

    def _tell(self, before: GroupState, decision: Decision) -> None:
        state = decision.state
        if state.phase is not before.phase or decision.orders:
            orders = ", ".join(f"{order.verb} {order.node}" for order in decision.orders)
            self.say(f"{before.phase} → {state.phase} e{state.epoch} [{orders}] {decision.why}")
        for notice in decision.notices:
            if notice.key not in self.ledger.notices or self.ledger.notices[notice.key] is notice:
                self.say(f"  told: {notice.kind} {notice.details}")
