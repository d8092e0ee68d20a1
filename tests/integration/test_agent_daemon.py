"""Start, stop, restart and status of a daemon, by programs of the agent's config."""

import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from actuator.agent.builtin import Outcome
from actuator.agent.config import Daemon
from actuator.agent.journal import Journal
from actuator.agent.watch.config import Step
from actuator.agent.watch.service import DaemonService
from actuator.agent.watch.watchdog import Watchdog
from nodekit.processes import Process, find

NEVER = threading.Event()


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Daemon]:
    pid = tmp_path / "pid"
    made = Daemon.model_validate({
        "start": ["/bin/sh", "-c", f"sleep 4242 & echo $! > {pid}"],
        "stop": ["/bin/sh", "-c", f"kill $(cat {pid})"],
        "pid_file": pid, "match": "sleep 4242", "timeout": "1s",
    })  # fmt: skip
    yield made
    do(made, "stop")


def do(config: Daemon, command: str, fenced: Callable[[], str | None] | None = None) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "agent.db")
        watchdog = Watchdog({"d": config}, journal, {} if fenced is None else {"d": fenced})
        done = DaemonService("d", watchdog).run(command, {}, NEVER)
        journal.close()
    return done


def test_a_daemon_is_started_restarted_and_stopped_once_each(config: Daemon) -> None:
    assert do(config, "status") == Outcome(3, "does not run")
    assert do(config, "start").code == 0
    first = find(config.target)
    assert isinstance(first, Process)
    assert do(config, "start") == Outcome(0, f"runs already, pid {first.pid}")
    assert do(config, "status").output.startswith(f"runs, pid {first.pid}, since 20")

    assert do(config, "restart").code == 0

    assert find(config.target) not in (None, first)
    assert do(config, "stop").code == 0
    assert do(config, "stop") == Outcome(0, "does not run")


def test_a_stale_pid_file_is_not_believed(config: Daemon) -> None:
    assert config.pid_file is not None
    config.pid_file.write_text("1\n")  # a process that runs, and is another program

    assert do(config, "status").code == 3


@pytest.mark.parametrize(
    ("change", "code", "told"),
    [
        ({"start": Step(argv=("/no/such",))}, 127, "/no/such: No such file"),
        ({"start": Step(argv=("/bin/false",))}, 1, "/bin/false ended with 1"),
        ({"start": Step(argv=("/bin/true",)), "timeout": 0.3}, 1, "no new process was seen"),
        ({"start": Step(argv=("/bin/sleep", "9")), "timeout": 0.3}, 124, "took longer"),
    ],
)
def test_a_start_that_fails_says_how(config: Daemon, change: dict[str, object], code: int, told: str) -> None:
    done = do(config.model_copy(update=change), "start")

    assert done.code == code
    assert told in done.output


def test_a_producer_is_started_only_when_its_start_is_fenced(config: Daemon) -> None:
    assert do(config, "start", fenced=lambda: None).code == 1
    assert do(config, "status").code == 3
    assert do(config, "start", fenced=lambda: "config.ini").code == 0
    running = find(config.target)

    assert "might come up producing" in do(config, "restart", fenced=lambda: None).output
    assert find(config.target) == running, "and it is not stopped either"
