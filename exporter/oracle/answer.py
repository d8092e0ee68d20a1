"""PURE: what the database answered, as frozen values. Times are unix seconds by the database's clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Job:
    """A job as its tables have it; the duration is in seconds, None where the specification has none."""

    id: int
    name: str
    kind: str
    created: float
    key: int
    """What its runs are found by."""
    spec: int | None
    """Of the flux monitor."""
    task: float | None
    """The longest that a task may take."""


@dataclass(frozen=True, slots=True)
class Spec:
    """A flux monitor's own settings."""

    contract: str
    idle: float | None
    """Seconds after which it submits though nothing moved; None when that is switched off."""
    drumbeat: str | None
    """The schedule by which it submits; None when that is switched off."""
    delay: float = 0.0
    """Seconds that it may wait at random after each beat."""


@dataclass(frozen=True, slots=True)
class Finished:
    """Runs of a key that ended since the moment that was asked for."""

    last_id: int
    began: float
    ended: float
    """When the newest one ended."""
    good: float | None
    """When the newest successful one did."""
    failed: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Open:
    """Runs of a key that have not ended."""

    last_id: int
    began: float
    count: int
    oldest: float


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """An error of a job, with how often it happened; the text is that of a job's newest only."""

    job: int | None
    occurrences: int
    updated: float
    text: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything, by id or key. A part that may not be read is None."""

    now: float
    jobs: tuple[Job, ...]
    specs: Mapping[int, Spec] = field(default_factory=dict)
    finished: Mapping[int, Finished] | None = None
    open: Mapping[int, Open] | None = None
    errors: Mapping[int, ErrorRow] | None = None
    rounds: Mapping[int, tuple[int | None, int | None]] = field(default_factory=dict)
    """Specification → newest round seen, newest round that we answered."""
    unconfirmed: tuple[int, float | None] | None = None
    """How many transactions wait, and since when the oldest does."""
    newest_head: float | None = None


def answer_of(raw: Mapping[str, Any]) -> Answer:
    """From the JSON object that the statement gives. Raises KeyError, TypeError and ValueError."""
    runs = raw.get("runs")
    return Answer(
        now=float(raw["now"]),
        jobs=tuple(_job(row) for row in raw["jobs"] or ()),
        specs={row[0]: _spec(row) for row in raw.get("specs") or ()},
        finished=None if runs is None else {
            row[0]: Finished(row[1], row[2], row[3], row[4], tuple(row[5] or ()))
            for row in runs["finished"] or ()
        },
        open=None if runs is None else {row[0]: Open(*row[1:]) for row in runs["open"] or ()},
        errors={row[0]: ErrorRow(*row[1:]) for row in raw["errors"] or ()} if "errors" in raw else None,
        rounds={row[0]: (row[1], row[2]) for row in raw.get("rounds") or ()},
        unconfirmed=(raw["transactions"][0], raw["transactions"][1]) if "transactions" in raw else None,
        newest_head=raw.get("heads"),
    )  # fmt: skip


def _job(row: list[Any]) -> Job:
    number, name, kind, created, key, spec, task = row
    return Job(number, name or f"job {number}", kind, created, key, spec, task / 1e9 if task else None)


def _spec(row: list[Any]) -> Spec:
    _, contract, idle, idle_off, drum, schedule, delay = row
    return Spec(
        contract, None if idle_off or not idle else idle / 1e9, schedule if drum and schedule else None,
        (delay or 0) / 1e9,
    )  # fmt: skip
