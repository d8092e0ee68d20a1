"""PURE: conditions over what checks read, each with the time that it must hold without a break."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Rule:
    """One condition that must hold for `lasts` seconds, once a process is `after` seconds old."""

    title: str
    then: str
    """`restart`, `stop` or `alert`."""
    lasts: float
    after: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What a check read: why it is bad, or None when it is well."""

    bad: str | None
    at: float


@dataclass(frozen=True, slots=True)
class Streaks:
    """Since when each condition holds, of one process; a new process begins anew."""

    process: object = None
    since: MappingProxyType[str, float] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Holding:
    """A condition that held for its time."""

    rule: Rule
    why: str


def judge(
    rules: Sequence[Rule],
    readings: dict[str, Reading],
    streaks: Streaks,
    process: object,
    age: float,
    now: float,
) -> tuple[Streaks, tuple[Holding, ...]]:
    """The conditions that hold now, by title. A reading that is missing neither begins nor ends a streak.

    `process` is the identity of the process that runs, `age` the seconds for which it does.
    """
    since = dict(streaks.since) if streaks.process == process else {}
    holding = []
    for rule in rules:
        reading = readings.get(rule.title)
        if reading is None:
            continue
        if reading.bad is None or age < rule.after:
            since.pop(rule.title, None)
            continue
        began = since.setdefault(rule.title, reading.at)
        if now - began >= rule.lasts:
            holding.append(Holding(rule, f"{rule.title}: {reading.bad}"))
    return Streaks(process, MappingProxyType(since)), tuple(holding)
