"""PURE: when a planned switchover may begin: in the gap between our windows, with time to spare."""

from actuator.facts import ChainFact, Facts, settled_slot
from actuator.failover.state import Policy
from nodekit.slots import Window, current_slot, next_window, previous_window

SETTLE = 2.0
"""Seconds that a switchover needs between the end of our window and the guard."""


def gap_until(chain: ChainFact | None, policy: Policy, now: float) -> float | str:
    """When our next window opens, if a switchover may begin now; otherwise why it may not."""
    window = _coming(chain, policy.producer, now)
    if chain is None or window is None:
        return "the schedule is not known"
    if now >= window.opens:
        return f"in our window; it closes in {window.closes - now:.1f} s"
    if window.opens - now < policy.guard + SETTLE:
        return f"our window opens in {window.opens - now:.1f} s, too soon to begin"
    before = previous_window(policy.producer, window.first_slot, chain.producers)
    # The slot after it as well: our clock may be half a second ahead.
    if before is not None and settled_slot(chain) <= before.last_slot:
        return "waiting until our last window is settled"
    return window.opens


def _coming(chain: ChainFact | None, producer: str, now: float) -> Window | None:
    return next_window(producer, current_slot(now), chain.producers) if chain is not None else None


def next_opening(facts: Facts, producer: str) -> float | None:
    """When our next (or current) window opens, unix seconds."""
    window = _coming(facts.chain, producer, facts.now)
    return window.opens if window is not None else None


def coming_gap(facts: Facts, policy: Policy) -> tuple[float | None, float | None]:
    """From when a switchover that waits may begin, and when our window after that opens; unix seconds."""
    window = _coming(facts.chain, policy.producer, facts.now)
    if facts.chain is None or window is None:
        return None, None
    if window.opens - facts.now >= policy.guard + SETTLE:
        return facts.now, window.opens  # the gap is here, but our last window is not settled yet
    after = next_window(policy.producer, window.last_slot + 1, facts.chain.producers)
    return window.closes, after.opens if after is not None else None
