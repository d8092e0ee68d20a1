"""One service: its lock, what it is asked by commands, and the worker that watches it."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from actuator.agent.builtin import Outcome
from actuator.agent.journal import JournalError
from actuator.agent.watch import calendar, conditions, policy
from actuator.agent.watch.census import UnseenError
from actuator.agent.watch.conditions import Holding, Reading, Streaks
from actuator.agent.watch.config import Daemon, Then
from actuator.agent.watch.hands import Hands
from actuator.agent.watch.policy import Act, Decision, Look, Memory, Phase, Policy
from actuator.agent.watch.programs import reap
from actuator.agent.watch.sensors import Sensor
from actuator.agent.watch.view import View, as_text
from actuator.agent.watch.waker import POLL, Waker
from nodekit.processes import Process

log = logging.getLogger(__name__)

NOT_RUNNING = 3
"""Exit status of `status` for a stopped service (Linux Standard Base, init scripts)."""
INTERVAL = 1.0
"""Seconds between looks at what does not run."""
SETTLED = 5.0
"""Seconds between looks at what runs: its end is told by the waker."""
OLD = 10.0
"""Seconds that a look at all processes stays good enough for a service that lives."""
MINUTE = 60.0
LEAVES = {
    "unmonitor": None, "unmonitor-15m": 900.0, "unmonitor-1h": 3600.0, "unmonitor-8h": 28800.0,
    "unmonitor-1d": 86400.0,
}  # fmt: skip
"""Commands that make the watchdog leave a service alone, and for how many seconds."""
MOVES = ("start", "stop", "restart")


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
        self._policy = _policy(config)
        self._sensors = [
            Sensor(check, config.timeout) for check in (config.watch.checks if config.watch else ())
        ]
        self._readings: dict[str, Reading] = {}
        self._streaks = Streaks()
        self._maintenance: tuple[float, bool] = (-1.0, False)
        self._memory = self._kept.memory()
        self._acted = 0.0
        """When it was last started or stopped by us."""
        self._woken = threading.Event()
        self._fresh = time.monotonic()
        self.view = View(name, config.watch is not None, False, True, Phase.DEAD, "", (), self._memory)  # noqa: FBT003

    @property
    def commands(self) -> frozenset[str]:
        """As Builtin."""
        return frozenset({*MOVES, "status"} | ({"monitor", *LEAVES} if self._watch is not None else set()))

    # --- commands -----------------------------------------------------------------------------------

    def run(self, command: str) -> Outcome:
        """One command, for this service alone. Raises JournalError."""
        if command == "status":
            view = self.see()
            return Outcome(0 if view.alive else NOT_RUNNING, as_text(view))
        if command not in MOVES:
            with self._lock:
                named = "monitor" if command == "monitor" else "unmonitor"
                self._remember(policy.commanded(self._memory, named, self._clock(), LEAVES.get(command)))
            self.wake()
            return Outcome(0, "monitored" if command == "monitor" else f"not monitored{_until(self._memory)}")
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
            found = self._hands.look(time.monotonic())
            alive = bool(found)
            self.view = replace(
                self.view, alive=alive, phase=Phase.RUNNING if alive else Phase.DEAD, processes=found,
                memory=self._memory, seen_at=self._clock(),
            )  # fmt: skip
        return _living(self.view) if self.config.findable else self.view

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
            except (JournalError, UnseenError) as error:
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
            reap()
            self._hands.settle()
            processes = self._seen()
            self._waker.watch(self.name, processes[0] if processes else None)
            now = self._clock()
            look, holding = self._look(processes, now)
            decision = policy.decide(self._policy, self._memory, look, now)
            self._remember(decision.memory)
            self._show(decision, look, holding, processes)
            if decision.act is not Act.NOTHING:
                self._act(decision, processes)
                return 0.0
            return self._wait(decision, look, now)

    def _seen(self) -> tuple[Process, ...]:
        """The fewest looks at all processes that still see what has changed."""
        since, main = self._fresh, self.view.main
        tolerated = OLD if main is not None and main.alive else POLL / 2
        return self._hands.look(max(since, time.monotonic() - tolerated))

    def _look(self, processes: tuple[Process, ...], now: float) -> tuple[Look, tuple[Holding, ...]]:
        main = processes[0] if processes else None
        self._read(main, now)
        rules = [sensor.rule for sensor in self._sensors]
        age = now - (self._acted if main is None else main.began)
        self._streaks, holding = conditions.judge(rules, self._readings, self._streaks, main, age, now)
        alive = main is not None if self.config.findable else self._answers(holding)
        sick = next((one.why for one in holding if one.rule.then == Then.RESTART), None)
        ill = next((one.why for one in holding if one.rule.then == Then.STOP), None)
        follows = self._watch is not None and self._watch.follow
        look = Look(
            alive,
            sick if alive else None,
            ill if alive else None,
            self._around.blocked(),
            self._hands.forbidden(),
            outdated=follows and main is not None and self._around.began() > main.began,
            maintenance=self._in_maintenance(now),
        )
        return look, holding

    def _answers(self, holding: tuple[Holding, ...]) -> bool:
        """Whether a daemon without a process of this host is there: none of its checks says no."""
        kinds = {check.title for check in self.config.seen_by}
        return not any(one.rule.title in kinds for one in holding)

    def _read(self, main: Process | None, now: float) -> None:
        """Ask the checks that are due; of a process that is gone there is nothing to read."""
        if main is None and self.config.findable:
            self._readings.clear()
            return
        for sensor in self._sensors:
            if time.monotonic() >= sensor.due:
                reading = sensor.read(main, now)
                sensor.due = time.monotonic() + sensor.check.every
                if reading is not None:
                    self._readings[sensor.check.title] = reading
                elif sensor.check.title in self._readings:
                    del self._readings[sensor.check.title]

    def _in_maintenance(self, now: float) -> bool:
        windows = self._watch.maintenance if self._watch is not None else ()
        if windows and not 0 <= now - self._maintenance[0] < INTERVAL:
            self._maintenance = (now, calendar.open_until([one.window for one in windows], now) is not None)
        return self._maintenance[1]

    def _show(
        self, decision: Decision, look: Look, holding: tuple[Holding, ...], processes: tuple[Process, ...]
    ) -> None:
        was = self.view
        self.view = View(
            self.name, True, look.alive, look.sick is None and look.ill is None,  # noqa: FBT003
            decision.phase, decision.why, processes, decision.memory,
            tuple(one.why for one in holding), tuple(one.check.title for one in self._sensors), self._clock(),
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
        self._readings.clear()
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
            due += [max(0.0, sensor.due - time.monotonic()) for sensor in self._sensors]
        return min(due)

    def _remember(self, memory: Memory) -> None:
        if memory != self._memory:
            self._memory = memory
            self._kept.remember(memory)


def _living(view: View) -> View:
    """Without what has ended since: a stop and a start may last, and nobody looks meanwhile."""
    there = tuple(one for one in view.processes if one.alive)
    return view if there == view.processes else replace(view, processes=there, alive=bool(there))


def _policy(config: Daemon) -> Policy:
    if config.watch is None:
        return Policy()
    told = config.watch.restart
    return Policy(
        told.at_most, told.within, told.backoff.first, told.backoff.most, told.rearm_after, told.retry_after,
        told.retries,
    )  # fmt: skip


def _until(memory: Memory) -> str:
    return (
        "" if memory.until is None else f" until {time.strftime('%H:%M:%S UTC', time.gmtime(memory.until))}"
    )
