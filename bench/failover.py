"""Row `failover`: crashes of the active node at random moments, on a real chain.

    python -m bench.failover [--producers 7] [--crashes 20] [--seed N] [--agents] [--inside]

With `--agents` all pauses and resumes go through the agent of the nodes' host, which proves at once that a
process is gone; without, two seconds of refused connections do. With `--inside` all crashes are in our
window.

Ours is measured by the chain's own blocks and the nodes' own logs. The peer is eoskeeper's rule,
applied to the same moments: its standby acts when more than two rounds have passed without a block
of ours, and looks every 10 s (its published code never resumes at all; one real run of the mended
rule missed 24 blocks with 21 producers, as this model says).
"""

import argparse
import random
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.result import figure, write
from lab.blocks import BlockCollector
from lab.chain import Chain
from lab.hosted import hosted, through_agent
from lab.server import poll, stop_watching
from lab.slack import Slack
from lab.stack import Stack
from nodekit.slots import current_slot, owner, round_slots, slot_time

WINDOW_SECONDS = 6.0
TARGETS = {(False, False): (0.8, 4), (False, True): (4, 5), (True, False): (0.3, 2), (True, True): (1.5, 2)}
"""Blocks missed in the mean and at most; with agents or without, in our window or at any moment."""
KEEPER_ROUNDS, KEEPER_LOOP = 2, 10.0
"""eoskeeper: rounds without our block before its B acts, seconds between its looks."""


@dataclass(frozen=True, slots=True)
class Crash:
    """One kill -9 of the active node."""

    at: float
    missed: int
    doubled: int
    keeper_missed: int
    strip: str


def main(argv: list[str] | None = None) -> int:
    """Exit status 0 when the target is met."""
    parser = argparse.ArgumentParser(prog="bench.failover")
    parser.add_argument("--producers", type=int, default=7)
    parser.add_argument("--crashes", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--agents", action="store_true")
    parser.add_argument("--inside", action="store_true")
    arguments = parser.parse_args(argv)
    dice = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        crashes = run(Path(folder), arguments, dice)
    stop_watching()
    missed = [crash.missed for crash in crashes]
    ours = figure(missed)
    doubled = sum(crash.doubled for crash in crashes)
    mean, most = TARGETS[arguments.agents, arguments.inside]
    flags = [flag for flag in ("agents", "inside") if getattr(arguments, flag)]
    ok = len(missed) == arguments.crashes and ours.mean <= mean and ours.max <= most and doubled == 0
    write(
        "-".join(["failover", *flags]), "missed blocks", ours, "eoskeeper's rule",
        figure([crash.keeper_missed for crash in crashes]),
        target=f"mean <= {mean}, max <= {most}, 0 doubled", ok=ok, runs=len(crashes),
        command=f"python -m bench.failover --producers {arguments.producers} --crashes {arguments.crashes} "
        f"--seed {arguments.seed}" + "".join(f" --{flag}" for flag in flags),
    )  # fmt: skip
    return 0 if ok else 1


def run(root: Path, asked: argparse.Namespace, dice: random.Random) -> list[Crash]:
    """Crash the active node so many times; every dead node is brought back, paused, as a standby."""
    limits = {"cooldown": "1s", "per_day": 1000}
    found: list[Crash] = []
    with Slack() as slack, Chain(root / "chain", asked.producers) as chain, ExitStack() as hosts:
        chain.load(rate=3.0)
        stack = Stack(root, chain, slack, limits=limits)
        if asked.agents:
            broker = hosts.enter_context(hosted(chain, root))
            stack.actuator.write(through_agent(stack.actuator.config, broker))
        seconds = round_slots(chain.schedule) / 2
        with stack.actuator:
            if not poll(chain.settled, 4 * seconds) or not stack.await_ready(2 * seconds + 30):
                raise TimeoutError(stack.group()["why"])
            for number in range(asked.crashes):
                if asked.inside:
                    opens = BlockCollector(chain).next_window().opens
                    time.sleep(max(0.0, opens - time.time()) + dice.uniform(0, WINDOW_SECONDS))
                else:
                    time.sleep(dice.uniform(0, seconds))
                crash = crash_once(stack, seconds, dice)
                found.append(crash)
                print(
                    f"{number + 1:3}: missed {crash.missed}, doubled {crash.doubled}, {crash.strip}",
                    flush=True,
                )
    return found


def crash_once(stack: Stack, seconds: float, dice: random.Random) -> Crash:
    """Kill the holder, wait until its successor is verified, bring the dead node back."""
    chain = stack.chain
    holder = stack.group()["holder"]
    blocks = BlockCollector(chain)
    chain[holder].kill9()
    killed = time.time()
    # The last block may be out already when the node dies: slots that were due later are the cost.
    first = current_slot(killed)
    changed = poll(
        lambda: stack.group()["holder"] != holder and stack.group()["phase"] == "steady", seconds + 30
    )
    if not changed:
        raise TimeoutError(
            f"nobody took over from {holder}: {stack.cli('explain', stack.group()['group']).stdout}"
        )
    last = current_slot(time.time())
    truth = blocks.settle(last)
    chain[holder].restart(paused=True)
    poll(lambda: all(not node["not_ready_because"] or node["active"] for node in stack.group()["nodes"]), 60)
    return Crash(
        at=killed,
        missed=truth.missed(first, last),
        doubled=truth.doubled(first, last),
        keeper_missed=keeper_misses(killed, chain.ours, chain.schedule, dice.uniform(0, KEEPER_LOOP)),
        strip=truth.strip(first, last),
    )


def keeper_misses(killed: float, ours: str, schedule: tuple[str, ...], phase: float) -> int:
    """Blocks that eoskeeper's rule misses after a kill at a moment; `phase` of its loop in seconds."""
    last = current_slot(killed) - 1
    while owner(last, schedule) != ours:
        last -= 1
    due = slot_time(last) + KEEPER_ROUNDS * round_slots(schedule) / 2
    looks = -(-(due - phase) // KEEPER_LOOP) * KEEPER_LOOP + phase
    resumed = current_slot(max(looks, killed))
    return sum(1 for slot in range(current_slot(killed), resumed) if owner(slot, schedule) == ours)


if __name__ == "__main__":
    sys.exit(main())
