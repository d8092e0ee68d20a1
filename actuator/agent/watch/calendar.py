"""PURE: maintenance windows, written as cron lines with a length or as two moments; all in UTC."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

MINUTE = 60.0
RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
"""Of minute, hour, day of month, month, day of week (0 and 7 are Sunday); crontab(5)."""
LONGEST = 7 * 86400.0
"""Seconds of a window that is repeated."""

Cron = tuple[frozenset[int], ...]
"""The values of each field."""


@dataclass(frozen=True, slots=True)
class Window:
    """Either `cron` with `lasts` seconds, or from `start` to `end` in unix seconds."""

    cron: Cron | None
    lasts: float
    start: float | None = None
    end: float | None = None


def parse_cron(text: str) -> Cron:
    """A line of five fields with `*`, lists, ranges and steps. Raises ValueError."""
    words = text.split()
    if len(words) != len(RANGES):
        raise ValueError(f"write five fields such as `0 3 * * 7`, these are {len(words)}")
    return tuple(_field(word, *limits) for word, limits in zip(words, RANGES, strict=True))


def _field(word: str, low: int, high: int) -> frozenset[int]:
    found: set[int] = set()
    for part in word.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        if span == "*":
            begin, end = low, high
        elif first.isdigit() and (last.isdigit() or not last):
            begin, end = int(first), int(last or (high if step else first))
        else:
            raise ValueError(f"{word} is no field of cron")
        if not low <= begin <= end <= high or (step and (not step.isdigit() or int(step) == 0)):
            raise ValueError(f"{word} is not within {low} to {high}")
        found.update(range(begin, end + 1, int(step or 1)))
    return frozenset(found)


def parse_moment(value: object) -> float:
    """Unix seconds of `2026-12-01T03:00:00Z`; without a zone it is UTC. Raises ValueError."""
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f"{value} is no moment; write 2026-12-01T03:00:00Z") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def open_until(windows: Sequence[Window], now: float) -> float | None:
    """When the last of the windows that are open now ends; None when none is open."""
    ends = [end for window in windows if (end := _end(window, now)) is not None]
    return max(ends, default=None)


def covered(windows: Sequence[Window], start: float, end: float) -> bool:
    """Whether at every moment between the two some window is open."""
    while start < end:
        until = open_until(windows, start)
        if until is None:
            return False
        start = until
    return True


def _end(window: Window, now: float) -> float | None:
    if window.cron is None:
        if window.start is None or window.end is None or not window.start <= now < window.end:
            return None
        return window.end
    moment = now - now % MINUTE
    earliest = now - min(window.lasts, LONGEST)
    while moment > earliest:
        if _begins(window.cron, datetime.fromtimestamp(moment, UTC)):
            return moment + window.lasts
        moment -= MINUTE
    return None


def _begins(cron: Cron, at: datetime) -> bool:
    """Whether a cron line names this minute; with both kinds of day given, either is enough (crontab(5))."""
    minutes, hours, days, months, weekdays = cron
    if at.minute not in minutes or at.hour not in hours or at.month not in months:
        return False
    by_day, by_weekday = (
        at.day in days,
        at.isoweekday() in weekdays or (at.isoweekday() == 7 and 0 in weekdays),
    )
    if len(days) == 31 or len(weekdays) == 8:
        return by_day and by_weekday
    return by_day or by_weekday
