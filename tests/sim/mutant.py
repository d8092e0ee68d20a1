"""Runs with one guard taken away, in a process of its own.

python -m tests.sim.mutant NUMBER SEED...            do these stories break a promise?
python -m tests.sim.mutant NUMBER tests/...::test    does one of these tests fail?
python -m tests.sim.mutant NUMBER --search 5000      which of the first seeds break a promise?
"""

import sys

import pytest

from tests.sim.mutations import MUTATIONS, put_in_place


def main(words: list[str]) -> int:
    """Exit status 0 when the missing guard is noticed."""
    mutation = MUTATIONS[int(words[0])]
    put_in_place(mutation)
    if words[1] == "--search":
        return _search(mutation.guard, int(words[2]))
    if words[1].isdigit():
        from tests.sim.many import judge  # noqa: PLC0415 - after the mutation is in place

        found = [one for seed in map(int, words[1:]) if (one := judge(seed))]
        for one in found:
            print(f"seed {one.seed}: {one.broken}")  # noqa: T201 - shown by the test
        return 0 if found else 1
    code = pytest.main(["-q", "-x", "--no-header", "--tb=line", "-p", "no:cacheprovider", *words[1:]])
    return 0 if code == pytest.ExitCode.TESTS_FAILED else 1


def _search(guard: str, count: int) -> int:
    from tests.sim.many import judge  # noqa: PLC0415 - after the mutation is in place

    seeds = [seed for seed in range(count) if judge(seed)][:3]
    print(guard, seeds)  # noqa: T201 - for a person who adds a mutation
    return 0 if seeds else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
