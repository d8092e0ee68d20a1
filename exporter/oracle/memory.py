"""PURE: what is remembered of jobs between polls, over restarts and over the node's own deletions.

Runs older than a day are deleted by the node, so that a silent job soon has none: its last run is remembered.
Errors are counted by the id of their row: a row that is dismissed takes nothing away and adds nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from exporter.oracle.answer import Answer, ErrorRow, Job

Number = TypeVar("Number", int, float)
OVERLAP = 120.0
"""Seconds that are read again: a run may be committed that long after it ended."""


@dataclass(frozen=True, slots=True)
class JobMemory:
    """Of one job. Times are unix seconds, by the database's clock unless said otherwise."""

    created: float
    last_id: int | None = None
    last_run: float | None = None
    last_good: float | None = None
    failed: int = 0
    """Runs that ended with an error since it is watched."""
    errors: int = 0
    """Occurrences of errors since it is watched, with those that were there at first."""
    noticed: float | None = None
    """When the newest of them was seen, by the exporter's clock."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Of one node. `cursor` is the database's time of the newest poll, None before the first."""

    cursor: float | None = None
    ended: float | None = None
    """When the newest run ended, by the node's clock, which writes it."""
    fresh: float = 0.0
    """Failed runs that ended earlier were there at first; they are not counted."""
    jobs: Mapping[int, JobMemory] = field(default_factory=dict)
    rows: Mapping[int, int] = field(default_factory=dict)
    """Error's row → occurrences."""
    failed: tuple[int, ...] = ()
    """Failed runs that are counted and will be read again."""


def since(memory: Memory) -> float:
    """From which end of runs on the next poll has to read. Nothing is missed when the node's clock is behind
    the database's: the newest run that was seen tells how far."""
    if memory.cursor is None or memory.ended is None:
        return 0.0
    return min(memory.cursor, memory.ended) - OVERLAP


def fold(memory: Memory, answer: Answer, now: float) -> Memory:
    """What is known after an answer; `now` is the exporter's clock. Jobs that are gone are forgotten."""
    first = memory.cursor is None
    jobs = {job.id: _ran(_known(memory, job), job, answer, memory.failed, first=first) for job in answer.jobs}
    rows = memory.rows
    if answer.errors is not None:
        for number, row in answer.errors.items():
            if row.job in jobs:
                jobs[row.job] = _erred(
                    jobs[row.job], row, memory.rows.get(number), now, answer.now, first=first
                )
        rows = {number: row.occurrences for number, row in answer.errors.items()}
    failed = memory.failed
    if answer.finished is not None:
        failed = tuple(number for one in answer.finished.values() for number in one.failed)
    ended = _newest(memory.ended, *(one.ended for one in (answer.finished or {}).values()))
    fresh = min(memory.fresh, answer.now)  # our own clock was ahead of the database's
    return Memory(answer.now, ended, fresh, jobs, rows, failed)


def _known(memory: Memory, job: Job) -> JobMemory:
    known = memory.jobs.get(job.id)
    # Another creation time is another job: the database was made anew.
    return known if known is not None and known.created == job.created else JobMemory(job.created)


def _ran(known: JobMemory, job: Job, answer: Answer, counted: tuple[int, ...], *, first: bool) -> JobMemory:
    done = (answer.finished or {}).get(job.key)
    going = (answer.open or {}).get(job.key)
    seen = [run for run in (done, going) if run is not None]
    if not seen:
        return known
    new = [] if done is None or first else [number for number in done.failed if number not in counted]
    return replace(
        known,
        last_id=_newest(known.last_id, *(run.last_id for run in seen)),
        last_run=_newest(known.last_run, *(run.began for run in seen)),
        last_good=_newest(known.last_good, done.good if done else None),
        failed=known.failed + len(new),
    )


def _erred(
    known: JobMemory, row: ErrorRow, before: int | None, now: float, theirs: float, *, first: bool
) -> JobMemory:
    more = row.occurrences - (before or 0)
    if more <= 0:
        return known
    # What was there at first happened when its row says, by our clock; anything else is news.
    moment = min(now, row.updated + now - theirs) if first else now
    return replace(known, errors=known.errors + more, noticed=_newest(known.noticed, moment))


def _newest(*values: Number | None) -> Number | None:
    return max((value for value in values if value is not None), default=None)
