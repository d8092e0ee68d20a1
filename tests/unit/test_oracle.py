"""What follows from an oracle node's answers: counting, thresholds, quoting, what is kept on disk."""

from pathlib import Path

import pytest

from exporter.collector import CollectorError
from exporter.collectors.jobs import JobsSource
from exporter.configs.oracle import Oracle
from exporter.oracle.answer import Answer, ErrorRow, Finished, Job, Spec
from exporter.oracle.duty import limit, period
from exporter.oracle.memory import Memory, fold
from exporter.oracle.memoryfile import MemoryFile
from exporter.oracle.quote import LENGTH, quote
from exporter.oracle.schema import NotGrantedError, UnknownSchemaError, schema_of
from nodekit.http import Reason

JOB = Job(1, "a", "fluxmonitor", 10.0, 101, 1, 30.0)


def answer(now: float, rows: dict[int, ErrorRow] | None = None, failed: tuple[int, ...] = ()) -> Answer:
    return Answer(
        now, (JOB,), finished={101: Finished(9, now - 1, now - 1, None, failed)}, open={}, errors=rows or {}
    )


@pytest.mark.parametrize(
    ("schedule", "seconds"),
    [
        ("@every 1h30m", 5400),
        ("@every 500ms", 0.5),
        ("CRON_TZ=UTC @hourly", 3600),
        ("@daily", 86400),
        ("CRON_TZ=UTC 0 */5 * * * *", 300),
        ("CRON_TZ=UTC */5 * * * *", 300),
        ("CRON_TZ=Asia/Tokyo * * * * * ?", 1),
        ("CRON_TZ=UTC 10,40 * * * *", 1800),
        ("CRON_TZ=UTC 0 5/20 * * * *", 1200),
        ("CRON_TZ=UTC 0 0 6-18/4 * * *", 43200),
        ("CRON_TZ=UTC 0 30 2 * * *", 86400),
        ("CRON_TZ=UTC 0 */45 * * * *", 2700),
        ("CRON_TZ=UTC 0 0 0 * * 1", None),
        ("CRON_TZ=UTC 0 0 24 * * *", None),
        ("CRON_TZ=UTC 0 */0 * * * *", None),
        ("CRON_TZ=UTC 0 x * * * *", None),
        ("@every soon", None),
    ],
)
def test_a_drumbeat_is_read_where_it_is_a_period(schedule: str, seconds: float | None) -> None:
    assert period(schedule) == seconds


def test_the_shorter_timer_and_the_longest_task_make_the_threshold() -> None:
    assert limit(JOB, Spec("c", 3600.0, "@every 10m"), 1.0) == 600 + 30 + 60
    assert limit(JOB, Spec("c", 3600.0, "0 0 0 1 * *"), 1.0) == 3600 + 30 + 60
    assert limit(JOB, Spec("c", None, "0 */10 * * * *", 45.0), 1.0) == 600 + 45 + 30 + 60
    assert limit(JOB, Spec("c", None, None), 42.0) == 42.0
    assert limit(Job(2, "b", "directrequest", 0, 2, None, None), None, 42.0) is None


def test_what_was_there_at_first_is_old_and_everything_later_is_news() -> None:
    first = fold(Memory(), answer(1000.0, {5: ErrorRow(1, 3, 700.0, "x")}, failed=(7,)), 1010.0)
    again = fold(first, answer(1001.0, {5: ErrorRow(1, 4, 1001.0, "x")}, failed=(7, 8)), 1011.0)

    assert (first.jobs[1].errors, first.jobs[1].noticed, first.jobs[1].failed) == (3, 710.0, 0)
    assert (again.jobs[1].errors, again.jobs[1].noticed, again.jobs[1].failed) == (4, 1011.0, 1)


class Slow:
    """A database that never answers in time, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[float, float, float | None]] = []

    def ask(self, since: float, fresh: float, timeout: float | None = None) -> object:
        self.asked.append((since, fresh, timeout))
        raise CollectorError(Reason.TIMEOUT, "slow")

    def close(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize(
    ("memory", "first", "then"),
    [
        (Memory(), (0.0, 1e6 - 3600), (1e6 - 86400 + 5, 1e6 - 3600 + 5)),
        (Memory(5e5, 4e5), (4e5 - 120, 4e5 - 120), (1e6 - 86400 + 5, 1e6 - 86400 + 5)),
        (Memory(999_990.0, 999_980.0), (999_860.0, 999_860.0), (999_860.0, 999_860.0)),
    ],
)
def test_a_first_look_has_more_time_and_reads_a_day_when_all_takes_too_long(
    tmp_path: Path, memory: Memory, first: tuple[float, float], then: tuple[float, float]
) -> None:
    """Also after the exporter was down for long: what it missed may be much."""
    file, database = MemoryFile(tmp_path / "m"), Slow()
    file.save(memory)
    (tmp_path / "dsn").write_text("postgresql://")
    oracle = Oracle.model_validate({"database": {"dsn_file": str(tmp_path / "dsn")}, "first_timeout": "9s"})
    source = JobsSource("p", oracle, database, file)  # type: ignore[arg-type]
    for now in (1e6, 1e6 + 5):
        with pytest.raises(CollectorError):
            list(source.observe(now))

    assert database.asked == [(*first, 9.0), (*then, 9.0)]


def test_a_database_that_was_made_anew_brings_other_jobs() -> None:
    known = fold(Memory(), answer(1000.0), 1000.0)
    other = Answer(
        1100.0, (Job(1, "a", "fluxmonitor", 1050.0, 101, 1, None),), finished={}, open={}, errors={}
    )

    assert fold(known, other, 1100.0).jobs[1].last_run is None


def test_a_memory_survives_and_a_broken_file_is_left_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "new" / "jobs-plugin.json"
    memory = fold(Memory(), answer(1000.0, {5: ErrorRow(1, 3, 700.0, "x")}, failed=(7,)), 1010.0)
    MemoryFile(path).save(memory)
    kept = MemoryFile(path).load()
    path.write_text('{"cursor": 1')

    assert kept == memory
    assert MemoryFile(path).load() == Memory()
    assert "remembered anew" in caplog.text


def test_a_clock_of_ours_that_is_hours_ahead_hides_no_later_failure() -> None:
    assert fold(Memory(fresh=5000.0), answer(1000.0), 8600.0).fresh == 1000.0
    assert fold(Memory(fresh=500.0), answer(1000.0), 1000.0).fresh == 500.0


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("bridge 'x': Post https://u:pw@h:8/k?token=1 failed", "bridge 'x': Post https://h:8 failed"),
        ('{"api_key": "abc", "n": 1}', '{"api_key": "***", "n": 1}'),
        ("Authorization: Bearer abcdefghij", "Authorization: Bearer ***"),
        ("a\n\tb\x00c", "a b c"),
        ("tx 0x" + "a" * 64, "tx 0x" + "a" * 8 + "…"),
    ],
)
def test_an_error_is_quoted_on_one_line_without_credentials(text: str, shown: str) -> None:
    assert quote(text) == shown


def test_a_long_error_is_cut() -> None:
    assert len(quote("x y " * 1000)) == LENGTH


def test_foreign_tables_and_missing_grants_are_told_apart() -> None:
    with pytest.raises(UnknownSchemaError):
        schema_of([("public.jobs", "id", True)])
    with pytest.raises(NotGrantedError, match="pipeline_spec_id"):
        schema_of([("public.jobs", "pipeline_spec_id", False)])
