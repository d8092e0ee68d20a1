"""What chainwarden tells by the clock: dead-man, heartbeat, status, reminders, start. Time is the test's."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy import select

from actuator import episodes, steps
from actuator.alert import Alert
from actuator.config import Config
from actuator.configs.sinks import Rota
from actuator.ledger import Ledger
from actuator.message import Note, alert_note, as_arguments, from_arguments, plain
from actuator.metrics import Metrics
from actuator.notify import outbox
from actuator.notify.clockwork import Clockwork
from actuator.notify.metrics import NotifyCollector
from actuator.notify.rota import on_call
from actuator.notify.status import Sample, accounts_of, due_at, jobs_of, listed, nodes_of
from actuator.schema import step
from actuator.step import Lane, State, Step
from lab.hook import Gateway, Said
from tests.unit.notify_bench import TEXTS, opened

EXPORTER = b"""# TYPE antelope_head_block_number gauge
antelope_head_block_number{node="tokyo"} 812
antelope_last_irreversible_block_number{node="tokyo"} 480
antelope_p2p_connections{node="tokyo",direction="in"} 3
antelope_p2p_connections{node="tokyo",direction="out"} 4
antelope_production_paused{node="tokyo"} 0
chainwarden_probe_success{probe="nodeos",target="tokyo"} 1
chainwarden_probe_success{probe="nodeos",target="beijing"} 0
"""
SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    yield from opened(tmp_path)


class Clocked:
    """A clockwork whose time the test sets."""

    def __init__(
        self, ledger: Ledger, folder: Path, notify: dict[str, Any], began: float | None = None, **sink: Any
    ) -> None:
        (folder / "hook").write_text("https://hooks.slack.com/services/T/B/x")
        slack = {"type": "slack", "webhook_url_file": "hook", **sink}
        self.now = began or datetime(2026, 12, 1, 6, 59, tzinfo=SHANGHAI).timestamp()
        self.ledger = ledger
        self.metrics = Metrics(CollectorRegistry())
        config = Config.model_validate(
            {"ledger": "sqlite:///x", "sinks": {"ops": slack}, "notify": notify}, context={"base": folder}
        )
        self.config = config
        self.part = Clockwork(
            config, ledger, self.metrics, wake=lambda: None, watches=dict, clock=lambda: self.now
        )

    def after(self, seconds: float) -> None:
        """Let time pass, then look."""
        self.now += seconds
        self.part.tick()

    def told(self) -> list[Note]:
        """All notes so far."""
        query = select(step.c.arguments).where(step.c.lane == Lane.NOTIFY).order_by(step.c.id)
        rows = self.ledger.read(lambda connection: connection.execute(query).scalars().all())
        return [from_arguments(row) for row in rows]


def test_silence_of_the_watchdog_is_told_once_and_so_is_its_end(ledger: Ledger, tmp_path: Path) -> None:
    clock = Clocked(ledger, tmp_path, {"deadman": {"after": "5m", "notify": "ops"}})
    clock.after(290)
    assert clock.told() == []

    clock.after(20)
    clock.after(600)
    clock.metrics.watchdog_seen("Watchdog", clock.now)
    clock.after(1)
    clock.after(100)

    notes = clock.told()
    assert [(note.kind, note.values["back"], note.urgency) for note in notes] == [
        ("deadman", False, 0),
        ("deadman", True, 1),
    ]
    assert notes[0].values["silent"] == 310.0
    assert "had not come for 15 min" in plain(TEXTS.write(notes[1], "en", clock.now))


def test_a_watchdog_that_comes_keeps_everything_quiet(ledger: Ledger, tmp_path: Path) -> None:
    clock = Clocked(ledger, tmp_path, {"deadman": {"after": "5m", "notify": "ops"}})
    for _ in range(50):
        clock.metrics.watchdog_seen("Watchdog", clock.now)
        clock.after(30)

    assert clock.told() == []


def test_the_heartbeat_goes_out_regularly_and_stops_when_nothing_could_be_told(
    ledger: Ledger, tmp_path: Path
) -> None:
    with Gateway() as outside:
        (tmp_path / "beat").write_text(f"{outside.url}/ping/canary-uuid")
        clock = Clocked(ledger, tmp_path, {"heartbeat": {"url_file": "beat", "every": "1m"}})
        for _ in range(12):
            clock.after(10)
        assert len(outside.calls) == 2
        assert clock.metrics.heartbeat._value.get() > 0

        broken = outbox.SinkState(broken="errcode 93000")
        ledger.write(lambda connection: outbox.keep_state(connection, "ops", broken))
        for _ in range(12):
            clock.after(10)
        assert len(outside.calls) == 2, "the outside switch must notice"


def test_a_heartbeat_that_is_not_taken_names_no_url(
    ledger: Ledger, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Gateway(Said(500, b"canary-uuid")) as outside:
        (tmp_path / "beat").write_text(f"{outside.url}/ping/canary-uuid")
        Clocked(ledger, tmp_path, {"heartbeat": {"url_file": "beat"}}).after(1)

    assert "the heartbeat was not taken: http_status (500)" in caplog.text
    assert "canary" not in caplog.text


def test_the_status_comes_at_7_13_and_19_in_its_own_time_zone_from_the_exporters_data(
    ledger: Ledger, tmp_path: Path
) -> None:
    with Gateway(Said(200, EXPORTER)) as exporter:
        status = {
            "at": ["07:00", "13:00", "19:00"],
            "timezone": "Asia/Shanghai",
            "exporter": exporter.url,
            "notify": "ops",
        }
        clock = Clocked(ledger, tmp_path, {"status": [status]})
        for _ in range(24 * 60):
            clock.after(60)

    notes = clock.told()
    assert [note.values["at"][-5:] for note in notes] == ["07:00", "13:00", "19:00"]
    text = plain(TEXTS.write(notes[0], "en", clock.now))
    assert text.startswith("Status 2026-12-01 07:00: needs attention\nFiring now: nothing"), (
        "beijing is silent"
    )
    assert "tokyo: head 812, LIB 480, peers 7, ACTIVE" in text
    assert "beijing: does not answer" in text


def test_a_status_says_when_the_exporter_cannot_be_read_and_what_fires(
    ledger: Ledger, tmp_path: Path
) -> None:
    status = {"at": "07:00", "timezone": "Asia/Shanghai", "exporter": "http://127.0.0.1:1", "notify": "ops"}
    clock = Clocked(ledger, tmp_path, {"status": [status]})
    fired = Alert("firing", "f", {"alertname": "T", "node": "tokyo"}, {}, 1.0)
    ledger.write(lambda connection: episodes.record(connection, fired, clock.now))
    clock.after(61)

    text = plain(TEXTS.write(clock.told()[0], "en", clock.now))
    assert "needs attention" in text and "connection refused" in text
    (listed,) = clock.told()[0].values["alerts"]
    assert (listed["name"], listed["subject"], listed["quiet"]) == ("T", "tokyo", None)


def test_a_status_that_was_due_while_nothing_ran_is_told_late_and_once(
    ledger: Ledger, tmp_path: Path
) -> None:
    status = {"at": "07:00", "timezone": "Asia/Shanghai", "notify": "ops"}
    before = Clocked(ledger, tmp_path, {"status": [status]})
    before.after(30)  # 06:59:30, then it is killed
    late = Clocked(ledger, tmp_path, {"status": [status]}, began=before.now + 120)
    late.after(2)
    assert late.told() == [], "the groups were not looked at yet"
    late.after(20)
    again = Clocked(ledger, tmp_path, {"status": [status]}, began=late.now + 60)
    again.after(20)

    assert [note.values["at"] for note in late.told()] == ["2026-12-01 07:00"]


def test_what_alertmanager_has_not_said_for_long_is_not_told_as_a_fact(
    ledger: Ledger, tmp_path: Path
) -> None:
    status = {"at": "13:00", "timezone": "Asia/Shanghai", "notify": "ops"}
    clock = Clocked(ledger, tmp_path, {"status": [status]}, remind="2h")
    alert = Alert("firing", "f", {"alertname": "T", "severity": "critical", "node": "a"}, {}, clock.now)
    told_to(ledger, clock.now, alert)

    for _ in range(7 * 60):
        clock.after(60)

    reminders = [note for note in clock.told() if "reminder" in note.values]
    assert [note.values["reminder"] for note in reminders] == [1, 2], "none after five hours of silence"
    text = plain(TEXTS.write(clock.told()[-1], "en", clock.now))
    assert "T a (critical), since 2026-11-30 22:59:00 UTC, not reported for 6.0 h" in text


def test_an_alert_that_is_repeated_goes_on_being_reminded_of(ledger: Ledger, tmp_path: Path) -> None:
    clock = Clocked(ledger, tmp_path, {}, remind="2h")
    alert = Alert("firing", "f", {"alertname": "T", "severity": "critical", "node": "a"}, {}, clock.now)
    told_to(ledger, clock.now, alert)

    for minute in range(7 * 60):
        if minute % 60 == 0:
            ledger.write(lambda connection: episodes.record(connection, alert, clock.now))
        clock.after(60)

    reminders = [note for note in clock.told() if "reminder" in note.values]
    assert [note.values["reminder"] for note in reminders] == [1, 2, 3]
    assert clock.now - reminders[-1].values["heard_at"] < 2 * 3600 + 120
    assert "Last reported by Alertmanager: 2026-12-01 0" in plain(TEXTS.write(reminders[-1], "en", clock.now))


def told_to(ledger: Ledger, now: float, alert: Alert) -> None:
    """Record an alert, and that sink `ops` was told it."""
    placed = ledger.write(lambda connection: episodes.record(connection, alert, now))
    one = Step(
        f"k{alert.fingerprint}", "slack", outbox.target("ops"), "r", Lane.NOTIFY,
        as_arguments("ops", alert_note(alert)), episode=placed.episode,
    )  # fmt: skip
    ledger.write(lambda connection: steps.add(connection, one, now))
    ids = ledger.read(lambda connection: connection.execute(select(step.c.id)).scalars().all())
    ledger.write(lambda connection: outbox.close(connection, ids, State.OK, "delivered", now))


@pytest.mark.parametrize(
    ("since", "now", "due"),
    [
        ("2026-03-29 01:59", "2026-03-29 03:31", "02:30"),  # the hour that summer time leaves out
        ("2026-10-25 02:29", "2026-10-25 02:31", "02:30"),
        ("2026-12-01 02:30", "2026-12-01 23:00", None),
        ("2026-11-30 23:00", "2026-12-01 02:30", "02:30"),
    ],
)
def test_a_time_of_day_is_due_once_also_when_the_clock_is_moved(
    since: str, now: str, due: str | None
) -> None:
    zone = ZoneInfo("Europe/Berlin")
    moments = [datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() for text in (since, now)]

    found = due_at(["02:30"], zone, *moments)

    assert (None if found is None else f"{found:%H:%M}") == due


def test_a_critical_alert_that_goes_on_is_told_again_and_a_resolved_one_is_not(
    ledger: Ledger, tmp_path: Path
) -> None:
    clock = Clocked(ledger, tmp_path, {}, remind="4h")
    for name, severity in (("on", "critical"), ("over", "critical"), ("mild", "warning")):
        alert = Alert("firing", name, {"alertname": "T", "severity": severity, "node": name}, {}, 1.0)
        placed = ledger.write(lambda connection, alert=alert: episodes.record(connection, alert, clock.now))  # type: ignore[misc]
        one = Step(
            f"k{name}",
            "slack",
            outbox.target("ops"),
            "r",
            Lane.NOTIFY,
            as_arguments("ops", alert_note(alert)),
            episode=placed.episode,
        )
        ledger.write(lambda connection, one=one: steps.add(connection, one, clock.now))  # type: ignore[misc]
    ids = ledger.read(lambda connection: connection.execute(select(step.c.id)).scalars().all())
    ledger.write(lambda connection: outbox.close(connection, ids, State.OK, "delivered", clock.now))
    over = Alert("resolved", "over", {"alertname": "T"}, {}, 1.0)
    ledger.write(lambda connection: episodes.record(connection, over, clock.now))

    on = Alert("firing", "on", {"alertname": "T"}, {}, 1.0)
    for _ in range(9 * 60):
        ledger.write(lambda connection: episodes.record(connection, on, clock.now))
        clock.after(60)

    again = [note for note in clock.told() if "reminder" in note.values]
    assert [(note.values["labels"]["node"], note.values["reminder"]) for note in again] == [
        ("on", 1),
        ("on", 2),
    ]
    assert TEXTS.write(again[0], "en", clock.now).title == "[STILL FIRING] T on (critical)"


def test_the_watchdog_of_another_actuator_counts_too(ledger: Ledger, tmp_path: Path) -> None:
    """Alertmanager may send it to one of two, or to the one that died a moment ago."""
    clock = Clocked(ledger, tmp_path, {"deadman": {"after": "5m", "notify": "ops"}})
    for _ in range(40):
        ledger.write(lambda connection: episodes.watchdog_came(connection, clock.now))
        clock.after(30)
    assert clock.told() == []

    other = Clocked(ledger, tmp_path, {"deadman": {"after": "5m", "notify": "ops"}}, began=clock.part._began)
    clock.after(310)
    other.now = clock.now
    other.after(1)

    assert [note.values["back"] for note in clock.told()] == [False], "both tell the same message"


def test_the_start_is_told_to_whom_the_configuration_names(ledger: Ledger, tmp_path: Path) -> None:
    clock = Clocked(ledger, tmp_path, {"started": ["ops"]})

    clock.part._tell_started()

    assert [note.kind for note in clock.told()] == ["started"]
    assert clock.told()[0].values["sinks"] == ["ops"]


def test_the_rota_turns_at_its_own_hour() -> None:
    rota = Rota.model_validate(
        {"members": ["a", "b", "c"], "start": "2026-11-02T09:00", "turn": "1w", "timezone": "Asia/Tokyo"}
    )
    at = [
        datetime(2026, 11, day, hour, tzinfo=ZoneInfo("Asia/Tokyo")).timestamp()
        for day, hour in ((1, 0), (2, 9), (9, 8), (9, 9), (23, 9))
    ]

    assert [on_call(rota, moment) for moment in at] == ["a", "a", "a", "b", "a"]


def test_nodes_without_a_value_are_unknown() -> None:
    assert nodes_of([Sample("chainwarden_probe_success", {"probe": "nodeos", "target": "x"}, 0.0)]) == [
        {"name": "x", "up": False, "head": None, "lib": None, "peers": None, "paused": None}
    ]
    assert accounts_of([Sample("other", {}, 1.0)]) == []


def test_jobs_are_named_with_their_newest_run_the_longest_silent_first() -> None:
    samples = []
    for number, (run, age) in {"1": (1234567, 41.0), "2": (None, None), "3": (8, 7300.0)}.items():
        labels = {"oracle": "plugin", "job_name": f"feed {number}", "job_id": number}
        samples.append(Sample("oracle_job_info", {**labels, "kind": "fluxmonitor"}, 1.0))
        if run is not None and age is not None:
            samples += [
                Sample("oracle_job_last_run_id", labels, run),
                Sample("oracle_round_age_seconds", labels, age),
            ]
    many = [
        Sample("oracle_job_info", {"oracle": "p", "job_name": f"{n:02d}", "job_id": str(n)}, 1.0)
        for n in range(42)
    ]

    assert [(row["job_name"], row["run_id"], row["age"]) for row in jobs_of(samples)] == [
        ("feed 2", None, None), ("feed 3", 8, 7300.0), ("feed 1", 1234567, 41.0),
    ]  # fmt: skip
    shown = listed(many)
    assert (len(shown["jobs"]), shown["left_out"]) == (40, {"jobs": 2})


def test_the_state_of_each_sink_is_a_metric(ledger: Ledger, tmp_path: Path) -> None:
    clock = Clocked(ledger, tmp_path, {"started": ["ops"]})
    clock.part._tell_started()
    registry = CollectorRegistry()
    registry.register(NotifyCollector(clock.config.sinks, ledger))

    before = generate_latest(registry).decode()
    ledger.write(
        lambda connection: outbox.keep_state(
            connection, "ops", outbox.SinkState(broken="x", last_success=5.0)
        )
    )
    after = generate_latest(registry).decode()

    assert 'chainwarden_notifications_pending{sink="ops"} 1.0' in before
    assert "last_success_timestamp_seconds{" not in before
    assert 'chainwarden_notifications_last_success_timestamp_seconds{sink="ops"} 5.0' in after
    assert 'chainwarden_sink_broken{sink="ops"} 1.0' in after


def test_balances_are_listed_with_their_token() -> None:
    labels = {"network": "xdc", "name": "node", "asset": "PLI"}

    found = accounts_of([Sample("evm_account_balance", labels, 3.25)])

    assert found == [{**labels, "balance": 3.25, "runway": None}]


def test_jobs_and_services_are_listed_each_by_its_own_labels() -> None:
    job = {"oracle": "plugin", "job_name": "feed 1", "job_id": "7"}
    up = [Sample("service_up", {"host": "h", "service": f"s{number}"}, 1.0) for number in range(60)]
    samples = [
        Sample("oracle_job_last_run_id", job, 11.0),
        Sample("oracle_round_age_seconds", job, 41.0),
        Sample("service_up", {"host": "h", "service": "zzz"}, 0.0),
        Sample("service_state_unknown", {"host": "h", "service": "zzz"}, 0.0),
        Sample("service_state_unknown", {"host": "h", "service": "unseen"}, 1.0),
        *up,
    ]

    shown = listed(samples)
    assert shown["jobs"] == [{**job, "known": None, "run_id": 11.0, "age": 41.0, "errors": None}]
    assert [(one["service"], one["up"]) for one in shown["services"]] == [("unseen", None), ("zzz", 0.0)]
    assert shown["services_up"] == 60
