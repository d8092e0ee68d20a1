"""PURE: what an operator's request asks for, or what is wrong with it, in words."""

from actuator.failover.machine import Phase
from actuator.failover.state import GroupState, Hold, Request

MAX_HOLD = 30 * 86400.0
"""Seconds; a hold that nobody remembers is a trap."""
MAX_REASON = 200
PAST = 60.0
"""Seconds that the time of a switchover may lie back: somebody who typed the present minute."""


def in_the_past(moment: float, now: float) -> bool:
    """Whether a switchover was asked for too long ago: taken for now, a wrong day would move production."""
    return 0.0 < moment < now - PAST


def wanted_switchover(body: object, by: str, now: float, number: str) -> Request | str:
    """`{"to": NODE, "not_before": unix seconds}`; the second may be left out."""
    if not isinstance(body, dict) or not isinstance(body.get("to"), str):
        return 'write {"to": "NODE"}'
    not_before = body.get("not_before", 0.0)
    if not isinstance(not_before, int | float):
        return "not_before is no number of unix seconds"
    if in_the_past(not_before, now):
        return "not_before is in the past; leave it out for the next gap"
    return Request(number, body["to"], by, now, float(not_before))


def dry_run(body: object) -> bool:
    """Whether the request only asks what would be done."""
    return isinstance(body, dict) and body.get("dry_run") is True


def wanted_hold(body: object, by: str, now: float) -> Hold | str:
    """`{"node": NODE or "*", "seconds": …, "reason": …}`; without a node the whole group is meant."""
    if not isinstance(body, dict):
        return 'write {"node": "NODE or *", "seconds": 3600, "reason": "…"}'
    seconds, reason = body.get("seconds"), body.get("reason")
    if not isinstance(seconds, int | float) or not 0 < seconds <= MAX_HOLD:
        return f"a hold lasts more than 0 seconds and at most {MAX_HOLD / 86400:.0f} days"
    if not isinstance(reason, str) or not reason.strip():
        return "a hold needs a reason"
    return Hold(held_node(body), now + seconds, reason.strip()[:MAX_REASON], by)


def nothing_to_release(state: GroupState) -> str | None:
    """Why a release would change nothing."""
    return None if state.phase is Phase.LATCHED else f"it is {state.phase}, not latched: nothing to release"


def nothing_to_unhold(state: GroupState, node: str) -> str | None:
    """Why the end of a hold would change nothing."""
    held = [hold.node for hold in state.holds]
    if node in held:
        return None
    known = ", ".join(_held(name) for name in held) or "nothing"
    return f"{_held(node)} is not held; held now: {known}"


def _held(node: str) -> str:
    return "the group" if node == "*" else node


def held_node(body: object) -> str:
    """The node of a hold, `*` for the group."""
    return str(body.get("node", "*")) if isinstance(body, dict) else "*"
