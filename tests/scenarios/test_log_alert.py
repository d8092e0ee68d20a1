"""A line of the black list is quoted in Slack."""

from pathlib import Path

from lab.alerting import alerting
from lab.server import poll
from lab.slack import Slack

HEAD = "2026-11-01T00:00:03.145Z [ERROR] "


def test_found_lines_are_quoted_in_slack_and_white_ones_are_not(tmp_path: Path, slack: Slack) -> None:
    for name, text in (("plugin.log", ""), ("black", "ERROR\n"), ("white", "SLOW SQL\n")):
        (tmp_path / name).write_text(text)
    log = {
        name: str(tmp_path / path)
        for name, path in (("file", "plugin.log"), ("black", "black"), ("white", "white"))
    }
    with alerting(tmp_path, slack, {"logs": {"plugin": log}}) as stack:
        assert poll(lambda: bool(stack.prometheus.query("logfile_lines_total == 0")), 30)
        with (tmp_path / "plugin.log").open("a") as file:
            file.write(
                f"{HEAD}SLOW SQL QUERY\n{HEAD}No live RPC nodes `boom`\n\tat x.go:1\n{HEAD}bridge 500\n"
            )
        assert poll(lambda: bool(slack.messages), 30)
        shown = slack.messages[0].shown()

    assert "LogErrors" in shown
    assert "plugin.log" in shown
    assert shown.index(f"{HEAD}bridge 500") < shown.index(f"{HEAD}No live RPC nodes")
    assert "SLOW SQL" not in shown
