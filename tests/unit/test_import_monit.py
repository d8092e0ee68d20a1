"""Monit's control files become agent.yml; what does not is told with its line."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from actuator.agent.config import read
from actuator.agent.monit.statements import statements
from actuator.agent.monit.translate import Translation, translate
from actuator.cli import main

MONITRC = """\
set daemon 30
set log syslog
set httpd port 2812 and
  allow 127.0.0.1
  allow admin:hunter2 # secret
include {folder}/monit.d/*
"""
MASTODON = """\
check process mastodon-puma with matching "puma .* \\[mastodon\\]"
  start program = "/usr/sbin/service mastodon-web restart" with timeout 60 seconds
  stop program = "/usr/sbin/service mastodon-web stop"

check process mastodon-sidekiq with matching "sidekiq .* mastodon"
  start program = "/usr/sbin/service mastodon-sidekiq restart" with timeout 60 seconds
  stop program = "/usr/sbin/service mastodon-sidekiq stop"
"""


@pytest.fixture
def monitrc(tmp_path: Path) -> Path:
    """The control files of an ordinary site, as its author published them."""
    (tmp_path / "monit.d").mkdir()
    (tmp_path / "monit.d" / "mastodon").write_text(MASTODON)
    path = tmp_path / "monitrc"
    path.write_text(MONITRC.format(folder=tmp_path))
    return path


def translated(text: str, cores: int = 4) -> Translation:
    return translate(statements("rc", text), cores)


def daemon(more: str) -> dict[str, Any]:
    made = translated(f'check process it with pidfile /run/it.pid\n start = "/bin/it start"\n{more}\n')
    return made.daemons["it"]


def said(more: str) -> list[str]:
    made = translated(f'check process it with pidfile /run/it.pid\n start = "/bin/it start"\n{more}\n')
    return [str(remark) for remark in made.remarks if remark.line > 2]


def test_the_files_of_a_site_become_an_agent_yml_that_is_valid(
    monitrc: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "agent.yml"

    assert main(["import-monit", str(monitrc), "-o", str(target)]) == 0

    told = capsys.readouterr().err
    assert (
        f"{monitrc}:3: NOT TRANSLATED: `set httpd`: write `listen` and, for the buttons of the agent's page, `operators`"
        in told
    )
    assert "hunter2" not in told + target.read_text()
    assert told.endswith("2 daemons; 1 statements are not translated\n")
    found = read(target).daemons
    assert list(found) == ["mastodon-puma", "mastodon-sidekiq"]
    puma = found["mastodon-puma"]
    assert (puma.match, puma.timeout) == (r"puma .* \[mastodon\]", 60.0)
    assert puma.start is not None and puma.start.words == ("/usr/sbin/service", "mastodon-web", "restart")
    assert puma.stop is not None and puma.stop.words == ("/usr/sbin/service", "mastodon-web", "stop")
    assert puma.watch is not None
    assert f"# {tmp_path}/monit.d/mastodon:1\n" in target.read_text()

    assert main(["import-monit", str(monitrc), "-o", str(target)]) == 1
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("statement", "key", "value"),
    [
        ("stop program '/bin/it stop'", "stop", ["/bin/it", "stop"]),
        ('stop = "/bin/sh -c \'a; b\'" as uid www with timeout 2 minutes', "stop",
         {"argv": ["/bin/sh", "-c", "a; b"], "user": "www", "timeout": "120s"}),
        ('restart program "/bin/it again"', "restart", ["/bin/it", "again"]),
        ("IF 3 RESTARTS WITHIN 5 CYCLES THEN unmonitor", "watch", {"restart": {"at_most": 3, "within": "150s"}}),
        ("if does not exist then restart", "watch", {}),
        ("if failed port 8080 for 3 cycles then restart", "watch",
         {"checks": [{"tcp": "127.0.0.1:8080", "timeout": "5s", "for": "90s"}]}),
        ("if failed host h port 80 protocol http and request '/x'\n with timeout 9 seconds then alert", "watch",
         {"checks": [{"http": "http://h:80/x", "timeout": "9s", "then": "alert"}]}),
        ("if cpu > 80% for 5 cycles then restart", "watch", {"checks": [{"cpu": 320.0, "for": "150s"}]}),
        ("if totalmem > 200.5 MB then stop", "watch", {"checks": [{"memory": "200.5M", "then": "stop"}]}),
        ("if uptime > 3 days then restart", "watch", {"checks": [{"uptime": "3d"}]}),
    ],
)  # fmt: skip
def test_a_statement_becomes_its_key(statement: str, key: str, value: object) -> None:
    assert daemon(statement)[key] == value


@pytest.mark.parametrize("statement", ["mode manual", "mode passive", "if not exist then alert"])
def test_what_monit_only_alerts_of_is_not_started(statement: str) -> None:
    assert "watch" not in daemon(statement)
    assert len(said(statement)) == 1


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("if failed port 53 type udp then restart", "connections are made over TCP"),
        ("if failed unixsocket /tmp/x then restart", "there is no such condition"),
        ("if memory usage > 10% then restart", "write `memory: 512M`"),
        ("if children > 250 then restart", "`processes: [least, most]`"),
        ("if cpu > 80% then exec '/bin/x'", "`then exec`"),
        ("if 3 restarts within 5 cycles then exec '/bin/x'", "the alert ServiceGaveUp tells it"),
        ("alert ops@example.org", "messages are the actuator's"),
        ("not every '* 0-3 * * 0'", "write `maintenance`"),
        ("depends on other", "other, which is not among the daemons"),
        ('stop program = "/bin/sh -c \'x"', "No closing quotation"),
    ],
)
def test_what_is_not_translated_is_told_with_its_line(statement: str, why: str) -> None:
    made = translated(f'check process it with pidfile /run/it.pid\n start = "/bin/it"\n\n{statement}\n')
    (told,) = [remark for remark in made.remarks if remark.lost]

    assert told.line == (1 if statement.startswith("depends") else 4)
    assert str(told).startswith(f"rc:{told.line}: NOT TRANSLATED: `") and why in str(told)


def test_checks_of_other_kinds_are_told_with_every_line() -> None:
    made = translated(
        'check host web with address 10.0.0.1\n if failed port 80 then alert\n'
        'check process a matching "a"\n start "/bin/a"\n depends on b\n'
        'check process b matching "b(?=c)"\n start "/bin/b"\n'
        'check process c matching "c"\n'
    )  # fmt: skip

    assert [remark.line for remark in made.remarks if remark.lost] == [1, 2, 6, 7, 8, 3]
    assert list(made.daemons) == ["a"] and "depends_on" not in made.daemons["a"]
    assert "look-around" in str(made.remarks[2])


def test_dependencies_and_names_are_kept() -> None:
    made = translated(
        'check process a/b matching "a" start "/bin/a" stop "/bin/b"\n'
        'check process c matching "c"\n start "/bin/c"\n depends on a/b\n'
    )

    assert made.daemons["c"]["depends_on"] == ["a-b"]
    assert made.daemons["a-b"]["stop"] == ["/bin/b"]


def test_a_dollar_sign_stays_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "monitrc"
    path.write_text('check process a matching "^a \\$X$"\n start "/bin/a $HOME"\n')

    main(["import-monit", str(path)])

    written = capsys.readouterr().out
    assert yaml.safe_load(written)["daemons"]["a"]["match"] == r"^a \$$X$$"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('check process a matching "b\n', ":1: a quotation mark is not closed"),
        ("hello world\n", ":1: `hello` begins no statement of Monit"),
        ("set daemon 30\n", "no `check process` is translated"),
    ],
)
def test_what_is_no_control_file_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, told: str
) -> None:
    path = tmp_path / "monitrc"
    path.write_text(text)

    assert main(["import-monit", str(path)]) == 1

    captured = capsys.readouterr()
    assert told in captured.err and captured.out == ""


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import-monit", str(tmp_path / "none")]) == 1

    assert "No such file" in capsys.readouterr().err
