"""An agent that is killed at any step of a replacement, and started again, with a real collectd and a real broker.

The programs that the agent is told to run kill it, so that it dies exactly there; other kills come at any time.
"""

import itertools
import json
import os
import signal
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from actuator.remote.wire import NOT_REPLACED, RECOVERED
from lab.binaries import debian
from lab.mosquitto import Mosquitto
from lab.server import poll
from lab.stack import Program
from lab.talk import Talk

PROGRAM = """\
#!/bin/sh
# $1: check FILE, stop, start or health. Where `at` says so, the agent dies, and this program with it.
cd {folder} || exit 1
name() {{ sed -n 's/^Hostname "\\(.*\\)"/\\1/p' collectd.conf; }}
at() {{ if [ "$(cat at 2>/dev/null)" = "$1 $(name)" ]; then rm at; kill -9 "$PPID"; exit 1; fi; }}
at "$1"
case "$1" in
check) exec {collectd} -T -C "$2" ;;
stop) kill "$(cat pid)"; while kill -0 "$(cat pid 2>/dev/null)" 2>/dev/null; do sleep 0.02; done; at stopped ;;
start) {collectd} -C collectd.conf || exit 1; at started ;;
health) case "$(name)" in bad*) exit 1 ;; esac ;;
esac
"""


@dataclass
class Host:
    """A broker, a collectd, an agent that replaces its configuration, and who asks for that."""

    folder: Path
    agent: Program
    talk: Talk
    names: Iterator[int] = field(default_factory=itertools.count)

    @property
    def file(self) -> Path:
        return self.folder / "collectd.conf"

    def text(self, name: str) -> str:
        """A configuration by which collectd writes into a folder of this name.

        A relative one: collectd refuses to write below folders whose names begin with a dot.
        """
        return textwrap.dedent(f"""\
            Hostname "{name}"
            FQDNLookup false
            BaseDir "{self.folder}"
            PIDFile "{self.folder}/pid"
            Interval 0.1
            LoadPlugin load
            LoadPlugin csv
            <Plugin csv>
              DataDir "csv"
            </Plugin>
            """)

    def replace(self, name: str) -> int:
        """Ask for a configuration; the task_id."""
        number = next(self.names)
        wish = {"task_id": number, "timestamp": f"t{number}", "config": self.text(name)}
        self.talk.raw(json.dumps(wish).encode())
        return number

    def again(self) -> None:
        """Start the agent anew after its death."""
        self.agent.kill9()
        self.agent.start()

    def daemons(self) -> list[int]:
        """Every collectd of this host that is no check."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                here = entry.name.isdigit() and (entry / "cwd").readlink() == self.folder
            except OSError:
                continue
            if here and words[0].endswith(b"collectd") and b"-T" not in words:
                found.append(int(entry.name))
        return found

    def writes_as(self) -> set[str]:
        """The names in whose folders collectd writes from now on."""
        aside = self.folder / f"csv-{next(self.names)}"
        (self.folder / "csv").rename(aside)
        poll(lambda: bool(list(self.folder.glob("csv/*/load/*"))), 5)
        return {path.name for path in (self.folder / "csv").iterdir()}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    folder = tmp_path_factory.mktemp("host")
    program = folder / "program"
    program.write_text(PROGRAM.format(folder=folder, collectd=debian("collectd")))
    program.chmod(0o755)
    with Mosquitto(folder / "broker") as broker:
        agent = Program("agent", "actuator.agent", folder / "agent", configuration(folder, broker.port))
        with agent, Talk(broker.port, "cmd/h1", "res/h1") as talk:
            made = Host(folder, agent, talk)
            made.file.write_text(made.text("first"))
            assert os.spawnl(os.P_WAIT, str(program), "program", "start") == 0
            try:
                assert poll(lambda: bool(list(folder.glob("csv/first/load/*"))), 5)
                yield made
            finally:
                for pid in made.daemons():
                    os.kill(pid, signal.SIGKILL)


def configuration(folder: Path, port: int) -> dict[str, Any]:
    program = str(folder / "program")
    return {
        "host": "h1",
        "mqtt": {"host": "127.0.0.1", "port": port},
        "topics": {"command": "cmd/h1", "result": "res/h1"},
        "journal": str(folder / "agent.db"),
        "replace": {
            "file": str(folder / "collectd.conf"),
            "check": [program, "check", "{file}"],
            "collectd": True,
            "stop": [program, "stop"],
            "start": [program, "start"],
            "health": [program, "health"],
            "pid_file": str(folder / "pid"),
            "match": "collectd",
            "stops_within": "5s",
            "starts_within": "5s",
            "stays_for": "200ms",
        },
    }


@pytest.mark.parametrize(
    ("step", "new", "code"),
    [
        ("check OLD", "good", NOT_REPLACED),
        ("stop OLD", "good", NOT_REPLACED),
        ("stopped OLD", "good", NOT_REPLACED),
        ("start NEW", "good", 0),
        ("started NEW", "good", 0),
        ("health NEW", "good", 0),
        ("health NEW", "bad", RECOVERED),
        ("stop NEW", "bad", RECOVERED),
        ("stopped NEW", "bad", RECOVERED),
        ("start OLD", "bad", RECOVERED),
        ("started OLD", "bad", RECOVERED),
        ("health OLD", "bad", RECOVERED),
    ],
)
def test_a_kill_at_a_step_ends_with_the_old_or_the_new_configuration_running(
    host: Host, step: str, new: str, code: int
) -> None:
    """`bad`: the daemon is not healthy with it, so that the old one is put back."""
    before = host.file.read_text()
    old, name = before.split('"')[1], f"{new}{next(host.names)}"
    (host.folder / "at").write_text(step.replace("OLD", old).replace("NEW", name))

    number = host.replace(name)
    assert poll(lambda: host.agent.exit_code == -signal.SIGKILL, 20), "the step was never reached"
    host.again()
    told = host.talk.wait(number, 20)

    assert told["code"] == code, told
    wanted = name if code == 0 else old
    assert host.file.read_text() == host.text(wanted)
    assert host.writes_as() == {wanted}
    assert len(host.daemons()) == 1
    assert len(host.talk.of(number)) == 1


@pytest.mark.parametrize("moment", [0.05, 0.2, 0.4, 0.6, 0.8])
def test_a_kill_at_any_time_ends_with_the_old_or_the_new_configuration_running(
    host: Host, moment: float
) -> None:
    """Between the steps: at about this share of the time that a replacement takes."""
    old = f"good{next(host.names)}"
    began = time.monotonic()
    host.talk.wait(host.replace(old), 20)
    takes, name = time.monotonic() - began, f"good{next(host.names)}"

    number = host.replace(name)
    time.sleep(takes * (moment + Random(moment).uniform(0.0, 0.1)))
    host.again()
    told = host.talk.wait(number, 20)

    assert told["code"] in (0, NOT_REPLACED), told
    wanted = name if told["code"] == 0 else old
    assert host.file.read_text() == host.text(wanted)
    assert host.writes_as() == {wanted}
    assert len(host.daemons()) == 1
