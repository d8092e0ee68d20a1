"""A short program is waited for by the thread that took its command; others are handed on, and lose nothing."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from actuator.agent.admission import Rules
from actuator.agent.builtin import Outcome
from actuator.agent.config import Program
from actuator.agent.dispatcher import Dispatcher
from actuator.agent.journal import Journal, Stage
from actuator.agent.metrics import Metrics
from actuator.agent.offer import Offer, Prompt
from actuator.agent.program import begin
from actuator.remote.wire import Command, parse
from lab.server import poll


def started(shell: str, folder: Path, timeout: float = 20.0) -> Prompt:
    end = begin(Program.model_validate({"shell": shell}), timeout, folder / "out", 1 << 20)
    assert isinstance(end, Prompt)
    return end


def test_a_program_that_ends_soon_needs_no_second_wait(tmp_path: Path) -> None:
    assert started("echo out; exit 3", tmp_path).within(10.0) == Outcome(3, "out")


def test_a_program_that_goes_on_is_waited_for_later_with_all_of_its_output(tmp_path: Path) -> None:
    end = started("echo first; sleep 0.5; echo second", tmp_path)

    assert end.within(0.05) is None
    assert callable(end)
    assert end() == Outcome(0, "first\nsecond")


def test_what_a_program_left_behind_keeps_nobody_waiting(tmp_path: Path) -> None:
    """Its end is seen, but its pipe stays open: that is the other thread's affair."""
    end, began = started("sleep 3 & echo started", tmp_path), time.monotonic()

    assert end.within(10.0) is None
    assert callable(end)
    assert end() == Outcome(0, "started")
    assert time.monotonic() - began < 2.5


def test_a_limit_shorter_than_the_wait_still_ends_the_program(tmp_path: Path) -> None:
    end = started("sleep 20", tmp_path, timeout=0.2)

    assert end.within(10.0) is None
    assert callable(end)
    assert end().code == 124


class Asked:
    """An end that says when it was asked for soon; it comes by itself once `go` is set."""

    def __init__(self, soon: Outcome | None) -> None:
        self.soon, self.go, self.times = soon, threading.Event(), 0

    def within(self, seconds: float) -> Outcome | None:
        assert seconds < 0.01
        self.times += 1
        return self.soon

    def __call__(self) -> Outcome:
        self.go.wait(10)
        return Outcome(0, "at last")


class Site:
    """A dispatcher whose commands end as told."""

    def __init__(self, folder: Path) -> None:
        self.journal = Journal(folder / "agent.db")
        self.results: list[int] = []
        self.ends: dict[str, Asked] = {}
        self.registry = CollectorRegistry()
        offer = Offer(frozenset({"a", "b"}), lambda command: self.ends[command.command], parallel=2)
        self.dispatcher = Dispatcher(
            Rules("h1", {}),
            {"s": offer},
            self.journal,
            self._publish,
            Metrics(self.registry),
            parallel=4,
            queue=5,
        )

    def _publish(self, key: str, payload: bytes, *, once: bool) -> None:
        del key, once
        self.results.append(json.loads(payload)["task_id"])

    def counted(self) -> float | None:
        """How many commands are in the metrics."""
        labels = {"service": "s", "outcome": "ok"}
        return self.registry.get_sample_value("chainwarden_agent_commands_total", labels)

    def send(self, number: int, name: str) -> str:
        """Have a command arrive; its key."""
        raw = json.dumps({"task_id": number, "timestamp": "t", "service": "s", "command": name}).encode()
        self.dispatcher.arrived(raw)
        command = parse(raw)
        assert isinstance(command, Command)
        return command.key


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.dispatcher.close(10)
    made.journal.close()


def test_what_ends_at_once_is_written_down_and_answered_before_it_is_acknowledged(site: Site) -> None:
    site.ends["a"] = Asked(Outcome(0, "at once"))

    key = site.send(1, "a")

    entry = site.journal.find(key)
    assert entry is not None
    assert (entry.stage, entry.output) == (Stage.DONE, "at once")
    assert site.results == [1]
    assert site.dispatcher.sizes() == (0, 0)
    assert poll(lambda: site.counted() == 1.0, 5), "it is not counted"


def test_a_second_command_is_not_kept_waiting_for_while_another_runs(site: Site) -> None:
    site.ends = {"a": Asked(None), "b": Asked(Outcome(0, "too late"))}

    site.send(1, "a")
    site.send(2, "b")

    assert (site.ends["a"].times, site.ends["b"].times) == (1, 0)
    assert site.results == []
    for end in site.ends.values():
        end.go.set()
    assert poll(lambda: sorted(site.results) == [1, 2], 5)
