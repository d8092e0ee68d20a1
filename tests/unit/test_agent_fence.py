"""The agent keeps a node's fence over a restart that no look saw, and leaves an operator's resume alone."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from actuator.agent.config import Node
from actuator.agent.journal import Journal
from actuator.agent.nodefence import GUARD_EVERY
from actuator.agent.nodeos import NodeService
from actuator.failover.control import QueuedError, WritePath
from actuator.remote.wire import STOPPED
from nodekit.http import HttpError, Reason
from tests.integration.test_agent_daemon import NEVER


class Api:
    """What the node's API shows; takes orders."""

    def __init__(self) -> None:
        self.shows = False
        self.orders: list[WritePath] = []
        self.trouble: HttpError | None = None
        self.order_trouble: HttpError | None = None

    def send(self, path: WritePath, timeout: float | None = None) -> None:
        del timeout
        self.orders.append(path)
        if self.order_trouble is not None:
            raise self.order_trouble
        self.shows = path is WritePath.PAUSE

    def paused(self) -> bool:
        if self.trouble is not None:
            raise self.trouble
        return self.shows


@contextmanager
def running(word: str) -> Iterator[None]:
    """A process that stands for nodeos."""
    with subprocess.Popen([sys.executable, "-c", "print(flush=True); input()", word], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path / "agent.db")
    yield made
    made.close()


@pytest.mark.parametrize("match", [True, False], ids=["its process is known", "no match is set"])
def test_a_restart_between_two_looks_is_no_operators_resume(
    journal: Journal, tmp_path: Path, *, match: bool
) -> None:
    word = f"stands-for-nodeos-{tmp_path.name}"
    node = Node.model_validate({
        "url": "http://127.0.0.1:1", "group": "eos", **({"match": f"input.. {word}"} if match else {}),
    })  # fmt: skip
    api, kept = Api(), []
    with running(word):
        service = NodeService("A", node, journal, lambda: kept.append(1), api)
        assert service.run("pause", {"epoch": 1, "group": "eos"}, NEVER).code == 0
        service.guard()
        assert api.shows
    with running(word):
        api.shows = False  # comes up unpaused

        service.guard()

        if match:
            assert api.orders == [WritePath.PAUSE, WritePath.PAUSE]
            assert kept == [1]
            service.guard()
        else:
            assert api.orders == [WritePath.PAUSE], "nobody can tell it from an operator's resume"


def test_an_operators_resume_of_the_same_process_ends_the_fence(journal: Journal, tmp_path: Path) -> None:
    word = f"stands-for-nodeos-{tmp_path.name}"
    node = Node.model_validate({"url": "http://127.0.0.1:1", "group": "eos", "match": f"input.. {word}"})
    api = Api()
    with running(word):
        service = NodeService("A", node, journal, lambda: None, api)
        assert service.run("pause", {"epoch": 1, "group": "eos"}, NEVER).code == 0
        service.guard()
        api.shows = False

        service.guard()
        service.guard()

    assert api.orders == [WritePath.PAUSE]
    assert journal.fact("fence/A") is None


def test_a_node_that_is_back_and_too_busy_to_answer_gets_one_pause_that_waits_for_it(
    journal: Journal, tmp_path: Path
) -> None:
    node = Node.model_validate({"url": "http://127.0.0.1:1", "group": "eos"})
    api, kept = Api(), []
    service = NodeService("A", node, journal, lambda: kept.append(1), api)
    assert service.run("pause", {"epoch": 1, "group": "eos"}, NEVER).code == 0
    api.orders.clear()
    silent = HttpError(Reason.TIMEOUT, "no answer within 0.25 s")
    api.trouble = HttpError(Reason.REFUSED, "connection refused")
    assert service.guard() < GUARD_EVERY, "its start is looked out for"
    assert api.orders == [], "nobody is there to be paused"

    api.trouble, api.order_trouble = silent, HttpError(Reason.TIMEOUT, "no answer in time")
    service.guard()
    api.order_trouble = QueuedError(Reason.TIMEOUT, "no answer, but it is queued at the node")
    service.guard()
    service.guard()

    assert api.orders == [WritePath.PAUSE] * 2, "one that was not acknowledged, one that is queued, no third"
    assert kept == [1]
    api.trouble, api.order_trouble, api.shows = None, None, False
    service.guard()
    assert api.orders == [WritePath.PAUSE] * 3, "it answers and shows that it did not take the pause"


def test_silence_of_a_process_that_runs_on_does_not_make_a_start_of_an_operators_resume(
    journal: Journal, tmp_path: Path
) -> None:
    word = f"stands-for-nodeos-{tmp_path.name}"
    node = Node.model_validate({"url": "http://127.0.0.1:1", "group": "eos", "match": f"input.. {word}"})
    api = Api()
    with running(word):
        service = NodeService("A", node, journal, lambda: None, api)
        assert service.run("pause", {"epoch": 1, "group": "eos"}, NEVER).code == 0
        api.trouble = HttpError(Reason.TIMEOUT, "no answer within 1 s")
        service.guard()
        api.trouble, api.shows = None, False

        service.guard()

    assert api.orders == [WritePath.PAUSE]
    assert journal.fact("fence/A") is None


def test_only_a_process_that_was_seen_can_be_found_stopped(tmp_path: Path) -> None:
    """A `match` that never matched anything is more likely wrong than its process gone."""
    word = f"stands-for-nodeos-{tmp_path.name}"
    (tmp_path / "config.ini").write_text("pause-on-startup = true\n")
    node = Node.model_validate({
        "url": "http://127.0.0.1:1", "group": "eos", "match": f"input.. {word}", "config_dir": str(tmp_path),
    })  # fmt: skip
    api = Api()
    refused = HttpError(Reason.REFUSED, "connection refused")

    def asked(path: Path) -> tuple[int, str]:
        journal = Journal(path)
        service = NodeService("A", node, journal, lambda: None, api)
        service.guard()
        found = service.run("stopped", {}, NEVER)
        journal.close()
        return found.code, found.output

    api.trouble = refused
    assert asked(tmp_path / "agent.db") == (
        1, "connection refused; no process ever matched `match`, so none can be missed"
    )  # fmt: skip
    with running(word):
        code, said = asked(tmp_path / "agent.db")
        assert code == 1 and "its process" in said and said.endswith("runs")
        api.trouble = None
        assert asked(tmp_path / "agent.db") == (1, "it answers: paused=false")
    api.trouble = refused
    code, said = asked(tmp_path / "agent.db")
    assert (code, "its start is fenced by" in said) == (STOPPED, True), (
        "the journal remembers that it was seen"
    )
    (tmp_path / "config.ini").write_text("")
    assert asked(tmp_path / "agent.db")[0] == 1, "it may start producing"
    node = node.model_copy(update={"match": "another expression"})
    assert "no process ever matched" in asked(tmp_path / "agent.db")[1], "it has to prove itself first"
    assert api.orders == [], "a question orders nothing"
