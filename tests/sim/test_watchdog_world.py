"""A thousand random lives of services: never two copies, counts as a small model has them, nothing forgotten."""

import random
from dataclasses import dataclass, field, replace

import pytest

from actuator.agent.watch.policy import Act, Look, Memory, Phase, Policy, commanded, decide, ended

TICK = 0.1
"""Seconds of a step of the world."""
INTERVAL = 1.0
"""Seconds between looks of the watchdog when nothing wakes it."""
TIMEOUT = 3.0
"""Seconds in which a start must show a process."""
LENGTH = 180.0


@dataclass
class World:
    """One service as it really is: copies that run, copies that are on their way."""

    copies: list[float] = field(default_factory=list)
    """When each ends by itself."""
    coming: list[tuple[float, float]] = field(default_factory=list)
    """When each appears, and for how long it lives."""
    hung: bool = False
    most: int = 0

    def pass_to(self, now: float) -> None:
        """Let appear and end what is due."""
        self.copies = [end for end in self.copies if end > now]
        self.copies += [now + lives for at, lives in self.coming if at <= now]
        self.coming = [one for one in self.coming if one[0] > now]
        self.hung = self.hung and bool(self.copies)
        self.most = max(self.most, len(self.copies))

    def clear(self) -> None:
        """KILL all that is there or on its way."""
        self.copies, self.coming, self.hung = [], [], False


@dataclass
class Guarded:
    """The watchdog over a world, as the real one acts: one operation at a time, each with a time limit."""

    policy: Policy
    world: World
    dice: random.Random
    memory: Memory = field(default_factory=Memory)
    phase: Phase = Phase.DEAD
    until: float = 0.0
    """While a start is followed."""
    starts: list[float] = field(default_factory=list)
    seen: bool = False
    look_at: float = 0.0
    given_up: int = 0

    def step(self, now: float) -> None:
        """What the worker does at this moment."""
        if self.until:
            self._follow(now)
        if self.until or now < self.look_at:
            return
        self.seen = bool(self.world.copies)
        sick = "hangs" if self.world.hung else None
        found = decide(self.policy, self.memory, Look(self.seen, sick), now)
        if found.phase is Phase.GAVE_UP and self.memory.gave_up is None:
            self.given_up += 1
        self.memory, self.phase = found.memory, found.phase
        self.look_at = now + min(INTERVAL, max(0.0, (found.due or now + INTERVAL) - now))
        if found.act is not Act.NOTHING:
            self.start(now, stop=found.act is Act.RESTART)

    def start(self, now: float, *, stop: bool) -> None:
        """Begin a start; a copy that runs is no reason for another one."""
        if stop:
            self.world.clear()
        if self.world.copies or self.world.coming:
            return
        self.starts.append(now)
        kind = self.dice.random()
        takes = self.dice.uniform(0.0, 2.5) if kind < 0.7 else self.dice.uniform(2.5, 9.0)
        lives = self.dice.choice([0.2, 1.0, 5.0, 60.0, 1e9])
        if kind < 0.9:
            self.world.coming.append((now + takes, lives))
        self.until = now + TIMEOUT

    def _follow(self, now: float) -> None:
        if not self.world.copies and now < self.until:
            return
        if not self.world.copies:
            self.world.clear()  # what comes too late must not become a copy
        self.memory = ended(self.policy, self.memory, now)
        self.until, self.look_at = 0.0, now


def life(seed: int) -> tuple[World, Guarded, list[str]]:
    """One random life; what was wrong in it."""
    dice = random.Random(seed)
    policy = Policy(
        at_most=dice.randint(1, 6), within=dice.uniform(5, 120), backoff_first=dice.uniform(0.1, 3),
        backoff_most=dice.uniform(3, 30), rearm_after=dice.uniform(5, 60),
    )  # fmt: skip
    if dice.random() < 0.5:
        policy = replace(policy, retry_after=dice.uniform(5, 40), retries=dice.randint(1, 4))
    world, wrong = World(), []
    guard = Guarded(policy, world, dice)
    now, differs = 0.0, 0.0
    while now < LENGTH:
        world.pass_to(now)
        fault = dice.random()
        if fault < 0.01:
            world.clear()
        elif fault < 0.015 and world.copies:
            world.hung = True
        elif fault < 0.02 and not guard.until:
            word = dice.choice(["start", "stop", "monitor", "unmonitor", "unmonitor for"])
            lasts = 20.0 if word == "unmonitor for" else None
            guard.memory = commanded(guard.memory, word.split()[0], now, lasts)
            if word == "stop":
                world.clear()
            elif word == "start" and not world.copies:
                guard.start(now, stop=False)
            guard.look_at = now
        guard.step(now)
        differs = differs + TICK if guard.seen != bool(world.copies) and not guard.until else 0.0
        if differs > INTERVAL + TICK:
            wrong.append(f"{now:.1f}: sees {guard.seen}, {len(world.copies)} run")
        if len(guard.memory.starts) > policy.at_most:
            wrong.append(f"{now:.1f}: {len(guard.memory.starts)} starts are counted")
        if not guard.until and guard.phase is Phase.DEAD:
            wrong.append(f"{now:.1f}: dead, and nothing is due")
        now = round(now + TICK, 3)
    return world, guard, wrong


@pytest.mark.parametrize("block", range(4))
def test_no_service_is_ever_there_twice_and_the_view_is_the_truth_within_an_interval(block: int) -> None:
    gave_up = starts = 0
    for seed in range(250 * block, 250 * (block + 1)):
        world, guard, wrong = life(seed)
        assert wrong == [], f"seed {seed}"
        assert world.most <= 1, f"seed {seed}"
        gave_up += guard.given_up
        starts += len(guard.starts)

    assert gave_up > 50, "the lives are hard enough to be given up"
    assert starts > 1000
