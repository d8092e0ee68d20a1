"""A site that Monit watched: its control file is imported, its rc scripts start and stop the services."""

import os
import signal
from pathlib import Path

import pytest

from actuator.agent.config import read
from actuator.agent.journal import Journal
from actuator.agent.watch.service import DaemonService
from actuator.agent.watch.watchdog import Watchdog
from actuator.cli import main
from lab.server import poll
from nodekit.processes import Process, Scanner
from tests.integration.test_agent_daemon import NEVER

WORD = f"w{os.getpid()}"
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

# PROVIDE: mastodon_@PART@
# REQUIRE: LOGIN

. @FOLDER@/rc.subr

name="mastodon_@PART@"
rcvar="mastodon_enable"

load_rc_config "mastodon"
: ${mastodon_enable="NO"}

export PATH=@FOLDER@/bin:${PATH}

start_cmd=${name}_start
stop_cmd=${name}_stop

mastodon_@PART@_start() {
  cd $mastodon_path
  sudo -u $mastodon_user @START@
}

mastodon_@PART@_stop() {
  pkill -U $mastodon_user -f '@STOP@'
}

run_rc_command "$1"
"""
MONITRC = """\
set daemon 30
check process mastodon-puma with matching "@WORD@-puma .* \\[mastodon\\]"
  start program = "@FOLDER@/rc.d/mastodon-web restart" with timeout 60 seconds
  stop program = "@FOLDER@/rc.d/mastodon-web stop"

check process mastodon-sidekiq with matching "@WORD@-sidekiq .* mastodon"
  start program = "@FOLDER@/rc.d/mastodon-sidekiq restart" with timeout 60 seconds
  stop program = "@FOLDER@/rc.d/mastodon-sidekiq stop"

check process mastodon-streaming with matching "@WORD@-streaming/index.js"
  start program = "@FOLDER@/rc.d/mastodon-streaming restart"
  stop program = "@FOLDER@/rc.d/mastodon-streaming stop"
"""
PARTS = {
    "web": (
        "zsh -c 'RAILS_ENV=production bundle exec rails server @WORD@-puma | logger -t mastodon_web &'",
        "^@WORD@-puma", f"{WORD}-puma 4.3.5 (tcp://0.0.0.0:3000) [mastodon]",
    ),
    "sidekiq": (
        "zsh -c 'RAILS_ENV=production bundle exec @WORD@-sidekiq -C mastodon.yml | logger -t mastodon_sidekiq &'",
        "^@WORD@-sidekiq 5", f"{WORD}-sidekiq 5.2.9 mastodon [0 of 25 busy]",
    ),
    "streaming": (
        "sh -c 'NODE_ENV=production BIND=0.0.0.0 node @WORD@-streaming/index.js | logger -t mastodon_streaming &'",
        "^node @WORD@-streaming", f"node {WORD}-streaming/index.js",
    ),
}  # fmt: skip
"""Part → what its script starts, what its stop looks for, as what its process then shows itself."""
SUDO = '#!/bin/sh\n[ "$1" = -u ] && [ "$2" = "$(id -un)" ] && shift 2 && exec "$@"\n'
BUNDLE = """\
#!/bin/bash
case "$*" in
  *puma) exec -a "@WORD@-puma 4.3.5 (tcp://0.0.0.0:3000) [mastodon]" sleep 600 ;;
  *) exec -a "@WORD@-sidekiq 5.2.9 mastodon [0 of 25 busy]" sleep 600 ;;
esac
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Its folder, with rc scripts as their author published them, and what they need."""
    files = {
        "rc.subr": RC_SUBR, "monitrc": MONITRC, "bin/sudo": SUDO, "bin/bundle": BUNDLE,
        "bin/node": '#!/bin/bash\nexec -a "node $*" sleep 600\n',
    }  # fmt: skip
    for part, (start, stop, _) in PARTS.items():
        script = SCRIPT.replace("@PART@", part).replace("@START@", start).replace("@STOP@", stop)
        files[f"rc.d/mastodon-{part}"] = script
    for name, text in files.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text.replace("@FOLDER@", str(tmp_path)).replace("@WORD@", WORD))
        file.chmod(0o755)
    (tmp_path / "bin" / "zsh").symlink_to("/bin/bash")
    return tmp_path


def test_the_rc_scripts_of_a_monit_site_start_restart_and_stop_its_services(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import-monit", str(site / "monitrc"), "-o", str(site / "agent.yml")]) == 0
    assert "3 daemons; 0 statements are not translated" in capsys.readouterr().err
    daemons = read(site / "agent.yml").daemons
    shown = {name: PARTS[part][2] for name, part in zip(daemons, PARTS, strict=True)}
    journal = Journal(site / "agent.db")
    watchdog = Watchdog(daemons, journal, {})
    scanner = Scanner({name: daemon.target for name, daemon in daemons.items()})

    def running() -> dict[str, Process]:
        """The only process of each."""
        found = scanner.look()
        assert all(len(processes) <= 1 for processes in found.values()), "shells and logger are left out"
        return {name: processes[0] for name, processes in found.items() if processes}

    def renewed(old: dict[str, Process]) -> bool:
        now = running()
        return len(now) == len(daemons) and not set(old.values()) & set(now.values())

    try:
        watchdog.start()
        assert poll(lambda: renewed({}), 20), "what does not run is started"
        first = running()
        assert {name: " ".join(one.words) for name, one in first.items()} == shown

        for one in first.values():
            os.kill(one.pid, signal.SIGKILL)

        assert poll(lambda: renewed(first), 20), "and started again when it dies"
        second = running()
        for name in daemons:
            assert DaemonService(name, watchdog).run("restart", {}, NEVER).code == 0
        assert renewed(second)
    finally:
        codes = [DaemonService(name, watchdog).run("stop", {}, NEVER).code for name in daemons]
        watchdog.stop(5)
        journal.close()
    assert codes == [0, 0, 0]
    assert running() == {}
