"""From one line in an oracle node's log to another endpoint in its config: alert, broker, agent, message."""

import re
from pathlib import Path
from typing import Any

from lab.alerting import TELL, alerting
from lab.anvil import Anvil
from lab.mosquitto import Mosquitto
from lab.server import poll
from lab.slack import Slack
from lab.stack import Program
from lab.webcall import get_json, get_text

BAD = "2026-11-01T00:00:03.145Z [ERROR] No live RPC nodes available\n"
DEAD = ("http://127.0.0.1:9", "ws://127.0.0.1:9")

RESTART = """\
cd {} && echo restarted >> restarts
for number in 1 2 3; do sleep 0.5; echo "[INFO] head $number" >> plugin.log; done &
"""
"""A node that goes on speaking after its restart."""


def switch_config(folder: Path, good: Anvil) -> dict[str, Any]:
    """As config/rpc_switch.yml, for a node that is a file, a log and a program that restarts it."""
    return {
        "node_config": str(folder / "config.toml"), "chain_id": 50, "state": str(folder / "switch.json"),
        "restart": ["sh", "-c", RESTART.format(folder)],
        "timeout": "500ms", "new_head_within": "3s", "max_lag": 1000,
        "candidates": [
            {"name": "dead", "http": DEAD[0] + "/2", "ws": DEAD[1] + "/2"},
            {"name": "good", "http": good.url, "ws": good.ws},
        ],
        "success": {"log": str(folder / "plugin.log"), "errors": ["No live RPC"], "quiet": "1s", "within": "20s"},
    }  # fmt: skip


def actuator_config(broker: Mosquitto) -> dict[str, Any]:
    """As docs/oracle.md says."""
    return {
        "mqtt": {"host": "127.0.0.1", "port": broker.port},
        "hosts": {
            "oracle1": {"command_topic": "cmd/oracle1", "result_topic": "res/oracle1", "timeout": "1m"}
        },
        "playbook": [
            {
                "when": {"alertname": "LogErrors", "log": "plugin-rpc"},
                "do": [{"recover": {"host": "oracle1", "service": "xdc-rpc", "command": "switch"}}],
            },
            TELL,
        ],
    }


def test_one_line_switches_the_endpoint_once_and_the_outcome_is_told(tmp_path: Path, slack: Slack) -> None:
    node = "[[EVM]]\nChainID = '50'\n[[EVM.Nodes]]\nName = 'primary'\nWSURL = '{}'\nHTTPURL = '{}'  # mine\n"
    (tmp_path / "config.toml").write_text(node.format(DEAD[1], DEAD[0]))
    (tmp_path / "plugin.log").touch()
    (tmp_path / "net_err").write_text("RPC Node is unreachable\nNo live RPC nodes\n")
    log = {"file": str(tmp_path / "plugin.log"), "black": str(tmp_path / "net_err")}
    with Mosquitto(tmp_path / "broker") as broker, Anvil(tmp_path, "good", 50, 0.3) as good:
        agent = Program("agent", "actuator.agent", tmp_path / "agent", {
            "host": "oracle1", "mqtt": {"host": "127.0.0.1", "port": broker.port},
            "topics": {"command": "cmd/oracle1", "result": "res/oracle1"},
            "journal": str(tmp_path / "agent" / "agent.db"),
            "rpc_switch": {"xdc-rpc": switch_config(tmp_path, good)},
        })  # fmt: skip
        given = {"logs": {"plugin-rpc": log}}
        with agent, alerting(tmp_path, slack, given, actuator_config(broker)) as stack:
            assert poll(lambda: bool(stack.prometheus.query("logfile_lines_total == 0")), 30)
            assert poll(lambda: "broker_connected 1.0" in get_text(f"{agent.url}/metrics"), 30)
            with (tmp_path / "plugin.log").open("a") as file:
                file.write(BAD)
            wanted = node.format(good.ws, good.url)
            assert poll(lambda: (tmp_path / "config.toml").read_text() == wanted, 60)
            assert poll(lambda: any("done" in one.shown() for one in slack.messages), 60), slack.messages
            with (tmp_path / "plugin.log").open("a") as file:
                file.write(BAD)
            lines = 'logfile_matches_total{pattern="No live RPC nodes"} == 2'
            assert poll(lambda: bool(stack.prometheus.query(lines)), 30)
            steps = get_json(f"{stack.actuator.url}/api/history?limit=50")["steps"]

    (told,) = [one.shown() for one in slack.messages if "switch of xdc-rpc on oracle1: done" in one.shown()]
    assert re.search(r"LogErrors \(.*log=plugin-rpc", told)
    assert "switched 127.0.0.1:9 → good: the node works" in told
    assert [step["state"] for step in steps if step["action"] == "recover"] == ["ok"]
    assert (tmp_path / "restarts").read_text().split() == ["restarted"]
