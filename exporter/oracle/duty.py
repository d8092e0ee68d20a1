"""PURE: how long a job may be silent, by its own specification."""

import re
from functools import lru_cache

from exporter.oracle.answer import Job, Spec

GRACE = 60.0
"""Seconds that a submission takes beyond its timer and its tasks."""
REGULAR = ("fluxmonitor", "offchainreporting", "offchainreporting2")
"""Kinds of jobs that run by themselves; others wait for somebody who asks."""
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_EVERY = re.compile(r"@every\s+((?:[\d.]+(?:h|ms|m|s|us|µs|ns))+)\s*")
_PIECE = re.compile(r"([\d.]+)(h|ms|m|s|us|µs|ns)")
_NAMED = {"@hourly": 3600.0, "@daily": 86400.0, "@midnight": 86400.0, "@weekly": 604800.0}
_STEPS = re.compile(r"(?:[*?]|(\d+)(?:-(\d+))?)(?:/(\d+))?")
"""A part of a cron line's field, as robfig/cron, which the node uses, reads it: `5/10` is from 5 on."""


@lru_cache(maxsize=1024)
def period(schedule: str) -> float | None:
    """Seconds between two beats of `@every 1h30m`, `@hourly`, `CRON_TZ=UTC */5 * * * *`, the longest of them.

    None for what beats on some days only.
    """
    text = re.sub(r"^(CRON_TZ|TZ)=\S+\s+", "", schedule.strip())
    if text in _NAMED:
        return _NAMED[text]
    every = _EVERY.fullmatch(text)
    if every is None:
        return _longest_gap(text.split())
    return sum(float(number) * _UNITS[unit] for number, unit in _PIECE.findall(every[1]))


def _longest_gap(fields: list[str]) -> float | None:
    """Of a cron line with or without seconds, over a day."""
    if len(fields) == 5:
        fields = ["0", *fields]
    if len(fields) != 6 or any(day not in ("*", "?") for day in fields[3:]):
        return None
    second, minute, hour = (_values(text, high) for text, high in zip(fields[:3], (59, 59, 23), strict=True))
    if not second or not minute or not hour:
        return None
    beats = sorted(h * 3600 + m * 60 + s for h in hour for m in minute for s in second)
    return float(max(later - one for one, later in zip(beats, [*beats[1:], beats[0] + 86400], strict=True)))


def _values(field: str, high: int) -> set[int] | None:
    """What a field allows; None when it is none."""
    found: set[int] = set()
    for part in field.split(","):
        said = _STEPS.fullmatch(part)
        if said is None or said[3] == "0":
            return None
        first = int(said[1] or 0)
        last = int(said[2]) if said[2] else first if said[1] and not said[3] else high
        if last > high or first > last:
            return None
        found |= set(range(first, last + 1, int(said[3] or 1)))
    return found


def limit(job: Job, spec: Spec | None, default: float) -> float | None:
    """Seconds after which silence is wrong; None for a job that nobody may have asked for anything."""
    beat = period(spec.drumbeat) if spec is not None and spec.drumbeat else None
    timers = [] if spec is None else [spec.idle, None if beat is None else beat + spec.delay]
    known = [timer for timer in timers if timer is not None]
    if known:
        return min(known) + (job.task or 0.0) + GRACE
    return default if job.kind in REGULAR else None
