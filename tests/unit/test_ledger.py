"""The ledger: one actuator, everything on disk when `write` returns, one failing job harms no other."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from actuator import groups, schema, steps
from actuator.facts import NodeFact
from actuator.failover.state import GroupState
from actuator.ledger import Ledger, LedgerError
from actuator.step import Lane, Receipt, State, Step


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(f"sqlite:///{tmp_path}/l.db")
    yield opened
    opened.close()


def step(key: str, target: str = "node:a", **more: object) -> Step:
    return Step(key=key, action="pause", target=target, reason="r", **more)  # type: ignore[arg-type]


def add(ledger: Ledger, planned: Step, now: float = 100.0) -> bool:
    return ledger.write(lambda connection: steps.add(connection, planned, now))


def claim(ledger: Ledger, now: float = 101.0, lane: Lane = Lane.CONTROL) -> str | None:
    claimed = ledger.write(lambda connection: steps.claim(connection, lane, now))
    return None if claimed is None else claimed.step.key


def state_of(ledger: Ledger, key: str) -> tuple[str, str]:
    query = select(schema.step.c.state, schema.step.c.detail).where(schema.step.c.key == key)
    row = ledger.read(lambda connection: connection.execute(query).one())
    return row.state, row.detail


def test_a_second_actuator_on_the_ledger_is_refused_and_told_who_has_it(
    tmp_path: Path, ledger: Ledger
) -> None:
    code = f"from actuator.ledger import Ledger; Ledger('sqlite:///{tmp_path}/l.db')"
    second = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert second.returncode != 0
    assert "another actuator (pid " in second.stderr and "serves one actuator" in second.stderr


def test_a_closed_ledger_is_free_again(tmp_path: Path) -> None:
    for _ in range(2):
        Ledger(f"sqlite:///{tmp_path}/l.db").close()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mysql://db/x", "only sqlite"),
        ("postgresql://me:secret@db/x", "ledger_password_file, not into the URL"),
        ("postgresql://me@127.0.0.1:1/x", "cannot be opened as ledger: .*refused"),
        ("nonsense", "write sqlite:///"),
        ("sqlite:////proc/nowhere/l.db", "cannot be opened"),
    ],
)
def test_a_ledger_that_cannot_be_opened_says_why(url: str, why: str) -> None:
    with pytest.raises(LedgerError, match=why):
        Ledger(url)


def test_a_file_that_is_no_ledger_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "l.db"
    path.write_text("this is a letter to my mother, and no database at all" * 20)

    with pytest.raises(LedgerError, match="file is not a database"):
        Ledger(f"sqlite:///{path}")
    assert path.read_text().startswith("this is a letter")


def test_a_ledger_of_another_version_is_refused(tmp_path: Path) -> None:
    first = Ledger(f"sqlite:///{tmp_path}/l.db")
    first.write(lambda connection: connection.execute(schema.meta.update().values(value="99")))
    first.close()

    with pytest.raises(LedgerError, match="has version 99"):
        Ledger(f"sqlite:///{tmp_path}/l.db")


def test_a_job_that_fails_is_rolled_back_alone(ledger: Ledger) -> None:
    """Jobs of one group commit: the failing one in the middle leaves nothing, the others stay."""
    gate = threading.Event()
    results: list[object] = []

    def slow(connection: object) -> None:
        gate.wait(5)

    def fails(connection) -> None:  # type: ignore[no-untyped-def]
        steps.add(connection, step("half"), 1.0)
        raise KeyError("oops")

    def attempt(job) -> None:  # type: ignore[no-untyped-def]
        try:
            results.append(ledger.write(job))
        except KeyError as error:
            results.append(error)

    jobs = [slow, fails, lambda c: steps.add(c, step("one"), 1.0), lambda c: steps.add(c, step("two"), 1.0)]
    threads = [threading.Thread(target=attempt, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join(5)

    keys = ledger.read(lambda connection: set(connection.scalars(select(schema.step.c.key))))
    assert keys == {"one", "two"}
    assert sum(isinstance(result, KeyError) for result in results) == 1


def test_a_full_disk_is_an_error_for_everyone_who_writes_and_passes(ledger: Ledger) -> None:
    """SQLite's own limit stands in for the disk: max_page_count gives the same SQLITE_FULL."""
    pages = ledger.read(lambda connection: connection.scalar(text("PRAGMA page_count")))
    ledger.write(lambda connection: connection.execute(text(f"PRAGMA max_page_count = {pages}")))
    long = "x" * 200_000

    with pytest.raises(LedgerError, match="cannot be written: database or disk is full"):
        add(ledger, Step("big", "pause", "t", long))

    ledger.write(lambda connection: connection.execute(text("PRAGMA max_page_count = 100000")))
    assert add(ledger, step("after"))


def test_a_key_is_used_once_for_ever(ledger: Ledger) -> None:
    assert add(ledger, step("k"))
    assert not add(ledger, step("k"))
    assert claim(ledger) == "k"
    ledger.write(lambda connection: steps.finish(connection, "k", Receipt(State.OK, "done"), 102.0))

    assert not add(ledger, step("k"))
    assert claim(ledger) is None


def test_two_steps_on_one_target_are_never_performed_at_the_same_time(ledger: Ledger) -> None:
    for key, target in (("a1", "node:a"), ("a2", "node:a"), ("b1", "node:b")):
        add(ledger, step(key, target))

    assert [claim(ledger), claim(ledger), claim(ledger)] == ["a1", "b1", None]
    ledger.write(lambda connection: steps.finish(connection, "a1", Receipt(State.OK, ""), 102.0))
    assert claim(ledger) == "a2"


def test_a_step_that_is_too_late_is_skipped_with_that_reason(ledger: Ledger) -> None:
    add(ledger, step("late", not_after=100.5))

    assert claim(ledger, now=101.0) is None
    assert state_of(ledger, "late") == (
        "skipped",
        "too late: its deadline passed before it could be performed",
    )


def test_a_step_of_an_older_epoch_is_skipped_with_that_reason(ledger: Ledger) -> None:
    ledger.write(lambda connection: groups.save(connection, "bp", GroupState(epoch=5), 1.0))
    add(ledger, step("old", "node:a", group="bp", epoch=4))
    add(ledger, step("new", "node:b", group="bp", epoch=5))

    assert claim(ledger) == "new"
    assert state_of(ledger, "old")[0] == "skipped"
    assert "epoch 5" in state_of(ledger, "old")[1]


def test_a_message_waits_for_its_retry_and_counts_its_attempts(ledger: Ledger) -> None:
    add(ledger, step("m", "sink:ops", lane=Lane.NOTIFY))
    assert claim(ledger, 101.0, Lane.NOTIFY) == "m"
    ledger.write(lambda connection: steps.finish(connection, "m", Receipt(State.PLANNED, "429", 30.0), 102.0))

    assert claim(ledger, 131.0, Lane.NOTIFY) is None
    claimed = ledger.write(lambda connection: steps.claim(connection, Lane.NOTIFY, 132.5))
    assert claimed is not None and claimed.attempts == 1


def test_what_a_crash_left_executing_is_found_again(tmp_path: Path) -> None:
    first = Ledger(f"sqlite:///{tmp_path}/l.db")
    add(first, step("k", group="bp", epoch=1))
    first.write(lambda connection: groups.save(connection, "bp", GroupState(epoch=1), 1.0))
    claim(first)
    first.close()

    second = Ledger(f"sqlite:///{tmp_path}/l.db")
    found = second.read(steps.executing)
    second.close()
    assert [claimed.step.key for claimed in found] == ["k"]


def test_many_threads_that_want_one_step_get_it_once(ledger: Ledger) -> None:
    for number in range(50):
        add(ledger, step(f"k{number}", f"node:{number}"))
    taken: list[str] = []

    def work() -> None:
        while (key := claim(ledger)) is not None:
            taken.append(key)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert sorted(taken) == sorted(f"k{number}" for number in range(50))
    assert (
        ledger.read(lambda connection: connection.scalar(select(func.count()).select_from(schema.step))) == 50
    )


def test_what_was_seen_of_a_node_is_known_after_a_restart_unless_its_address_changed(ledger: Ledger) -> None:
    urls = {"A": "http://a:1", "B": "http://b:1"}
    seen = (
        NodeFact("A", answered_at=10.0, lib_num=7, lib_moved_at=8.0),
        NodeFact("B", answered_at=11.0),
        NodeFact("C"),
    )
    ledger.write(lambda connection: groups.saw(connection, "bp", {**urls, "C": "http://c:1"}, seen))

    known = ledger.read(
        lambda connection: groups.sightings(connection, "bp", {**urls, "B": "http://elsewhere:1"})
    )

    assert known == {"A": NodeFact("A", answered_at=10.0, lib_num=7, lib_moved_at=8.0)}
