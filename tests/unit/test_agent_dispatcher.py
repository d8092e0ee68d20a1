"""The dispatcher alone: a service with a bug of its own."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from actuator.agent.admission import Rules
from actuator.agent.builtin import Outcome
from actuator.agent.dispatcher import Dispatcher
from actuator.agent.journal import Journal
from actuator.agent.metrics import Metrics
from actuator.agent.offer import End, Offer
from actuator.remote.wire import UNKNOWN, Command
from lab.server import poll


def _begins_not(_command: Command) -> End:
    raise RuntimeError("a bug")


def _ends_not() -> Outcome:
    raise RuntimeError("a bug")


@pytest.mark.parametrize("begin", [_begins_not, lambda _command: _ends_not], ids=["begin", "end"])
def test_a_service_that_fails_is_answered_and_its_place_is_free_again(
    tmp_path: Path, begin: Callable[[Command], End]
) -> None:
    results: list[tuple[str, dict[str, object], bool]] = []

    def publish(key: str, payload: bytes, *, once: bool) -> None:
        results.append((key, json.loads(payload), once))

    journal = Journal(tmp_path / "agent.db")
    dispatcher = Dispatcher(
        Rules("h1", {}), {"s": Offer(frozenset({"c"}), begin)}, journal, publish,
        Metrics(CollectorRegistry()), parallel=1, queue=5,
    )  # fmt: skip
    for number in (1, 2):
        members = {"task_id": number, "timestamp": "t", "service": "s", "command": "c"}
        dispatcher.arrived(json.dumps(members).encode())

    assert poll(lambda: len(results) == 2 and dispatcher.sizes() == (0, 0), 10)
    assert [(found["task_id"], found["code"], once) for _, found, once in results] == [
        (1, UNKNOWN, True), (2, UNKNOWN, True),
    ]  # fmt: skip
    assert results[0][1]["message"] == "RuntimeError in service s"
    journal.close()
