"""The agent's watchdog as a user meets it: the program, commands through a broker, its page and metrics."""

import base64
import json
import os
import re
import signal
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from actuator.remote.wire import STOPPED
from lab.mosquitto import Mosquitto
from lab.server import poll
from lab.stack import Program
from lab.talk import Talk
from lab.webcall import get_text

PASSWORD = "correct horse"
TOPICS = {"command": "cmd/h1", "result": "res/h1"}
Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def line() -> str:
    return f"sleep {80_000_000 + os.getpid()}"


@pytest.fixture(scope="module")
def nodeos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the config.ini of a producer is, whose start is not fenced yet."""
    folder = tmp_path_factory.mktemp("nodeos")
    (folder / "config.ini").write_text("# pause-on-startup = true\n")
    return folder


@pytest.fixture(scope="module")
def agent(
    tmp_path_factory: pytest.TempPathFactory, line: str, nodeos: Path
) -> Iterator[tuple[Program, Mosquitto]]:
    folder = tmp_path_factory.mktemp("services")
    (folder / "agent").mkdir()
    (folder / "agent" / "alice").write_text(PASSWORD)
    with Mosquitto(folder / "broker") as broker:
        settings = {
            "host": "h1", "topics": TOPICS, "mqtt": {"host": "127.0.0.1", "port": broker.port},
            "journal": str(folder / "agent.db"), "operators": {"alice": {"password_file": "alice"}},
            "daemons": {"a": {
                "start": {"shell": f"{line} & echo x >> {folder}/starts"}, "match": f"^{line}$", "timeout": "3s",
                "watch": {"restart": {"backoff": {"first": "100ms"}}},
            }, "node": {
                "start": {"shell": f"{line}1 &"}, "match": f"^{line}1$", "timeout": "3s", "producer": "tokyo",
                "watch": {},
            }},
            "nodeos": {"tokyo": {
                "url": "http://127.0.0.1:1", "group": "g", "match": f"^{line}1$", "config_dir": str(nodeos),
            }},
        }  # fmt: skip
        with Program("agent", "actuator.agent", folder / "agent", settings) as program:
            yield program, broker
            left = [row["pid"] for row in rows(program) if row["pid"] is not None]
            program.stop()  # or it would start them again
            for pid in left:
                os.kill(pid, signal.SIGKILL)


def rows(program: Program) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(get_text(f"{program.url}/services.json"))["services"]
    return found


@pytest.fixture
def ask(agent: tuple[Program, Mosquitto]) -> Iterator[Ask]:
    program, broker = agent
    assert poll(lambda: "chainwarden_agent_broker_connected 1.0" in get_text(f"{program.url}/metrics"), 10)
    numbers = iter(range(int.from_bytes(os.urandom(3)), 1 << 30))
    with Talk(broker.port, TOPICS["command"], TOPICS["result"]) as talk:

        def say(word: str, service: str = "a", **more: object) -> dict[str, Any]:
            return talk.ask(next(numbers), service, word, **more)

        yield say


def test_it_runs_and_is_told_by_page_json_and_metrics(agent: tuple[Program, Mosquitto]) -> None:
    program, _ = agent
    assert poll(lambda: rows(program)[0]["state"] == "running", 20)

    page, metrics = get_text(f"{program.url}/"), get_text(f"{program.url}/metrics")

    assert f"<td class=n>{rows(program)[0]['pid']}" in page
    for name, value in (("up", "1.0"), ("processes", "1.0"), ("gave_up", "0.0"), ("monitored", "1.0")):
        assert f'service_{name}{{host="h1",service="a"}} {value}' in metrics
    assert 'service_restarts_total{host="h1",service="a"} 1.0' in metrics
    assert 'service_resident_memory_bytes{host="h1",service="a"}' in metrics


def test_an_operator_stops_and_starts_a_service_by_the_page_and_nobody_else(
    agent: tuple[Program, Mosquitto],
) -> None:
    program, _ = agent
    assert poll(lambda: rows(program)[0]["state"] == "running", 5)

    def press(command: str, password: str) -> str:
        """The page that follows."""
        token = re.search(r'name="token" value="([^"]+)"', get_text(f"{program.url}/"))
        assert token is not None
        basic = base64.b64encode(f"alice:{password}".encode()).decode()
        form = f"token={token[1]}&service=a&command={command}".encode()
        asked = urllib.request.Request(
            f"{program.url}/", data=form, headers={"Authorization": f"Basic {basic}"}
        )
        with urllib.request.urlopen(asked, timeout=5) as answer:
            return str(answer.read().decode())

    with pytest.raises(urllib.error.HTTPError, match="401"):
        press("stop", "guess")
    assert rows(program)[0]["up"] is True

    assert "<td>alice<td>a<td>stop" in press("stop", PASSWORD)
    assert poll(lambda: rows(program)[0]["state"] == "stopped", 10)
    press("start", PASSWORD)
    assert poll(lambda: rows(program)[0]["state"] == "running", 10)


def test_commands_reach_the_service_and_outlive_a_kill_of_the_agent(
    agent: tuple[Program, Mosquitto], ask: Ask, line: str
) -> None:
    program, _ = agent
    assert ask("status")["message"].startswith("runs, pid ")
    assert ask("unmonitor-15m")["message"].startswith("not monitored until")
    pid = rows(program)[0]["pid"]

    program.kill9()
    os.kill(pid, signal.SIGKILL)
    program.start()

    assert poll(lambda: rows(program)[0]["state"] == "unmonitored", 20)
    assert rows(program)[0]["up"] is False
    assert ask("status")["code"] == 3
    assert ask("monitor")["code"] == 0
    assert poll(lambda: rows(program)[0]["state"] == "running", 20)
    pid = rows(program)[0]["pid"]
    assert Path(f"/proc/{pid}/cmdline").read_bytes().decode().replace("\0", " ").strip() == line


def test_a_producer_is_given_up_until_its_start_is_fenced_and_is_proven_stopped_when_it_is_gone(
    agent: tuple[Program, Mosquitto], ask: Ask, nodeos: Path
) -> None:
    program, _ = agent

    def node() -> dict[str, Any]:
        return next(row for row in rows(program) if row["service"] == "node")

    assert poll(lambda: node()["state"] == "gave up", 20)
    assert "watchdog: gave up (not started: no `pause-on-startup`" in ask("status", "tokyo")["message"]
    given_up = 'service_producer_gave_up{group="g",host="h1",node="tokyo",service="node"}'
    assert f"{given_up} 1.0" in get_text(f"{program.url}/metrics")

    (nodeos / "config.ini").write_text("pause-on-startup = true\n")
    assert poll(lambda: node()["up"] is True, 20)
    assert f"{given_up} 0.0" in get_text(f"{program.url}/metrics")
    assert ask("pause", "tokyo", group="g", epoch=1)["code"] == 1, "its process runs"

    assert ask("unmonitor", "node")["code"] == 0
    os.kill(node()["pid"], signal.SIGKILL)
    assert poll(lambda: node()["up"] is False, 20)
    assert ask("pause", "tokyo", group="g", epoch=1)["code"] == STOPPED
