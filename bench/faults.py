"""Row `faults`: every kind of trouble that a producer meets, on a real chain of 21 producers.

    python -m bench.faults [--producers 21] [--times 3] [--switchovers 10] [--only NAME ...]
    python -m bench.faults --trigger alerts --only crash-outside crash-inside

With `--trigger alerts` the watch loop begins nothing: a crash has to come through the exporter, Prometheus
and Alertmanager.

Missed and doubled blocks are counted on the chain and in the nodes' own logs. The peer is eoskeeper's
rule at the moments of the same crashes (see bench.failover). An hour and a quarter with 21 producers.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.faultcases import CASES, Field, Result
from bench.result import FOLDER, figure, write
from lab.chain import Chain
from lab.server import stop_watching
from lab.slack import Slack
from lab.stack import Stack
from nodekit.slots import round_slots


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0 when every case met its target each time."""
    parser = argparse.ArgumentParser(prog="bench.faults")
    parser.add_argument("--producers", type=int, default=21)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--switchovers", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--trigger", choices=("watch", "alerts"), default="watch")
    parser.add_argument("--only", nargs="*", choices=sorted(CASES), default=[])
    arguments = parser.parse_args(argv)
    counts = {
        name: arguments.switchovers if name == "switchover" else arguments.times
        for name in CASES
        if not arguments.only or name in arguments.only
    }
    with tempfile.TemporaryDirectory() as folder:
        results = run(
            Path(folder), arguments.producers, counts, arguments.trigger, random.Random(arguments.seed)
        )
    stop_watching()
    row = "faults" if arguments.trigger == "watch" else "alert-path"
    return _report(row, results, sum(counts.values()), " ".join(argv or sys.argv[1:]))


def run(
    root: Path, producers: int, counts: dict[str, int], trigger: str, dice: random.Random
) -> list[Result]:
    """Every case so many times on one chain; what breaks down is a result too."""
    found: list[Result] = []
    with Slack() as slack, Chain(root / "chain", producers) as chain:
        chain.load(rate=3.0)
        stack = Stack(root, chain, slack, limits={"cooldown": "1s", "per_day": 1000, "trigger": trigger})
        seconds = round_slots(chain.schedule) / 2
        with stack.actuator if trigger == "watch" else stack:
            if not stack.await_phase("steady", 2 * seconds + 30):
                raise TimeoutError(stack.group()["why"])
            field = Field(stack, dice, inside=3 if trigger == "watch" else 8)
            field.must(chain.settled, 4 * seconds, "its last irreversible block does not move yet")
            field.must(field.all_ready, 60, "no standby is ready")
            for name, count in counts.items():
                for _ in range(count):
                    found.append(_once(name, CASES[name], field))
                    print(found[-1].line(), flush=True)
                    field.restore()
    return found


def _once(name: str, case: Callable[[Field], Result], field: Field) -> Result:
    try:
        return case(field)
    except TimeoutError as error:
        return Result(name, missed=-1, doubled=-1, ok=False, note=f"broke down: {error}", strip="")


def _report(row: str, results: list[Result], wanted: int, words: str) -> int:
    ok = len(results) == wanted and all(result.ok for result in results)
    print(f"\n{'case':24} {'times':>5} {'missed':>12} {'doubled':>8}  met")
    for name in dict.fromkeys(result.name for result in results):
        rows = [result for result in results if result.name == name]
        missed = " ".join(str(row.missed) for row in rows)
        doubled = sum(row.doubled for row in rows)
        print(f"{name:24} {len(rows):5} {missed:>12} {doubled:8}  {sum(row.ok for row in rows)}/{len(rows)}")
    _write(row, results, words, ok=ok)
    return 0 if ok else 1


def _write(row: str, results: list[Result], words: str, *, ok: bool) -> None:
    """The row's files, of whatever ran. Only crashes have a peer; where some ran, they alone are compared."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{row}.txt").write_text("\n".join(result.line() for result in results) + "\n")
    crashes = [result for result in results if result.keeper is not None]
    counted = [result for result in crashes or results if result.missed >= 0]
    if not counted:
        (FOLDER / f"{row}.json").unlink(missing_ok=True)  # an older one would speak for these
        return
    write(
        row, "missed blocks", figure([one.missed for one in counted]), "eoskeeper's rule",
        figure([one.keeper or 0 for one in crashes]) if crashes else None,
        target="every case as bench/faultcases.py says", ok=ok, runs=len(results),
        command=f"python -m bench.faults {words}".strip(),
    )  # fmt: skip


if __name__ == "__main__":
    started = time.monotonic()
    code = main()
    print(f"{(time.monotonic() - started) / 60:.0f} minutes")
    sys.exit(code)
