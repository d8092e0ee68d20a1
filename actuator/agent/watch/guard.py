"""One service: its lock, what it is asked by commands, and the worker that watches it."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from actuator.agent.builtin import Outcome
from actuator.agent.journal import JournalError
from actuator.agent.watch import policy
from actuator.agent.watch.census import UnseenError
from actuator.agent.watch.checks import Then
from actuator.agent.watch.commands import LEAVES, MOVES, NOT_RUNNING, UNKNOWN, known
from actuator.agent.watch.config import policy_of
from actuator.agent.watch.eyes import INTERVAL, Eyes, Seen
from actuator.agent.watch.hands import Hands
from actuator.agent.watch.policy import Act, Decision, Look, Memory, Phase
from actuator.agent.watch.programs import reap
from actuator.agent.watch.view import View, as_text, living, until
from actuator.agent.watch.waker import POLL, Waker
from nodekit.processes import Process

log = logging.getLogger(__name__)

SETTLED = 5.0
"""Seconds between looks at what runs: its end is told by the waker."""
OLD = 10.0
"""Seconds that a look at all processes stays good enough for a service that lives."""


@dataclass(frozen=True, slots=True)
class Around:
    """What a service needs of the others. `blocked`: why its start must wait; `began`: when the newest of
    what it depends on was started; `changed`: tells those that depend on it."""

    blocked: Callable[[], str | None]
    began: Callable[[], float]
    changed: Callable[[], None]


class Guard:
    """One service. Its lock is held by whoever starts or stops it: a command, or the worker."""

    def __init__(
        self, hands: Hands, waker: Waker, around: Around, *, clock: Callable[[], float] = time.time
    ) -> None:
        """Raises JournalError."""
        self.name = name = hands.name
        self.config = config = hands.config
        self._lock = threading.RLock()
        self.held = False
        """Stopped for a moment, because somebody else restarts it: what depends on it waits."""
        self._hands = hands
        self._kept = hands.kept
        self._waker = waker
        self._around = around
        self._clock = clock
        self._watch = config.watch
        self._policy = policy_of(config)
        self._eyes = Eyes(config)
        self._memory = self._kept.memory()
        self._acted = 0.0
        """When it was last started or stopped by us."""
        self._woken = threading.Event()
        self._fresh = time.monotonic()
        self.view = View(name, config.watch is not None, False, True, Phase.DEAD, "", (), self._memory)  # noqa: FBT003

    @property
    def commands(self) -> frozenset[str]:
        """As Builtin."""
        return known(watched=self._watch is not None) | {"status"}

    # --- commands -----------------------------------------------------------------------------------

    def run(self, command: str) -> Outcome:
        """One command, for this service alone. Raises JournalError."""
        if command == "status":
            view = self.see()
            lacks = UNKNOWN if view.phase is Phase.UNKNOWN else NOT_RUNNING
            return Outcome(0 if view.alive else lacks, as_text(view))
        if command not in MOVES:
            with self._lock:
                named = "monitor" if command == "monitor" else "unmonitor"
                self._remember(policy.commanded(self._memory, named, self._clock(), LEAVES.get(command)))
            self.wake()
            return Outcome(0, "monitored" if command == "monitor" else f"not monitored{until(self._memory)}")
        with self._lock:
            self._remember(policy.commanded(self._memory, command, self._clock()))
            running = self._hands.look(time.monotonic())
            outcome = self._moved(command, running)
            self._acted = self._clock()
        self.wake()
        self._around.changed()
        return outcome

    def _moved(self, command: str, running: tuple[Process, ...]) -> Outcome:
        if command == "start":
            if not self.config.findable and self.view.alive:
                return Outcome(0, "runs already")
            return self._shown(Phase.STARTING, self._hands.start)
        if command == "stop":
            return self._shown(Phase.STOPPING, lambda: self._hands.stop(running))
        return self._shown(Phase.STARTING, lambda: self._hands.restart(running))

    def _shown(self, phase: Phase, do: Callable[[], Outcome]) -> Outcome:
        """Do something, and let `status` and the page see it meanwhile."""
        self.view = replace(self.view, phase=phase, seen_at=self._clock())
        return do()

    def pause_for(self, other: str) -> bool:
        """Stop because what we depend on is stopped; whether it ran. It starts when that is back."""
        with self._lock:
            running = self._hands.look(time.monotonic())
            there = bool(running) or (self.view.alive and not self.config.findable)
            if there:
                self._remember(replace(self._memory, excused=True))
                outcome = self._shown(Phase.STOPPING, lambda: self._hands.stop(running))
                log.info("stopped with what it depends on", extra={"fields": {
                    "service": self.name, "depends_on": other, "code": outcome.code}})  # fmt: skip
            return there

    def missing(self) -> str | None:
        """Why what depends on us must wait; None when we are there."""
        view = self.see() if self._watch is None else self.view
        there = view.alive and view.phase not in (Phase.STARTING, Phase.STOPPING, Phase.SICK)
        wanted = self._memory.wanted or self._watch is None
        return None if there and wanted and not self.held else f"waits for {self.name}"

    def see(self) -> View:
        """The newest view; looked for now when nobody watches."""
        if self._watch is None:
            try:
                found = self._hands.look(time.monotonic())
            except UnseenError as error:
                self._unseen(error)
                return self.view
            phase = Phase.RUNNING if found else Phase.DEAD
            self.view = replace(
                self.view, alive=bool(found), phase=phase, why="", processes=found, memory=self._memory,
                seen_at=self._clock(),
            )  # fmt: skip
        return living(self.view) if self.config.findable else self.view

    def summary(self) -> str:
        """In a few words."""
        view = self.see()
        return f"{view.phase} ({view.why})" if view.why else str(view.phase)

    # --- the worker ---------------------------------------------------------------------------------

    def wake(self) -> None:
        """Something has changed: look at once."""
        self._fresh = time.monotonic()
        self._woken.set()

    def work(self, stop: threading.Event) -> None:
        """Watch until `stop`; body of this service's thread."""
        while not stop.is_set():
            try:
                wait = self.step()
            except JournalError as error:
                log.error("%s is not watched: %s", self.name, error)
                wait = INTERVAL
            except Exception:  # one service's fault must not end its watch
                log.exception("the watch of %s failed", self.name)
                wait = INTERVAL
            if self._woken.wait(wait):
                self._woken.clear()

    def step(self) -> float:
        """Look, decide, act; seconds until the next look is due. Raises JournalError."""
        with self._lock:
            try:
                return self._step()
            except UnseenError as error:
                self._unseen(error)
                return INTERVAL

    def _step(self) -> float:
        reap()
        self._hands.settle()
        processes = self._seen()
        main = processes[0] if processes else None
        self._waker.watch(self.name, main)
        now = self._clock()
        seen = self._eyes.look(main, self._acted, now)
        look = self._look(seen, main)
        decision = policy.decide(self._policy, self._memory, look, now)
        self._remember(decision.memory)
        self._show(decision, look, seen, processes)
        if decision.act is not Act.NOTHING:
            self._act(decision, processes)
            return 0.0
        return self._wait(decision, look, now)

    def _unseen(self, error: UnseenError) -> None:
        """Nobody can say whether it runs: so it is shown, and nothing is done."""
        self._remember(policy.again(self._memory, self._clock()))
        if self.view.phase is not Phase.UNKNOWN:
            log.error("service %s: unknown", self.name, extra={"fields": {"why": error.why}})
        self.view = replace(
            self.view, alive=False, phase=Phase.UNKNOWN, why=error.why, processes=(), failing=(),
            memory=self._memory, seen_at=self._clock(),
        )  # fmt: skip

    def _seen(self) -> tuple[Process, ...]:
        """The fewest looks at all processes that still see what has changed."""
        since, main = self._fresh, self.view.main
        tolerated = OLD if main is not None and main.alive else POLL / 2
        return self._hands.look(max(since, time.monotonic() - tolerated))

    def _look(self, seen: Seen, main: Process | None) -> Look:
        follows = self._watch is not None and self._watch.follow
        return Look(
            seen.alive,
            seen.why(Then.RESTART) if seen.alive else None,
            seen.why(Then.STOP) if seen.alive else None,
            self._around.blocked(),
            self._hands.forbidden(),
            outdated=follows and main is not None and self._around.began() > main.began,
            maintenance=seen.maintenance,
        )

    def _show(self, decision: Decision, look: Look, seen: Seen, processes: tuple[Process, ...]) -> None:
        was = self.view
        self.view = View(
            self.name, True, look.alive, look.sick is None and look.ill is None,  # noqa: FBT003
            decision.phase, decision.why, processes, decision.memory,
            tuple(one.why for one in seen.holding), self._eyes.titles, self._clock(),
        )  # fmt: skip
        if was.phase is not decision.phase:
            level = logging.ERROR if decision.phase is Phase.GAVE_UP else logging.INFO
            log.log(level, "service %s: %s", self.name, decision.phase, extra={"fields": {
                "was": str(was.phase), "why": decision.why}})  # fmt: skip
        if was.alive != look.alive:
            self._around.changed()

    def _act(self, decision: Decision, processes: tuple[Process, ...]) -> None:
        """Do what was decided; the back-off counts from its end."""
        if decision.act is Act.START and self.config.findable:
            outcome = self._shown(Phase.STARTING, self._hands.start)
        elif decision.act is not Act.STOP:  # where no process is seen, a start must stop first
            outcome = self._shown(Phase.STARTING, lambda: self._hands.restart(processes))
        else:
            outcome = self._shown(Phase.STOPPING, lambda: self._hands.stop(processes))
        self._eyes.forget()
        self._acted = self._clock()
        failed = "" if outcome.code == 0 else f"its {decision.act} failed: {outcome.output}"
        self._remember(policy.ended(self._policy, self._memory, self._clock(), failed))
        self._fresh = time.monotonic()
        level = logging.INFO if outcome.code == 0 else logging.ERROR
        log.log(level, "service %s: %s", self.name, decision.act, extra={"fields": {
            "why": decision.why, "code": outcome.code, "said": outcome.output}})  # fmt: skip

    def _wait(self, decision: Decision, look: Look, now: float) -> float:
        settled = SETTLED if self.view.main is not None else INTERVAL if self._waker.pidfd else POLL
        due = [settled] + ([max(0.0, decision.due - now)] if decision.due is not None else [])
        if look.alive:
            due += self._eyes.waits()
        return min(due)

    def _remember(self, memory: Memory) -> None:
        if memory != self._memory:
            self._memory = memory
            self._kept.remember(memory)
