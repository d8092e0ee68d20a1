"""PURE: how fast an account's money is spent, how long it lasts, and when some was added.

Time is the chain's: the timestamps of the blocks at which balances were read. So a clock that jumps or an
endpoint that lags changes no rate, and a chain that stands still spends nothing.
"""

from dataclasses import dataclass, replace

PARTS = 96
"""Pieces into which the window is cut: a rate is off by one piece at most, a quarter of an hour of a day."""
ENOUGH = 1 / 24
"""The share of the window that must have been seen before a rate is told."""


@dataclass(frozen=True, slots=True)
class History:
    """What was seen of one account's asset. Amounts are smallest units, times unix seconds of the chain."""

    since: float
    time: float
    block: int
    units: int
    pieces: tuple[tuple[float, int], ...] = ()
    """(end of the piece, spent in it), oldest first."""
    spent: int = 0
    received: int = 0
    topups: int = 0
    last_topup: float | None = None


def step(history: History | None, block: int, time: float, units: int, window: float) -> History:
    """The history with one more balance; a block that is not newer changes nothing.

    A lower block of a later time is another chain in the place of the first: everything begins anew.
    """
    if history is None or (block < history.block and time > history.time):
        return History(since=time, time=time, block=block, units=units)
    if block <= history.block or time < history.time:
        return history
    now = replace(history, block=block, time=time, units=units)
    if units > history.units:
        gain = units - history.units
        return replace(
            now, received=history.received + gain, topups=history.topups + 1, last_topup=time,
            pieces=_kept(history.pieces, time, window),
        )  # fmt: skip
    loss = history.units - units
    pieces = _kept(_added(history, time, loss, window), time, window)
    return replace(now, spent=history.spent + loss, pieces=pieces)


def rate(history: History, window: float) -> float | None:
    """Smallest units spent per second of chain time within the window; None while too little was seen."""
    seen = min(window, history.time - history.since)
    if seen < window * ENOUGH or seen <= 0:
        return None
    return sum(units for end, units in history.pieces if end > history.time - window) / seen


def runway(units: int, per_second: float | None) -> float | None:
    """Seconds until nothing is left; None when the rate is unknown or nothing is spent."""
    return None if not per_second else units / per_second


def _added(history: History, time: float, loss: int, window: float) -> tuple[tuple[float, int], ...]:
    """The pieces with a loss between the last look and `time`, at an even rate as far as known."""
    if not loss:
        return history.pieces
    gap = time - history.time
    if gap > window:
        loss = int(loss * window / gap)  # the rest was spent before the window began
    width = window / PARTS
    last = history.pieces[-1] if history.pieces else None
    if last is not None and time <= last[0]:
        return (*history.pieces[:-1], (last[0], last[1] + loss))
    end = (int(time / width) + 1) * width
    return (*history.pieces, (end, loss))


def _kept(pieces: tuple[tuple[float, int], ...], time: float, window: float) -> tuple[tuple[float, int], ...]:
    return tuple(piece for piece in pieces if piece[0] > time - window)
