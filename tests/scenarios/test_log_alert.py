"""A line of the black list is quoted in Slack, a moment after it was written."""

import time
from pathlib import Path

from lab.alertmanager import Alertmanager
from lab.binaries import CHECKOUT
from lab.prometheus import Prometheus
from lab.server import poll
from lab.slack import Slack
from lab.stack import Program

HEAD = "2026-11-01T00:00:03.145Z [ERROR] "
LIMIT = 5.0
"""Seconds from the line to the message, with a look, a scrape and an evaluation a second."""


def test_found_lines_are_quoted_in_slack_and_white_ones_are_not(tmp_path: Path, slack: Slack) -> None:
    for name, text in (
        ("slack", slack.webhook_url), ("plugin.log", ""), ("black", "ERROR\n"), ("white", "SLOW SQL\n"),
    ):  # fmt: skip
        (tmp_path / name).write_text(text)
    alerting = CHECKOUT / "alerting"
    log = {
        name: str(tmp_path / path)
        for name, path in (("file", "plugin.log"), ("black", "black"), ("white", "white"))
    }
    exporter = Program("exporter", "exporter", tmp_path / "exporter", {"logs": {"plugin": log}})
    actuator = Program(
        "actuator", "actuator", tmp_path / "actuator",
        {
            "ledger": f"sqlite:///{tmp_path / 'ledger.db'}",
            "sinks": {"ops": {"type": "slack", "webhook_url_file": str(tmp_path / "slack")}},
            "playbook": [{"when": {"severity": ["critical"]}, "do": [{"notify": ["ops"]}]}],
        },
    )  # fmt: skip
    hooks = (alerting / "alertmanager.yml").read_text().replace("http://127.0.0.1:19189", actuator.url)
    alertmanager = Alertmanager(tmp_path / "alertmanager", hooks)
    text = (alerting / "prometheus.yml").read_text()
    for shipped, port in ((19188, exporter.port), (19189, actuator.port), (9093, alertmanager.port)):
        text = text.replace(f"127.0.0.1:{shipped}", f"127.0.0.1:{port}")
    prometheus = Prometheus(
        tmp_path / "prometheus", text, {"rules.yml": (alerting / "rules.yml").read_text()}
    )
    with exporter, actuator, alertmanager, prometheus:
        assert poll(lambda: bool(prometheus.query("logfile_lines_total == 0")), 15)
        with (tmp_path / "plugin.log").open("a") as file:
            file.write(
                f"{HEAD}SLOW SQL QUERY\n{HEAD}No live RPC nodes `boom`\n\tat x.go:1\n{HEAD}bridge 500\n"
            )
        began = time.monotonic()
        assert poll(lambda: bool(slack.messages), 15)
        took = time.monotonic() - began
        shown = slack.messages[0].shown()

    assert "LogErrors" in shown
    assert "plugin.log" in shown
    assert shown.index(f"{HEAD}bridge 500") < shown.index(f"{HEAD}No live RPC nodes")
    assert "SLOW SQL" not in shown
    assert took <= LIMIT
