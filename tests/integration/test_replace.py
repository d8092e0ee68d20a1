"""Replacing the configuration of a real collectd: every result code, and a kill in the middle."""

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from actuator.agent.builtin import Outcome
from actuator.agent.journal import Journal
from actuator.agent.replace.checkcopy import redirected
from actuator.agent.replace.config import Replace
from actuator.agent.replace.daemon import pid_of
from actuator.agent.replace.service import DONE, ReplaceService
from lab.binaries import debian
from lab.ports import free_port
from lab.server import poll
from lab.webcall import get_text

NEVER = threading.Event()


@dataclass(frozen=True)
class Daemon:
    """A collectd that daemonises itself, as Debian's does."""

    folder: Path
    journal: Journal

    @property
    def file(self) -> Path:
        return self.folder / "collectd.conf"

    def text(self, interval: int = 10, more: str = "") -> str:
        return textwrap.dedent(f"""
            BaseDir "{self.folder}"
            PIDFile "{self.folder}/pid"
            FQDNLookup false
            Interval {interval}
            LoadPlugin logfile
            <Plugin logfile>
              File "{self.folder}/log"
            </Plugin>
            LoadPlugin cpu
            """) + textwrap.dedent(more)

    def settings(self, **more: object) -> Replace:
        collectd = str(debian("collectd"))
        given = {
            "file": self.file,
            "check": [collectd, "-T", "-C", "{file}"],
            "collectd": True,
            "stop": ["/bin/sh", "-c", f'kill "$(cat {self.folder}/pid)"'],
            "start": [collectd, "-C", str(self.file)],
            "pid_file": self.folder / "pid",
            "match": "collectd",
            "stops_within": "3s",
            "starts_within": "3s",
            "stays_for": "500ms",
            **more,
        }
        return Replace.model_validate(given)

    def replace(self, text: str, **more: object) -> Outcome:
        return ReplaceService(self.settings(**more), self.journal).run("replace", {"config": text}, NEVER)

    def pid(self) -> int | None:
        return pid_of(self.settings())


@pytest.fixture
def collectd(tmp_path: Path) -> Iterator[Daemon]:
    made = Daemon(tmp_path, Journal(tmp_path / "agent.db"))
    made.file.write_text(made.text())
    made.file.chmod(0o640)
    subprocess.run(made.settings().start, check=True)
    assert poll(lambda: made.pid() is not None, 5)
    yield made
    pid = made.pid()
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
    made.journal.close()


def test_a_right_configuration_is_in_place_with_a_new_process_and_the_old_mode(collectd: Daemon) -> None:
    before, new = collectd.pid(), collectd.text(interval=20)

    done = collectd.replace(new)

    assert done == Outcome(0, DONE)
    assert collectd.file.read_text() == new
    assert collectd.file.stat().st_mode & 0o777 == 0o640
    assert collectd.pid() not in (None, before)
    assert not collectd.file.with_name("collectd.conf.new").exists()


@pytest.mark.parametrize(
    "wrong", ["<Plugin", "LoadPlugin nosuchplugin\n", ""], ids=["broken syntax", "unknown plugin", "empty"]
)
def test_a_wrong_configuration_is_refused_while_the_daemon_runs_on(collectd: Daemon, wrong: str) -> None:
    before, old = collectd.pid(), collectd.file.read_text()

    done = collectd.replace(collectd.text() + wrong if wrong else "")

    assert done.code == 0x2002
    assert done.output.startswith("New config seems broken!: ")
    assert (collectd.pid(), collectd.file.read_text()) == (before, old)


def test_the_check_leaves_sockets_logs_and_pid_file_of_the_running_daemon_alone(collectd: Daemon) -> None:
    """`collectd -T` on the file itself would write to its log and take its socket away."""
    with_socket = collectd.text(
        more=f"""
        LoadPlugin unixsock
        <Plugin unixsock>
          SocketFile "{collectd.folder}/sock"
        </Plugin>
    """
    )
    assert collectd.replace(with_socket).code == 0
    assert poll((collectd.folder / "sock").exists, 3)

    def shown() -> tuple[str, str, int]:
        pid, log = (collectd.folder / "pid").read_text(), (collectd.folder / "log").read_text()
        return pid, log, (collectd.folder / "sock").stat().st_ino

    before = shown()
    refused = collectd.replace(with_socket + "LoadPlugin nosuch\n")

    assert refused.code == 0x2002
    assert shown() == before


def test_ports_are_elsewhere_in_the_checked_copy() -> None:
    text = textwrap.dedent("""
        <Plugin "write_prometheus">
          Port "9103"
        </Plugin>
        <Plugin network>
          Listen "0.0.0.0" "25826"
          Server "10.0.0.1" "25826"
        </Plugin>
        <Plugin tail>
          Port "9103"
        </Plugin>
        """)

    copy = redirected(text, text, "/elsewhere", lambda: 4711)

    assert copy.count("9103") == 1, "of a plugin that nobody knows to listen"
    assert 'Listen "127.0.0.1" "4711"' in copy
    assert 'Server "10.0.0.1" "25826"' in copy


def test_a_port_that_the_running_daemon_has_is_free_to_it_and_that_of_another_is_not(
    collectd: Daemon,
) -> None:
    """Stock collectd would start with a busy port, say so in its log and listen nowhere."""

    def listening(port: int) -> str:
        return collectd.text(
            more=f'''
            LoadPlugin write_prometheus
            <Plugin write_prometheus>
              Host "127.0.0.1"
              Port "{port}"
            </Plugin>
            '''
        )

    mine = free_port()
    assert collectd.replace(listening(mine)) == Outcome(0, DONE)
    assert "collectd/write_prometheus" in get_text(f"http://127.0.0.1:{mine}/metrics")
    assert collectd.replace(listening(mine) + "# the same port again\n") == Outcome(0, DONE)
    before, old = collectd.pid(), collectd.file.read_text()
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        refused = collectd.replace(listening(taken))

    assert refused.code == 0x2002
    assert f"Opening a listening socket for [127.0.0.1]:{taken} failed" in refused.output
    assert (collectd.pid(), collectd.file.read_text()) == (before, old)


def test_a_busy_port_that_collectd_only_mentions_is_refused_as_well(collectd: Daemon) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        block = f'<Plugin network>\n  Listen "127.0.0.1" "{other.getsockname()[1]}"\n</Plugin>\n'
        refused = collectd.replace(collectd.text() + "LoadPlugin network\n" + block)

    assert refused.code == 0x2002
    assert "bind: Address already in use" in refused.output


@pytest.mark.parametrize(
    ("more", "code", "told"),
    [
        ({"stop": ["/bin/false"]}, 0x2003, "/bin/false ended with 1"),
        ({"stop": ["/bin/true"], "stops_within": "200ms"}, 0x2004, "did not end within"),
        ({"check": ["/no/such", "{file}"]}, 0x200A, "/no/such"),
        ({"health": ["/bin/false"]}, 0x2008, "/bin/false ended with 1"),
    ],
    ids=["stop fails", "does not stop", "no checker", "never healthy"],
)
def test_what_goes_wrong_has_its_code_and_leaves_the_old_configuration(
    collectd: Daemon, more: dict[str, object], code: int, told: str
) -> None:
    old = collectd.file.read_text()

    done = collectd.replace(collectd.text(interval=20), **more)

    assert done.code == code, done
    assert told in done.output
    assert collectd.file.read_text() == old
    assert collectd.pid() is not None


def test_a_daemon_that_dies_of_the_new_configuration_gets_the_old_one_back(collectd: Daemon) -> None:
    """It starts, and ends by itself within the time that it must live."""
    old = collectd.file.read_text()
    start = (
        f"grep -q 'Interval 20' {collectd.file} && dies=yes; {debian('collectd')} -C {collectd.file} || exit 1; "
        f'sleep 0.3; [ -z "$dies" ] || kill -9 "$(cat {collectd.folder}/pid)"'
    )

    done = collectd.replace(collectd.text(interval=20), start=["/bin/sh", "-c", start])

    assert done.code == 0x2007, done
    assert "the old configuration is back and the daemon runs" in done.output
    assert collectd.file.read_text() == old
    assert collectd.pid() is not None


def test_a_lock_of_the_original_is_respected_until_it_is_stale(collectd: Daemon) -> None:
    lock = collectd.file.with_name("collectd.conf.lock")
    lock.touch()
    assert collectd.replace(collectd.text(interval=20)).code == 0x2000
    os.utime(lock, (1, 1))

    assert collectd.replace(collectd.text(interval=20)).code == 0
    assert not lock.exists()


def test_a_folder_that_is_not_there_is_told_as_the_original_does(collectd: Daemon) -> None:
    done = collectd.replace(collectd.text(), file=collectd.folder / "nosuch" / "collectd.conf")

    assert done.code == 0x2001, done
    assert "Failed to write new config: " in done.output


def test_a_folder_that_cannot_be_written_changes_nothing(collectd: Daemon) -> None:
    new = collectd.file.with_name("collectd.conf.new")
    new.mkdir()
    assert collectd.replace(collectd.text(interval=20)).code == 0x2001
    new.rmdir()
    collectd.file.with_name("collectd.conf.orig").mkdir()

    assert collectd.replace(collectd.text(interval=20)).code == 0x2005


def test_a_new_file_that_cannot_be_put_in_place_leaves_the_old_one_and_a_daemon_that_runs(
    collectd: Daemon,
) -> None:
    """Somebody cleans the folder just then: the checked file is gone when its turn comes."""
    before, old = collectd.pid(), collectd.file.read_text()
    stop = f'rm {collectd.file}.new; kill "$(cat {collectd.folder}/pid)"'

    done = collectd.replace(collectd.text(interval=20), stop=["/bin/sh", "-c", stop])

    assert done.code == 0x2006, done
    assert "it cannot be put in place" in done.output
    assert collectd.file.read_text() == old
    assert collectd.pid() not in (None, before)


KILLED = """
import sys, threading
from pathlib import Path
from actuator.agent.journal import Journal
from actuator.agent.replace import daemon, service
from actuator.agent.replace.config import Replace
import os, signal
config = Replace.model_validate_json(Path(sys.argv[1]).read_text())
journal = Journal(Path(sys.argv[2]))
made = service.ReplaceService(config, journal)
count = [0]
def point(call):
    def run(*arguments):
        count[0] += 1
        if count[0] == int(sys.argv[4]):
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*arguments)
    return run
for name in ("_prepared", "_checked", "_exchanged", "_stop", "_swap", "_start", "_judged", "_reverted", "_noted"):
    setattr(made, name, point(getattr(made, name)))
made.run("replace", {"config": Path(sys.argv[3]).read_text()}, threading.Event())
"""


@pytest.mark.parametrize(
    ("place", "lives"),
    [*((place, True) for place in range(1, 9)), *((place, False) for place in range(9, 13))],
)
def test_a_kill_at_each_step_ends_with_a_whole_configuration_and_a_daemon_that_runs(
    collectd: Daemon, place: int, *, lives: bool
) -> None:
    """Also while the old one is put back, for the daemon is not healthy with the new one."""
    old, new = collectd.file.read_text(), collectd.text(interval=20)
    health = [] if lives else ["/bin/sh", "-c", f"! grep -q 'Interval 20' {collectd.file}"]
    (collectd.folder / "new").write_text(new)
    fields = {
        name: value
        for name, value in collectd.settings(health=health).model_dump(mode="json").items()
        if value is not None
    }
    fields |= {"stops_within": "3s", "starts_within": "3s", "stays_for": "500ms"}
    (collectd.folder / "settings").write_text(json.dumps(fields))
    collectd.journal.close()
    argv = [
        sys.executable,
        "-c",
        KILLED,
        *(str(collectd.folder / name) for name in ("settings", "agent.db", "new")),
    ]
    ended = subprocess.run([*argv, str(place)], check=False, timeout=30)
    assert ended.returncode == -signal.SIGKILL

    journal = Journal(collectd.folder / "agent.db")
    try:
        told = ReplaceService(collectd.settings(health=health), journal).recover("replace", {}, NEVER)
    finally:
        journal.close()

    assert told is not None
    assert lives or told.code == 0x2007, told
    assert collectd.file.read_text() == (new if told.code == 0 else old), told
    assert poll(lambda: collectd.pid() is not None, 3)
    time.sleep(0.1)
    assert collectd.pid() is not None
