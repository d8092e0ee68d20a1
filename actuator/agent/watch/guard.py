"""The worker that watches one service: look, decide, act."""

import logging
import threading
import time
from collections.abc import Callable

from actuator.agent.journal import JournalError
from actuator.agent.watch import policy
from actuator.agent.watch.asked import Around, Asked
from actuator.agent.watch.census import UnseenError
from actuator.agent.watch.checks import Then
from actuator.agent.watch.config import policy_of
from actuator.agent.watch.eyes import INTERVAL, Eyes, Seen
from actuator.agent.watch.hands import Hands
from actuator.agent.watch.policy import Act, Decision, Look, Phase
from actuator.agent.watch.programs import reap
from actuator.agent.watch.view import View
from actuator.agent.watch.waker import POLL, Waker
from nodekit.processes import Process

log = logging.getLogger(__name__)

SETTLED = 5.0
"""Seconds between looks at what runs: its end is told by the waker."""
OLD = 10.0
"""Seconds that a look at all processes stays good enough for a service that lives."""


class Guard(Asked):
    """One service that is watched when agent.yml says so; without, it only obeys."""

    def __init__(
        self, hands: Hands, waker: Waker, around: Around, *, clock: Callable[[], float] = time.time
    ) -> None:
        """Raises JournalError."""
        super().__init__(hands, around, clock)
        self._waker = waker
        self._policy = policy_of(self.config)
        self._eyes = Eyes(self.config)

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
