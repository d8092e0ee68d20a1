"""Our sender and an agent that answers as lua-collectd-monitor does, odd cases included (recorded on the wire)."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from lab.binaries import CHECKOUT
from lab.mosquitto import Mosquitto
from lab.server import poll
from lab.stack import Program
from lab.webcall import get_text

STAMP = "2026-11-20T19:38:07Z"
ANSWERS: dict[str, list[bytes]] = {
    "plain": [b'{"message":"Hello World!","code":0,"task_id":TASK,"timestamp":"STAMP"}'],
    "status": [b'{"task_id":TASK,"code":3,"message":"out","timestamp":"STAMP"}'],
    "text_id": [b'{"task_id":"TASK","code":0,"message":"Succeeded to replace the config."}'],
    "float_id": [b'{"task_id":TASK.0,"code":0,"message":"float"}'],
    "no_id": [b'{"code":4352,"message":"Failed to decode result json{"}'],
    "no_code": [b'{"task_id":TASK,"message":"out","timestamp":"STAMP"}'],
    "raw_bytes": [b'{"task_id":TASK,"code":0,"message":"\xff"}'],
    "others_first": [
        b'{"task_id":1,"code":9,"message":"of another sender"}', b"{cut", b"[]",
        '{"task_id":"²","code":0,"message":"\\ud800"}'.encode(), b'{"task_id":"%s"}' % (b"9" * 5000),
        b'{"task_id":TASK,"code":4352,"message":"Received duplicate task_id: TASK"}',
        b'{"task_id":TASK,"code":0,"message":"mine"}',
    ],
    "silent": [],
}  # fmt: skip


@pytest.fixture(scope="module")
def actuator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("original")
    with Mosquitto(folder / "broker") as broker:
        original = _original(broker.port)
        host = {"command_topic": "test-topic", "result_topic": "test-result-topic", "agent": "original"}
        config = {
            "ledger": f"sqlite:///{folder / 'ledger.db'}",
            "mqtt": {"host": "127.0.0.1", "port": broker.port},
            "hosts": {"old": {**host, "timeout": "1s"}},
        }
        with Program("actuator", "actuator", folder / "actuator", config) as program:
            assert poll(lambda: "chainwarden_broker_connected 1.0" in get_text(f"{program.url}/metrics"), 10)
            yield program
        original.disconnect()
        original.loop_stop()


SEEN: list[dict[str, Any]] = []


def _original(port: int) -> mqtt.Client:
    def answer(made: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        command = json.loads(message.payload)
        SEEN.append({**command, "qos": message.qos, "retain": message.retain})
        for text in ANSWERS[command["command"]]:
            task = str(command["task_id"]).encode()
            made.publish(
                "test-result-topic", text.replace(b"TASK", task).replace(b"STAMP", STAMP.encode()), qos=2
            )

    made = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="luamqtt-v3-4-1-aabd196", clean_session=False)
    made.on_message = answer
    made.on_connect = lambda client, *_: client.subscribe("test-topic", qos=2)
    made.connect("127.0.0.1", port)
    made.loop_start()
    return made


def send(actuator: Program, command: str) -> dict[str, Any]:
    argv = [sys.executable, "-m", "actuator.cli", "--actuator.url", actuator.url, "-o", "json"]
    done = subprocess.run(
        [*argv, "send-command", "old", "hello", command], capture_output=True, text=True, timeout=30, check=False,
        env={"PYTHONPATH": str(CHECKOUT), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["exit_status"] == done.returncode
    return found


@pytest.mark.parametrize(
    ("command", "status", "output"),
    [
        ("plain", 0, "Hello World!"),
        ("status", 3, "out"),
        ("text_id", 0, "Succeeded to replace the config."),
        ("float_id", 0, "float"),
        ("no_id", 70, "Failed to decode result json{"),
        ("no_code", 70, "out\n[no exit status in the result]"),
        ("raw_bytes", 0, "\ufffd"),
        ("others_first", 0, "mine"),
        ("silent", 75, ""),
    ],
)
def test_what_the_original_answers_is_understood(
    actuator: Program, command: str, status: int, output: str
) -> None:
    found = send(actuator, command)

    assert (found["exit_status"], found["output"]) == (status, output)


def test_what_the_original_is_sent_is_what_it_knows_once_and_not_retained(
    actuator: Program, tmp_path: Path
) -> None:
    SEEN.clear()
    send(actuator, "silent")

    assert len(SEEN) == 1, "it would run the command again"
    sent = SEEN[0]
    assert (sent["service"], sent["command"], sent["qos"], sent["retain"]) == ("hello", "silent", 2, False)
    assert 0 < sent["task_id"] < 2**32
    assert len(sent["timestamp"]) == len(STAMP)
