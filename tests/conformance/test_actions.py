"""What every action must keep, run over the list: its delivery promise, also through a crash."""

import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from types import ModuleType

import pytest
from sqlalchemy import select

from actuator import schema
from actuator.actions import ACTIONS
from actuator.ledger import Ledger
from lab.binaries import CHECKOUT

ROOT = Path(__file__).resolve().parents[2]

CRASH = textwrap.dedent(
    """
    import os, signal, sys, time
    from actuator import steps
    from actuator.executor import Executor
    from actuator.ledger import Ledger
    from actuator.step import Lane, Receipt, State, Step

    class Dies:
        def verify(self, step): return None
        def perform(self, claimed):
            open(sys.argv[2], "a").write("performed\\n")
            if sys.argv[3] == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            return Receipt(State.OK, "done")
        def recover(self, claimed):
            if sys.argv[4] == "at_least_once":
                return Receipt(State.PLANNED, "sent again", retry_in=0.0)
            return Receipt(State.UNKNOWN, "interrupted")

    ledger = Ledger("sqlite:///" + sys.argv[1])
    executor = Executor(ledger, {"x": Dies()}, lambda step, receipt: None)
    ledger.write(lambda c: steps.add(c, Step("k", "x", "t", "r"), time.time()))
    executor.recover()
    executor.start()
    time.sleep(1.5)
    executor.stop()
    ledger.close()
    """
)


@pytest.mark.parametrize("module", ACTIONS, ids=lambda module: module.NAME)
def test_an_action_declares_its_promise_and_is_named_after_its_file(module: ModuleType) -> None:
    assert module.__name__.rpartition(".")[2] == module.NAME
    assert module.DELIVERY in ("at_most_once", "at_least_once")
    promise = module.DELIVERY.replace("_", " ").capitalize()
    assert promise in (module.__doc__ or ""), "the docstring says the promise too"


@pytest.mark.parametrize("module", ACTIONS, ids=lambda module: module.NAME)
def test_an_action_has_one_class_with_the_three_verbs(module: ModuleType) -> None:
    classes = [
        item
        for item in vars(module).values()
        if isinstance(item, type) and item.__module__ == module.__name__
    ]
    actions = [item for item in classes if hasattr(item, "perform")]

    assert len(actions) == 1
    assert all(callable(getattr(actions[0], verb)) for verb in ("verify", "perform", "recover"))


@pytest.mark.parametrize(
    ("delivery", "performed", "state"), [("at_most_once", 1, "unknown"), ("at_least_once", 2, "ok")]
)
def test_a_crash_between_intention_and_receipt_keeps_the_promise(
    tmp_path: Path, delivery: str, performed: int, state: str
) -> None:
    """kill -9 inside the effect, then a restart: once for a node, again for a message."""
    ledger, log = tmp_path / "l.db", tmp_path / "performed"
    for then in ("die", "live"):
        run = subprocess.run(
            [sys.executable, "-c", CRASH, str(ledger), str(log), then, delivery],
            cwd=CHECKOUT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert run.returncode == (-signal.SIGKILL if then == "die" else 0), run.stderr

    assert log.read_text().count("performed") == performed
    opened = Ledger(f"sqlite:///{ledger}")
    found = opened.read(lambda connection: connection.scalar(select(schema.step.c.state)))
    opened.close()
    assert found == state
