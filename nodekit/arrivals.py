"""PURE: our clock against the chain's, by how old heads are when they are seen.

A block is made up to 0.6 s before its timestamp, arrives within 0.3 s and is seen within a second: of the
looks of some seconds one shows a head of at most 0.4 s. When none does, our clock is ahead or the blocks come
late; either way slots are not overdue yet that our clock alone would call overdue.
"""

from dataclasses import dataclass

KEPT = 15.0
"""Seconds of looks that are kept: two turns in a row that are missed, and a little."""
USUAL = (-0.6, 0.4)
"""Smallest head age of some seconds on a healthy chain with a right clock."""
BAND = (-1.0, 0.9)
"""Beyond these the clock is taken for wrong, as by the rule AntelopeClockSkew."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """(when it was seen, how old it was) of the heads of the last seconds, oldest first."""

    seen: tuple[tuple[float, float], ...] = ()


def noted(arrivals: Arrivals, at: float, head_time: float, longest_gap: float) -> Arrivals:
    """With one more head; a clock that jumped, or looks that were further apart than usual, begin anew."""
    seen = arrivals.seen
    if seen and not 0 <= at - seen[-1][0] <= longest_gap:
        seen = ()
    kept = tuple(item for item in seen if at - item[0] <= KEPT)
    return Arrivals((*kept, (at, at - head_time)))


def chain_time(arrivals: Arrivals, now: float) -> float:
    """The moment by the chain's clock; ours, unless that is clearly wrong."""
    earliest = min((age for _, age in arrivals.seen), default=0.0)
    if earliest > BAND[1]:
        return now - (earliest - USUAL[1])
    if earliest < BAND[0]:
        return now - (earliest - USUAL[0])
    return now


def clock_ahead(arrivals: Arrivals, known_for: float) -> float:
    """Seconds by which our clock is clearly ahead; 0 when the looks do not go back `known_for` seconds."""
    seen = arrivals.seen
    if not seen or seen[-1][0] - seen[0][0] < known_for:
        return 0.0
    return max(0.0, seen[-1][0] - chain_time(arrivals, seen[-1][0]))
