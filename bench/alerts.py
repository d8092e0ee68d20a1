"""Faults that the rules name, on a real chain: which alerts fire, how soon, and that no other critical does.

    python -m bench.alerts [--producers 4] [--only NAME ...]

Exporter, Prometheus, Alertmanager, actuator run as shipped; the actuator in shadow, so that faults stay.
Prints one line a fault and writes bench/results/alerts.json. About 25 minutes.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.result import FOLDER
from lab.chain import Chain
from lab.health import heal
from lab.server import poll, stop_watching
from lab.slack import Slack
from lab.stack import Stack

CALM = 90.0
"""Seconds within which what an earlier fault fired must end."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is done, and the critical alerts that it must and may fire."""

    begin: Callable[[Chain], None]
    must: frozenset[str]
    watched: float
    """Seconds."""
    may: frozenset[str] = frozenset()
    """Another side of the same fault, by the moment at which it begins."""
    tells: frozenset[str] = frozenset()
    """`alert severity` of others that must fire with it."""


@dataclass(slots=True)
class Outcome:
    """What fired: `alert severity` → seconds after the fault began."""

    fault: str
    fired: dict[str, float] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)


def stall(chain: Chain) -> None:
    """Nobody makes blocks any more: all other producers are on one node that hangs, and ours is paused."""
    chain["A"].pause()
    chain.world.hang()


DOWN, MISSES, TWO = "AntelopeNodeDown", "AntelopeProducerDown", "AntelopeProducerTwoActive"
NOBODY = frozenset({MISSES, "AntelopeProducerNoneActive"})
COSTS = frozenset({"AntelopeProducerMissedBlocks", "AntelopeProducerSilent"})
"""What follows when a fault that is not mended goes on for two rounds."""
FAULTS = {
    "nothing": Fault(lambda _: None, frozenset(), 60),
    "standby restarted": Fault(
        lambda chain: chain["B"].restart(), frozenset(), 20, tells=frozenset({"AntelopeNodeRestarted info"})
    ),
    "came up unpaused": Fault(
        lambda chain: chain["C"].restart(paused=False), frozenset({TWO}), 20,
        tells=frozenset({"AntelopeStartFenceBroken warning"}),
    ),
    "two active through turns": Fault(
        lambda chain: chain["B"].resume(), frozenset({TWO}), 90,
        tells=frozenset({"AntelopeProducerSlotsDoubled warning", "AntelopeProducerBlocksOrphaned warning"}),
    ),
    "two active": Fault(lambda chain: chain["B"].resume(), frozenset({TWO}), 20),
    "nobody active": Fault(lambda chain: chain["A"].pause(), NOBODY, 20, COSTS),
    "killed": Fault(lambda chain: chain["A"].kill9(), NOBODY | {DOWN}, 20, COSTS),
    "hung": Fault(lambda chain: chain["A"].hang(), NOBODY | {DOWN}, 20, COSTS),
    "standby killed": Fault(lambda chain: chain["B"].kill9(), frozenset({DOWN}), 20),
    "cut off": Fault(
        lambda chain: chain["A"].cut(),
        frozenset({MISSES, "AntelopeHeadStalled"}), 75, COSTS | {"AntelopeAloneOnFork"},
    ),
    "standby cut off": Fault(lambda chain: chain["B"].cut(), frozenset({"AntelopeHeadStalled"}), 25),
    "standby cut off for long": Fault(
        lambda chain: chain["B"].cut(), frozenset({"AntelopeHeadStalled"}), 160,
        tells=frozenset({"AntelopeStandbyNotReady warning"}),
    ),
    "chain stands still": Fault(
        stall, frozenset({"AntelopeChainStalled"}), 30, NOBODY
    ),
}  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0 when every fault fired what it must and nothing critical that is not its own."""
    parser = argparse.ArgumentParser(prog="bench.alerts")
    parser.add_argument("--producers", type=int, default=4)
    parser.add_argument("--only", nargs="*", choices=sorted(FAULTS), default=[])
    arguments = parser.parse_args(argv)
    # In this order: for three minutes after the chain stood still nobody is asked about our own misses.
    chosen = [name for name in FAULTS if not arguments.only or name in arguments.only]
    with tempfile.TemporaryDirectory() as folder:
        outcomes = run(Path(folder), arguments.producers, chosen)
    stop_watching()
    FOLDER.mkdir(exist_ok=True)
    text = json.dumps([asdict(outcome) for outcome in outcomes], indent=2)
    (FOLDER / "alerts.json").write_text(text + "\n")
    return int(any(outcome.missing or outcome.strangers for outcome in outcomes))


def run(root: Path, producers: int, chosen: Sequence[str]) -> list[Outcome]:
    """One fault after the other, each on the healed chain."""
    found = []
    with (
        Slack() as slack,
        Chain(root / "chain", producers) as chain,
        Stack(root / "stack", chain, slack, automation="shadow") as stack,
    ):
        chain.load(rate=4.0)  # without transactions two active nodes make the same blocks
        stack.await_phase("steady", 120)
        time.sleep(65)  # distinct producers are known after a minute
        for name in chosen:
            heal(chain)
            if not poll(lambda: not critical(stack), CALM, every=1.0):
                print(f"{name}: still firing before it began: {sorted(critical(stack))}")
            outcome = watch(stack, name, FAULTS[name], chain)
            print(line(outcome), flush=True)
            found.append(outcome)
        heal(chain)
    return found


def critical(stack: Stack) -> set[str]:
    """The critical alerts that fire now."""
    return {name.split()[0] for name in firing(stack) if name.endswith(" critical")}


def firing(stack: Stack) -> set[str]:
    """`alert severity` of all that fire now, but for the watchdog."""
    return {
        f"{alert['labels']['alertname']} {alert['labels']['severity']}"
        for alert in stack.prometheus.alerts()
        if alert["state"] == "firing" and alert["labels"]["alertname"] != "Watchdog"
    }


def watch(stack: Stack, name: str, fault: Fault, chain: Chain) -> Outcome:
    """Begin the fault and note what begins to fire."""
    before, began, outcome = firing(stack), time.monotonic(), Outcome(name)
    fault.begin(chain)
    while time.monotonic() - began < fault.watched:
        for alert in firing(stack) - before:
            outcome.fired.setdefault(alert, round(time.monotonic() - began, 1))
        time.sleep(0.2)
    fired = {alert.split()[0] for alert in outcome.fired if alert.endswith(" critical")}
    outcome.missing = sorted((fault.must - fired) | (fault.tells - outcome.fired.keys() - before))
    outcome.strangers = sorted(fired - fault.must - fault.may)
    return outcome


def line(outcome: Outcome) -> str:
    """The outcome in one line."""
    shown = ", ".join(f"{alert} after {after} s" for alert, after in outcome.fired.items()) or "nothing fired"
    wrong = [f"MISSING {name}" for name in outcome.missing] + [
        f"STRANGER {name}" for name in outcome.strangers
    ]
    return f"{outcome.fault}: {shown}" + "".join(f"; {word}" for word in wrong)


if __name__ == "__main__":
    sys.exit(main())
