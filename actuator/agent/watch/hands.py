"""Starts and stops one daemon. Whoever calls holds the service's lock, so that it is never there twice."""

import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable

from actuator.agent.builtin import Outcome
from actuator.agent.watch.census import Census
from actuator.agent.watch.config import Daemon, Step
from actuator.agent.watch.keep import Kept
from actuator.agent.watch.programs import end_group, end_marked, finish, marked, spawn
from nodekit.processes import Process, ended

log = logging.getLogger(__name__)

SHORTEST, LONGEST, SLOWER = 0.01, 0.2, 1.5
"""Seconds between looks for a process that is to come, and how they grow."""
KILLED_WITHIN = 5.0


class Hands:
    """What is done to one daemon.

    `fenced` says what makes the start of a producer come up paused; None for other daemons. `kept` has, over
    deaths of the agent, the mark of a start whose process was not seen yet.
    """

    def __init__(
        self,
        name: str,
        config: Daemon,
        census: Census,
        kept: Kept,
        fenced: Callable[[], str | None] | None,
        closing: threading.Event,
    ) -> None:
        self.name = name
        self.config = config
        self._census = census
        self._fenced = fenced
        self.kept = kept
        self._pending = kept.pending()
        self._closing = closing

    def look(self, since: float) -> tuple[Process, ...]:
        """Its living processes, by a look of `since` (monotonic) or later."""
        return tuple(one for one in self._census.look(self.name, since) if one.alive)

    def forbidden(self) -> str | None:
        """Why it must not be started: a producer that may come up producing is not (DESIGN §5.10)."""
        if self._fenced is None or self._fenced() is not None:
            return None
        return "not started: no `pause-on-startup` was found, so it might come up producing"

    def settle(self) -> None:
        """Look after a start that the death of the agent left open, before anything is decided."""
        if self._pending is not None and not self.config.findable:
            self._pend(None)
        self._pended()

    def start(self) -> Outcome:
        """Start it unless it runs; its process must be seen within `timeout`."""
        no = self.forbidden()
        if no is not None:
            return Outcome(1, no)
        running = self._pended() or self.look(time.monotonic())
        if running:
            return Outcome(0, f"runs already, pid {running[0].pid}")
        step = self.config.start
        assert step is not None  # noqa: S101 - the config's model sees to it
        return self._begin(step)

    def restart(self, running: tuple[Process, ...]) -> Outcome:
        """By its own program, or stop and start; a producer is not stopped when it may not be started."""
        no = self.forbidden()
        if no is not None:
            return Outcome(1, no)
        if self.config.restart is not None and running:
            return self._begin(self.config.restart, running)
        stopped = self.stop(running)
        return self.start() if stopped.code == 0 else stopped

    def stop(self, running: tuple[Process, ...]) -> Outcome:
        """End all its processes, also one that the start of an agent that died is still to bring."""
        if self.config.findable and not running:
            return Outcome(0, "its start was ended" if self._abandoned() else "does not run")
        failed = self._ask(running)
        gone = failed is None and self._gone(running, self.config.timeout)
        if not gone and self.config.kill:
            for one in self.look(time.monotonic()):
                _signal(one, signal.SIGKILL)
            gone = self._gone(running, KILLED_WITHIN)
        if gone:
            self._abandoned()
            return Outcome(0, f"stopped, pid {running[0].pid}" if running else "stopped")
        return failed or Outcome(1, f"pid {running[0].pid} did not end within {self.config.timeout:g} s")

    def _abandoned(self) -> bool:
        """End a start whose process was not seen yet; whether there was one."""
        if self._pending is None or not self.config.findable:
            return False
        self._clean(self._pending)
        return True

    def _ask(self, running: tuple[Process, ...]) -> Outcome | None:
        """None when it was told to end."""
        if self.config.stop is None:
            pids = {one.pid for one in running}
            for one in running:
                if one.parent not in pids:  # workers are ended by who started them
                    _signal(one, signal.SIGTERM)
            return None
        made = spawn(self.config.stop, f"{self.name}:stop")
        if isinstance(made, Outcome):
            return made
        return finish(
            made, self.config.stop.words, self.config.stop.timeout or self.config.timeout, self._closing
        )

    def _gone(self, running: tuple[Process, ...], within: float) -> bool:
        end = time.monotonic() + within
        for one in running:
            if not ended(one, max(0.0, end - time.monotonic()), SHORTEST):
                return False
        return self._wait(lambda: not self.look(time.monotonic()), end)

    # --- a start ------------------------------------------------------------------------------------

    def _begin(self, step: Step, old: tuple[Process, ...] = ()) -> Outcome:
        mark = f"{self.name}:{time.time_ns()}"
        self._pend(mark)
        made = spawn(step, mark)
        if isinstance(made, Outcome):
            self._pend(None)
            return made
        failed, seen = self._followed(made, step, old)
        if self._closing.is_set() and not seen:
            return Outcome(1, "the agent ends; its next start looks after this one")
        if seen:
            self._pend(None)
            told = "" if failed is None else f" ({failed.output})"
            return Outcome(0, f"started, pid {seen[0].pid}{told}")
        if not self.config.findable and failed is None:
            self._pend(None)
            return Outcome(0, "started")
        self._clean(mark)
        limit = step.timeout or self.config.timeout
        return failed or Outcome(1, f"started, but no new process was seen within {limit:g} s")

    def _followed(
        self, made: subprocess.Popen[bytes], step: Step, old: tuple[Process, ...]
    ) -> tuple[Outcome | None, tuple[Process, ...]]:
        """How the program failed, if it did, and the new processes that are seen."""
        limit = step.timeout or self.config.timeout
        end = time.monotonic() + limit
        if step.foreground:
            found = self._new(old, end, lambda: made.poll() is not None)
            if not found and made.poll() is None and not self._closing.is_set():
                end_group(made)
            code = made.poll()
            return None if found else Outcome(1, f"{step.words[0]} ended with {code}"), found
        failed = finish(made, step.words, limit, self._closing)
        if not self.config.findable:
            return failed, ()
        return failed, self._new(old, end, lambda: failed is not None)

    def _new(self, old: tuple[Process, ...], end: float, hopeless: Callable[[], bool]) -> tuple[Process, ...]:
        """Wait for processes that are not the old ones."""
        found: tuple[Process, ...] = ()

        def seen() -> bool:
            nonlocal found
            no_hope = hopeless()
            found = tuple(one for one in self.look(time.monotonic()) if one not in old)
            return bool(found) or no_hope or self._closing.is_set()

        self._wait(seen, end)
        return found

    def _pended(self) -> tuple[Process, ...]:
        """A start that nobody saw the end of: wait for it, or clear it away."""
        mark = self._pending
        if mark is None or not self.config.findable:
            return ()
        found = self._new((), time.monotonic() + self.config.timeout, lambda: not marked(mark))
        if found:
            self._pend(None)
        elif not self._closing.is_set():
            self._clean(mark)
        return found

    def _clean(self, mark: str) -> None:
        """What a start that failed left behind could still become a second copy."""
        killed = end_marked(mark)
        if killed:
            log.warning("killed what the start of %s left behind: %s", self.name, killed)
        self._pend(None)

    def _pend(self, mark: str | None) -> None:
        if mark != self._pending:
            self._pending = mark
            self.kept.pend(mark)

    def _wait(self, condition: Callable[[], bool], end: float) -> bool:
        pause = SHORTEST
        while not condition():
            if time.monotonic() >= end:
                return False
            time.sleep(min(pause, max(0.0, end - time.monotonic())))
            pause = min(LONGEST, pause * SLOWER)
        return True


def _signal(process: Process, number: signal.Signals) -> None:
    if process.alive:
        try:
            os.kill(process.pid, number)
        except (ProcessLookupError, PermissionError) as error:
            log.warning("pid %d: %s", process.pid, error.strerror)
