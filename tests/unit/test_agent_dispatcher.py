"""The dispatcher alone: a service with a bug of its own, and a command that the agent's last end interrupted."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from actuator.agent.admission import Rules
from actuator.agent.builtin import Outcome
from actuator.agent.dispatcher import Dispatcher
from actuator.agent.journal import Journal, Stage
from actuator.agent.metrics import Metrics
from actuator.agent.offer import End, Offer
from actuator.remote.wire import UNKNOWN, Command, command, encode, parse
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


def _never(_command: Command) -> End:
    raise AssertionError("an interrupted command must not run again")


@pytest.mark.parametrize(
    ("found", "code", "told"),
    [
        (Outcome(0, "it was done"), 0, "it was done"),
        (None, UNKNOWN, "is not known"),
        (FileNotFoundError("collectd.conf.orig"), UNKNOWN, "FileNotFoundError: collectd.conf.orig"),
    ],
    ids=["its service knows", "nobody knows", "its service fails"],
)
def test_an_interrupted_command_is_answered_at_the_next_start_whatever_its_service_makes_of_it(
    tmp_path: Path, found: Outcome | Exception | None, code: int, told: str
) -> None:
    def recover(_command: Command) -> Outcome | None:
        if isinstance(found, Exception):
            raise found
        return found

    sent: list[dict[str, object]] = []

    def publish(_key: str, payload: bytes, *, once: bool) -> None:
        del once
        sent.append(json.loads(payload))

    journal = Journal(tmp_path / "agent.db")
    message = parse(encode(command(7, "svc", "go", 1.0)))
    assert isinstance(message, Command)
    journal.add(message.key, "7", message.members, 1.0, Stage.RUNNING)
    dispatcher = Dispatcher(
        Rules("h", {}), {"svc": Offer(frozenset({"go"}), _never, recover=recover)}, journal,
        publish, Metrics(CollectorRegistry()), parallel=1, queue=1,
    )  # fmt: skip

    dispatcher.resume()

    entry = journal.find(message.key)
    journal.close()
    assert [(one["task_id"], one["code"]) for one in sent] == [(7, code)]
    assert told in str(sent[0]["message"])
    assert entry is not None
    assert entry.stage is Stage.DONE
