"""PURE: how long a job may be silent, by its own specification."""

import re

from exporter.oracle.answer import Job, Spec

GRACE = 60.0
"""Seconds that a submission takes beyond its timer and its tasks."""
REGULAR = ("fluxmonitor", "offchainreporting", "offchainreporting2")
"""Kinds of jobs that run by themselves; others wait for somebody who asks."""
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_EVERY = re.compile(r"@every\s+((?:[\d.]+(?:h|ms|m|s|us|µs|ns))+)\s*")
_PIECE = re.compile(r"([\d.]+)(h|ms|m|s|us|µs|ns)")
_NAMED = {"@hourly": 3600.0, "@daily": 86400.0, "@midnight": 86400.0, "@weekly": 604800.0}


def period(schedule: str) -> float | None:
    """Seconds between two beats of `@every 1h30m`, `@hourly` and the like; None for a cron line."""
    text = re.sub(r"^(CRON_TZ|TZ)=\S+\s+", "", schedule.strip())
    if text in _NAMED:
        return _NAMED[text]
    every = _EVERY.fullmatch(text)
    if every is None:
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in _PIECE.findall(every[1]))


def limit(job: Job, spec: Spec | None, default: float) -> float | None:
    """Seconds after which silence is wrong; None for a job that nobody may have asked for anything."""
    timers = [] if spec is None else [spec.idle, period(spec.drumbeat) if spec.drumbeat else None]
    known = [timer for timer in timers if timer is not None]
    if known:
        return min(known) + (job.task or 0.0) + GRACE
    return default if job.kind in REGULAR else None
