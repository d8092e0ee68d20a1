"""A ledger that is away for a moment never leaves a step without a receipt, nor performs it twice."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from actuator import schema, steps
from actuator.executor import Executor
from actuator.ledger import Ledger, LedgerError
from actuator.step import Claimed, Lane, Receipt, State, Step


class Flaky(Ledger):
    """Loses the next so many writes and reads."""

    lost_writes = 0
    lost_reads = 0

    def write(self, job: Callable[[Connection], Any]) -> Any:
        if self.lost_writes > 0:
            self.lost_writes -= 1
            raise LedgerError("the ledger cannot be written: disk full")
        return super().write(job)

    def read(self, query: Callable[[Connection], Any]) -> Any:
        if self.lost_reads > 0:
            self.lost_reads -= 1
            raise LedgerError("the ledger cannot be read: gone")
        return super().read(query)


class Action:
    """Counts what it does; `before` runs at the effect."""

    def __init__(self, before: Callable[[], None] = lambda: None) -> None:
        self.done = 0
        self._before = before

    def verify(self, _step: Step) -> str | None:
        return None

    def perform(self, _claimed: Claimed) -> Receipt:
        self.done += 1
        self._before()
        return Receipt(State.OK, "done")

    def recover(self, _claimed: Claimed) -> Receipt:
        return Receipt(State.UNKNOWN, "interrupted")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Flaky]:
    opened = Flaky(f"sqlite:///{tmp_path}/l.db")
    yield opened
    opened.close()


def run(ledger: Flaky, action: Action, until: Callable[[str], bool]) -> tuple[str, str]:
    executor = Executor(ledger, {"x": action}, lambda _step, _receipt: None)
    Ledger.write(ledger, lambda link: steps.add(link, Step("k", "x", "t", "r", Lane.CONTROL), time.time()))
    executor.start()
    end = time.monotonic() + 10
    while time.monotonic() < end and not until(row(ledger)[0]):
        time.sleep(0.02)
    executor.stop()
    return row(ledger)


def row(ledger: Flaky) -> tuple[str, str]:
    found = Ledger.read(ledger, lambda link: link.execute(select(schema.step)).one())
    return found.state, found.detail


def test_a_receipt_waits_until_the_ledger_is_back(ledger: Flaky) -> None:
    def lose() -> None:
        ledger.lost_writes = 8

    action = Action(before=lose)

    assert run(ledger, action, lambda state: state == State.OK) == (State.OK, "done")
    assert action.done == 1


def test_a_step_whose_last_check_could_not_be_read_is_not_performed_and_says_so(ledger: Flaky) -> None:
    ledger.lost_reads = 1
    action = Action()

    state, detail = run(ledger, action, lambda state: state == State.SKIPPED)

    assert (state, action.done) == (State.SKIPPED, 0)
    assert "not performed: the ledger cannot be read" in detail


def test_what_another_actuator_saw_is_not_overwritten_by_a_late_receipt(ledger: Flaky) -> None:
    ledger.write(lambda link: steps.add(link, Step("k", "x", "t", "r"), 1.0))
    ledger.write(lambda link: steps.claim(link, Lane.CONTROL, 2.0))
    ledger.write(lambda link: steps.finish(link, "k", Receipt(State.FAILED, "the node reads otherwise"), 3.0))

    ledger.write(lambda link: steps.finish(link, "k", Receipt(State.OK, "done"), 4.0))

    assert row(ledger) == (State.FAILED, "the node reads otherwise")
