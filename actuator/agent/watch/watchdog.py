"""All services of a host: who depends on whom, a worker for each, and the commands that move several."""

import threading
import time
from collections.abc import Callable, Mapping

from actuator.agent.builtin import Outcome
from actuator.agent.journal import Journal
from actuator.agent.watch.asked import Around
from actuator.agent.watch.census import Census, UnseenError
from actuator.agent.watch.config import Daemon, order
from actuator.agent.watch.guard import Guard
from actuator.agent.watch.hands import Hands
from actuator.agent.watch.keep import Kept
from actuator.agent.watch.view import View
from actuator.agent.watch.waker import Waker

Fenced = Callable[[], str | None]
"""What makes the next start of a producer come up paused; None when nothing does."""


class Watchdog:
    """The daemons of agent.yml. Those without `watch` obey commands only."""

    def __init__(
        self, daemons: Mapping[str, Daemon], journal: Journal, fences: Mapping[str, Fenced], *,
        pidfd: bool | None = None, clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        """`fences`: for daemons that are producers. Raises JournalError."""
        self._daemons = dict(daemons)
        self._order = order(self._daemons)
        self._closing = threading.Event()
        self._waker = Waker(self._ended, pidfd=pidfd)
        census = Census({name: one.target for name, one in daemons.items() if one.findable})
        self.guards: dict[str, Guard] = {}
        for name in self._order:
            config, kept = self._daemons[name], Kept(journal, name)
            hands = Hands(name, config, census, kept, fences.get(name), self._closing)
            self.guards[name] = Guard(hands, self._waker, self._around(name), clock=clock)
        self._workers: list[threading.Thread] = []

    def start(self) -> None:
        """Begin to watch."""
        self._waker.start()
        for name, guard in self.guards.items():
            if guard.config.watch is not None:
                worker = threading.Thread(
                    target=guard.work, args=(self._closing,), name=f"watch-{name}", daemon=True
                )
                self._workers.append(worker)
                worker.start()

    def stop(self, patience: float) -> None:
        """Watch no longer. What was started goes on; the next agent looks after a start in progress."""
        self._closing.set()
        for guard in self.guards.values():
            guard.wake()
        end = time.monotonic() + patience
        for worker in self._workers:
            worker.join(max(0.0, end - time.monotonic()))
        self._waker.stop()

    def views(self) -> list[View]:
        """Every service, as the config orders them."""
        return [self.guards[name].see() for name in self._daemons]

    # --- commands that move several -----------------------------------------------------------------

    def run(self, name: str, command: str) -> Outcome:
        """One command. What depends on a service is stopped before it, what it depends on started before it.

        Raises JournalError.
        """
        try:
            return self._run(name, command)
        except UnseenError as error:
            return Outcome(1, str(error))

    def _run(self, name: str, command: str) -> Outcome:
        guard = self.guards[name]
        if command == "start":
            for other in self._below(name):
                if self.guards[other].missing() is not None:
                    outcome = self.guards[other].run("start")
                    if outcome.code != 0:
                        return Outcome(outcome.code, f"{other}, which it depends on: {outcome.output}")
            return guard.run(command)
        if command not in ("stop", "restart"):
            return guard.run(command)
        guard.held = True
        try:
            stopped = [other for other in self._above(name) if self.guards[other].pause_for(name)]
            outcome = guard.run(command)
        finally:
            guard.held = False
        if command == "restart" and outcome.code == 0:
            for other in reversed(stopped):
                again = self.guards[other].run("start")
                outcome = again if again.code != 0 else outcome
        self._changed(name)
        return outcome

    def _below(self, name: str) -> list[str]:
        """What a service depends on, also by others; the first to be started first."""
        found: set[str] = set()

        def visit(one: str) -> None:
            for other in self._daemons[one].depends_on:
                if other not in found:
                    found.add(other)
                    visit(other)

        visit(name)
        return [one for one in self._order if one in found]

    def _above(self, name: str) -> list[str]:
        """What depends on a service; the first to be stopped first."""
        return [one for one in reversed(self._order) if name in self._below(one)]

    # --- what services need of each other -----------------------------------------------------------

    def _around(self, name: str) -> Around:
        needs = self._daemons[name].depends_on

        def blocked() -> str | None:
            return next((why for one in needs if (why := self.guards[one].missing()) is not None), None)

        def began() -> float:
            mains = (self.guards[one].view.main for one in needs)
            return max((main.began for main in mains if main is not None), default=0.0)

        return Around(blocked, began, lambda: self._changed(name))

    def _changed(self, name: str) -> None:
        for other, daemon in self._daemons.items():
            if name in daemon.depends_on and other in self.guards:
                self.guards[other].wake()

    def _ended(self, name: str) -> None:
        self.guards[name].wake()
