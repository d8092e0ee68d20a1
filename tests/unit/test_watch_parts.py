"""Maintenance windows, conditions, what agent.yml may say of the watchdog, the page."""

import os
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from actuator.agent.config import read
from actuator.agent.watch.calendar import Window, open_until, parse_cron, parse_moment
from actuator.agent.watch.checks import Check
from actuator.agent.watch.conditions import Reading, Rule, Streaks, judge
from actuator.agent.watch.config import Daemon
from actuator.agent.watch.policy import Memory, Phase, again
from actuator.agent.watch.remarks import of_maintenance
from actuator.agent.watch.sensors import Sensor
from actuator.agent.watch.view import View, as_json, as_text
from lab.server import poll
from nodekit.processes import Process, everything
from nodekit.settings import ConfigError

LEAST = """
host: h1
topics: {command: cmd/h1, result: res/h1}
journal: agent.db
daemons:
  a:
    start: [t]
"""


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("cron", "moment", "open_"),
    [
        ("0 3 * * 7", "2026-11-22T03:00", True),  # a Sunday
        ("0 3 * * 0", "2026-11-22T04:59", True),
        ("0 3 * * 7", "2026-11-22T05:00", False),
        ("0 3 * * 7", "2026-11-22T02:59", False),
        ("0 3 * * 7", "2026-11-23T03:30", False),
        ("*/15 * 1 * *", "2026-11-01T10:20", True),
        ("0 23 * * *", "2026-11-23T00:30", True),  # over midnight
        ("0 0 13 * 5", "2026-11-20T00:01", True),  # either kind of day is enough: a Friday
        ("0 0 13 * 5", "2026-11-13T00:01", True),
        ("0 0 13 * 5", "2026-11-21T00:01", False),
        ("0 3-5,8 * 1,12 *", "2026-12-09T09:59", True),
    ],
)
def test_a_cron_window_is_open_from_its_minute_for_its_length(cron: str, moment: str, open_: bool) -> None:
    windows = [Window(parse_cron(cron), 7200.0)]

    assert (open_until(windows, at(moment)) is not None) is open_


def test_a_single_window_ends_when_it_says() -> None:
    window = Window(None, 0.0, at("2026-12-01T03:00"), at("2026-12-01T05:00"))

    assert open_until([window], at("2026-12-01T04:00")) == at("2026-12-01T05:00")
    assert open_until([window], at("2026-12-01T05:00")) is None
    assert parse_moment("2026-12-01T03:00:00+09:00") == at("2026-11-30T18:00")


@pytest.mark.parametrize(
    "cron", ["", "* * * *", "60 * * * *", "a * * * *", "*/0 * * * *", "5-2 * * * *", "* 24 * * *"]
)
def test_a_wrong_cron_line_is_refused(cron: str) -> None:
    with pytest.raises(ValueError, match=r"field|within"):
        parse_cron(cron)


RULE = Rule("tcp", "restart", lasts=10.0, after=30.0)


def judged(
    streaks: Streaks, bad: str | None, now: float, process: str = "p", age: float = 100.0
) -> tuple[Streaks, int]:
    made, holding = judge([RULE], {"tcp": Reading(bad, now)}, streaks, process, age, now)
    return made, len(holding)


def test_a_condition_must_hold_without_a_break_and_begins_anew_with_a_new_process() -> None:
    streaks, held = judged(Streaks(), "refused", 0.0)
    assert held == 0
    streaks, held = judged(streaks, "refused", 9.9)
    assert held == 0
    assert judged(streaks, "refused", 10.0)[1] == 1
    assert judged(streaks, "refused", 10.0, process="q")[1] == 0, "another process"
    streaks, _ = judged(streaks, None, 10.0)
    assert judged(streaks, "refused", 19.0)[1] == 0, "it was well in between"


def test_a_new_process_is_left_alone_for_a_time_and_what_is_not_known_counts_for_nothing() -> None:
    streaks, held = judged(Streaks(), "refused", 0.0, age=29.0)
    assert held == 0
    assert not streaks.since

    streaks, _ = judged(Streaks(), "refused", 0.0)
    streaks, holding = judge([RULE], {}, streaks, "p", 100.0, 11.0)
    assert holding == ()
    assert judged(streaks, "refused", 12.0)[1] == 1, "and it is no break either"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("", "how is its process found?"),
        ("    match: '(a'", "agent.yml:8: daemons.a.match: no regular expression"),
        ("    match: '.*'", "matches everything"),
        ("    match: x\n    watch: {checks: [{tcp: 'a:1', http: 'http://a'}]}", "exactly one of"),
        ("    match: x\n    watch: {checks: [{heartbeat: /x}]}", "`older_than` need each other"),
        ("    match: x\n    watch: {checks: [{log: /x, pattern: y, for: 3s}]}", "leave out `for`"),
        ("    match: x\n    watch: {checks: [{memory: 0}]}", "greater than 0"),
        ("    match: x\n    watch: {maintenance: [{cron: '0 3 * * *'}]}", "`cron` with `for`"),
        ("    match: x\n    watch: {maintenance: [{cron: '0 99 * * *', for: 1h}]}", "not within 0 to 23"),
        ("    match: x\n    watch: {maintenance: [{cron: '0 9 1 * *', for: 8d}]}", "write 7d or less"),
        ("    match: x\n    watch: {checks: [{cpu: 9, then: alert}, {cpu: 9}]}", "two checks are `cpu 9.0`"),
        ("    match: x\n    watch: {restart: {retries: 3}}", "need each other"),
        ("    match: x\n    watch: {restart: {backof: 3s}}", "did you mean `backoff`"),
        ("    match: x\n    depends_on: b", "`depends_on` b is not among"),
        ("    match: x\n    depends_on: a", "a → a"),
        ("    match: x\n    stop: {argv: [t], foreground: true}", "`foreground` is for `start`"),
        ("    match: x\n    user: nobody-of-this-name", "there is no user"),
    ],
)
def test_what_is_wrong_with_a_daemon_is_told_with_what_to_write(tmp_path: Path, more: str, told: str) -> None:
    path = tmp_path / "agent.yml"
    path.write_text(LEAST + more + "\n")

    with pytest.raises(ConfigError) as error:
        read(path)

    assert told in str(error.value)


@pytest.mark.parametrize(
    ("style", "start", "stop"),
    [
        ("unit: nginx", ("systemctl", "start", "nginx"), ("systemctl", "stop", "nginx")),
        ("match: x\n    rc: /etc/init.d/x", ("/etc/init.d/x", "start"), ("/etc/init.d/x", "stop")),
    ],
)
def test_units_and_init_scripts_stand_for_programs(
    tmp_path: Path, style: str, start: tuple[str, ...], stop: tuple[str, ...]
) -> None:
    path = tmp_path / "agent.yml"
    path.write_text(LEAST.replace("start: [t]", style))

    made = read(path).daemons["a"]

    assert made.start is not None
    assert made.stop is not None
    assert (made.start.words, made.stop.words) == (start, stop)


def test_only_new_lines_of_a_log_count_also_after_its_rotation(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("dirty\n")
    sensor = Sensor(Check.model_validate({"log": log, "pattern": "dirty"}), 0.0)

    def bad(text: str = "") -> str | None:
        with log.open("a") as file:
            file.write(text)
        reading = sensor.read(None, 0.0)
        assert reading is not None
        return reading.bad

    assert bad() is None, "what stood there before"
    assert bad("dir") is None, "a line that is not whole yet"
    assert bad("ty flag\n") == "line 'dirty flag'"
    assert bad("good\n") is None
    log.rename(tmp_path / "log.1")
    assert bad("dirty again\n") == "line 'dirty again'"


@pytest.mark.parametrize(
    ("windows", "told"),
    [
        ([{"cron": "0 3 * * *", "for": "1h"}], []),
        ([{"start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"}], ["maintenance[0]: it is over"]),
        ([{"cron": "* * * * *", "for": "2m"}], ["for a week from now, without a break"]),
        ([{"cron": "0 0 * * *", "for": "12h"}, {"cron": "0 12 * * *", "for": "12h"}], ["without a break"]),
        ([{"cron": "0 0 * * *", "for": "12h"}, {"cron": "1 12 * * *", "for": "12h"}], []),
    ],
)  # fmt: skip
def test_a_maintenance_that_is_over_or_never_ends_is_remarked(
    windows: list[dict[str, str]], told: list[str]
) -> None:
    daemon = Daemon.model_validate({"start": ["x"], "match": "x", "watch": {"maintenance": windows}})

    said = of_maintenance({"a": daemon}, parse_moment("2026-12-01T05:00:00Z"))

    assert len(said) == len(told)
    assert all(part in line for part, line in zip(told, said, strict=True))


def read_once(process: Process | None = None, **check: object) -> str | None:
    reading = Sensor(Check.model_validate(check), 0.0).read(process, time.time())
    return "nothing is known" if reading is None else reading.bad


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """`/503` answers with that, everything else with 200."""
        self.send_response(503 if self.path == "/503" else 200)
        self.end_headers()
        self.wfile.write(b"block 7")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_addresses_are_asked_for_connection_status_and_text() -> None:
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"127.0.0.1:{server.server_port}"

        assert read_once(tcp=address) is None
        assert read_once(http=f"http://{address}") is None
        assert read_once(http=f"http://{address}", contains="block 7") is None
        assert "does not contain" in str(read_once(http=f"http://{address}", contains="block 8"))
        assert read_once(http=f"http://{address}/503") == "HTTP status 503", "one line, without its page"
        assert read_once(http=f"http://{address}/503", status=[200, 503]) is None
        assert "status 200" in str(read_once(http=f"http://{address}", status=503))
        server.shutdown()

    assert read_once(tcp=address) == "Connection refused"
    assert "refused" in str(read_once(http=f"http://{address}"))


def test_programs_files_and_what_a_process_uses_are_read(tmp_path: Path) -> None:
    own = next(one for one in everything() if one.pid == os.getpid())

    assert read_once(program=["true"]) is None
    assert read_once(program="false") == "ended with 1"
    assert read_once(program=["sleep", "9"], timeout="100ms") == "no end within 0.1 s"
    assert read_once(program="/no/such") == "No such file or directory"
    assert read_once(heartbeat=tmp_path / "none", older_than="1s") == "No such file or directory"
    assert read_once(heartbeat=tmp_path, older_than="1m") is None
    assert read_once(own, memory="1K") is not None
    assert read_once(own, memory="1T") is None
    assert Check.model_validate({"memory": "512M"}).title == "memory 512M"
    assert Check.model_validate({"memory": 1536}).title == "memory 1536"
    assert read_once(None, memory="1K") == "nothing is known"
    assert read_once(own, uptime="52w") is None
    assert "it runs for" in str(read_once(own, uptime="100ms"))


def test_cpu_is_that_between_two_looks_at_one_process() -> None:
    own = next(one for one in everything() if one.pid == os.getpid())
    sensor = Sensor(Check.model_validate({"cpu": 20}), 0.0)
    assert sensor.read(own, 0.0) is None, "one look says nothing"

    def found(*, busy: bool) -> str | None:
        end = time.monotonic() + 0.3
        while busy and time.monotonic() < end:
            pass
        time.sleep(max(0.0, end - time.monotonic()))
        reading = sensor.read(own, 0.0)
        assert reading is not None
        return reading.bad

    # A loaded machine may leave a busy process less than that for a while.
    assert poll(lambda: str(found(busy=True)).endswith(" %"), 60)
    assert poll(lambda: found(busy=False) is None, 60)


def view(**more: object) -> View:
    process = Process(4242, 100, 1, ("x",))
    made = View(
        "<b>", True, True, True, Phase.RUNNING, "", (process,), Memory(restarts=3), seen_at=time.time()
    )
    return replace(made, **more)  # type: ignore[arg-type] - any fields


def test_status_says_what_runs_and_what_the_watchdog_makes_of_it() -> None:
    text = as_text(view(failing=("tcp 127.0.0.1:1: refused",), phase=Phase.SICK, why="tcp"))

    assert text.startswith("runs, pid 4242, since 20")
    assert "state: sick (tcp)" in text
    assert "restarts: 3 in all" in text
    assert "fails: tcp 127.0.0.1:1: refused" in text
    assert as_json(view())["pid"] == 4242


@pytest.mark.parametrize(
    ("memory", "acts"),
    [(Memory(), True), (Memory(monitored=False), False), (Memory(wanted=False), False),
     (again(Memory(monitored=False, until=9.0), 8.9), False), (again(Memory(monitored=False, until=9.0), 9.0), True)],
)  # fmt: skip
def test_that_it_is_unknown_does_not_hide_who_left_it_alone(memory: Memory, acts: bool) -> None:
    assert view(phase=Phase.UNKNOWN, alive=False, memory=memory).acts is acts
