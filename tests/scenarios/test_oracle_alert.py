"""An oracle job's error in the database is an alert at the actuator three seconds later."""

import time
from pathlib import Path

from lab.alertmanager import Alertmanager
from lab.binaries import CHECKOUT
from lab.oracle import Node
from lab.postgres import Postgres
from lab.prometheus import Prometheus
from lab.server import poll
from lab.slack import Slack
from lab.stack import Program
from lab.webcall import get_json

LIMIT = 3.0
"""Seconds, with a poll, a scrape and an evaluation a second."""


def test_an_error_row_is_an_alert_at_the_actuator_within_three_seconds(tmp_path: Path, slack: Slack) -> None:
    secret = tmp_path / "slack"
    secret.write_text(slack.webhook_url)
    alerting = CHECKOUT / "alerting"
    with Postgres(tmp_path / "postgres") as server:
        node = Node(server, "node", "G3")
        node.job(1, "BTC/USD", idle=3600)
        (tmp_path / "dsn").write_text(node.url)
        oracle = {"interval": "1s", "database": {"dsn_file": str(tmp_path / "dsn")}}
        exporter = Program("exporter", "exporter", tmp_path / "exporter", {"oracles": {"plugin": oracle}})
        actuator = Program(
            "actuator", "actuator", tmp_path / "actuator",
            {
                "ledger": f"sqlite:///{tmp_path / 'ledger.db'}",
                "sinks": {"ops": {"type": "slack", "webhook_url_file": str(secret)}},
                "playbook": [{"when": {"severity": ["critical"]}, "do": [{"notify": ["ops"]}]}],
            },
        )  # fmt: skip
        hooks = (alerting / "alertmanager.yml").read_text().replace("http://127.0.0.1:19189", actuator.url)
        alertmanager = Alertmanager(tmp_path / "alertmanager", hooks)
        text = (alerting / "prometheus.yml").read_text()
        for shipped, port in ((19188, exporter.port), (19189, actuator.port), (9093, alertmanager.port)):
            text = text.replace(f"127.0.0.1:{shipped}", f"127.0.0.1:{port}")
        rules = {"rules.yml": (alerting / "rules.yml").read_text()}
        prometheus = Prometheus(tmp_path / "prometheus", text, rules)
        with exporter, actuator, alertmanager, prometheus:
            assert poll(lambda: bool(prometheus.query("oracle_job_errors == 0")), 15)
            node.error(1, 'failed to fetch answer: bridge "x" 500')
            began = time.monotonic()
            assert poll(
                lambda: "OracleJobErrors" in str(get_json(f"{actuator.url}/api/history?limit=50")), 15
            )
            took = time.monotonic() - began
            assert poll(lambda: any("bridge" in one.shown() for one in slack.messages), 10), (
                "it quotes the error"
            )

    assert took <= LIMIT
