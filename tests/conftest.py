"""Real servers for every test that asks for one, and a check that none of them is left behind.

Temporary files live under `.lab/tmp` of the checkout, one folder per pytest run, removed at its end.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from lab import leaks
from lab.binaries import CHECKOUT
from lab.chain import Chain
from lab.health import heal
from lab.server import stop_watching
from lab.slack import Slack

TEMPORARY = CHECKOUT / ".lab" / "tmp" / f"pytest-{os.getpid()}"


# No example is wrong because it took long: the other lanes of the suite use the same cores.
settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Keep temporary files inside the checkout, apart from those of another run at the same time."""
    if not config.option.basetemp:
        TEMPORARY.parent.mkdir(parents=True, exist_ok=True)
        config.option.basetemp = str(TEMPORARY)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests on the shared chain; they are a lane of their own in `lab.suite`."""
    for item in items:
        if "running_chain" in getattr(item, "fixturenames", ()):
            item.add_marker("shared_chain")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run when a process that it started is still there, after all fixtures are gone."""
    stop_watching()
    left = leaks.ours()
    if left:
        lines = "\n  ".join(str(process) for process in left)
        print(f"\nprocesses left behind by this test run (killed now):\n  {lines}")  # noqa: T201 - pytest's report
        leaks.kill(left)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    shutil.rmtree(TEMPORARY, ignore_errors=True)


@pytest.fixture(scope="session")
def running_chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """One 4-producer chain with transactions for the whole run; tests ask for `chain`."""
    with Chain(tmp_path_factory.mktemp("chain")) as chain:
        chain.load(rate=4.0)
        yield chain


@pytest.fixture
def chain(running_chain: Chain) -> Chain:
    """The chain in its healthy state: all nodes run, linked and in sync; A produces, B and C are paused."""
    heal(running_chain)
    return running_chain


@pytest.fixture
def slack() -> Iterator[Slack]:
    """A fresh local Slack."""
    with Slack() as server:
        yield server


@pytest.fixture
def chain_folder(tmp_path: Path) -> Path:
    """A folder for a test that needs a chain of its own."""
    return tmp_path / "chain"
