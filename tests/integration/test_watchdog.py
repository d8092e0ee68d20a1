"""The watchdog with real processes: what dies comes back once, and what is told is what is there."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from actuator.agent.config import Daemon
from actuator.agent.journal import Journal
from actuator.agent.watch.metrics import ServiceCollector
from actuator.agent.watch.policy import Phase
from actuator.agent.watch.programs import end_marked
from actuator.agent.watch.watchdog import Watchdog
from lab.ports import free_port
from lab.server import poll
from nodekit import processes
from nodekit.processes import Process, Scanner, find


class Host:
    """Services that are `sleep`s, each with a number of its own, and a watchdog over them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.numbers = iter(range(70_000 + os.getpid() % 9000 * 100, 10**9))
        self.daemons: dict[str, Daemon] = {}
        self.fences: dict[str, Callable[[], str | None]] = {}
        self.watchdog: Watchdog | None = None
        self.journal: Journal | None = None

    def add(self, name: str, *, start: str = "sleep {n}", watch: Any = None, **more: Any) -> str:
        """A service; what its process' command line is."""
        line = f"sleep {next(self.numbers)}"
        begin = start.replace("sleep {n}", line)
        self.daemons[name] = Daemon.model_validate({
            "start": {"shell": f"echo x >> {self.folder}/{name}.starts; {begin} & "}, "match": f"^{line}$",
            "timeout": "3s", "kill": True, "watch": {} if watch is None else watch, **more,
        })  # fmt: skip
        return line

    def run(self, **more: Any) -> Watchdog:
        self.journal = Journal(self.folder / "agent.db")
        self.watchdog = Watchdog(self.daemons, self.journal, self.fences, **more)
        self.watchdog.start()
        return self.watchdog

    def end(self, *, clear: bool = False) -> None:
        """End the agent; `clear`: and the starts that are in progress."""
        if self.watchdog is not None and self.journal is not None:
            self.watchdog.stop(5)
            for name in self.daemons if clear else ():
                end_marked(str(self.journal.fact(f"watch/{name}/start")))
            self.journal.close()
            self.watchdog = self.journal = None

    def starts(self, name: str) -> int:
        path = self.folder / f"{name}.starts"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def pid(self, name: str) -> int | None:
        found = find(self.daemons[name].target)
        return None if found is None else found.pid

    def is_up(self, name: str, other_than: int | None = None) -> bool:
        pid = self.pid(name)
        return pid is not None and pid != other_than and self.view(name).main is not None

    def view(self, name: str) -> Any:
        assert self.watchdog is not None
        return self.watchdog.guards[name].view


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path)
    yield made
    made.end(clear=True)
    for name in made.daemons:
        while (pid := made.pid(name)) is not None:
            os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)


@pytest.mark.parametrize("pidfd", [True, False])
def test_what_is_killed_is_started_again_once(host: Host, *, pidfd: bool) -> None:
    host.add("a")
    host.run(pidfd=pidfd)
    assert poll(lambda: host.is_up("a"), 5)
    first = host.pid("a")
    assert first is not None

    os.kill(first, signal.SIGKILL)

    assert poll(lambda: host.is_up("a", first), 5)
    assert host.starts("a") == 2
    assert host.view("a").memory.restarts == 2


def test_a_service_of_several_processes_is_stopped_and_restarted_as_a_whole(host: Host) -> None:
    host.add("a", start="sleep {n} & sleep {n}")
    watchdog = host.run()
    scanner = Scanner({"a": host.daemons["a"].target})
    assert poll(lambda: len(scanner.look()["a"]) == 2 and host.is_up("a"), 5)
    old = scanner.look()["a"]

    assert watchdog.run("a", "restart").output.startswith("started")

    assert poll(lambda: len(scanner.look()["a"]) == 2, 5)
    assert not set(old) & set(scanner.look()["a"])
    assert watchdog.run("a", "stop").code == 0
    assert scanner.look()["a"] == ()


def test_a_restart_by_command_is_told_as_down_while_nothing_runs(host: Host) -> None:
    host.add("a", start="(sleep 1; exec sleep {n})")
    watchdog = host.run()
    assert poll(lambda: host.is_up("a"), 5)
    mover = threading.Thread(target=watchdog.run, args=("a", "restart"))
    mover.start()

    assert poll(lambda: host.pid("a") is None, 3)
    view = watchdog.views()[0]

    assert (view.alive, view.processes, view.phase) == (False, (), Phase.STARTING)
    mover.join()
    assert poll(lambda: watchdog.views()[0].alive, 3)


def test_a_crash_loop_is_counted_exactly_given_up_once_and_armed_again(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    host.add("a", start="sleep 0.05; true || sleep {n}", watch={"restart": {
        "at_most": 3, "within": "60s", "backoff": {"first": "100ms", "most": "300ms"}, "rearm_after": "500ms"}},
        timeout="100ms")  # fmt: skip
    watchdog = host.run()

    assert poll(lambda: host.view("a").phase is Phase.GAVE_UP, 8)
    time.sleep(0.7)
    assert host.starts("a") == 3
    assert "its start failed: started, but no new process was seen" in host.view("a").why
    assert sum(record.getMessage() == "service a: gave up" for record in caplog.records) == 1

    (host.folder / "a.starts").unlink()
    line = str(host.daemons["a"].match).strip("^$").split()
    by_hand = subprocess.Popen(line)
    assert poll(lambda: host.view("a").alive, 3)
    assert host.view("a").memory.gave_up is not None, "on probation"
    assert poll(lambda: host.view("a").phase is Phase.RUNNING, 3)
    assert host.starts("a") == 0
    by_hand.kill()
    by_hand.wait()
    assert poll(lambda: host.starts("a") == 1, 3), "armed again"
    assert watchdog.run("a", "stop").code == 0


def test_a_hung_service_is_killed_and_restarted_when_its_heartbeat_stops(host: Host) -> None:
    beat = host.folder / "beat"
    beat.touch()
    checks = [{"heartbeat": str(beat), "older_than": "600ms", "every": "100ms", "after": "100ms"}]
    host.add("a", watch={"checks": checks}, timeout="300ms")
    host.run()
    assert poll(lambda: host.is_up("a"), 3)
    first = host.pid("a")
    assert first is not None
    os.kill(first, signal.SIGSTOP)

    assert poll(lambda: host.is_up("a", first), 6)
    beat.touch()


def test_a_slow_start_is_no_reason_for_a_second_copy(host: Host) -> None:
    host.add("a", start="(sleep 1.2; exec sleep {n})", timeout="400ms",
             watch={"restart": {"at_most": 2, "backoff": {"first": "100ms"}}})  # fmt: skip
    host.run()

    assert poll(lambda: host.view("a").phase is Phase.GAVE_UP, 8)
    time.sleep(1.5)

    assert host.pid("a") is None, "what came too late was ended, and did not become a service"
    assert host.starts("a") == 2


def test_what_it_started_outlives_the_agent_and_a_start_in_progress_is_taken_over(host: Host) -> None:
    host.add("a", watch={})
    host.add("slow", start="(sleep 1; exec sleep {n})")
    host.run()
    assert poll(lambda: host.is_up("a") and host.starts("slow") == 1, 3)
    first = host.pid("a")

    host.end()
    assert host.pid("a") == first
    host.run()

    assert poll(lambda: host.is_up("slow"), 5)
    assert (host.starts("slow"), host.starts("a"), host.pid("a")) == (1, 1, first)
    assert host.view("slow").memory.restarts == 1


def test_stop_unmonitor_and_counts_are_kept_over_a_restart_of_the_agent(host: Host) -> None:
    for name in ("stopped", "left"):
        host.add(name)
    watchdog = host.run()
    assert poll(lambda: host.is_up("stopped") and host.is_up("left"), 3)
    assert watchdog.run("stopped", "stop").code == 0
    assert "until" in watchdog.run("left", "unmonitor-1h").output
    pid = host.pid("left")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    host.end()

    watchdog = host.run()
    time.sleep(0.5)

    assert (host.pid("stopped"), host.pid("left")) == (None, None)
    assert "state: unmonitored" in watchdog.run("left", "status").output
    assert host.view("left").memory.restarts == 1
    watchdog.run("left", "monitor")
    watchdog.run("stopped", "start")
    assert poll(lambda: host.is_up("stopped") and host.is_up("left"), 3)


def test_dependencies_are_started_before_and_stopped_after_what_needs_them(host: Host) -> None:
    host.add("app", depends_on="db", watch={"follow": True})
    host.add("db")
    watchdog = host.run()
    assert poll(lambda: host.is_up("app") and host.is_up("db"), 5)

    assert watchdog.run("db", "stop").code == 0
    time.sleep(0.3)
    assert (host.pid("app"), host.pid("db")) == (None, None)
    assert watchdog.run("app", "start").code == 0
    app, db = host.pid("app"), host.pid("db")
    assert app is not None
    assert db is not None

    assert watchdog.run("db", "restart").code == 0
    assert poll(lambda: host.is_up("app", app) and host.is_up("db", db), 5)
    db = host.pid("db")
    assert db is not None
    app = host.pid("app")
    os.kill(db, signal.SIGKILL)
    assert poll(lambda: host.is_up("db", db) and host.is_up("app", app), 5), "it follows"
    assert host.view("app").memory.failures == 0


def test_a_producer_that_is_not_fenced_is_given_up_instead_of_started(host: Host) -> None:
    fence: list[str | None] = [None]
    host.add("node")
    host.fences["node"] = lambda: fence[0]
    host.run()
    assert poll(lambda: host.view("node").phase is Phase.GAVE_UP, 3)
    time.sleep(0.3)
    assert host.starts("node") == 0
    assert "pause-on-startup" in host.view("node").why

    fence[0] = "config.ini"

    assert poll(lambda: host.is_up("node"), 3)


def test_a_unit_without_systemd_is_unknown_and_left_alone_and_hides_no_other_service(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "systemd_runs", lambda: False)
    host.add("a")
    count = {"shell": f"echo x >> {host.folder}/unit.starts"}
    for name, watch in (("unit", {}), ("unwatched", None)):
        host.daemons[name] = Daemon.model_validate(
            {"unit": "no-such-7192", "start": count, "watch": watch, "timeout": "300ms"}
        )
    watchdog = host.run()
    assert poll(lambda: host.is_up("a") and host.view("unit").phase is Phase.UNKNOWN, 3)
    time.sleep(1.2)

    asked = [watchdog.run(name, "status") for name in ("unit", "unwatched")]
    registry = CollectorRegistry()
    registry.register(ServiceCollector("h", watchdog.views, {}))
    metrics = generate_latest(registry).decode()

    assert host.starts("unit") == 0, "it may run"
    assert [one.code for one in asked] == [4, 4]
    assert all("systemd does not run here" in one.output for one in asked)
    assert "systemd does not run here" in watchdog.run("unit", "start").output
    assert 'service_up{host="h",service="a"} 1.0' in metrics
    assert 'service_up{host="h",service="unit"}' not in metrics
    assert 'service_up{host="h",service="unwatched"}' not in metrics
    unknown = [line.split()[1] for line in metrics.splitlines() if line.startswith("service_state_unknown{")]
    assert unknown == ["0.0", "1.0", "1.0"], "of a, unit, unwatched"
    assert 'service_monitored{host="h",service="unit"} 1.0' in metrics
    watchdog.run("unit", "unmonitor")
    assert poll(lambda: not host.view("unit").acts, 3), "who left it alone hears no more of it"
    watchdog.run("unit", "monitor")

    monkeypatch.setattr(processes, "systemd_runs", lambda: True)
    assert poll(lambda: host.starts("unit") == 1, 3), "now it is known to be down"
    watchdog.run("unit", "unmonitor")


def test_a_start_that_hangs_delays_no_other_service(host: Host) -> None:
    host.add("hangs", start="sleep 30; sleep {n}")
    host.daemons["hangs"] = Daemon.model_validate(
        {"start": {"shell": "exec sleep 20"}, "match": "^no such process$", "timeout": "3s", "watch": {}}
    )
    host.add("a")
    host.run()
    assert poll(lambda: host.is_up("a"), 3)
    first = host.pid("a")
    assert first is not None

    began = time.monotonic()
    os.kill(first, signal.SIGKILL)
    assert poll(lambda: host.is_up("a", first), 3, every=0.01)

    assert time.monotonic() - began < 2.5, "the start that hangs takes 3 s"


def test_commands_and_the_watchdog_together_never_make_two(host: Host) -> None:
    host.add("a")
    watchdog = host.run()
    assert poll(lambda: host.is_up("a"), 3)
    most, ended = [0], threading.Event()

    def count() -> None:
        while not ended.wait(0.01):
            found = watchdog.guards["a"]._hands.look(time.monotonic())
            most[0] = max(most[0], len(found))

    counter = threading.Thread(target=count)
    counter.start()
    movers = [
        threading.Thread(target=watchdog.run, args=("a", command)) for command in ("start", "restart") * 4
    ]
    for mover in movers:
        mover.start()
        pid = host.pid("a")
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
    for mover in movers:
        mover.join()
    ended.set()
    counter.join()

    assert most[0] == 1
    assert poll(lambda: host.is_up("a"), 3)


def test_a_daemon_in_the_foreground_runs_as_who_and_where_it_is_told(host: Host) -> None:
    line = host.add("a")
    where, words = host.folder / "where", line.split()
    where.mkdir(mode=0o755)
    start = {"argv": words, "foreground": True, "cwd": where, "env": {"COLOUR": "blue"}}
    who = {"user": "nobody"} if os.geteuid() == 0 else {}
    host.daemons["a"] = Daemon.model_validate({
        "start": {**start, **who}, "cwd": where, "match": f"^{line}$", "timeout": "3s", "watch": {}, **who,
    })  # fmt: skip
    watchdog = host.run()
    assert poll(lambda: host.is_up("a"), 3)

    pid = host.pid("a")

    assert b"COLOUR=blue" in Path(f"/proc/{pid}/environ").read_bytes()
    assert os.getsid(pid or 0) == pid, "its own session"
    assert watchdog.run("a", "stop").code == 0


def test_a_service_without_a_process_here_is_watched_by_its_port(host: Host, tmp_path: Path) -> None:
    port = free_port()
    server = f"{sys.executable} -m http.server --bind 127.0.0.1 {port}"
    host.daemons["web"] = Daemon.model_validate({
        "start": {"shell": f"echo x >> {tmp_path}/web.starts; {server} & echo $! > {tmp_path}/web.pid"},
        "stop": {"shell": f"kill $(cat {tmp_path}/web.pid); true"}, "timeout": "2s",
        "watch": {"checks": [{"tcp": f"127.0.0.1:{port}", "every": "100ms"}]},
    })  # fmt: skip
    watchdog = host.run()
    assert poll(lambda: host.starts("web") == 1, 5)
    time.sleep(2.3)
    assert host.view("web").alive

    os.kill(int((tmp_path / "web.pid").read_text()), signal.SIGKILL)

    assert poll(lambda: host.starts("web") == 2, 5)
    assert watchdog.run("web", "stop").code == 0
    assert json.dumps(host.view("web").why)


def test_a_journal_that_cannot_be_written_is_no_reason_to_leave_a_service_dead(host: Host) -> None:
    host.add("a")
    host.run()
    assert poll(lambda: host.is_up("a"), 3)
    first = host.pid("a")
    assert first is not None
    assert host.journal is not None
    host.journal.close()

    os.kill(first, signal.SIGKILL)

    assert poll(lambda: host.is_up("a", first), 3)
    host.journal = Journal(host.folder / "agent.db")


def test_a_random_storm_makes_no_second_copy_and_the_view_follows_the_truth(host: Host) -> None:
    dice = random.Random(6)  # what the world does, the same each time
    names = ["a", "b", "c"]
    limits = {"at_most": 1000, "backoff": {"first": "100ms", "most": "100ms"}}
    for name in names:
        slow = "(sleep 0.3; exec sleep {n})" if name == "b" else "sleep {n}"
        beat = host.folder / name
        beat.touch()
        checks = [{"heartbeat": str(beat), "older_than": "500ms", "every": "100ms", "after": "200ms"}]
        host.add(name, start=slow, timeout="1s", watch={"restart": limits, "checks": checks})
    watchdog = host.run()
    scanner = Scanner({name: host.daemons[name].target for name in names})
    hung: dict[str, Process] = {}
    wrong = dict.fromkeys(names, 0.0)
    longest = most = 0.0
    end, event, before = time.monotonic() + 8.0, time.monotonic() + 1.0, time.monotonic()
    while (now := time.monotonic()) < end:
        found = scanner.look()
        for name in names:
            most = max(most, len(found[name]))
            if found[name] and hung.get(name) != found[name][0]:
                (host.folder / name).touch()  # what hangs writes no heartbeat
            seen, busy = host.view(name), {Phase.STARTING, Phase.STOPPING}
            same = seen.processes == found[name] or seen.phase in busy
            wrong[name] = 0.0 if same else wrong[name] + now - before
            longest = max(longest, wrong[name])
        if now > event and now < end - 2.0:
            event = now + dice.uniform(0.05, 0.4)
            name, kind = dice.choice(names), dice.random()
            if found[name] and kind < 0.6:
                os.kill(found[name][0].pid, signal.SIGKILL)
            elif found[name] and kind < 0.8:
                hung[name] = found[name][0]
                os.kill(found[name][0].pid, signal.SIGSTOP)
            else:
                threading.Thread(target=watchdog.run, args=(name, dice.choice(["start", "restart"]))).start()
        before = now
        time.sleep(0.01)

    assert most == 1
    assert longest < 1.0, "the view is the truth within one interval"
    assert all(host.is_up(name) for name in names)
    assert sum(host.starts(name) for name in names) > 12
