"""A site that Monit watched: its control file is imported, its rc script starts and stops the service."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from actuator.agent.config import read
from actuator.agent.journal import Journal
from actuator.agent.watch.service import DaemonService
from actuator.agent.watch.watchdog import Watchdog
from actuator.cli import main
from lab.server import poll
from nodekit.processes import Process, find
from tests.integration.test_agent_daemon import NEVER

WORD = f"streaming-{os.getpid()}"
RC_SUBR = """\
# What rc.subr(8) of the BSDs does with a script of this kind.
load_rc_config() { mastodon_path="@FOLDER@"; mastodon_user="$(id -un)"; }
run_rc_command() {
  case "$1" in
    restart) "$stop_cmd"; "$start_cmd" ;;
    start) "$start_cmd" ;;
    stop) "$stop_cmd" ;;
  esac
}
"""
SCRIPT = """\
#!/bin/sh

# PROVIDE: mastodon_streaming
# REQUIRE: LOGIN

. @FOLDER@/rc.subr

name="mastodon_streaming"
rcvar="mastodon_enable"

load_rc_config "mastodon"
: ${mastodon_enable="NO"}

export PATH=@FOLDER@/bin:${PATH}

start_cmd=${name}_start
stop_cmd=${name}_stop

mastodon_streaming_start() {
  cd $mastodon_path
  sudo -u $mastodon_user sh -c 'NODE_ENV=production BIND=0.0.0.0 node @WORD@/index.js | logger -t mastodon_streaming &'
}

mastodon_streaming_stop() {
  pkill -U $mastodon_user -f '^node @WORD@'
}

run_rc_command "$1"
"""
MONITRC = """\
set daemon 30
check process mastodon-streaming with matching "@WORD@/index.js"
  start program = "@FOLDER@/rc.d/mastodon-streaming restart"
  stop program = "@FOLDER@/rc.d/mastodon-streaming stop"
"""
SUDO = '#!/bin/sh\n[ "$1" = -u ] && [ "$2" = "$(id -un)" ] && shift 2 && exec "$@"\n'


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Path]:
    """Its folder, with the rc script that its author published, and what that needs."""
    for name, text in (
        ("rc.subr", RC_SUBR), ("rc.d/mastodon-streaming", SCRIPT), ("monitrc", MONITRC), ("bin/sudo", SUDO),
    ):  # fmt: skip
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text.replace("@FOLDER@", str(tmp_path)).replace("@WORD@", WORD))
        file.chmod(0o755)
    (tmp_path / "bin" / "node").write_text('#!/bin/bash\nexec -a "node $*" sleep 600\n')
    (tmp_path / "bin" / "node").chmod(0o755)
    return tmp_path


def test_an_rc_script_of_a_monit_site_starts_restarts_and_stops_its_service(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import-monit", str(site / "monitrc"), "-o", str(site / "agent.yml")]) == 0
    assert "1 daemons; 0 statements are not translated" in capsys.readouterr().err
    daemons = read(site / "agent.yml").daemons
    target = daemons["mastodon-streaming"].target
    journal = Journal(site / "agent.db")
    watchdog = Watchdog(daemons, journal, {})
    service = DaemonService("mastodon-streaming", watchdog)

    def runs(other: Process | None = None) -> bool:
        found = find(target)
        return found is not None and found != other

    try:
        watchdog.start()
        assert poll(runs, 10), "what does not run is started"
        first = find(target)
        assert first is not None and first.words[0] == f"node {WORD}/index.js"

        os.kill(first.pid, signal.SIGKILL)

        assert poll(lambda: runs(first), 10), "and started again when it dies"
        second = find(target)
        assert service.run("restart", {}, NEVER).code == 0
        assert runs(second)
    finally:
        assert service.run("stop", {}, NEVER).code == 0
        watchdog.stop(5)
        journal.close()
    assert find(target) is None
