"""docker-compose.yml's own commands and files, started as plain processes: profile `ha`, without Grafana.

Grafana cannot run here: no registry that the project uses has it. What is provisioned for it is tested elsewhere.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.binaries import CHECKOUT
from lab.compose import Compose
from lab.server import poll
from lab.slack import Slack
from lab.webcall import get_json, post
from nodekit.http import HttpError

HA = ("--env-file", "deploy/compose/ha.env", "--profile", "ha")


@pytest.fixture(scope="module")
def local_slack() -> Iterator[Slack]:
    with Slack() as server:
        yield server


@pytest.fixture(scope="module")
def secrets(local_slack: Slack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compose") / "secrets"
    script = [sys.executable, str(CHECKOUT / "deploy" / "compose" / "make_secrets.py")]
    options = ["--folder", str(folder), "--slack-webhook", local_slack.webhook_url]
    subprocess.run([*script, *options], check=True, capture_output=True, timeout=30)
    return folder


@pytest.fixture(scope="module")
def up(secrets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    compose = Compose(tmp_path_factory.mktemp("containers"), secrets, *HA)
    assert [name for name in compose.containers if compose[name].healthcheck().returncode == 0] == []
    compose.start()
    yield compose
    compose.stop()


def address(up: Compose, name: str, port: int) -> str:
    return f"http://127.0.0.1:{up[name].port(port)}"


def operator(up: Compose, secrets: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    program = str(Path(sys.executable).parent / "chainwarden")
    who = ("--username", "operator", "--password-file", str(secrets / "operator_password"))
    url = ("--actuator.url", address(up, "actuator", 19189))
    return subprocess.run(
        [program, *url, *who, *words], capture_output=True, text=True, timeout=60, check=False
    )


def test_everything_is_healthy_by_its_own_healthcheck(up: Compose) -> None:
    sick = {
        name: up[name].healthcheck().stderr for name in up.containers if up[name].healthcheck().returncode
    }

    assert sick == {}
    assert len(up.containers) == 9


def test_prometheus_scrapes_all_and_knows_both_alertmanagers(up: Compose) -> None:
    url = address(up, "prometheus", 9090)

    def targets() -> set[str]:
        rows = get_json(f"{url}/api/v1/targets")["data"]["activeTargets"]
        return {f"{row['labels']['job']} {row['health']}" for row in rows}

    wanted = {f"chainwarden-{name} up" for name in ("exporter", "actuator", "agent")}
    assert poll(lambda: targets() == wanted, 15), targets()
    assert len(get_json(f"{url}/api/v1/alertmanagers")["data"]["activeAlertmanagers"]) == 2
    rules: dict[str, Any] = get_json(f"{url}/api/v1/rules")["data"]
    assert len(rules["groups"]) > 5


def test_an_alert_at_both_alertmanagers_reaches_slack_once(up: Compose, local_slack: Slack) -> None:
    labels = {"alertname": "ComposeTest", "severity": "critical", "node": "tokyo"}
    alert = [{"labels": labels, "annotations": {"summary": "tokyo is far away"}}]
    peers = address(up, "alertmanager", 9093) + "/api/v2/status"
    assert poll(lambda: len(get_json(peers)["cluster"]["peers"]) == 2, 15)

    for name in ("alertmanager", "alertmanager-2"):
        post(f"{address(up, name, 9093)}/api/v2/alerts", json.dumps(alert).encode())

    local_slack.wait_for(lambda message: "tokyo is far away" in message.shown(), 20)
    assert sum("tokyo is far away" in message.shown() for message in local_slack.messages) == 1


def test_nobody_delivers_alerts_without_the_token(up: Compose) -> None:
    with pytest.raises(HttpError) as refused:
        post(f"{address(up, 'actuator', 19189)}/alerts", b"{}")

    assert refused.value.status == 401


def test_an_operator_has_the_agent_run_something_over_the_broker(up: Compose, secrets: Path) -> None:
    done = operator(up, secrets, "send-command", "agent", "hello", "say")

    assert (done.returncode, "hello" in done.stdout) == (0, True), done.stdout + done.stderr


def test_the_broker_turns_strangers_away(up: Compose) -> None:
    port = str(up["mosquitto"].port(1883))
    words = ["-h", "127.0.0.1", "-p", port, "-t", "res/#", "-C", "1", "-W", "2"]

    done = subprocess.run(["mosquitto_sub", *words], capture_output=True, text=True, timeout=10, check=False)

    assert "not authorised" in done.stderr


def test_the_ledger_lets_nobody_in_without_the_password(up: Compose) -> None:
    assert not up.ledger.ready(), "ready() connects without a password"
