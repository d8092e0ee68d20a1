"""Tells stories with one guard taken away: `python -m tests.sim.mutant NUMBER SEED...` in its own process.

Without seeds it looks for some: `python -m tests.sim.mutant NUMBER --search 5000`.
"""

import sys

from tests.sim.mutations import MUTATIONS, put_in_place


def main(words: list[str]) -> int:
    """Exit status 0 when some story breaks a promise."""
    mutation = MUTATIONS[int(words[0])]
    put_in_place(mutation)
    from tests.sim.many import judge  # noqa: PLC0415 - after the mutation is in place

    if words[1] == "--search":
        seeds = [seed for seed in range(int(words[2])) if judge(seed)][:3]
        print(words[0], mutation.guard, seeds)  # noqa: T201 - for a person who adds a mutation
        return 0 if seeds else 1
    found = [one for seed in map(int, words[1:]) if (one := judge(seed))]
    for one in found:
        print(f"seed {one.seed}: {one.broken}")  # noqa: T201 - shown by the test
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
