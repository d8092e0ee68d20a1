"""PURE: which candidates may be taken, in which order, and whether a switch may begin at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

DAY = 86400.0
ON_PROBATION = 0.5
"""The score from which on an endpoint comes after the others: one failure is 1 and has halved by then."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a probe saw of one endpoint."""

    name: str
    chain_id: int | None = None
    head: int | None = None
    """Its newest block when the probe began: all endpoints are asked at the same moment."""
    new_head_http: bool = False
    new_head_ws: bool | None = None
    """None when it has no WebSocket address."""
    trouble: str = ""
    """Why it could not be asked, without any address."""


@dataclass(frozen=True, slots=True)
class Penalty:
    """How often an endpoint failed lately: a score at a time (unix seconds), halved with every probation."""

    score: float
    at: float

    def left(self, now: float, half_life: float) -> float:
        """The score now; a clock that was set back changes nothing."""
        return float(self.score * 0.5 ** (max(0.0, now - self.at) / half_life))


def failed(old: Penalty | None, now: float, half_life: float) -> Penalty:
    """The penalty after one more failure."""
    return Penalty(1 + (0.0 if old is None else old.left(now, half_life)), now)


def objections(findings: Sequence[Finding], chain_id: int, max_lag: int) -> dict[str, str]:
    """Endpoint → why it must not be used, of those that must not.

    The best head is that of an endpoint that lives: one that stands still ahead of the others is on a fork.
    """
    reasons = {finding.name: _own_fault(finding, chain_id) for finding in findings}
    heads = {one.name: one.head for one in findings if one.head is not None and not reasons[one.name]}
    best = max(heads.values(), default=0)
    for name, head in heads.items():
        if best - head > max_lag:
            reasons[name] = f"is {best - head} blocks behind"
    return {name: reason for name, reason in reasons.items() if reason}


def ranked(
    names: Sequence[str],
    bad: Mapping[str, str],
    penalties: Mapping[str, Penalty],
    now: float,
    half_life: float,
) -> list[str]:
    """Usable candidates: those on probation last, least failed first; else in the order of the config."""

    def rank(name: str) -> float:
        score = penalties[name].left(now, half_life) if name in penalties else 0.0
        return score if score >= ON_PROBATION else 0.0

    return sorted((name for name in names if name not in bad), key=rank)


def refusal(runs: Sequence[float], now: float, min_interval: float, per_day: int) -> str | None:
    """Why no switch may begin now, given the ends of earlier ones (unix seconds); None when one may."""
    # A clock that was far ahead when a switch ended must not forbid all others until then.
    last = max((run for run in runs if run <= now + min_interval), default=None)
    if last is not None and now - last < min_interval:
        return (
            f"the last switch ended {max(0, now - last):.0f} s ago; wait until {min_interval:.0f} s are over"
        )
    today = recent(runs, now)
    if len(today) >= per_day:
        return f"{len(today)} switches within 24 hours are enough"
    return None


def recent(runs: Sequence[float], now: float) -> tuple[float, ...]:
    """The runs of the last 24 hours."""
    return tuple(run for run in runs if abs(now - run) < DAY)


def _own_fault(finding: Finding, chain_id: int) -> str:
    if finding.trouble:
        return finding.trouble
    if finding.chain_id != chain_id:
        return f"serves chain {finding.chain_id}, not {chain_id}"
    if finding.head is None:
        return "tells no head"
    if not finding.new_head_http:
        return "brought no new block over HTTP"
    if finding.new_head_ws is False:
        return "brought no new block over WebSocket"
    return ""
