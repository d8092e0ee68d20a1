"""An oracle job's error in the database is an alert at the actuator, and quoted in Slack."""

from pathlib import Path

from lab.alerting import alerting
from lab.oracle import Node
from lab.postgres import Postgres
from lab.server import poll
from lab.slack import Slack
from lab.webcall import get_json


def test_an_error_row_is_an_alert_at_the_actuator_and_is_quoted(tmp_path: Path, slack: Slack) -> None:
    """How soon is measured by `make bench ROW=oracle-alerts`."""
    with Postgres(tmp_path / "postgres") as server:
        node = Node(server, "node", "G3")
        node.job(1, "BTC/USD", idle=3600)
        (tmp_path / "dsn").write_text(node.url)
        oracle = {"interval": "1s", "database": {"dsn_file": str(tmp_path / "dsn")}}
        with alerting(tmp_path, slack, {"oracles": {"plugin": oracle}}) as stack:
            assert poll(lambda: bool(stack.prometheus.query("oracle_job_errors == 0")), 30)
            node.error(1, 'failed to fetch answer: bridge "x" 500')
            history = f"{stack.actuator.url}/api/history?limit=50"
            assert poll(lambda: "OracleJobErrors" in str(get_json(history)), 30)
            assert poll(lambda: any("bridge" in one.shown() for one in slack.messages), 30), (
                "it quotes the error"
            )
