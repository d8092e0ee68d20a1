"""The agent behind a real mosquitto: what it runs, refuses, remembers and survives."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actuator.remote.wire import command, encode
from lab.mosquitto import Mosquitto
from lab.server import poll
from lab.stack import Program
from lab.talk import Talk
from lab.webcall import get_text

TOPICS = {"command": "cmd/h1", "result": "res/h1"}


def configuration(folder: Path, broker: Mosquitto, **more: Any) -> dict[str, Any]:
    marks = folder / "marks"
    return {
        "host": "h1",
        "mqtt": {"host": "127.0.0.1", "port": broker.port},
        "topics": TOPICS,
        "journal": str(folder / "agent.db"),
        "services": {
            "hello": {
                "parallel": 32,
                "timeout": "20s",
                "commands": {
                    "exec": ["echo", "Hello World!"],
                    "fail": {"shell": "echo out; echo err >&2; exit 3"},
                    "quiet": {"shell": "echo out; echo err >&2; kill -9 $$$$", "errors": False},
                    "missing": ["no-such-program"],
                    "long": {"shell": "sleep 60", "timeout": "300ms"},
                    "stubborn": {"shell": "trap '' TERM; sleep 60 & wait; sleep 60", "timeout": "300ms"},
                    "behind": {"shell": "sleep 2 & echo started"},
                    "endless": {"shell": "yes & yes & yes & yes", "timeout": "300ms"},
                    "big": {"argv": ["head", "-c", "50000000", "/dev/zero"], "timeout": "20s"},
                    "lines": ["seq", "1", "5000"],
                    "quoted": ["echo", "$HOME; ls"],
                },
            },
            "mark": {
                "timeout": "30s",
                "commands": {
                    "one": {"shell": f"echo begun >> {marks}; sleep 0.3; echo ended >> {marks}"},
                    "until": {"shell": f"echo begun >> {marks}; until [ -e {marks}.go ]; do sleep 0.1; done"},
                },
            },
        },
        **more,
    }


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("broker")) as server:
        yield server


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory, broker: Mosquitto) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("agent")
    with Program("agent", "actuator.agent", folder, configuration(folder, broker)) as program:
        yield program


@pytest.fixture
def talk(agent: Program, broker: Mosquitto) -> Iterator[Talk]:
    assert poll(lambda: "chainwarden_agent_broker_connected 1.0" in get_text(f"{agent.url}/metrics"), 10)
    with Talk(broker.port, TOPICS["command"], TOPICS["result"]) as made:
        yield made


@pytest.mark.parametrize(
    ("number", "command", "code", "text"),
    [
        (1, "exec", 0, "Hello World!"),
        (2, "fail", 3, "out\nerr"),
        (3, "quiet", 137, "out"),
        (4, "missing", 127, "no-such-program: not found"),
        (5, "long", 124, ""),
        (6, "behind", 0, "started"),
        (7, "quoted", 0, "$HOME; ls"),
    ],
)
def test_a_program_gives_its_output_and_its_exit_status(
    talk: Talk, number: int, command: str, code: int, text: str
) -> None:
    found = talk.ask(number, "hello", command)

    assert (found["code"], found["message"]) == (code, text)


def test_a_program_that_ignores_term_is_killed_with_what_it_started(talk: Talk) -> None:
    assert talk.ask(20, "hello", "stubborn")["code"] == 137


def test_output_without_end_ends_at_its_time_and_what_it_began_with_is_told(talk: Talk) -> None:
    found = talk.ask(21, "hello", "endless")

    assert found["code"] == 124
    assert found["message"].startswith("y\ny\n")


def test_unknown_services_and_commands_are_answered_in_the_originals_words(talk: Talk) -> None:
    assert talk.ask(30, "nosuch", "exec") | {"timestamp": ""} == {
        "task_id": 30, "timestamp": "", "code": 4098, "message": "Cannot find the service settings for: nosuch",
    }  # fmt: skip
    assert talk.ask(31, "hello", "nosuch")["message"] == "Cannot find nosuch command for hello"
    talk.raw(b'{"task_id":32,"timestamp":"t","config":"x"}')
    assert talk.wait(32)["code"] == 0x1000


def test_what_kills_the_original_leaves_the_agent_answering(talk: Talk) -> None:
    for payload in (
        b"5",
        b"true",
        b"[]",
        b"\xff",
        b"\0",
        b'{"task_id":1,"service":["a"],"command":"b"}',
        b'{"task_id":1,"service":"\\ud800","command":"b"}',
        b"x" * 10_000_000,
    ):
        talk.raw(payload)

    assert talk.ask(40, "hello", "exec")["code"] == 0
    assert all(isinstance(found.get("task_id"), int) for found in talk.results)


def test_many_commands_run_at_once_and_a_hanging_one_delays_none(talk: Talk, agent: Program) -> None:
    talk.send(50, "mark", "until")
    for number in range(51, 71):
        talk.send(number, "hello", "exec")

    assert all(talk.wait(number)["code"] == 0 for number in range(51, 71))
    assert not talk.of(50), "the one of another service still waits"
    (agent.dir / "marks.go").touch()
    assert talk.wait(50)["code"] == 0


def test_commands_of_one_service_run_one_after_the_other(talk: Talk, agent: Program) -> None:
    marks = agent.dir / "marks"
    marks.unlink(missing_ok=True)
    for number in range(80, 84):
        talk.send(number, "mark", "one")

    assert all(talk.wait(number)["code"] == 0 for number in range(80, 84))
    assert marks.read_text().split() == ["begun", "ended"] * 4


def test_a_long_output_is_cut_for_the_original_and_kept_whole_on_the_host(talk: Talk) -> None:
    cut = talk.ask(90, "hello", "lines")
    whole = "".join(f"{number}\n" for number in range(1, 5001))

    assert len(json.dumps(cut)) <= 4096 + 64
    assert "bytes cut" in cut["message"]
    assert talk.ask(91, "hello", "lines", reply_bytes=100_000)["message"] == whole.removesuffix("\n")
    assert talk.ask(92, "agent", "output", about=90, reply_bytes=100_000)["message"] == whole
    assert talk.ask(93, "agent", "output", about=90, offset=len(whole) - 5)["message"] == "5000\n"
    assert talk.ask(94, "hello", "big")["code"] == 0


def test_the_same_command_again_is_not_run_again_but_answered_again(talk: Talk, agent: Program) -> None:
    marks, go = agent.dir / "marks", agent.dir / "marks.go"
    marks.unlink(missing_ok=True)
    go.unlink(missing_ok=True)
    talk.send(100, "mark", "until")
    talk.send(100, "mark", "until")
    assert talk.wait(100) | {"timestamp": ""} == {
        "task_id": 100, "timestamp": "", "code": 0x1100, "message": "Received duplicate task_id: 100",
    }  # fmt: skip
    go.touch()
    assert poll(lambda: len(talk.of(100)) == 2, 10)

    talk.send(100, "mark", "until")

    assert poll(lambda: len(talk.of(100)) == 3, 10)
    assert [found["code"] for found in talk.of(100)] == [0x1100, 0, 0]
    assert marks.read_text().split() == ["begun"]


def test_only_a_sender_of_ours_may_get_a_result_twice(agent: Program, broker: Mosquitto) -> None:
    with Talk(broker.port, TOPICS["command"], TOPICS["result"], result_qos=2) as talk:
        talk.ask(105, "hello", "exec")
        talk.ask(106, "hello", "exec", reply_bytes=100_000)
        talk.ask(107, "hello", "nosuch", reply_bytes=100_000)

    assert talk.qualities == {105: 2, 106: 1, 107: 1}


def test_retained_expired_and_foreign_commands_are_refused_with_the_reason(
    talk: Talk, agent: Program
) -> None:
    expired = talk.ask(110, "hello", "exec", expires_at=1)
    foreign = talk.ask(111, "hello", "exec", host="h2")

    assert expired["code"] == 0x3001
    assert "expired" in expired["message"]
    assert (foreign["code"], foreign["message"]) == (
        0x3004,
        "it is for h2, this is h1: both sides must name a host alike",
    )
    kept = {"task_id": 112, "timestamp": "t", "service": "hello", "command": "exec"}
    agent.stop()
    talk.raw(json.dumps(kept).encode(), retain=True)
    talk.raw(b"", retain=True)  # the broker forgets it; the agent's session still holds both
    agent.start()
    assert talk.wait(112)["code"] == 0, "it was sent while our session was open: that is no kept one"


def test_a_command_that_was_kept_by_the_broker_is_not_run(broker: Mosquitto, tmp_path: Path) -> None:
    topics = {"command": "cmd/kept", "result": "res/kept"}
    with Talk(broker.port, topics["command"], topics["result"]) as talk:
        kept = {"task_id": 120, "timestamp": "t", "service": "mark", "command": "one"}
        talk.raw(json.dumps(kept).encode(), retain=True)
        config = configuration(tmp_path, broker, host="kept", topics=topics)
        with Program("agent", "actuator.agent", tmp_path, config):
            found = talk.wait(120)

    assert found["code"] == 0x3000
    assert not (tmp_path / "marks").exists()


def test_only_signed_commands_of_known_senders_are_obeyed(broker: Mosquitto, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret-key")
    topics = {"command": "cmd/signed", "result": "res/signed"}
    config = configuration(
        tmp_path, broker, host="signed", topics=topics,
        senders={"ops": {"key_file": str(tmp_path / "key")}}, require_expiry=True,
    )  # fmt: skip
    now = time.time()
    with (
        Talk(broker.port, topics["command"], topics["result"]) as talk,
        Program("agent", "actuator.agent", tmp_path, config) as agent,
    ):
        assert poll(lambda: "broker_connected 1.0" in get_text(f"{agent.url}/metrics"), 10)
        assert talk.ask(130, "hello", "exec")["code"] == 0x3002
        good = command(131, "hello", "exec", now, sender="ops", expires_at=now + 60)
        talk.raw(encode(good, "secret-key"))
        assert talk.wait(131)["code"] == 0
        talk.raw(encode({**good, "task_id": 132}, "wrong-key"))
        assert talk.wait(132)["code"] == 0x3002
        assert "secret-key" not in agent.log_tail(1000)


def test_a_kill_in_the_middle_is_reported_as_unknown_and_nothing_runs_twice(
    broker: Mosquitto, tmp_path: Path
) -> None:
    topics = {"command": "cmd/killed", "result": "res/killed"}
    config = configuration(tmp_path, broker, host="killed", topics=topics)
    marks = tmp_path / "marks"
    with (
        Talk(broker.port, topics["command"], topics["result"]) as talk,
        Program("agent", "actuator.agent", tmp_path, config) as agent,
    ):
        talk.ask(140, "hello", "exec")
        talk.send(141, "mark", "until")
        talk.send(142, "mark", "one")  # waits for it
        assert poll(marks.exists, 20)
        agent.kill9()
        talk.send(143, "mark", "one")  # the broker keeps it
        agent.start()

        (tmp_path / "marks.go").touch()
        assert talk.wait(141)["code"] == 0x3003
        assert talk.wait(142)["code"] == 0
        assert talk.wait(143)["code"] == 0
        assert len(talk.of(140)) == 1
    assert marks.read_text().split().count("begun") == 3


def test_results_wait_for_a_broker_that_was_away(tmp_path: Path) -> None:
    with Mosquitto(tmp_path / "broker") as broker:
        config = configuration(tmp_path, broker)
        with (
            Program("agent", "actuator.agent", tmp_path, config) as agent,
            Talk(broker.port, TOPICS["command"], TOPICS["result"]) as talk,
        ):
            assert poll(lambda: "broker_connected 1.0" in get_text(f"{agent.url}/metrics"), 10)
            talk.send(150, "mark", "until")
            assert poll((tmp_path / "marks").exists, 20)
            time.sleep(1.3)  # the broker saves its sessions each second
            broker.kill9()
            (tmp_path / "marks.go").touch()
            waits = "chainwarden_agent_results_undelivered 1.0"
            assert poll(lambda: waits in get_text(f"{agent.url}/metrics"), 20), "it ends meanwhile"
            broker.start()

            assert talk.wait(150, 20)["code"] == 0
            left = "chainwarden_agent_results_undelivered 0.0"
            assert poll(lambda: left in get_text(f"{agent.url}/metrics"), 20)


def test_a_life_is_told_and_so_is_a_death_that_nobody_could_tell(broker: Mosquitto, tmp_path: Path) -> None:
    topics = {"command": "cmd/alive", "result": "res/alive"}
    config = configuration(tmp_path, broker, host="alive", topics=topics, heartbeat="200ms")
    with Talk(broker.port, "nobody", "res/alive/status") as talk:

        def states() -> list[str]:
            return [found["state"] for found in talk.results]

        with Program("agent", "actuator.agent", tmp_path, config) as agent:
            assert poll(lambda: states().count("up") >= 3, 10), "birth and heartbeats"
            agent.kill9()
            assert poll(lambda: states()[-1] == "down", 10), "the broker says it for us"
            agent.start()
            assert poll(lambda: states()[-1] == "up", 10)
        assert poll(lambda: states()[-1] == "down", 10), "and we say goodbye"
    assert talk.results[-1]["host"] == "alive"
