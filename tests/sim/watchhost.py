"""A host in virtual time for the real watchdog: processes, start programs, signals, deaths of the agent."""

import random
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest

from actuator.agent.builtin import Outcome
from actuator.agent.watch import eyes
from actuator.agent.watch import guard as guards
from actuator.agent.watch import hands as handling
from actuator.agent.watch.asked import Around
from actuator.agent.watch.conditions import Reading
from actuator.agent.watch.config import Daemon, Step
from actuator.agent.watch.guard import Guard
from actuator.agent.watch.hands import Hands
from actuator.agent.watch.keep import Kept
from actuator.agent.watch.sensors import Sensor

TICK = 0.05
"""Seconds of a step of the world."""
POLL = 0.5
"""Seconds between looks of a waker without pidfd."""
BEGIN = 1e9


class AgentDiedError(BaseException):
    """kill -9 of the agent, wherever it is; nothing in it may catch this."""


@dataclass(eq=False)
class Running:
    """A process as the watchdog sees one; identity is identity."""

    pid: int
    began: float
    ends: float
    mark: str
    parent: int = 1
    hung: bool = False
    alive: bool = True
    words: tuple[str, ...] = ("x",)


@dataclass
class Coming:
    """A process that a start program is about to make."""

    at: float
    lives: float
    mark: str


@dataclass
class Program:
    """A start program."""

    ends: float
    code: int
    mark: str
    pid: int = 0

    def poll(self) -> int | None:
        """It is never asked: no start of this world is in the foreground."""
        raise NotImplementedError


@dataclass
class World:
    """What is really there."""

    dice: random.Random
    now: float = BEGIN
    processes: list[Running] = field(default_factory=list)
    coming: list[Coming] = field(default_factory=list)
    good: bool = False
    """From now on every start succeeds and lasts."""
    starts: list[float] = field(default_factory=list)
    most: int = 0
    died: Callable[[Running], None] = lambda _: None
    each_tick: Callable[[], None] = lambda: None
    pids: int = 100
    killed_at: float = float("inf")
    """When the agent dies."""

    def sleep(self, seconds: float) -> None:
        """Time passes; as time.sleep. Raises AgentDiedError."""
        end = self.now + seconds
        while self.now < end - 1e-9:
            self.now = min(end, self.now + TICK)
            self._due()
            self.each_tick()
            if self.now >= self.killed_at:
                self.killed_at = float("inf")
                raise AgentDiedError

    def _due(self) -> None:
        for one in [one for one in self.processes if one.ends <= self.now]:
            self.end(one)
        for new in [new for new in self.coming if new.at <= self.now]:
            self.coming.remove(new)
            self.appear(new.lives, new.mark)

    def appear(self, lives: float, mark: str) -> None:
        """A process begins."""
        self.pids += 1
        self.processes.append(Running(self.pids, self.now, self.now + lives, mark))
        self.most = max(self.most, len(self.processes))

    def end(self, one: Running) -> None:
        """A process is gone."""
        one.alive = False
        self.processes.remove(one)
        self.died(one)

    # --- what the hands use -------------------------------------------------------------------------

    def spawn(self, _step: Step, mark: str) -> Program:
        """A start program begins: most do what they should, some fail, hang, or are far too slow."""
        self.starts.append(self.now)
        kind = 0.0 if self.good else self.dice.random()
        takes = self.dice.uniform(0.0, 2.5) if kind < 0.6 else self.dice.uniform(2.0, 9.0)
        lives = 1e9 if self.good else self.dice.choice([0.2, 1.0, 5.0, 30.0, 1e9])
        if kind < 0.85:
            self.coming.append(Coming(self.now + takes, lives, mark))
        runs = self.dice.choice([0.0, 0.1, takes + 0.05]) if kind < 0.9 else 20.0
        return Program(self.now + runs, 0 if kind < 0.8 else self.dice.choice([0, 1]), mark)

    def finish(
        self, program: Program, words: Sequence[str], timeout: float, _closing: object
    ) -> Outcome | None:
        """As programs.finish; what left the program's group outlives its end."""
        self.sleep(min(timeout, max(0.0, program.ends - self.now)))
        if program.ends > self.now:
            if self.dice.random() < 0.5:
                self.coming = [one for one in self.coming if one.mark != program.mark]
            return Outcome(124, f"{words[0]} took too long")
        return None if program.code == 0 else Outcome(program.code, "it failed")

    def marked(self, mark: str) -> list[int]:
        """As programs.marked: a process that is to come has a parent with the mark."""
        there = [one.pid for one in self.processes if one.mark == mark]
        return there + [1 for one in self.coming if one.mark == mark]

    def end_marked(self, mark: str) -> list[int]:
        """As programs.end_marked."""
        found = self.marked(mark)
        self.coming = [one for one in self.coming if one.mark != mark]
        for one in [one for one in self.processes if one.mark == mark]:
            self.end(one)
        return found

    def kill(self, one: Running, number: signal.Signals) -> None:
        """A signal: TERM is not heard by what hangs."""
        if one.alive and (number == signal.SIGKILL or not one.hung):
            one.ends = min(
                one.ends, self.now + (0.0 if number == signal.SIGKILL else self.dice.uniform(0, 0.5))
            )

    def ended(self, one: Running, within: float, pause: float) -> bool:
        """As processes.ended."""
        end = self.now + within
        while one.alive:
            if self.now > end:
                return False
            self.sleep(pause)
        return True


class Agent:
    """The real guard and hands of one service in a world; `wakes`: whether the kernel tells deaths."""

    def __init__(self, world: World, config: Daemon, facts: dict[str, object], *, wakes: bool) -> None:
        self.world, self.config, self.facts, self.wakes = world, config, facts, wakes
        self.busy = False
        self.guard = self._made()

    def _made(self) -> Guard:
        world = self.world
        self._watched: Any = None
        self._told_at = float("inf")
        self._looked = False

        def note(name: str, value: object, *, lazily: bool) -> None:
            self.facts[name] = value

        def watch(_name: str, process: Any) -> None:
            self._watched = process

        def died(one: Running) -> None:
            if one is self._watched:
                self._told_at = world.now if self.wakes else world.now + world.dice.uniform(0, POLL)

        journal: Any = SimpleNamespace(fact=self.facts.get, note=note)
        census: Any = SimpleNamespace(look=lambda _name, _since: tuple(world.processes))
        waker: Any = SimpleNamespace(watch=watch, pidfd=self.wakes)
        never: Any = SimpleNamespace(is_set=lambda: False)
        world.died = died
        hands = Hands("it", self.config, census, Kept(journal, "it"), None, never)
        around = Around(lambda: None, lambda: 0.0, lambda: None)
        made = Guard(hands, waker, around, clock=lambda: world.now)
        made._eyes.sensors = [_Hangs(one.check, world) for one in made._eyes.sensors]
        return made

    def die_and_come_back(self) -> None:
        """kill -9 and a new agent a moment later."""
        self._watched = None
        self.guard = self._made()

    def step(self) -> None:
        """One look of the worker, and its wait."""
        self.busy = True
        wait = self.guard.step()
        self.busy, self._looked = False, True
        end = self.world.now + wait
        while self.world.now < end - 1e-9 and not self.guard._woken.is_set():
            self.world.sleep(TICK)
            if self.world.now >= self._told_at:
                self._told_at = float("inf")
                self.guard.wake()
        self.guard._woken.clear()

    @property
    def looked(self) -> bool:
        """Whether this agent has looked once since it came."""
        return self._looked


class _Hangs(Sensor):
    """A check that what hangs fails."""

    def __init__(self, check: Any, world: World) -> None:
        super().__init__(check, 0.0)
        self.rule = replace(self.rule, after=0.0)
        self._world = world

    def read(self, process: Any, now: float) -> Reading:
        return Reading("hangs" if process is not None and process.hung else None, now)


def virtual(patch: pytest.MonkeyPatch, world: World) -> None:
    """Let guard and hands live in this world instead of the real one."""
    clock = SimpleNamespace(
        time=lambda: world.now, monotonic=lambda: world.now, sleep=world.sleep,
        time_ns=lambda: len(world.starts) + 1, strftime=time.strftime, gmtime=time.gmtime,
    )  # fmt: skip
    for module in (guards, handling, eyes):
        patch.setattr(module, "time", clock)
    patch.setattr(guards, "reap", lambda: None)
    for name in ("spawn", "finish", "marked", "end_marked", "ended"):
        patch.setattr(handling, name, getattr(world, name))
    patch.setattr(handling, "_signal", world.kill)
