"""Prometheus and Alertmanager of the lab, and what becomes of servers whose starter dies."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from lab import leaks
from lab.alertmanager import Alertmanager
from lab.binaries import CHECKOUT, MissingBinaryError, debian
from lab.prometheus import Prometheus
from lab.server import Server, ServerError, poll
from lab.slack import Slack
from nodekit.http import HttpError

TREE = "sleep 600 & sleep 600 & wait"
STARTER = """
import sys, time
from pathlib import Path
from tests.integration.test_lab_servers import TREE, Sleeper
sleeper = Sleeper(Path(sys.argv[1]), TREE, processes=3)
sleeper.start()
print(*sleeper.pids(), flush=True)
time.sleep(600)
"""


class Sleeper(Server):
    """A shell command as a server."""

    def __init__(self, folder: Path, script: str, processes: int = 1) -> None:
        super().__init__("sleeper", folder)
        self.script = script
        self.processes = processes

    def command(self) -> Sequence[str]:
        return ["sh", "-c", self.script]

    def ready(self) -> bool:
        return len(self.pids()) >= self.processes


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def test_stopping_a_server_ends_also_what_it_started(tmp_path: Path) -> None:
    with Sleeper(tmp_path, TREE, processes=3) as server:
        pids = server.pids()
        assert len(pids) == 3
    assert all(map(gone, pids))


def test_a_server_that_ignores_term_is_killed(tmp_path: Path) -> None:
    server = Sleeper(tmp_path, "trap '' TERM; echo up; sleep 600; sleep 600")
    server.start()
    assert poll(lambda: "up" in server.log_tail(), 5.0)
    server.stop(timeout=0.2)
    assert not server.running
    assert server.exit_code == -signal.SIGKILL


def test_a_server_that_ends_at_once_is_reported_with_its_last_words(tmp_path: Path) -> None:
    server = Sleeper(tmp_path, "echo no such option; exit 3", processes=2)
    with pytest.raises(ServerError, match=r"(?s)sleeper ended with code 3.*no such option"):
        server.start()


def test_servers_die_with_a_starter_that_was_killed(tmp_path: Path) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(tmp_path)], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    )
    with starter:
        assert starter.stdout is not None
        pids = list(map(int, starter.stdout.readline().split()))
        assert len(pids) == 3
        assert not any(map(gone, pids))
        os.kill(starter.pid, signal.SIGKILL)
    assert poll(lambda: all(map(gone, pids)), 5.0)


def test_the_leak_check_sees_a_server_and_what_it_started(tmp_path: Path) -> None:
    with Sleeper(tmp_path, TREE, processes=3) as server:
        pids = set(server.pids())
        assert pids <= {process.pid for process in leaks.ours()}
    assert not pids & {process.pid for process in leaks.ours()}


def test_the_leak_check_sees_a_server_whose_starter_is_gone(tmp_path: Path) -> None:
    with Sleeper(tmp_path, "(setsid sleep 600 &) ; sleep 600", processes=2) as server:
        assert poll(lambda: len(_marked_sleeps()) == 2, 5.0)
        server.kill9()
        orphans = _marked_sleeps()
        assert len(orphans) == 1
        leaks.kill(orphans)
    assert poll(lambda: not _marked_sleeps(), 5.0)


def test_a_missing_program_is_reported_with_its_debian_package(tmp_path: Path) -> None:
    with pytest.raises(MissingBinaryError, match=r"amtool.*apt-get install.* prometheus-alertmanager"):
        debian("amtool", path=str(tmp_path))


def test_prometheus_evaluates_the_rules_it_was_given_and_reloads_others(tmp_path: Path) -> None:
    config = "global: {evaluation_interval: 200ms}\nrule_files: [rules.yml]\n"
    rules = "groups: [{name: lab, rules: [{record: lab_answer, expr: vector(%d)}]}]\n"
    with Prometheus(tmp_path, config, {"rules.yml": rules % 41}) as server:
        assert poll(lambda: _values(server) == ["41"], 10.0)
        server.write(config, {"rules.yml": rules % 42})
        server.reload()
        assert poll(lambda: _values(server) == ["42"], 10.0)


def test_a_wrong_configuration_is_refused_in_prometheus_own_words(tmp_path: Path) -> None:
    with Prometheus(tmp_path, "{}\n") as server:
        server.write("no_such_key: 1\n")
        with pytest.raises(HttpError, match="failed to reload config"):
            server.reload()


def test_alertmanager_delivers_to_the_local_slack(tmp_path: Path, slack: Slack) -> None:
    config = f"""
route: {{receiver: slack, group_wait: 0s, group_by: [alertname]}}
receivers:
  - name: slack
    slack_configs:
      - api_url: {slack.webhook_url}
        channel: "#chain"
        title: "{{{{ .CommonLabels.alertname }}}}"
        fallback: "lab"
"""
    with Alertmanager(tmp_path, config) as server:
        server.send([{"labels": {"alertname": "NodeDown", "node": "A"}}])
        assert [alert["labels"]["node"] for alert in server.alerts()] == ["A"]
        message = slack.wait_for(lambda found: "NodeDown" in found.shown(), 10.0)
    assert message.payload["channel"] == "#chain"


def _marked_sleeps() -> list[leaks.Leftover]:
    return [process for process in leaks.ours() if process.command.startswith("sleep 600")]


def _values(server: Prometheus) -> list[str]:
    return [sample["value"][1] for sample in server.query("lab_answer")]
