"""No guard of the decision is idle: with any one of them taken away, a promise or a test breaks."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.sim.mutations import CHECKOUT, MUTATIONS

pytestmark = pytest.mark.timeout(900)  # the first test waits for all; at a low priority, beside real servers


def run(number: int) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "tests.sim.mutant", str(number), MUTATIONS[number].noticed_by]
    return subprocess.run(argv, cwd=CHECKOUT, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def results() -> list[subprocess.CompletedProcess[str]]:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(run, range(len(MUTATIONS))))


@pytest.mark.parametrize("number", range(len(MUTATIONS)), ids=[one.guard for one in MUTATIONS])
def test_without_this_guard_something_breaks(
    number: int, results: list[subprocess.CompletedProcess[str]]
) -> None:
    result = results[number]
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
