"""The running actuator behind a real Alertmanager: deliveries, duplicates, refusals, messages."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actuator.cli import main
from lab.alertmanager import Alertmanager
from lab.binaries import CHECKOUT
from lab.server import poll
from lab.slack import Slack
from lab.stack import Program
from lab.webcall import get_json
from nodekit.http import HttpError, request, session

PLAYBOOK = [{"when": {"severity": ["critical", "warning"]}, "do": [{"notify": ["ops"]}]}]
ALERT = {
    "status": "firing",
    "labels": {"alertname": "T", "severity": "critical", "node": "tokyo"},
    "annotations": {"summary": "something is wrong"},
    "startsAt": "2026-11-20T20:24:29Z",
}


def configuration(folder: Path, slack: Slack) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    secret = folder / "slack"
    secret.write_text(slack.webhook_url)
    return {
        "ledger": f"sqlite:///{folder / 'ledger.db'}",
        "sinks": {"ops": {"type": "slack", "webhook_url_file": str(secret), "timeout": "1s"}},
        "playbook": PLAYBOOK,
    }


@pytest.fixture
def actuator(tmp_path: Path, slack: Slack) -> Iterator[Program]:
    folder = tmp_path / "actuator"
    with Program("actuator", "actuator", folder, configuration(folder, slack)) as program:
        yield program


def metrics_of(actuator: Program) -> str:
    with session() as http:
        return request(http, "GET", f"{actuator.url}/metrics", timeout=5).body.decode()


def post(url: str, body: object, **headers: str) -> tuple[int, dict[str, Any]]:
    """Status and answer of a POST to the webhook."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", "Connection": "close", **headers}
    with session() as http:
        try:
            answer = request(http, "POST", f"{url}/alerts", timeout=5, body=data, headers=sent)
        except HttpError as error:
            if error.status is None:
                raise
            return error.status, json.loads(error.body or b"{}")
    return answer.status, json.loads(answer.body)


def delivery(*alerts: object) -> dict[str, object]:
    return {"version": "4", "receiver": "r", "alerts": list(alerts)}


def test_the_same_alert_again_and_with_an_earlier_start_performs_nothing_twice(
    actuator: Program, slack: Slack, tmp_path: Path
) -> None:
    """Real Alertmanager: repeats, and a second Prometheus replica that saw it start five seconds earlier."""
    text = (CHECKOUT / "alerting" / "alertmanager.yml").read_text()
    text = text.replace("http://127.0.0.1:19189", actuator.url).replace(
        "group_interval: 30s", "group_interval: 1s"
    )
    text = text.replace("repeat_interval: 1h", "repeat_interval: 1s").replace(
        "group_wait: 2s", "group_wait: 0s"
    )
    now = time.time()

    def at(offset: float) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + offset))

    labels = {"alertname": "Drift", "severity": "critical"}
    with Alertmanager(tmp_path / "am", text) as manager:
        for start in (-10, -15, -10):
            manager.send([{"labels": labels, "startsAt": at(start), "endsAt": at(600)}])
            time.sleep(1.6)
        assert poll(lambda: deliveries(actuator) >= 3, 10), "Alertmanager repeated nothing"
        manager.send([{"labels": labels, "startsAt": at(-15), "endsAt": at(-1)}])
        slack.wait_for(lambda message: "[RESOLVED] Drift" in message.text, 15)

    texts = [message.text.splitlines()[0] for message in slack.messages]
    assert texts == ["[FIRING] Drift (critical)", "[RESOLVED] Drift (critical)"]


def deliveries(actuator: Program) -> int:
    with session() as http:
        text = request(http, "GET", f"{actuator.url}/metrics", timeout=5).body.decode()
    lines = [
        line
        for line in text.splitlines()
        if line.startswith('chainwarden_webhook_requests_total{code="200"}')
    ]
    return int(float(lines[0].split()[-1])) if lines else 0


def test_a_delivery_is_committed_before_it_is_answered(actuator: Program, slack: Slack) -> None:
    """kill -9 right after the 200: the message still arrives, from the next start."""
    slack.hang()
    status, answer = post(actuator.url, delivery(ALERT))
    assert (status, answer["accepted"], answer["planned"]) == (200, 1, 1)

    actuator.kill9()
    slack.wake()
    slack.clear()
    actuator.start()

    slack.wait_for(lambda message: "[FIRING] T tokyo (critical)" in message.text, 10)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        ([], {}, 400),
        ({"version": "3"}, {}, 400),
        (b"[" * 100_000, {}, 400),
        (b"x" * 8_400_000, {}, 413),
        (delivery(), {"Content-Type": "text/plain"}, 415),
        (delivery(), {"Host": "evil.example"}, 403),
        (delivery({**ALERT, "startsAt": "soon"}), {}, 200),
    ],
    ids=["half", "list", "version 3", "deep", "large", "content type", "foreign host", "one bad alert"],
)
def test_every_body_gets_the_answer_that_alertmanager_understands(
    actuator: Program, body: object, headers: dict[str, str], status: int
) -> None:
    found, answer = post(actuator.url, body, **headers)

    assert found == status
    assert answer.get("quarantined") == 1 if status == 200 else answer["error"]


def test_other_methods_and_paths_are_refused_and_never_redirected(actuator: Program) -> None:
    statuses = {}
    with session() as http:
        for method, path in (("GET", "/alerts"), ("POST", "/alerts/"), ("POST", "/other")):
            with pytest.raises(HttpError) as caught:
                request(http, method, actuator.url + path, timeout=5, body=b"{}")
            statuses[method, path] = caught.value.status

    assert statuses == {("GET", "/alerts"): 405, ("POST", "/alerts/"): 404, ("POST", "/other"): 404}


def test_slack_that_is_busy_down_or_slow_gets_the_message_in_the_end(actuator: Program, slack: Slack) -> None:
    slack.fail_next(429, '{"ok":false}', retry_after=1)
    slack.fail_next(500, "oops")
    post(actuator.url, delivery(ALERT))

    slack.wait_for(lambda message: "[FIRING] T" in message.text, 15)

    assert [attempt.status for attempt in slack.attempts] == [429, 500, 200]


def test_a_webhook_that_slack_has_removed_is_not_hammered_but_nothing_is_lost(
    actuator: Program, slack: Slack
) -> None:
    slack.fail_next(404, "no_service", times=1)
    post(actuator.url, delivery(ALERT))

    def row() -> dict[str, Any]:
        rows: list[dict[str, Any]] = get_json(f"{actuator.url}/api/history")["steps"]
        return rows[0]

    assert poll(lambda: "no_service" in row()["detail"], 10)
    time.sleep(1.5)
    assert [attempt.status for attempt in slack.attempts] == [404]
    assert 'chainwarden_sink_broken{sink="ops"} 1.0' in metrics_of(actuator)

    assert main(["--actuator.url", actuator.url, "test-notify", "ops"]) == 0  # as after the repair
    slack.wait_for(lambda message: "[FIRING] T" in message.text, 10)
    assert 'chainwarden_sink_broken{sink="ops"} 0.0' in metrics_of(actuator)


def test_the_webhook_url_is_in_no_answer_log_or_ledger(actuator: Program, slack: Slack) -> None:
    slack.fail_next(403, "invalid_token")
    post(actuator.url, delivery(ALERT))
    poll(lambda: bool(slack.attempts), 10)
    time.sleep(0.3)

    secret = slack.webhook_url.rpartition("/")[2]
    shown = json.dumps(get_json(f"{actuator.url}/api/history")) + actuator.log_path.read_text()
    assert secret not in shown
    assert secret.encode() not in (actuator.dir / "ledger.db").read_bytes()
    assert secret.encode() not in (actuator.dir / "ledger.db-wal").read_bytes()


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *words], cwd=CHECKOUT, capture_output=True, text=True, timeout=20, check=False
    )


def test_a_second_actuator_on_the_same_ledger_does_not_start(
    actuator: Program, slack: Slack, tmp_path: Path
) -> None:
    second = Program("second", "actuator", tmp_path / "second", configuration(tmp_path / "actuator", slack))

    result = run("actuator", "--config.file", str(second.config_path))

    assert result.returncode == 1
    assert result.stderr.strip().endswith("uses this ledger; a SQLite ledger serves one actuator")
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("module", ["actuator", "exporter"])
def test_a_port_in_use_is_one_line_and_no_traceback(module: str, tmp_path: Path, slack: Slack) -> None:
    config = configuration(tmp_path, slack) if module == "actuator" else {}
    program = Program(module, module, tmp_path, {**config})
    program.write({**config, "listen": f"127.0.0.1:{slack.port}"})

    result = run(module, "--config.file", str(program.config_path))

    assert result.returncode == 1
    assert result.stderr.strip() == (
        f"chainwarden-{module}: cannot listen on 127.0.0.1:{slack.port}: Address already in use"
    )


def test_both_programs_end_cleanly_when_they_are_told_to(actuator: Program) -> None:
    actuator.send_signal(signal.SIGTERM)

    assert poll(lambda: not actuator.running, 10)
    assert actuator.exit_code == 0
    assert "Traceback" not in actuator.log_path.read_text()


def test_without_an_actuator_the_operators_tool_says_so() -> None:
    result = run("actuator.cli", "--actuator.url", "http://127.0.0.1:9", "status")

    assert (result.returncode, result.stderr) == (2, "chainwarden: http://127.0.0.1:9: connection refused\n")
