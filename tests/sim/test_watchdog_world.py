"""A thousand random lives of a service under the real guard, hands and policy, in virtual time.

Never two copies; the view is the truth within an interval; never more starts than the policy lets; nothing
is forgotten; also when the agent is killed in the middle of what it does.
"""

import random
from dataclasses import dataclass

import pytest

from actuator.agent.watch.config import Daemon
from actuator.agent.watch.policy import Phase
from tests.sim.watchhost import TICK, Agent, AgentDiedError, World, virtual

INTERVAL = 1.0
"""Seconds between looks of the watchdog when nothing wakes it."""
LENGTH = 45.0
STOP = 3.5
"""Seconds that a stop may take: the time of the start's decision counts, its program runs so much later."""
QUIET = 25.0
"""Seconds without faults after it: longer than any back-off."""
COMMANDS = ("start", "stop", "restart", "monitor", "unmonitor", "unmonitor-15m")
BUSY = (Phase.STARTING, Phase.STOPPING)


@dataclass
class Seen:
    """What was wrong in a life, and what happened in it."""

    wrong: list[str]
    starts: int = 0
    gave_up: int = 0
    killed: int = 0


def daemon(dice: random.Random) -> Daemon:
    """A random policy; without a check nothing but a death makes the watchdog look soon."""
    limits: dict[str, object] = {
        "at_most": dice.randint(1, 6), "within": f"{dice.randint(5, 40)}s",
        "backoff": {"first": f"{dice.randint(100, 3000)}ms", "most": f"{dice.randint(3, 15)}s"},
        "rearm_after": f"{dice.randint(5, 60)}s",
    }  # fmt: skip
    if dice.random() < 0.3:
        limits |= {"retry_after": f"{dice.randint(5, 30)}s", "retries": dice.randint(1, 4)}
    check = {"heartbeat": "/beat", "older_than": "1s", "every": "500ms", "after": "100ms"}
    return Daemon.model_validate({
        "start": ["start"], "match": "^x$", "timeout": "3s", "kill": True,
        "watch": {"restart": limits, "checks": [check] if dice.random() < 0.7 else []},
    })  # fmt: skip


def life(seed: int, patch: pytest.MonkeyPatch) -> Seen:
    """One random life."""
    dice = random.Random(seed)
    world, config, told = World(dice), daemon(dice), Seen([])
    virtual(patch, world)
    agent = Agent(world, config, {}, wakes=dice.random() < 0.7)
    differs, by_command = 0.0, [0]

    def compare() -> None:
        nonlocal differs
        view, there = agent.guard.see(), tuple(world.processes)
        same = view.processes == there and (bool(there) or view.phase is not Phase.RUNNING)
        same = same or (not view.alive and view.phase in BUSY) or not agent.looked
        differs = 0.0 if same else differs + TICK
        if differs > INTERVAL + 2 * TICK:
            told.wrong.append(f"{world.now:.2f}: {view.phase} sees {view.processes}, there are {there}")
        if view.alive and not there and differs > TICK:
            told.wrong.append(f"{world.now:.2f}: said to run, and nothing does")
        if len(there) > 1:
            told.wrong.append(f"{world.now:.2f}: {len(there)} copies")

    world.each_tick = compare
    end, before = world.now + LENGTH, Phase.DEAD
    while world.now < end + QUIET and not told.wrong:
        world.good = world.now >= end
        try:
            agent.step()
            if world.now < end:
                fault(dice, world, agent, by_command)
        except AgentDiedError:
            told.killed += 1
            agent.die_and_come_back()
            if world.now < end:  # a command may come before the first look
                fault(dice, world, agent, by_command)
        phase = agent.guard.view.phase
        told.gave_up += phase is Phase.GAVE_UP and before is not Phase.GAVE_UP
        before = phase
    for _ in range(10):  # looks, for one that died just now
        if not world.processes and not told.wrong:
            agent.step()
    memory = agent.guard._memory
    left_alone = not memory.wanted or not memory.monitored or memory.gave_up is not None
    if not left_alone and not world.processes:
        told.wrong.append(f"it is forgotten: {agent.guard.view.phase}, {memory}")
    if not by_command[0] and config.watch is not None:
        told.wrong += too_many(world.starts, config)
    told.starts = len(world.starts)
    return told


def fault(dice: random.Random, world: World, agent: Agent, by_command: list[int]) -> None:
    """Now and then something happens: a kill, a hang, a command, a death of the agent."""
    kind = dice.random()
    if kind < 0.10 and world.processes:
        world.end(world.processes[0])
    elif kind < 0.18 and world.processes:
        world.processes[0].hung = True
    elif kind < 0.22:
        world.killed_at = world.now + dice.uniform(0.0, 4.0)
    elif kind < 0.26:
        by_command[0] += 1
        command = dice.choice(COMMANDS)
        outcome = agent.guard.run(command)
        if command == "stop" and outcome.code == 0:
            assert not world.processes and not world.coming, "a stop that succeeded leaves nothing behind"


def too_many(starts: list[float], config: Daemon) -> list[str]:
    """By an independent count: starts within any time of the policy's length, less that of a stop before one."""
    assert config.watch is not None
    limits = config.watch.restart
    if limits.retries or limits.rearm_after < limits.within:
        return []
    for place, begin in enumerate(starts):
        near = [at for at in starts[place:] if at < begin + limits.within - STOP]
        if len(near) > limits.at_most:
            return [f"{len(near)} starts within {limits.within} s, {limits.at_most} are allowed"]
    return []


@pytest.mark.parametrize("block", range(4))
def test_no_service_is_ever_there_twice_and_the_view_is_the_truth_within_an_interval(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    gave_up = starts = killed = 0
    for seed in range(250 * block, 250 * (block + 1)):
        seen = life(seed, monkeypatch)
        assert seen.wrong == [], f"seed {seed}"
        gave_up, starts, killed = gave_up + seen.gave_up, starts + seen.starts, killed + seen.killed

    assert gave_up > 50, "the lives are hard enough to be given up"
    assert starts > 1000
    assert killed > 100
