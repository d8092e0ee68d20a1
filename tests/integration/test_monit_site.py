"""A site that Monit watched: its control files are imported, its rc scripts start and stop the services."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from actuator.cli import main
from lab.mosquitto import Mosquitto
from lab.server import poll
from lab.stack import Program
from lab.talk import Talk
from lab.webcall import get_text
from nodekit.processes import everything

WORD = f"site-{os.getpid()}"
TOPICS = {"command": "cmd/site", "result": "res/site"}
RC_SUBR = """\
# What rc.subr(8) of the BSDs does with a script of this kind.
load_rc_config() { mastodon_path="@FOLDER@"; mastodon_user="$(id -un)"; }
check_pidfile() { pid=$(cat "$1" 2>/dev/null) && kill -0 "$pid" 2>/dev/null; }
run_rc_command() {
  case "$1" in
    restart) "$stop_cmd"; "$start_cmd" ;;
    start) "$start_cmd" ;;
    stop) "$stop_cmd" ;;
    status) check_pidfile "$pidfile" && echo "$name is running as pid $pid." ;;
  esac
}
"""
HEAD = """\
#!/bin/sh

# PROVIDE: mastodon_@NAME@
# REQUIRE: LOGIN

. @FOLDER@/rc.subr

name="mastodon_@NAME@"
rcvar="mastodon_enable"

load_rc_config "mastodon"
: ${mastodon_enable="NO"}

export PATH=@FOLDER@/bin:${PATH}

start_cmd=${name}_start
stop_cmd=${name}_stop

"""
SCRIPTS = {
    # Through a shell that logs, ended by what its title says.
    "web": """\
mastodon_web_start() {
  cd $mastodon_path
  sudo -u $mastodon_user sh -c 'RAILS_ENV=production rails server @WORD@ | logger -t mastodon_web &'
}

mastodon_web_stop() {
  pkill -U $mastodon_user -f '^puma @WORD@'
}
""",
    # With a pid file, and waiting for the end.
    "sidekiq": """\
pidfile="@FOLDER@/run/sidekiq.pid"

mastodon_sidekiq_start() {
  cd $mastodon_path
  sidekiq @WORD@ >/dev/null 2>&1 &
  echo $! > $pidfile
}

mastodon_sidekiq_stop() {
  if check_pidfile $pidfile; then
    kill $pid
    while kill -0 $pid 2>/dev/null; do sleep 0.1; done
  fi
  rm -f $pidfile
}
""",
    # A program that keeps its own name.
    "streaming": """\
mastodon_streaming_start() {
  cd $mastodon_path
  sudo -u $mastodon_user sh -c 'NODE_ENV=production BIND=0.0.0.0 node @WORD@/index.js | logger -t mastodon_streaming &'
}

mastodon_streaming_stop() {
  pkill -U $mastodon_user -f '^node @WORD@'
}
""",
}
TAIL = '\nrun_rc_command "$1"\n'
MONITRC = "set daemon 30\nset log syslog\ninclude monit.d/*\n"
MASTODON = """\
check process mastodon-puma with matching "puma @WORD@ .* \\[mastodon\\]"
  start program = "@FOLDER@/rc.d/mastodon-web restart" with timeout 60 seconds
  stop program = "@FOLDER@/rc.d/mastodon-web stop"

check process mastodon-sidekiq with pidfile @FOLDER@/run/sidekiq.pid
  start program = "@FOLDER@/rc.d/mastodon-sidekiq restart" with timeout 60 seconds
  stop program = "@FOLDER@/rc.d/mastodon-sidekiq stop"

check process mastodon-streaming with matching "@WORD@/index.js"
  start program = "@FOLDER@/rc.d/mastodon-streaming restart"
  stop program = "@FOLDER@/rc.d/mastodon-streaming stop"
"""
SUDO = '#!/bin/sh\n[ "$1" = -u ] && [ "$2" = "$(id -un)" ] && shift 2 && exec "$@"\n'
TITLES = {
    "rails": "puma @WORD@ (tcp://0.0.0.0:3000) [mastodon]", "sidekiq": "sidekiq @WORD@ mastodon [0 of 25 busy]",
    "node": "node @WORD@/index.js",
}  # fmt: skip
NAMES = ("mastodon-puma", "mastodon-sidekiq", "mastodon-streaming")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Its folder, with rc scripts as their author published them, and what they need."""
    files = {"rc.subr": RC_SUBR, "monitrc": MONITRC, "monit.d/mastodon": MASTODON, "bin/sudo": SUDO}
    for name, body in SCRIPTS.items():
        files[f"rc.d/mastodon-{name}"] = HEAD.replace("@NAME@", name) + body + TAIL
    for name, title in TITLES.items():
        files[f"bin/{name}"] = f"#!/bin/bash\nexec -a '{title}' sleep 600\n"
    (tmp_path / "run").mkdir()
    for name, text in files.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text.replace("@FOLDER@", str(tmp_path)).replace("@WORD@", WORD))
        file.chmod(0o755)
    return tmp_path


class Watched:
    """An agent on the site, as its page tells."""

    def __init__(self, site: Path, port: int) -> None:
        written = yaml.safe_load((site / "agent.yml").read_text())
        self.site = site
        self.program = Program("agent", "actuator.agent", site / "agent", {
            **written, "topics": TOPICS, "mqtt": {"host": "127.0.0.1", "port": port},
            "journal": str(site / "agent.db"),
        })  # fmt: skip

    def connected(self) -> bool:
        return "chainwarden_agent_broker_connected 1.0" in get_text(f"{self.program.url}/metrics")

    def rows(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(get_text(f"{self.program.url}/services.json"))["services"]
        return found

    def all_run(self, but: dict[str, int]) -> dict[str, int]:
        """Wait until each service has one process, and another one than before; their pids."""

        def pids() -> dict[str, int]:
            return {
                row["service"]: row["pid"]
                for row in self.rows()
                if row["state"] == "running"
                and row["processes"] == 1
                and row["pid"] != but.get(row["service"])
            }

        assert poll(lambda: set(pids()) == set(NAMES), 20), self.rows()
        return pids()

    def status(self) -> int:
        """What the script with a pid file says itself."""
        script = [self.site / "rc.d" / "mastodon-sidekiq", "status"]
        return subprocess.run(script, check=False, capture_output=True).returncode


@pytest.fixture
def watched(site: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[tuple[Watched, Talk]]:
    assert main(["import-monit", str(site / "monitrc"), "-o", str(site / "agent.yml")]) == 0
    assert "3 daemons; 0 statements are not translated" in capsys.readouterr().err
    with Mosquitto(site / "broker") as broker:
        agent = Watched(site, broker.port)
        with agent.program, Talk(broker.port, TOPICS["command"], TOPICS["result"]) as talk:
            assert poll(agent.connected, 10)
            yield agent, talk


def test_the_rc_scripts_of_a_monit_site_start_restart_and_stop_its_services(
    watched: tuple[Watched, Talk],
) -> None:
    agent, talk = watched
    first = agent.all_run({})
    assert agent.status() == 0
    words = Path(f"/proc/{first['mastodon-puma']}/cmdline").read_bytes()
    assert words.startswith(f"puma {WORD} (tcp".encode()), "not the shell that logs"

    for pid in first.values():
        os.kill(pid, signal.SIGKILL)

    second = agent.all_run(first)
    assert [row["restarts"] for row in agent.rows()] == [2, 2, 2], "the first start, and one more"
    answers = [talk.ask(number, name, "restart") for number, name in enumerate(NAMES)]
    third = agent.all_run(second)
    answers += [talk.ask(number, name, "stop") for number, name in enumerate(NAMES, len(NAMES))]
    assert [one["code"] for one in answers] == [0] * 6, answers
    assert {row["state"] for row in agent.rows()} == {"stopped"}
    assert not {one.pid for one in everything()} & {*third.values()}
    assert agent.status() != 0
