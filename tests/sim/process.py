"""One actuator process in virtual time: the watch's loop, the executor and restarts around the real decision.

What `watch.GroupWatch`, `executor.Executor` and `actions.production.Production` do at the edges is done here
in the same order: write down → claim → verify → fence number → effect → read back → receipt.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from operator import attrgetter

from actuator.facts import Facts, Reach, StepFact, active_members, at_the_same_time
from actuator.failover import decide as deciding
from actuator.failover import readiness
from actuator.failover.machine import Phase
from actuator.failover.record import SIGHTING_EVERY
from actuator.failover.state import Asked, Decision, GroupState, Policy, Verb
from actuator.failover.watch import BUSY_TICK, TICK
from actuator.lease import MARGIN, RENEW, TTL
from actuator.step import FINAL, State
from nodekit.slots import SLOT_SECONDS, round_slots
from tests.sim.chain import Node
from tests.sim.engine import Engine
from tests.sim.ledger import Row, SimLedger
from tests.sim.network import KEPT, QUEUED, STOPPED, Answer, Network, Shown
from tests.sim.sight import SimSight, Witness

COMMIT = 0.002
"""Seconds that a write to the ledger takes."""
REREAD_FOR = 0.5


class CrashError(Exception):
    """kill -9 of the actuator, here and now."""


class Watcher:
    """What a referee wants to know of an actuator; does nothing by itself."""

    actuator: "Actuator"

    def decided(self, before: GroupState, decision: Decision, facts: Facts) -> None:
        """A decision was made and written down."""

    def claimed(self, row: Row) -> None:
        """A step is about to be performed."""

    def verifies(self, row: Row) -> None:
        """The other members are about to be read before a resume."""

    def sent(self, row: Row) -> None:
        """A call goes out to a node."""

    def died(self) -> None:
        """The process was killed."""


@dataclass(frozen=True, slots=True)
class Edges:
    """All that an actuator touches."""

    engine: Engine
    network: Network
    ledger: SimLedger
    nodes: list[Node]
    witnesses: list[Witness]
    watcher: Watcher


class Actuator:
    """One process; `die` and `boot` make it another one with the same ledger."""

    def __init__(
        self, edges: "Edges", policy: Policy, skew: float = 0.0, name: str = "one", *, shares: bool = False
    ) -> None:
        self.name = name
        self.shares = shares
        """Another actuator uses the same ledger: a lease says who leads."""
        self.led = not shares
        self._lease_until = 0.0
        self._lease_asked = -RENEW
        self.engine = edges.engine
        self.network = edges.network
        self.ledger = edges.ledger
        self.policy = policy
        self.nodes = {node.name: node for node in edges.nodes}
        self.witnesses = edges.witnesses
        self.watcher = edges.watcher
        self.skew = skew
        self.warm = True
        """The first process has looked for long; a restarted one begins with an empty view."""
        self.up = False
        self.born = 0.0
        """When this process began (true time)."""
        self.life = 0
        self.points = 0
        """Places passed where a crash is possible."""
        self.crash_at: int | None = None
        self.back_after = 1.0
        self.state = edges.ledger.state
        self.sight = SimSight(self, [], [])
        self.asked: list[Asked] = []
        self.answers: list[bool] = []
        self.told: set[str] = set()
        self.why = ""
        """Of the newest decision."""
        self._waking = False
        self._tick = 0
        self._noted_at = 0.0

    # --- the process ------------------------------------------------------------------------------

    def clock(self) -> float:
        """The actuator's own idea of the time."""
        return self.engine.now + self.skew

    def begin(self, state: GroupState) -> None:
        """Be a process that has been watching for long already."""
        self.up, self.life, self.state = True, 1, state
        self.sight = SimSight(self, list(self.nodes.values()), self.witnesses)
        self.sight.start(0.03)
        self._schedule_tick()

    def die(self) -> None:
        """kill -9: memory is gone; calls that were sent stay sent."""
        self.up = False
        self.life += 1
        self.watcher.died()
        self.warm = False
        self._waking = False
        self.sight = SimSight(self, [], [])
        self.asked.clear()

    def boot(self) -> None:
        """A new process: close interrupted steps by looking at the nodes, then watch."""
        if self.up:
            return
        self.up, self.born = True, self.engine.now
        self.life += 1
        self.told = set()
        self.led, self._lease_until = not self.shares, 0.0
        if self.shares:
            self.sight = SimSight(self, list(self.nodes.values()), self.witnesses)
            self.sight.start(0.001)
            self._waking = False
            self._schedule_tick()
            return
        self.state = deciding.resume_after_restart(self.ledger.restored(), self.clock())
        self._recover(self.ledger.unfinished(), self.life)

    def _recover(self, rows: list[Row], life: int) -> None:
        if not self.up or life != self.life:
            return
        if not rows:
            self.sight = SimSight(self, list(self.nodes.values()), self.witnesses)
            self.sight.start(0.001)
            self._waking = False
            self._schedule_tick()
            self.engine.after(COMMIT, self.guarded(self._work), self.life)
            return
        row, rest = rows[0], rows[1:]

        def seen(answer: Answer) -> None:
            if self.up and life == self.life:
                if isinstance(answer, Shown):
                    done = answer.paused == (row.order.verb is Verb.PAUSE)
                    self._resolve(row, State.OK if done else State.FAILED)
                else:
                    self._resolve(row, State.UNKNOWN)
                self._recover(rest, life)

        self.network.call(self.nodes[row.order.node], "read", self.guarded(seen))

    def _resolve(self, row: Row, state: State) -> None:
        self.ledger.finish(row, state, "interrupted by a restart", self.clock())

    def point(self) -> None:
        """A place where the process may be killed."""
        self.points += 1
        if self.points == self.crash_at:
            raise CrashError

    def guarded(self, call: Callable[..., None]) -> Callable[..., None]:
        """The call, ended by the crash that happens in it."""

        def run(*arguments: object) -> None:
            try:
                call(*arguments)
            except CrashError:
                self.die()
                self.engine.after(self.back_after, self.boot)

        return run

    # --- the watch loop ---------------------------------------------------------------------------

    def pace(self, now: float) -> float:
        """Seconds between looks."""
        return self.sight.pace(now)

    def ask(self, asked: Asked) -> None:
        """An operator's request; lost when the process is down."""
        if self.up:
            self.asked.append(asked)
            self.wake()

    def wake(self) -> None:
        """Decide soon."""
        if not self._waking and self.up:
            self._waking = True
            self.engine.after(0.0005, self.guarded(self._look), self.life)

    def _schedule_tick(self) -> None:
        self._tick += 1
        resting = self.state.phase in (Phase.OBSERVING, Phase.STEADY, Phase.LATCHED)
        seconds = (
            min(TICK, self.pace(self.clock())) if resting else BUSY_TICK
        )  # DESIGN §5: 0.25 s in our window
        self.engine.after(seconds, self.guarded(self._ticked), self._tick)

    def _ticked(self, number: int) -> None:
        if self.up and number == self._tick:
            self._waking = True
            self._look(self.life)

    def _look(self, life: int) -> None:
        if not self.up or life != self.life:
            return
        self._waking = False
        if not self.leads():
            self.led = False
            self.state = self.ledger.restored()
            self.asked.clear()
        elif not self.led:
            self._take_charge(self.ledger.unfinished(), life)
        else:
            self._decide(self.asked.pop(0) if self.asked else deciding.NOTHING_ASKED)
            if self.asked:
                self.wake()
        self._schedule_tick()

    def leads(self) -> bool:
        """As lease.Leases.leads."""
        now = self.engine.now
        if not self.shares:
            return True
        if now - self._lease_asked >= RENEW:
            self._lease_asked = now
            if self.ledger.take(self.name, now):
                self._lease_until = now + TTL - MARGIN
            elif self.name not in self.ledger.out_of_reach:
                self._lease_until = 0.0
        return now < self._lease_until

    def confirmed(self) -> bool:
        """As Leadership.confirm, in the transaction that it guards."""
        return not self.shares or self.ledger.held(self.name, self.engine.now)

    def _take_charge(self, rows: list[Row], life: int) -> None:
        """As GroupWatch._take_charge: close what the other one left open by looking, then go on from there."""
        if not self.up or life != self.life:
            return
        if rows:
            row, rest = rows[0], rows[1:]

            def seen(answer: Answer) -> None:
                if isinstance(answer, Shown):
                    done = answer.paused == (row.order.verb is Verb.PAUSE)
                    self._resolve(row, State.OK if done else State.FAILED)
                else:
                    self._resolve(row, State.UNKNOWN)
                self._take_charge(rest, life)

            self.network.call(self.nodes[row.order.node], "read", self.guarded(seen))
            return
        state = deciding.resume_after_restart(self.ledger.restored(), self.clock())
        chain = self.sight.facts(()).chain
        if chain is not None:
            until = self.born + self.skew + round_slots(chain.producers) * SLOT_SECONDS
            state = replace(state, observe_until=until)
        self.state, self.led, self.told = state, True, set()
        self.engine.after(COMMIT, self.guarded(self._work), self.life)

    def _decide(self, asked: Asked) -> None:
        facts = self.sight.facts(self._steps())
        if not at_the_same_time(facts):
            for name in active_members(facts):
                self.sight.members[name].nudge()
        before = self.state
        decision = deciding.decide(before, facts, self.policy, asked)
        if not self.confirmed():
            return  # the ledger refuses to write it down: nothing was decided
        self.watcher.actuator = self
        if asked is not deciding.NOTHING_ASKED:
            self.answers.append(not decision.refusals or decision.state.epoch != before.epoch)
        self._apply(before, decision, facts)
        if decision.state.phase is not before.phase or decision.orders:
            self.wake()
        self.state = decision.state
        self.why = decision.why
        self.watcher.decided(before, decision, facts)

    def _steps(self) -> tuple[StepFact, ...]:
        resting = self.state.plan is None and not self.state.owing
        return () if resting else self.ledger.steps()

    def _apply(self, before: GroupState, decision: Decision, facts: Facts) -> None:
        state = decision.state
        notices = tuple(notice for notice in decision.notices if notice.key not in self.told)
        if _DURABLE(state) != _DURABLE(before) or decision.orders or notices:
            self.point()
            self.ledger.apply(state, decision.orders, notices, self.clock())
            if decision.ended is not None:
                self.ledger.ended.append(decision.ended)
            self.told.update(notice.key for notice in notices)
            self.point()
            if decision.orders:
                self.engine.after(COMMIT, self.guarded(self._work), self.life)
        if facts.now - self._noted_at >= SIGHTING_EVERY:
            self._noted_at = facts.now
            self.ledger.saw(facts.nodes)

    # --- the executor -----------------------------------------------------------------------------

    def _work(self, life: int) -> None:
        if not self.up or life != self.life:
            return
        if not self.leads() or self.name in self.ledger.out_of_reach:
            return
        self.watcher.actuator = self
        for row in self.ledger.claim(self.clock()):
            if life != self.life:
                return  # killed while it performed the step before
            self.watcher.claimed(row)
            self.point()
            if row.order.verb is Verb.RESUME:
                self.watcher.verifies(row)
                self._verify(row, self.sight.facts(self._steps()), {}, life)
            else:
                self._perform(row, life)

    def _verify(self, row: Row, facts: Facts, shown: dict[str, bool | None], life: int) -> None:
        """As GroupWatch.still_fenced: read every other member once more."""
        if not self.up or life != self.life:
            return
        others = [name for name in self.policy.members if name not in shown and name != row.order.node]
        if not others:
            problem = readiness.unfenced_now(facts, self.policy, shown)
            if problem is None:
                self._perform(row, life)
            else:
                self._close(row, State.SKIPPED, problem)
            return
        name = others[0]

        def seen(answer: Answer) -> None:
            paused = answer.paused if isinstance(answer, Shown) else None
            self._verify(row, facts, {**shown, name: paused}, life)

        if readiness.must_be_read(facts.node(name), facts, self.policy):
            self.network.call(self.nodes[name], "read", self.guarded(seen))
        else:
            seen(Reach.UNSEEN)

    def _perform(self, row: Row, life: int) -> None:
        if not self.confirmed():
            self._close(row, State.SKIPPED, "not performed: the lease went to another actuator")
            return
        if row.epoch != self.ledger.state.epoch:
            self._close(row, State.SKIPPED, "superseded")
            return
        self.point()
        row.sent += 1
        self.watcher.sent(row)

        def answered(answer: Answer) -> None:
            if not self.up or life != self.life:
                return
            self.point()
            if answer is Reach.REFUSED:
                self._close(row, State.FAILED, "not done: refused")
            elif answer == QUEUED and row.order.verb is Verb.PAUSE:
                self._close(row, State.UNKNOWN, "it is queued at the node", QUEUED)
            elif answer == STOPPED:
                self._close(row, State.OK, "no process, and its start is fenced", STOPPED)
            elif answer == KEPT and row.order.verb is Verb.PAUSE:
                self._close(row, State.UNKNOWN, "its agent pauses it when it starts", KEPT)
            elif not isinstance(answer, Shown):
                self._close(row, State.UNKNOWN, f"may be done later: {answer}")
            else:
                self._read_back(row, life, self.engine.now + REREAD_FOR)

        node = self.nodes[row.order.node]
        self.network.call(node, row.order.verb.value, self.guarded(answered), row.order.timeout)

    def _read_back(self, row: Row, life: int, deadline: float) -> None:
        if not self.up or life != self.life:
            return

        def seen(answer: Answer) -> None:
            if not self.up or life != self.life:
                return
            if not isinstance(answer, Shown):
                self._close(row, State.UNKNOWN, "acknowledged, but not read back")
            elif answer.paused == (row.order.verb is Verb.PAUSE):
                self._close(row, State.OK, "acknowledged and read back")
            elif self.engine.now > deadline:
                self._close(row, State.UNKNOWN, "acknowledged, but it reads otherwise")
            else:
                self.engine.after(0.02, self.guarded(self._read_back), row, life, deadline)

        self.network.call(self.nodes[row.order.node], "read", self.guarded(seen))

    def _close(self, row: Row, state: State, detail: str, evidence: str = "") -> None:
        if not self.up:
            return
        if self.name in self.ledger.out_of_reach:
            self.engine.after(0.5, self.guarded(self._close), row, state, detail, evidence)
            return
        if row.state in FINAL:
            return  # who took over closed it by looking
        self.point()
        self.ledger.finish(row, state, detail, self.clock(), evidence)
        self.point()
        self.sight.members[row.order.node].nudge()
        self.wake()
        self.engine.after(COMMIT, self.guarded(self._work), self.life)


_DURABLE = attrgetter(*(
    field.name for field in fields(GroupState) if field.name not in ("holder_active_at", "observe_until")
))  # fmt: skip
