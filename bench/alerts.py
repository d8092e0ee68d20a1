"""Faults that the rules name, on a real chain: which alerts fire, how soon, and that no other critical does.

    python -m bench.alerts [--producers 4] [--only NAME ...]

Exporter, Prometheus, Alertmanager, actuator run as shipped; the actuator in shadow, so that faults stay.
Prints one line a fault and writes bench/results/alerts.json (results of other runs stay). About 45 minutes.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.alertfaults import FAULTS, Fault, Scene
from bench.result import FOLDER
from lab.chain import Chain
from lab.health import heal
from lab.server import poll, stop_watching
from lab.slack import Slack
from lab.stack import Stack

CALM = 90.0
"""Seconds within which what an earlier fault fired must end."""


@dataclass(slots=True)
class Outcome:
    """What fired: `alert severity` → seconds after the fault began."""

    fault: str
    fired: dict[str, float] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)


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
    keep(outcomes)
    return int(any(outcome.missing or outcome.strangers for outcome in outcomes))


def keep(outcomes: Sequence[Outcome]) -> None:
    """Write the results; those of faults that were not done this time stay."""
    file = FOLDER / "alerts.json"
    FOLDER.mkdir(exist_ok=True)
    old = json.loads(file.read_text()) if file.exists() else []
    known = {row["fault"]: row for row in (*old, *map(asdict, outcomes))}
    file.write_text(json.dumps([known[name] for name in FAULTS if name in known], indent=2) + "\n")


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
        scene = Scene(chain, stack, root)
        for name in chosen:
            heal(chain)
            if not poll(lambda: not critical(stack), CALM, every=1.0):
                print(f"{name}: still firing before it began: {sorted(critical(stack))}")
            outcome = watch(scene, name, FAULTS[name])
            FAULTS[name].end(scene)
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


def watch(scene: Scene, name: str, fault: Fault) -> Outcome:
    """Begin the fault and note what begins to fire."""
    stack = scene.stack
    before, began, outcome = firing(stack), time.monotonic(), Outcome(name)
    fault.begin(scene)
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
