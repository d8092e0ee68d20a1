"""Many random fault schedules on all cores, each judged by every promise at once.

`python -m tests.sim.many FIRST LAST STEP` tells its share and prints the seeds that fail.
"""

import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.sim.stories import story_of

CHECKOUT = Path(__file__).resolve().parents[2]
PROGRESS_EVERY = 25_000


@dataclass(frozen=True, slots=True)
class Failing:
    """A seed whose story broke a promise."""

    seed: int
    broken: str


def judge(seed: int) -> Failing | None:
    """The failing seed, or None when its story keeps every promise."""
    try:
        broken = story_of(seed).tell().record.broken
    except Exception as error:  # noqa: BLE001 - a story that cannot be told is a finding too
        broken = [f"{type(error).__name__}: {error}"]
    return Failing(seed, broken[0]) if broken else None


def failing(first: int, count: int) -> list[Failing]:
    """The failing ones of so many seeds, told by one process a core. Raises CalledProcessError."""
    shares = os.cpu_count() or 1
    commands = [
        [sys.executable, "-m", "tests.sim.many", str(first + share), str(first + count), str(shares)]
        for share in range(shares)
    ]
    running = [subprocess.Popen(argv, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) for argv in commands]
    found = []
    for process in running:
        output, _ = process.communicate()
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, process.args)
        found += [Failing(int(line.split()[0]), line.split(maxsplit=1)[1]) for line in output.splitlines()]
    return sorted(found, key=lambda one: one.seed)


def _tell(seeds: Iterable[int]) -> None:
    for number, seed in enumerate(seeds, 1):
        one = judge(seed)
        if one is not None:
            print(seed, one.broken, flush=True)  # noqa: T201 - the result of this process
        if number % PROGRESS_EVERY == 0:
            print(f"{number} told, at seed {seed}", file=sys.stderr, flush=True)  # noqa: T201 - progress


if __name__ == "__main__":
    _tell(range(*map(int, sys.argv[1:4])))
