"""PURE: when a channel may be spoken to again, so that no limit of it is ever exceeded.

A sliding window, not a token bucket: a bucket of 20 that refills within the minute lets 39 messages
through in some minutes, and a WeCom robot is silenced for the twenty-first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

MARGIN = 0.05
"""Share by which our windows are longer than the channel's: its clock starts when a request arrives."""


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `messages` within any `seconds`."""

    messages: int
    seconds: float


def free_at(recent: Sequence[float], rates: Sequence[Rate], now: float) -> float:
    """The moment from which one more message may be sent; `recent` are the moments of earlier ones."""
    moment = now
    ordered = sorted(recent)
    for rate in rates:
        if len(ordered) >= rate.messages:
            moment = max(moment, ordered[-rate.messages] + rate.seconds * (1 + MARGIN))
    return moment


def last_of(count: int, recent: Sequence[float], rates: Sequence[Rate], now: float) -> float:
    """The moment at which the last of `count` messages could be sent."""
    times = sorted(recent)
    moment = now
    for _ in range(count):
        moment = free_at(times, rates, moment)
        times.append(moment)
    return moment


def still_counting(recent: Sequence[float], rates: Sequence[Rate], now: float) -> list[float]:
    """The moments that some window may still contain."""
    longest = max((rate.seconds for rate in rates), default=0.0) * (1 + MARGIN)
    return [at for at in recent if at > now - longest]
