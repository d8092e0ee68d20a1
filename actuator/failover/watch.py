"""The watch loop of one group: look, decide, write down. It performs nothing itself."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import MappingProxyType

from actuator import groups, steps
from actuator.configs.groups import Group, Mode, Trigger
from actuator.facts import StepFact, active_members, at_the_same_time
from actuator.failover import decide as deciding
from actuator.failover.explain import held_words, outlook
from actuator.failover.machine import Phase
from actuator.failover.readiness import must_be_read, unfenced_now
from actuator.failover.record import Compose, Record
from actuator.failover.sight import Sight
from actuator.failover.state import (
    Asked,
    Automation,
    Decision,
    GroupState,
    Policy,
)
from actuator.failover.view import View
from actuator.lease import Alone, Leadership
from actuator.ledger import Ledger, LedgerError
from actuator.step import Receipt, Refusal, Step
from nodekit.slots import SLOT_SECONDS, round_slots

log = logging.getLogger(__name__)

TICK = 1.0
BUSY_TICK = 0.25
"""Seconds between decisions while nothing changes: at rest, and during a plan."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a request was accepted, and why not."""

    accepted: bool
    refusals: tuple[Refusal, ...]
    epoch: int


class GroupWatch:
    """Owns a group's state. All decisions are made on its one thread."""

    def __init__(
        self,
        name: str,
        group: Group,
        ledger: Ledger,
        compose: Compose,
        planned: Callable[[], None],
        clock: Callable[[], float] = time.time,
        *,
        leadership: Leadership | None = None,
        recover: Callable[[str], None] = lambda _group: None,
        stopped: Mapping[str, Callable[[], bool]] = MappingProxyType({}),
    ) -> None:
        """`recover` closes what another actuator's end left open; it is called before this one decides.

        `stopped` has for members behind agents what asks for the end of their process.
        """
        self._leadership = leadership or Alone()
        self._recover = recover
        self._led = False
        self._watching_since = clock()
        self.policy = policy_of(name, group)
        self._group = group
        self._ledger = ledger
        self._clock = clock
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._asked: queue.SimpleQueue[tuple[Asked, Future[Answer]]] = queue.SimpleQueue()
        self._state = ledger.read(lambda connection: groups.load(connection, name)) or GroupState()
        urls = {node.name: node.url for node in group.nodes}
        self._record = Record(ledger, self._leadership, self.policy, urls, compose, planned)
        seen = ledger.read(lambda connection: groups.sightings(connection, name, urls))
        self.sight = Sight(group, seen, self._wake.set, clock, stopped)
        self._thread = threading.Thread(target=self._run, name=f"watch-{name}", daemon=True)
        self._view: View | None = None
        self._alerted_at: float | None = None

    def start(self) -> None:
        """Begin to look and decide."""
        self.sight.start()
        self._thread.start()

    def stop(self) -> None:
        """End; what is planned stays in the ledger."""
        self._stop.set()
        self._wake.set()
        self._thread.join(10)
        self.sight.stop()

    @property
    def last_ended(self) -> tuple[float, int] | None:
        """When the newest incident of this process ended, and its number."""
        return self._record.last_ended

    def view(self) -> View | None:
        """The newest decision with its facts; None before the first."""
        return self._view

    def dry_run(self, asked: Asked) -> list[str]:
        """What a request would lead to now; nothing is written and nothing is done."""
        facts = self.sight.facts(())
        return outlook(deciding.decide(self._state, facts, self.policy, asked), facts, self.policy)

    def alerted(self) -> None:
        """An alert asks the group to look."""
        self._alerted_at = self._clock()
        self._wake.set()

    def ask(self, asked: Asked, timeout: float = 10.0) -> Answer:
        """Put a request to the decision and wait for its answer. Raises TimeoutError."""
        future: Future[Answer] = Future()
        self._asked.put((asked, future))
        self._wake.set()
        return future.result(timeout)

    def step_finished(self, step: Step, _receipt: Receipt) -> None:
        """A step of ours has its receipt: look at the node and decide on."""
        self.sight.refresh(str(step.arguments["node"]))
        self._wake.set()

    def still_fenced(self, target: str, read: Callable[[str], bool | None]) -> str | None:
        """Why another member than `target` is not fenced right now; `read` asks a node for `paused`."""
        facts = self.sight.facts(self._step_facts())
        others = [node for node in facts.nodes if node.name != target]
        asked = [node.name for node in others if must_be_read(node, facts, self.policy)]
        shown: dict[str, bool | None] = dict.fromkeys(node.name for node in others)
        if asked:  # all at once: an answer that waits for another's time-out is old
            with ThreadPoolExecutor(len(asked)) as pool:
                shown.update(zip(asked, pool.map(read, asked), strict=True))
        return unfenced_now(facts, self.policy, shown)

    def _run(self) -> None:
        while not self._stop.is_set():
            resting = self._state.phase in (Phase.OBSERVING, Phase.STEADY, Phase.LATCHED)
            self._wake.wait(TICK if resting else BUSY_TICK)
            self._wake.clear()
            try:
                self._tick()
            except LedgerError as error:
                log.error("group %s does nothing: %s", self.policy.group, error)
            except Exception:  # the one broad except of this thread: a watch never ends
                log.exception("the decision for group %s failed", self.policy.group)

    def _tick(self) -> None:
        asked, future = self._next_request()
        try:
            if not self._leadership.leads(self.policy.group):
                self._follow(future)
                return
            if not self._led:
                self._take_charge()
            decision = self._decide(asked)
        except Exception as error:
            if future is not None:
                future.set_exception(error)
            raise
        if future is not None:
            changed = decision.state.epoch != self._epoch_before
            accepted = asked.switchover is None or changed or not decision.refusals
            future.set_result(Answer(accepted, decision.refusals, decision.state.epoch))

    def _follow(self, future: Future[Answer] | None) -> None:
        """Another actuator leads: show what it does, decide nothing."""
        self._led = False
        stored = self._ledger.read(lambda connection: groups.load(connection, self.policy.group))
        self._state = stored or GroupState()
        where = self._leadership.leader(self.policy.group)
        refusal = Refusal("lease", f"{where} leads group {self.policy.group}; ask there")
        decision = Decision(self._state, refusals=(refusal,), why=f"watching; {where} leads this group")
        shown = replace(self.sight.facts(()), held=held_words(self._state.holds))
        self._view = View(self.policy, self._state, shown, decision)
        if future is not None:
            future.set_result(Answer(accepted=False, refusals=(refusal,), epoch=self._state.epoch))

    def _take_charge(self) -> None:
        """Begin to lead: what the one before us left open is closed by looking, then its state is ours.

        The round that is watched first counts from when this actuator began to watch.
        """
        self._recover(self.policy.group)
        stored = self._ledger.read(lambda connection: groups.load(connection, self.policy.group))
        state = deciding.resume_after_restart(stored or GroupState(), self._clock())
        chain = self.sight.facts(()).chain
        if chain is not None:
            until = self._watching_since + round_slots(chain.producers) * SLOT_SECONDS
            state = replace(state, observe_until=until)
        self._state, self._led = state, True
        self._record.forget()

    def _next_request(self) -> tuple[Asked, Future[Answer] | None]:
        try:
            return self._asked.get_nowait()
        except queue.Empty:
            return deciding.NOTHING_ASKED, None

    def _decide(self, asked: Asked) -> Decision:
        self._epoch_before = self._state.epoch
        facts = replace(self.sight.facts(self._step_facts()), alerted_at=self._alerted_at)
        if not at_the_same_time(facts):
            for name in active_members(facts):
                self.sight.refresh(name)
        decision = deciding.decide(self._state, facts, self.policy, asked)
        self._record.write(self._state, decision, facts)
        shown = replace(facts, held=held_words(decision.state.holds))
        self._view = View(self.policy, decision.state, shown, decision)
        if decision.state.phase is not self._state.phase or decision.orders:
            log.info(
                "group %s: %s → %s", self.policy.group, self._state.phase, decision.state.phase,
                extra={"fields": {"why": decision.why, "epoch": decision.state.epoch}},
            )  # fmt: skip
            self._wake.set()  # a plan that moved on is looked at again at once, not at the next tick
        self._state = decision.state
        return decision

    def _step_facts(self) -> tuple[StepFact, ...]:
        if self._state.plan is None and not self._state.owing:
            return ()
        epoch = self._state.epoch
        rows = self._ledger.read(lambda connection: steps.of_epoch(connection, self.policy.group, epoch))
        return tuple(
            StepFact(
                row.arguments["step"],
                row.arguments["node"],
                row.state,
                row.finished_at,
                row.detail,
                row.evidence,
            )
            for row in rows
        )


def policy_of(name: str, group: Group) -> Policy:
    """The part of a group's configuration that decisions look at."""
    return Policy(
        group=name,
        producer=group.producer,
        members=tuple(node.name for node in group.nodes),
        automation=Automation(group.automation),
        on_alert=group.trigger is Trigger.ALERTS,
        bounded=group.mode is Mode.BOUNDED,
        public_key=group.public_key,
        gone_after=group.gone_after,
        poll_timeout=group.poll_timeout,
        proxied=frozenset(node.name for node in group.nodes if node.proxied),
        guard=group.guard,
        cooldown=group.cooldown,
        per_day=group.per_day,
    )
