"""Processes are found by what was meant, on real ones; expressions cannot hang us."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from actuator.cli import main as cli
from nodekit import processes
from nodekit.bystanders import bystander, fulfils
from nodekit.finding import Finding, remarks
from nodekit.processes import Process, Scanner, Target, ended, find, usage
from nodekit.regex import Regex

Start = Callable[..., subprocess.Popen[bytes]]
ASLEEP = "import time; time.sleep(60)"


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts Python programs with words of the test's own choice; ends them."""
    running: list[subprocess.Popen[bytes]] = []

    def started(*words: str, program: str = ASLEEP, **more: object) -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-I", "-S", "-c", program, *words]
        running.append(subprocess.Popen(argv, **more))  # type: ignore[call-overload]
        wait(
            lambda: Path(f"/proc/{running[-1].pid}/cmdline").read_bytes().endswith(words[-1].encode() + b"\0")
        )
        return running[-1]

    yield started
    for process in running:
        process.kill()
        process.wait()


def wait(until: Callable[[], object]) -> None:
    end = time.monotonic() + 5
    while not until():
        assert time.monotonic() < end
        time.sleep(0.01)


def pids(target: Target) -> list[int]:
    return [process.pid for process in Scanner({"it": target}).look()["it"]]


def by(text: str, **more: object) -> Target:
    return Target(match=Regex(text), **more)  # type: ignore[arg-type]


def test_a_process_is_found_by_its_command_line_and_is_gone_when_it_is_killed(start: Start) -> None:
    running = start("puma-7181 5.6 (tcp://0.0.0.0:3000) [mastodon]")

    found = find(by(r"puma-7181 .* \[mastodon\]"))

    assert found is not None and found.pid == running.pid
    assert abs(found.began - time.time()) < 5
    assert found.alive and not ended(found, 0.1)
    used = usage(found)
    assert used is not None and used.memory > 1 << 20 and used.cpu < 5

    running.kill()  # not reaped: a zombie

    assert ended(found, 5)
    assert usage(found) is None
    assert find(by("puma-7181")) is None


def test_user_folder_and_parent_tell_processes_of_the_same_name_apart(start: Start, tmp_path: Path) -> None:
    ours, foreign = start("twin-7182", cwd=tmp_path), start("twin-7182")

    assert sorted(pids(by("twin-7182"))) == sorted([ours.pid, foreign.pid])
    assert pids(by("twin-7182", cwd=str(tmp_path))) == [ours.pid]
    assert len(pids(by("twin-7182", user=os.getuid()))) == 2
    assert pids(by("twin-7182", user=os.getuid() + 1)) == []
    assert len(pids(by("twin-7182", parent=Regex("pytest")))) == 2
    assert pids(by("twin-7182", parent=Regex("no-such-parent"))) == []


def test_the_main_process_is_the_oldest_that_no_other_of_them_started(start: Start) -> None:
    forks = "import os, time; os.fork(); time.sleep(60)"
    master = start("forking-7183", program=forks, start_new_session=True)
    wait(lambda: len(pids(by("forking-7183"))) == 2)
    found = pids(by("forking-7183"))

    assert found[0] == master.pid

    master.kill()
    wait(lambda: pids(by("forking-7183")) == found[1:])
    os.kill(found[1], 9)


@pytest.mark.parametrize(
    "line",
    [
        "sh -c puma | logger", "/bin/bash -lc puma", "bash -o pipefail -c puma", "-zsh -c puma", "grep puma", "sudo -u mastodon puma",
        "/bin/sh /usr/local/etc/rc.d/puma restart", "/bin/sh /usr/sbin/service puma restart", "vim puma.rb",
        "/usr/bin/python3 /usr/bin/chainwarden procmatch puma", "chainwarden-agent --config.file puma.yml",
        "systemctl restart puma",
    ],
)  # fmt: skip
def test_what_only_names_a_service_is_no_service(line: str) -> None:
    assert bystander(tuple(line.split(" "))) is not None


@pytest.mark.parametrize(
    "line",
    ["puma 5.6", "/bin/sh /opt/puma/run.sh", "bash -e run.sh -c puma.rb", "python3 -m puma", "bash", "-zsh"],
)
def test_other_programs_are_services(line: str) -> None:
    assert bystander(tuple(line.split(" "))) is None


def test_an_expression_that_names_the_program_finds_it() -> None:
    following = ("tail", "-F", "/var/log/puma.log")

    assert not fulfils(Regex("puma"), following)
    assert fulfils(Regex("^tail -F .*puma"), following)


def test_a_pid_file_is_believed_only_for_the_process_that_it_was_written_for(
    start: Start, tmp_path: Path
) -> None:
    running, file = start("by-file-7185"), tmp_path / "pid"
    scanner = Scanner({"it": Target(pid_file=file)})
    assert scanner.look() == {"it": ()}, "no file"
    file.write_text(f"{running.pid}\n")
    assert [one.pid for one in scanner.look()["it"]] == [running.pid]

    os.utime(file, (time.time() - 3600,) * 2)  # as after a reboot: the process is younger than its file
    assert Scanner({"it": Target(pid_file=file)}).look() == {"it": ()}
    assert pids(by("by-file-7185", pid_file=file)) == [running.pid], (
        "its command line says that it is the one"
    )
    assert pids(by("another", pid_file=file)) == []

    file.write_text("none\n")
    assert scanner.look() == {"it": ()}
    file.write_text(str(os.getpid()))
    assert scanner.look() == {"it": ()}, "we ourselves are no service"


def test_a_pid_that_was_given_to_another_process_is_not_the_service(start: Start, tmp_path: Path) -> None:
    running, file = start("reused-7186"), tmp_path / "pid"
    file.write_text(str(running.pid))
    scanner = Scanner({"it": Target(pid_file=file)})
    assert scanner.look()["it"]
    stamp, pid, ticks = scanner._files["it"]
    scanner._files["it"] = (stamp, pid, ticks - 5)  # the one that was seen first began earlier

    assert scanner.look() == {"it": ()}


def test_identity_is_pid_and_moment(start: Start) -> None:
    start("same-7187")
    running = find(by("same-7187"))

    assert running is not None
    assert running == Process(running.pid, running.ticks, 1, ("renamed",))
    assert not Process(running.pid, running.ticks + 1, 1, ()).alive


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("(", "unclosed group"), ("(?=a)", "look-around"), (r"(a)\1", "backreferences are not supported"),
        ("a{1000}{1000}", "exceeds size limit"), ("a" * 1001, "more than 1000"), ("a*", "matches everything"),
        ("", "matches everything"),
    ],
)  # fmt: skip
def test_wrong_expressions_are_refused(text: str, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Finding(match=text)


def test_no_expression_takes_exponential_time() -> None:
    began = time.process_time()

    assert not Regex("(a+)+$").found_in("a" * 32768 + "!")  # 2^32768 steps where it is tried out

    assert time.process_time() - began < 5


def test_expressions_that_may_not_mean_what_was_meant_are_remarked(start: Start) -> None:
    start("remarked-7188")
    said = remarks({
        "fine": by("remarked-7188$"), "none": by("no such process 7188"), "ours": by("pytest"), "all": by("[a-z/]"),
        "user": by("remarked-7188$", user=os.getuid() + 1),
    })  # fmt: skip

    assert not [line for line in said if line.startswith("fine")]
    assert "none: no process is found now; try `chainwarden procmatch`" in said
    assert any(line.startswith("ours: `match` fits this program's own") for line in said)
    assert any(
        line.startswith("all: `match` fits ") and line.endswith("write more of the line") for line in said
    )
    assert "user: no process is found now; `match` fits, but another condition does not hold" in said


def test_a_pid_file_that_names_nothing_of_the_service_is_remarked_with_the_reason(
    start: Start, tmp_path: Path
) -> None:
    file, running = tmp_path / "x.pid", start("other-7193")

    def told(text: str) -> str:
        file.write_text(text)
        (said,) = remarks({"x": Target(pid_file=file, match=Regex("wanted-7193"))})
        return said.removeprefix("x: no process is found now; ").replace(str(file), "FILE")

    assert told("") == "FILE holds no process id"
    assert told(f"{running.pid}\n") == f"pid {running.pid} in FILE is another process"
    running.kill()
    running.wait()
    assert told(f"{running.pid}\n") == f"pid {running.pid} in FILE is gone"
    assert remarks({"x": Target(pid_file=tmp_path / "no")})[0].endswith("/no: No such file or directory")


@pytest.mark.parametrize("there", [True, False])
def test_without_systemd_what_a_unit_does_is_unknown_and_not_down(
    monkeypatch: pytest.MonkeyPatch, start: Start, there: bool
) -> None:
    monkeypatch.setattr(processes, "systemd_runs", lambda: there)
    running = start("unit-7191")
    scanner = Scanner(
        {"unit": Target(unit="no-such-7191.service"), "match": by("unit-7191"), "none": by("no-7191")}
    )

    found = scanner.look()

    assert [one.pid for one in found["match"]] == [running.pid]
    assert scanner.unknown == ({} if there else {"unit": processes.NO_SYSTEMD})
    (told,) = remarks({"unit": Target(unit="no-such-7191.service")})
    assert told == f"unit: {'no process is found now' if there else processes.NO_SYSTEMD}"


CGROUPS = next((path for path in map(Path, ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")) if (path / "cgroup.procs").exists()), None)  # fmt: skip


@pytest.mark.skipif(
    CGROUPS is None or not os.access(CGROUPS, os.W_OK), reason="control groups are not ours to make"
)
def test_processes_of_a_unit_are_found_by_their_control_group(start: Start) -> None:
    assert CGROUPS is not None
    unit = CGROUPS / "chainwarden-7189.service"
    inner, control = unit / "main", unit / "control"
    for folder in (unit, inner, control):
        folder.mkdir()
    try:
        main, helper = start("unit-7189"), start("unit-7189")
        (inner / "cgroup.procs").write_text(str(main.pid))
        (control / "cgroup.procs").write_text(str(helper.pid))

        assert pids(Target(unit="chainwarden-7189.service")) == [main.pid], (
            "systemd's helpers are not the service"
        )
        assert pids(by("unit-7189", unit="chainwarden-7189.service")) == [main.pid]
        assert pids(by("other", unit="chainwarden-7189.service")) == []
        assert pids(Target(unit="chainwarden-7190.service")) == []
        for process in (main, helper):
            process.kill()
            process.wait()
    finally:
        for folder in (control, inner, unit):
            wait(lambda folder=folder: removed(folder))


def removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return False
    return True


def test_procmatch_shows_what_is_found_and_what_is_left_out(
    start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    running = start("shown-7191 --port 80")
    with subprocess.Popen(["/bin/sh", "-c", "read x; : shown-7191"], stdin=subprocess.PIPE) as shell:
        wait(lambda: b"shown" in Path(f"/proc/{shell.pid}/cmdline").read_bytes())
        code, lines = cli(["procmatch", "shown-7191"]), capsys.readouterr().out.splitlines()

    assert code == 0
    assert [line.split()[:2] for line in lines[1:3]] == [["*", str(running.pid)], ["-", str(shell.pid)]]
    assert lines[1].endswith("shown-7191 --port 80")
    assert "[sh only names it] /bin/sh -c read x" in lines[2]
    assert lines[3] == "1 found, the main one is marked *; 1 left out (-)"
    assert cli(["-o", "json", "procmatch", "shown-7191", "--parent", "pytest"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["pid"], row["parent"], row["main"]) == (running.pid, os.getpid(), True)
    assert cli(["procmatch", "shown-7191", "--parent", "no-such"]) == 1
    assert "[another condition does not hold]" in capsys.readouterr().out
    assert cli(["procmatch", "(shown"]) == 2
    assert capsys.readouterr().err == "chainwarden: match: no regular expression: unclosed group\n"
