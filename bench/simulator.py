"""Row `simulator`: random fault schedules in virtual time, each judged by the promises I1 to I13.

    python -m bench.simulator [--count 1000000] [--first 1000000]

A tenth as many beside them have members behind their hosts' agents. Says how many seeds break a promise
(the target is none), and how much simulated time went by. The peer is the clock on the wall: what the same
schedules would take on real nodes.
"""

import argparse
import sys
import time
from collections.abc import Sequence

from bench.result import figure, write
from tests.sim.many import failing
from tests.sim.stories import AGENTS, story_of

SAMPLE = 500
"""Stories whose simulated length is averaged."""


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0 when no seed fails."""
    parser = argparse.ArgumentParser(prog="bench.simulator")
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--first", type=int, default=1_000_000)
    arguments = parser.parse_args(argv)
    began = time.monotonic()
    hosted = arguments.count // 10
    bad = [*failing(arguments.first, arguments.count), *failing(AGENTS + arguments.first, hosted)]
    for one in bad:
        print(f"seed {one.seed}: {one.broken}")
    told = arguments.count + hosted
    each = (time.monotonic() - began) / told
    lengths = [_length(seed) for seed in range(arguments.first, arguments.first + SAMPLE)]
    print(f"simulator: {len(bad)} failing seeds of {told}, {hosted} of them with agents")
    write(
        "simulator", "seconds a schedule", figure([each]), "the same on real nodes", figure(lengths),
        target="0 failing seeds", ok=not bad, runs=told,
        command=f"python -m bench.simulator --count {arguments.count} --first {arguments.first}",
    )  # fmt: skip
    return 1 if bad else 0


def _length(seed: int) -> float:
    story = story_of(seed)
    return story.length - story.settings.phase


if __name__ == "__main__":
    sys.exit(main())
