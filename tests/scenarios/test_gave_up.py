"""A service that cannot live: its starts are counted, one alert and one message tell it, and it is armed again."""

import os
import signal
import time
from pathlib import Path

from lab.alertmanager import Alertmanager
from lab.binaries import CHECKOUT
from lab.ports import free_port
from lab.prometheus import Prometheus
from lab.server import poll
from lab.slack import Slack
from lab.stack import Program
from nodekit.processes import Target, find
from nodekit.regex import Regex

STARTS = 3
LONGER = 8.0
"""Seconds that are watched after the message: many scrapes and evaluations, several notifications' worth."""


def test_a_crash_loop_is_told_once_as_given_up_and_once_as_over(tmp_path: Path, slack: Slack) -> None:
    (tmp_path / "slack").write_text(slack.webhook_url)
    line = f"sleep {90_000_000 + free_port()}"
    start = f"echo x >> {tmp_path}/starts; test -e {tmp_path}/cured || exit 1; {line} &"
    limits = {"at_most": STARTS, "within": "1m", "backoff": {"first": "100ms", "most": "200ms"},
              "rearm_after": "3s", "retry_after": "25s", "retries": 5}  # fmt: skip
    agent = Program(
        "agent", "actuator.agent", tmp_path / "agent",
        {
            "host": "h1", "mqtt": {"host": "127.0.0.1", "port": free_port()},
            "topics": {"command": "c", "result": "r"}, "journal": str(tmp_path / "agent.db"),
            "daemons": {"feeder": {
                "start": {"shell": start}, "match": f"^{line}$", "watch": {"restart": limits},
            }},
        },
    )  # fmt: skip
    actuator = Program(
        "actuator", "actuator", tmp_path / "actuator",
        {
            "ledger": f"sqlite:///{tmp_path / 'ledger.db'}",
            "sinks": {"ops": {"type": "slack", "webhook_url_file": str(tmp_path / "slack")}},
            "playbook": [{"when": {"alertname": "ServiceGaveUp"}, "do": [{"notify": ["ops"]}]}],
        },
    )  # fmt: skip
    alerting = CHECKOUT / "alerting"
    hooks = (alerting / "alertmanager.yml").read_text().replace("http://127.0.0.1:19189", actuator.url)
    alertmanager = Alertmanager(tmp_path / "alertmanager", hooks)
    text = (alerting / "prometheus.yml").read_text()
    for shipped, port in ((19188, agent.port), (19189, actuator.port), (9093, alertmanager.port)):
        text = text.replace(f"127.0.0.1:{shipped}", f"127.0.0.1:{port}")
    prometheus = Prometheus(
        tmp_path / "prometheus", text, {"rules.yml": (alerting / "rules.yml").read_text()}
    )

    def starts() -> int:
        return len((tmp_path / "starts").read_text().splitlines())

    def told(word: str) -> list[str]:
        return [shown for one in slack.messages if word in (shown := one.shown())]

    with actuator, alertmanager, prometheus, agent:
        assert poll(lambda: bool(told("ServiceGaveUp")), 30)
        assert starts() == STARTS
        time.sleep(LONGER)
        assert len(slack.messages) == 1, "told once"
        assert "feeder" in slack.messages[0].shown()
        gave_up = prometheus.query('count_over_time(service_gave_up{service="feeder"}[1h])')
        assert gave_up, "the metric was there all the time"

        tried = starts()
        (tmp_path / "cured").touch()
        assert poll(lambda: find(Target(match=Regex(f"^{line}$"))) is not None, 60), (
            "tried again, as configured"
        )
        needed = starts()
        assert tried < needed <= tried + 2, "at most one more was under way when it was cured"
        assert poll(lambda: len(slack.messages) == 2, 60), "proven good for a time, then told as over"
        assert starts() == needed
        assert prometheus.query('service_gave_up{service="feeder"} == 0')
        assert prometheus.query(f'service_restarts_total{{service="feeder"}} == {needed}')
    running = find(Target(match=Regex(f"^{line}$")))
    assert running is not None, "it outlives the agent"
    os.kill(running.pid, signal.SIGKILL)
