"""One service as commands see it: its lock, the newest view of it, what it may be asked."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from actuator.agent.builtin import Outcome
from actuator.agent.watch import policy
from actuator.agent.watch.census import UnseenError
from actuator.agent.watch.commands import LEAVES, MOVES, NOT_RUNNING, UNKNOWN, known
from actuator.agent.watch.hands import Hands
from actuator.agent.watch.policy import Memory, Phase
from actuator.agent.watch.view import View, as_text, living, until
from nodekit.processes import Process

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Around:
    """What a service needs of the others. `blocked`: why its start must wait; `began`: when the newest of
    what it depends on was started; `changed`: tells those that depend on it."""

    blocked: Callable[[], str | None]
    began: Callable[[], float]
    changed: Callable[[], None]


class Asked:
    """One service that obeys. Its lock is held by whoever starts or stops it: a command, or the worker."""

    def __init__(self, hands: Hands, around: Around, clock: Callable[[], float]) -> None:
        """Raises JournalError."""
        self.name = name = hands.name
        self.config = config = hands.config
        self._lock = threading.RLock()
        self.held = False
        """Stopped for a moment, because somebody else restarts it: what depends on it waits."""
        self._hands = hands
        self._around = around
        self._clock = clock
        self._watch = config.watch
        self._memory = hands.kept.memory()
        self._acted = 0.0
        """When it was last started or stopped by us."""
        self._woken = threading.Event()
        self._fresh = time.monotonic()
        self.view = View(name, config.watch is not None, False, True, Phase.DEAD, "", (), self._memory)  # noqa: FBT003

    @property
    def commands(self) -> frozenset[str]:
        """As Builtin."""
        return known(watched=self._watch is not None) | {"status"}

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

    def wake(self) -> None:
        """Something has changed: look at once."""
        self._fresh = time.monotonic()
        self._woken.set()

    def _unseen(self, error: UnseenError) -> None:
        """Nobody can say whether it runs: so it is shown, and nothing is done."""
        self._remember(policy.again(self._memory, self._clock()))
        if self.view.phase is not Phase.UNKNOWN:
            log.error("service %s: unknown", self.name, extra={"fields": {"why": error.why}})
        self.view = replace(
            self.view, alive=False, phase=Phase.UNKNOWN, why=error.why, processes=(), failing=(),
            memory=self._memory, seen_at=self._clock(),
        )  # fmt: skip

    def _remember(self, memory: Memory) -> None:
        if memory != self._memory:
            self._memory = memory
            self._hands.kept.remember(memory)
