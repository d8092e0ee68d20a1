"""Jobs of oracle nodes on real PostgreSQL: every generation, time zones, failures, recovery, leaks."""

import gc
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from exporter.collector import CollectorError, Source
from exporter.collectors import jobs
from exporter.config import Config
from exporter.observation import Metric, Sample
from exporter.oracle.database import Database
from lab.oracle import GENERATIONS, Node
from lab.postgres import Postgres
from nodekit.settings import SecretFile

Found = dict[tuple[str, ...], float]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with Postgres(tmp_path_factory.mktemp("postgres"), timezone="Asia/Tokyo") as one:
        yield one


class Watched:
    """A node's database and the source that looks at it, anew after `restart`."""

    def __init__(self, server: Postgres, database: str, generation: str, folder: Path) -> None:
        self.node = Node(server, database, generation)
        self.folder = folder
        self.dsn = folder / "dsn"
        self.dsn.write_text(self.node.url + "\n")
        self.stagnation: dict[str, Any] = {}
        self._source: Source | None = None

    @property
    def source(self) -> Source:
        if self._source is None:
            oracle = {
                "database": {"dsn_file": str(self.dsn)},
                "timeout": "500ms",
                "stagnation": self.stagnation,
            }
            config = Config.model_validate({"state_dir": str(self.folder), "oracles": {"plugin": oracle}})
            (self._source,) = jobs.build(config)
        return self._source

    def restart(self) -> None:
        if self._source is not None:
            self._source.close()
        self._source = None

    def look(self, now: float | None = None) -> list[Sample]:
        return list(self.source.observe(time.time() if now is None else now))

    def reason(self) -> str:
        with pytest.raises(CollectorError) as caught:
            self.look()
        return caught.value.reason


@pytest.fixture
def watch(
    server: Postgres, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[[str], Watched]]:
    made: list[Watched] = []

    def one(generation: str = "G3") -> Watched:
        name = f"node{time.time_ns()}"
        made.append(Watched(server, name, generation, tmp_path))
        return made[-1]

    yield one
    for each in made:
        each.restart()


def of(samples: list[Sample], metric: Metric) -> dict[str, float]:
    """Value by job id, or by oracle."""
    at = metric.labels.index("job_id") if "job_id" in metric.labels else 0
    return {sample.labels[at]: sample.value for sample in samples if sample.metric is metric}


@pytest.mark.parametrize("generation", GENERATIONS)
def test_each_generation_tells_the_right_values_of_the_right_job(
    watch: Callable[[str], Watched], generation: str
) -> None:
    seen = watch(generation)
    node = seen.node
    node.job(1, "BTC/USD", idle=3600)
    node.job(2, "ETH/USD")
    node.job(3, "asked", kind="directrequest")
    node.job(101, "whose id is the pipeline of job 1")
    node.sql(
        "UPDATE flux_monitor_specs SET drumbeat_enabled = true, drumbeat_schedule = 'CRON_TZ=UTC */10 * * * *',"
        " drumbeat_random_delay = 30e9 WHERE id = 2",
        "UPDATE jobs SET max_task_duration = 15e9 WHERE id = 2",
    )
    node.run(1, 500, number=11)
    node.run(1, 40, number=12)
    node.run(3, 30, "errored", number=13)
    node.run(3, 20, "running", number=14)
    node.error(2, "first", 2)
    node.error(2, "second", 3)
    node.transaction(70, "unconfirmed")
    node.transaction(10, "unstarted")
    node.transaction(900, "confirmed")
    node.transaction(800, "fatal_error")
    if generation == "G3":
        node.transaction(700, "finalized")
    node.head(5)
    node.round(1, 7, answered=True)
    node.round(1, 9, answered=False)
    now = time.time()
    found = seen.look(now)

    assert of(found, jobs.RUN_ID) == {"1": 12, "3": 14}
    ages = {job: now - value for job, value in of(found, jobs.ROUND_AGE).items()}
    assert ages == {"1": pytest.approx(40, abs=2), "3": pytest.approx(20, abs=2)}
    assert now - of(found, jobs.GOOD)["1"] == pytest.approx(40, abs=2)
    assert "3" not in of(found, jobs.GOOD), "it never succeeded"
    assert of(found, jobs.OPEN) == {"1": 0, "2": 0, "3": 1, "101": 0}
    assert of(found, jobs.ERRORS) == {"1": 0, "2": 2, "3": 0, "101": 0}
    assert of(found, jobs.ERRORS_TOTAL)["2"] == 5
    assert of(found, jobs.NEWEST) == {"2": 3}
    assert of(found, jobs.THRESHOLD) == {"1": 3660, "2": 600 + 30 + 15 + 60, "101": 3650}
    assert of(found, jobs.UNCONFIRMED) == {"plugin": 2}
    assert now - of(found, jobs.UNCONFIRMED_AGE)["plugin"] == pytest.approx(70, abs=2)
    assert now - of(found, jobs.HEAD_AGE)["plugin"] == pytest.approx(5, abs=2)
    assert (of(found, jobs.SEEN), of(found, jobs.REPORTED)) == ({"1": 9}, {"1": 7})
    assert {sample.value for sample in found if sample.metric is jobs.READABLE} == {1}


def test_a_run_of_a_pipeline_that_is_not_its_jobs_first_one_is_its_jobs(
    watch: Callable[[str], Watched],
) -> None:
    """Since 0231 a job may have several; one of them has the number of another job here."""
    seen = watch("G3")
    seen.node.job(1, "a", kind="webhook")
    seen.node.job(2, "b", kind="webhook")
    seen.node.sql(
        "INSERT INTO pipeline_specs VALUES (2, 'ds1', now())",
        "INSERT INTO job_pipeline_specs VALUES (1, 2, false)",
        "INSERT INTO pipeline_runs (id, pipeline_spec_id, pruning_key, created_at, finished_at)"
        " VALUES (7, 2, 1, now(), now())",
    )

    assert of(seen.look(), jobs.RUN_ID) == {"1": 7}


def test_an_error_is_counted_once_and_told_whatever_the_time_zones(
    watch: Callable[[str], Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    seen = watch("G3")
    seen.node.job(1, "a")
    seen.look()
    seen.node.error(1, "bridge 500")
    now = time.time()
    found = [of(seen.look(now + step), jobs.NOTICED)["1"] for step in range(3)]
    monkeypatch.undo()
    time.tzset()

    assert found == [now] * 3


def test_a_dismissed_error_is_no_new_one_and_a_repeated_one_is(watch: Callable[[str], Watched]) -> None:
    seen = watch("G3")
    seen.node.job(1, "a")
    seen.node.error(1, "often", 500)
    seen.look(1000.0)
    seen.node.error(1, "rare", 20)
    counted = [of(seen.look(2000.0), jobs.ERRORS_TOTAL)["1"]]
    seen.node.sql("DELETE FROM job_spec_errors WHERE description = 'often'")
    dismissed = seen.look(3000.0)
    seen.node.error(1, "rare", 1)
    again = seen.look(4000.0)

    assert [*counted, of(dismissed, jobs.ERRORS_TOTAL)["1"], of(again, jobs.ERRORS_TOTAL)["1"]] == [
        520,
        520,
        521,
    ]
    assert (of(dismissed, jobs.NOTICED)["1"], of(again, jobs.NOTICED)["1"]) == (2000, 4000)


def test_an_error_from_while_the_exporter_was_down_is_told(watch: Callable[[str], Watched]) -> None:
    seen = watch("G3")
    seen.node.job(1, "a")
    seen.look()
    seen.restart()
    seen.node.error(1, "while nobody looked")
    now = time.time() + 5000

    assert of(seen.look(now), jobs.NOTICED)["1"] == now


def test_errors_of_a_deleted_job_and_of_no_job_are_nobodys(watch: Callable[[str], Watched]) -> None:
    seen = watch("G3")
    seen.node.job(1, "a")
    seen.node.job(2, "b")
    seen.node.error(1, "x")
    seen.look()
    seen.node.sql(
        "DELETE FROM jobs WHERE id = 1",
        "INSERT INTO job_spec_errors (description, created_at, updated_at) VALUES ('orphan', now(), now())",
    )

    assert of(seen.look(), jobs.ERRORS_TOTAL) == {"2": 0}


def test_a_silent_jobs_age_goes_on_growing_over_the_reaper_and_a_restart(
    watch: Callable[[str], Watched],
) -> None:
    seen = watch("G2")
    seen.node.job(1, "a")
    seen.node.run(1, 90000, number=5)
    before = seen.look()
    seen.node.sql("DELETE FROM pipeline_runs")
    reaped = seen.look()
    seen.restart()
    after = seen.look()

    for found in (reaped, after):
        assert of(found, jobs.ROUND)["1"] == pytest.approx(of(before, jobs.ROUND)["1"], abs=1)
        assert of(found, jobs.RUN_ID) == {"1": 5}


def test_a_job_that_never_ran_has_no_round_but_a_creation_time(watch: Callable[[str], Watched]) -> None:
    seen = watch("G1")
    seen.node.job(1, "a", age=7200)
    now = time.time()
    found = seen.look(now)

    assert of(found, jobs.ROUND_AGE) == {}
    assert now - of(found, jobs.CREATED)["1"] == pytest.approx(7200, abs=2)


def test_a_run_that_is_committed_after_a_later_one_is_not_lost(
    server: Postgres, watch: Callable[[str], Watched]
) -> None:
    seen = watch("G3")
    for number in (1, 2):
        seen.node.job(number, f"job {number}", kind="cron")
    seen.look()
    late = psycopg2.connect(seen.node.url)
    late.cursor().execute(seen.node.run_statement(1, 0, "errored", 100))
    seen.node.run(2, 0, "errored", number=101)
    first = of(seen.look(), jobs.FAILED)
    late.commit()
    late.close()
    second = seen.look()

    assert first == {"1": 0, "2": 1}
    assert of(second, jobs.FAILED) == {"1": 1, "2": 1}
    assert of(second, jobs.RUN_ID) == {"1": 100, "2": 101}
    assert of(seen.look(), jobs.FAILED) == {"1": 1, "2": 1}, "none is counted twice"


def test_runs_of_a_node_whose_clock_is_behind_the_databases_are_seen(watch: Callable[[str], Watched]) -> None:
    seen = watch("G1")
    seen.node.job(1, "a", kind="cron")
    seen.node.job(2, "b", kind="cron")
    seen.look()
    seen.node.run(1, 700, number=8)  # the first one of all, ten minutes behind
    found = [of(seen.look(), jobs.RUN_ID)]
    seen.node.run(1, 690, "errored", number=9)
    seen.node.run(2, 720, "errored", number=7)  # and committed after a later one
    later = seen.look()
    found.append(of(later, jobs.RUN_ID))
    seen.restart()
    seen.node.run(2, 680, number=10)
    found.append(of(seen.look(), jobs.RUN_ID))

    assert found == [{"1": 8}, {"1": 9, "2": 7}, {"1": 9, "2": 10}]
    assert of(later, jobs.FAILED) == of(seen.look(), jobs.FAILED) == {"1": 1, "2": 1}


def test_failed_runs_of_before_the_first_look_never_become_new_ones(watch: Callable[[str], Watched]) -> None:
    seen = watch("G2")
    seen.node.job(1, "a", kind="cron")
    for number, age in enumerate((90000, 80000, 79950, 3000, 2990), 1):
        seen.node.run(1, age, "errored", number=number)

    assert [of(seen.look(), jobs.FAILED) for _ in range(3)] == [{"1": 0}] * 3
    seen.restart()
    seen.node.run(1, 0, "errored", number=9)
    assert [of(seen.look(), jobs.FAILED) for _ in range(2)] == [{"1": 1}] * 2


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_job_that_stands_still_costs_no_full_scan(watch: Callable[[str], Watched], generation: str) -> None:
    """Neither of the table nor of an index: backwards by id is how a planner looks for a job's last run."""
    seen = watch(generation)
    seen.node.job(1, "busy")
    seen.node.job(2, "stalled")
    at = "now() - interval '1 day' + n * interval '4 s'"
    column, value = ("pruning_key, ", "1, ") if generation == "G3" else ("", "")
    seen.node.sql(
        f"INSERT INTO pipeline_runs (pipeline_spec_id, {column}created_at, finished_at)"
        f" SELECT 101, {value}{at}, {at} FROM generate_series(1, 20000) n",
        "ANALYZE pipeline_runs",
    )
    seen.look()
    reads = (
        "SELECT (seq_tup_read + coalesce(idx_tup_fetch, 0) + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes"
        " WHERE relname = 'pipeline_runs'))::bigint FROM pg_stat_user_tables WHERE relname = 'pipeline_runs'"
    )
    seen.restart()  # statistics are written when a session ends
    before = wait_quiet(seen.node.url, reads)
    for _ in range(5):
        seen.look()
    seen.restart()
    after = wait_quiet(seen.node.url, reads)

    # Two minutes of runs at most, thirty, each once in the index and once in the table. A BRIN index, of the
    # oldest generation, knows ranges of blocks only, and there are few in this table.
    assert generation == "G0" or after - before <= 5 * 2 * 35
    assert after - before < 5 * 20000


def test_the_session_can_write_nothing_whoever_it_is(watch: Callable[[str], Watched]) -> None:
    """The role of this test is a superuser, as no operator's should be."""
    seen = watch("G3")
    database = Database(SecretFile(seen.dsn), 1.0)
    database.ask(0.0, 0.0)

    with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
        database._run("DELETE FROM jobs")
    database.close()


def wait_quiet(url: str, statement: str) -> int:
    time.sleep(0.3)
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return int(cursor.fetchall()[0][0])
    finally:
        connection.close()


def test_what_the_role_may_not_read_is_named_and_hides_nothing_else(
    server: Postgres, watch: Callable[[str], Watched]
) -> None:
    seen = watch("G3")
    seen.node.job(1, "a")
    seen.node.error(1, "secret text")
    role = f"r{time.time_ns()}"
    seen.node.sql(f"CREATE ROLE {role} LOGIN")
    seen.dsn.write_text(seen.node.url.replace("chainwarden@", f"{role}@"))
    refused = seen.reason()
    seen.node.sql(
        f"GRANT SELECT (id, name, type, created_at, flux_monitor_spec_id, max_task_duration) ON jobs TO {role}",
        f"GRANT SELECT (id, job_id, occurrences, updated_at) ON job_spec_errors TO {role}",
    )
    found = seen.look()
    parts = {sample.labels[1]: sample.value for sample in found if sample.metric is jobs.READABLE}

    assert refused == "no_grant"
    assert parts == {"specs": 0, "runs": 0, "errors": 1, "rounds": 0, "transactions": 0, "heads": 0}
    assert of(found, jobs.ERRORS) == {"1": 1}
    (text,) = [sample.labels[-1] for sample in found if sample.metric is jobs.NEWEST]
    assert text == ""

    seen.node.sql(f"GRANT USAGE ON SCHEMA evm TO {role}", f"GRANT SELECT (created_at) ON evm.heads TO {role}")
    granted = [sample.labels[1] for sample in seen.look() if sample.metric is jobs.READABLE and sample.value]
    assert granted == ["errors", "heads"], "a grant counts at the next poll"


def test_locked_refused_by_hba_and_wrong_names_are_told_apart_and_pass(
    server: Postgres, watch: Callable[[str], Watched]
) -> None:
    seen = watch("G3")
    seen.node.job(1, "a")
    seen.look()
    holder = psycopg2.connect(seen.node.url)
    holder.cursor().execute("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")
    locked = seen.reason()
    holder.close()
    assert seen.look()
    seen.restart()
    allowed = server.hba.read_text()
    server.hba.write_text("host postgres all 127.0.0.1/32 trust\n")
    server.reload()
    time.sleep(0.2)
    barred = seen.reason()
    server.hba.write_text(allowed)
    server.reload()
    time.sleep(0.2)
    assert seen.look()
    seen.restart()
    good = seen.dsn.read_text()
    seen.dsn.write_text(good.strip() + "_none")
    nowhere = seen.reason()
    seen.dsn.write_text("postgresql://u:hiddenpw@127.0.0.1:9/x")
    refused = seen.reason()
    seen.dsn.write_text("postgresql://u:hiddenpw@127.0.0.1:port/x")
    with pytest.raises(CollectorError) as wrong:
        seen.look()
    seen.dsn.write_text(good)

    assert (locked, barred, nowhere, refused) == ("locked", "auth", "no_database", "refused")
    assert "hiddenpw" not in str(wrong.value)
    assert seen.look()


def test_a_hung_stopped_and_restarted_server_is_told_and_looked_at_again(tmp_path: Path) -> None:
    with Postgres(tmp_path / "own") as server:
        seen = Watched(server, "node", "G3", tmp_path)
        seen.node.job(1, "a")
        seen.look()
        backend = wait_quiet(
            seen.node.url, "SELECT pid FROM pg_stat_activity WHERE application_name = 'chainwarden'"
        )
        os.kill(backend, signal.SIGSTOP)
        started = time.monotonic()
        hung = seen.reason()
        took = time.monotonic() - started
        os.kill(backend, signal.SIGCONT)
        assert seen.look()
        server.stop()
        stopped = {seen.reason(), seen.reason()}
        server.start()
        back = of(seen.look(), jobs.INFO)
        seen.restart()

    assert hung == "timeout"
    assert took < 2
    assert "refused" in stopped
    assert stopped <= {"refused", "closed"}
    assert back == {"1": 1}


def test_a_thousand_failures_leave_no_connection(server: Postgres, watch: Callable[[str], Watched]) -> None:
    seen = watch("G3")
    seen.node.job(1, "a")
    good = seen.dsn.read_text()
    role = f"r{time.time_ns()}"
    seen.node.sql(f"CREATE ROLE {role} LOGIN")
    seen.dsn.write_text(seen.node.url.replace("chainwarden@", f"{role}@"))
    gc.collect()  # what earlier tests left must not be taken for ours
    files = len(list(Path("/proc/self/fd").iterdir()))
    reasons = {seen.reason() for _ in range(1000)}
    seen.dsn.write_text(good)

    assert reasons == {"no_grant"}
    assert len(list(Path("/proc/self/fd").iterdir())) <= files
    assert seen.look()
    seen.restart()
    open_ones = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'chainwarden'"
    assert wait_quiet(seen.node.url, open_ones) == 0


def test_a_statement_that_takes_too_long_is_ended_by_the_server_and_asked_again(
    watch: Callable[[str], Watched],
) -> None:
    """The server's own deadline comes first: no statement of ours goes on behind our back."""
    seen = watch("G3")
    seen.node.job(1, "a")
    seen.look()
    began = time.monotonic()
    seen.node.sql(
        "ALTER TABLE jobs RENAME TO real_jobs",
        "CREATE VIEW jobs AS SELECT real_jobs.* FROM real_jobs, LATERAL (SELECT pg_sleep(5) FROM (SELECT id) one) wait",
    )
    with pytest.raises(CollectorError, match="statement timeout") as caught:
        seen.look()
    running = wait_quiet(
        seen.node.url, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%json_build_object%' AND state = 'active'"
        " AND application_name = 'chainwarden'",
    )  # fmt: skip
    seen.node.sql("DROP VIEW jobs", "ALTER TABLE real_jobs RENAME TO jobs")

    assert (caught.value.reason, running) == ("timeout", 0)
    assert time.monotonic() - began < 3
    assert of(seen.look(), jobs.INFO) == {"1": 1}


def test_a_wrong_password_role_or_file_and_a_full_server_are_told_apart_and_pass(
    server: Postgres, watch: Callable[[str], Watched]
) -> None:
    seen = watch("G3")
    seen.node.job(1, "a")
    good, allowed, role = seen.dsn.read_text(), server.hba.read_text(), f"r{time.time_ns()}"
    seen.node.sql(
        f"CREATE ROLE {role} LOGIN PASSWORD 'rightpw' CONNECTION LIMIT 1", f"GRANT pg_read_all_data TO {role}"
    )

    def as_role(password: str, name: str = role) -> None:
        seen.dsn.write_text(good.replace("chainwarden@", f"{name}:{password}@"))

    server.hba.write_text(f"host all {role},nobody_{role} 127.0.0.1/32 scram-sha-256\n{allowed}")
    server.reload()
    time.sleep(0.2)
    try:
        as_role("hiddenpw")
        with pytest.raises(CollectorError) as wrong:
            seen.look()
        as_role("rightpw", f"nobody_{role}")
        unknown = seen.reason()
        as_role("rightpw")
        holder = psycopg2.connect(seen.dsn.read_text().strip())
        full = seen.reason()
        holder.close()
        time.sleep(0.1)
        room = seen.look()
        seen.source.close()
        seen.dsn.unlink()
        missing = seen.reason()
        as_role("rightpw")
        back = seen.look()
    finally:
        server.hba.write_text(allowed)
        server.reload()

    assert (wrong.value.reason, unknown, full, missing) == ("auth", "auth", "too_many_connections", "auth")
    assert "hiddenpw" not in str(wrong.value)
    assert of(room, jobs.INFO) == of(back, jobs.INFO) == {"1": 1}


def test_failures_to_connect_leave_no_descriptor_either(watch: Callable[[str], Watched]) -> None:
    seen = watch("G3")
    good = seen.dsn.read_text()
    seen.look()
    seen.restart()
    files = len(list(Path("/proc/self/fd").iterdir()))
    found = set()
    for wrong in (good.strip() + "_none", "postgresql://u@127.0.0.1:9/x"):
        seen.dsn.write_text(wrong)
        found |= {seen.reason() for _ in range(500)}
    seen.dsn.write_text(good)

    assert found == {"no_database", "refused"}
    assert len(list(Path("/proc/self/fd").iterdir())) <= files
    assert seen.look() is not None
