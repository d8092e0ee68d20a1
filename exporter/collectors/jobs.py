"""Collector `jobs`: what an oracle node's database tells of its jobs, in one statement a poll.

oracle_round_age_seconds{oracle="plugin",job_name="BTC/USD",job_id="7"} 41.3
oracle_job_newest_error_occurrences{oracle="plugin",job_name="BTC/USD",job_id="7",error="bridge 500"} 2
oracle_transactions_unconfirmed{oracle="plugin"} 0

A flux monitor stores a run only when it submits, and the node deletes runs after a day: what is known of a
job's last run is remembered (`state_dir`), so that its age goes on growing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exporter.collector import CollectorError, Source
from exporter.config import Config
from exporter.configs.oracle import Oracle
from exporter.observation import Metric, Record, Sample
from exporter.oracle.answer import Answer, ErrorRow, Job, answer_of
from exporter.oracle.duty import limit
from exporter.oracle.memory import JobMemory, Memory, fold, since
from exporter.oracle.memoryfile import MemoryFile
from exporter.oracle.quote import quote
from exporter.oracle.schema import PARTS, Schema
from nodekit.http import Reason

if TYPE_CHECKING:
    from exporter.oracle.database import Database

NAME = "jobs"
DAY = 86400.0
"""Seconds for which the node keeps runs, unless it was told otherwise."""
NEW = 3600.0
"""Seconds before the first poll from which on failed runs are told by id: none counts as new later."""

_ORACLE = ("oracle",)
_JOB = ("oracle", "job_name", "job_id")
INFO = Metric("oracle_job_info", "1 for every job; the kind is the job's type.", (*_JOB, "kind"))
CONTRACT = Metric(
    "oracle_job_contract_info", "1; the aggregator that a flux monitor answers.", (*_JOB, "contract")
)
CREATED = Metric("oracle_job_created_timestamp_seconds", "When the job was created.", _JOB)
RUN_ID = Metric("oracle_job_last_run_id", "Id of the newest run that was seen; absent without any.", _JOB)
ROUND = Metric(
    "oracle_round_timestamp_seconds", "When the newest run that was seen began; absent without any.", _JOB
)
ROUND_AGE = Metric("oracle_round_age_seconds", "Since the newest run that was seen began.", _JOB, "age")
GOOD = Metric(
    "oracle_job_last_success_timestamp_seconds",
    "When the newest successful run ended; absent without any.",
    _JOB,
)
THRESHOLD = Metric(
    "oracle_job_stagnation_threshold_seconds",
    "Silence after which the job is stagnant; absent for a job that waits to be asked.",
    _JOB,
)
OPEN = Metric("oracle_job_runs_in_progress", "Runs that have not ended.", _JOB)
OPEN_AGE = Metric(
    "oracle_job_oldest_run_in_progress_age_seconds", "Since the oldest of them began.", _JOB, "age"
)
FAILED = Metric("oracle_job_runs_failed_total", "Runs that ended with an error.", _JOB, "counter")
ERRORS = Metric("oracle_job_errors", "Errors that the node keeps for the job now.", _JOB)
ERRORS_TOTAL = Metric(
    "oracle_job_errors_total", "Occurrences of errors; one that is dismissed stays counted.", _JOB, "counter"
)
ERROR_TIME = Metric("oracle_job_error_last_timestamp_seconds", "When the newest error last happened.", _JOB)
NOTICED = Metric(
    "oracle_job_error_noticed_timestamp_seconds",
    "When the exporter saw the newest occurrence of an error, also one from while it was down.",
    _JOB,
)
NEWEST = Metric(
    "oracle_job_newest_error_occurrences",
    "How often the job's newest error happened; the label is its text, cut and without credentials.",
    (*_JOB, "error"),
)
REPORTED = Metric("oracle_round_reported", "Newest round of the feed that the node answered.", _JOB)
SEEN = Metric("oracle_round_seen", "Newest round of the feed that the node knows of.", _JOB)
UNCONFIRMED = Metric("oracle_transactions_unconfirmed", "Transactions that are in no block yet.", _ORACLE)
UNCONFIRMED_AGE = Metric(
    "oracle_transaction_oldest_unconfirmed_age_seconds",
    "How long the oldest of them has waited; absent without any.",
    _ORACLE,
    "age",
)
HEAD_AGE = Metric(
    "oracle_newest_head_age_seconds", "Since the node last stored a head of its chain.", _ORACLE, "age"
)
READABLE = Metric(
    "oracle_part_readable", "1 when the role may read this part of the database.", ("oracle", "part")
)
METRICS: tuple[Metric, ...] = (
    INFO, CONTRACT, CREATED, RUN_ID, ROUND, ROUND_AGE, GOOD, THRESHOLD, OPEN, OPEN_AGE, FAILED, ERRORS,
    ERRORS_TOTAL, ERROR_TIME, NOTICED, NEWEST, REPORTED, SEEN, UNCONFIRMED, UNCONFIRMED_AGE, HEAD_AGE,
    READABLE,
)  # fmt: skip


class JobsSource:
    """Polls the database of one node."""

    probe = NAME

    def __init__(self, name: str, oracle: Oracle, database: "Database", memory: MemoryFile) -> None:
        self.target = name
        self.interval = oracle.interval
        self._oracle = oracle
        self._database = database
        self._file = memory
        self._memory: Memory | None = None
        self._caught_up = False
        """Whether a poll of this process succeeded."""
        self._all_runs = True
        """Whether the first poll may read all runs; not after that took too long."""

    def observe(self, now: float) -> Iterable[Sample]:
        """One round trip; the first reads all runs that are not remembered."""
        memory = self._memory or self._file.load()
        if memory.cursor is None:
            memory = replace(memory, fresh=now - NEW)
        self._memory = memory
        raw, schema = self._ask(memory, now)
        self._caught_up = True
        try:
            answer = answer_of(raw)
        except (KeyError, TypeError, ValueError) as error:
            raise CollectorError(Reason.SCHEMA, f"an unexpected answer: {type(error).__name__}") from None
        self._memory = fold(memory, answer, now)
        self._file.save(self._memory)
        return [
            *(READABLE.sample(part in schema.readable, self.target, part) for part in PARTS),
            *node_samples(self.target, answer, now),
            *job_samples(self.target, self._oracle, answer, self._memory, now),
        ]

    def close(self) -> None:
        """Let go of the connection."""
        self._database.close()

    def _ask(self, memory: Memory, now: float) -> "tuple[Mapping[str, Any], Schema]":
        begin = since(memory)
        if self._caught_up:
            return self._database.ask(begin, max(begin, memory.fresh))
        if not self._all_runs:
            begin = max(begin, now - DAY)
        try:
            return self._database.ask(begin, max(begin, memory.fresh), self._oracle.first_timeout)
        except CollectorError as error:
            if error.reason == Reason.TIMEOUT:
                self._all_runs = False
            raise


def node_samples(name: str, answer: Answer, now: float) -> Iterable[Sample]:
    """What concerns the whole node. Ages are by our clock, whatever the database's says."""
    offset = now - answer.now
    if answer.unconfirmed is not None:
        count, oldest = answer.unconfirmed
        yield UNCONFIRMED.sample(count, name)
        if oldest is not None:
            yield UNCONFIRMED_AGE.sample(oldest + offset, name)
    if answer.newest_head is not None:
        yield HEAD_AGE.sample(answer.newest_head + offset, name)


def job_samples(name: str, oracle: Oracle, answer: Answer, memory: Memory, now: float) -> Iterable[Sample]:
    """What concerns each job."""
    offset = now - answer.now
    errors: dict[int, list[ErrorRow]] = {}
    for row in (answer.errors or {}).values():
        if row.job is not None:
            errors.setdefault(row.job, []).append(row)
    for job in answer.jobs:
        labels = (name, job.name, str(job.id))
        yield INFO.sample(1, *labels, job.kind)
        spec = answer.specs.get(job.spec or 0)
        if spec is not None and spec.contract:
            yield CONTRACT.sample(1, *labels, f"0x{spec.contract}")
        yield CREATED.sample(job.created + offset, *labels)
        threshold = _threshold(oracle, answer, job)
        if threshold is not None:
            yield THRESHOLD.sample(threshold, *labels)
        yield from _run_samples(labels, answer, job, memory.jobs[job.id], offset)
        if answer.errors is not None:
            yield from _error_samples(labels, errors.get(job.id, []), memory.jobs[job.id], offset)
        seen, reported = answer.rounds.get(job.spec or 0, (None, None))
        if seen is not None:
            yield SEEN.sample(seen, *labels)
        if reported is not None:
            yield REPORTED.sample(reported, *labels)


def _threshold(oracle: Oracle, answer: Answer, job: Job) -> float | None:
    own = oracle.stagnation.jobs.get(job.name)
    return own if own is not None else limit(job, answer.specs.get(job.spec or 0), oracle.stagnation.default)


def _run_samples(
    labels: tuple[str, str, str], answer: Answer, job: Job, known: JobMemory, offset: float
) -> Iterable[Sample]:
    if known.last_id is not None:
        yield RUN_ID.sample(known.last_id, *labels)
    if known.last_run is not None:
        yield ROUND.sample(known.last_run + offset, *labels)
        yield ROUND_AGE.sample(known.last_run + offset, *labels)
    if known.last_good is not None:
        yield GOOD.sample(known.last_good + offset, *labels)
    if answer.open is None:
        return
    going = answer.open.get(job.key)
    yield FAILED.sample(known.failed, *labels)
    yield OPEN.sample(0 if going is None else going.count, *labels)
    if going is not None:
        yield OPEN_AGE.sample(going.oldest + offset, *labels)


def _error_samples(
    labels: tuple[str, str, str], rows: Sequence[ErrorRow], known: JobMemory, offset: float
) -> Iterable[Sample]:
    yield ERRORS.sample(len(rows), *labels)
    yield ERRORS_TOTAL.sample(known.errors, *labels)
    if known.noticed is not None:
        yield NOTICED.sample(known.noticed, *labels)
    if rows:
        newest = max(rows, key=lambda row: (row.updated, row.text is not None))
        yield ERROR_TIME.sample(newest.updated + offset, *labels)
        yield NEWEST.sample(newest.occurrences, *labels, quote(newest.text or ""))


def build(config: Config) -> Sequence[Source]:
    """One source an oracle node; only then is psycopg2 imported."""
    if not config.oracles:
        return []
    from exporter.oracle.database import Database  # noqa: PLC0415 - see above

    return [
        JobsSource(
            name, oracle, Database(oracle.database.dsn_file, oracle.timeout),
            MemoryFile(_state(config.state_dir, name)),
        )
        for name, oracle in config.oracles.items()
    ]  # fmt: skip


def derive(_config: Config, _records: Sequence[Record], _now: float) -> Iterable[Sample]:
    """Nothing follows from several probes."""
    return ()


def _state(folder: Path | None, name: str) -> Path | None:
    return None if folder is None else folder / f"jobs-{name}.json"
