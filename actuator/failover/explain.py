"""PURE: why a group would, or would not, act now, in plain words."""

from collections.abc import Iterable
from datetime import UTC, datetime

from actuator.facts import Facts, NodeFact, Reach, active_members
from actuator.failover.enter import barred, limit_reached
from actuator.failover.gap import coming_gap, next_opening
from actuator.failover.machine import Phase
from actuator.failover.readiness import best_candidate, gone, not_gone_because, unready
from actuator.failover.state import Decision, GroupState, Hold, Policy


def utc(moment: float | None) -> str:
    """A moment as `03:12:26 UTC`; `unknown` for None."""
    return "unknown" if moment is None else f"{datetime.fromtimestamp(moment, UTC):%H:%M:%S} UTC"


def day(moment: float) -> str:
    """A moment with its date: `2026-12-01 03:00:00 UTC`."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC"


def held_words(holds: Iterable[Hold]) -> dict[str, str]:
    """Member (or `*`) → why and until when an operator holds it."""
    return {hold.node: f"{hold.reason} ({hold.by}, until {day(hold.until)})" for hold in holds}


def outlook(decision: Decision, facts: Facts, policy: Policy) -> list[str]:
    """Lines for a dry run of a switchover: what would be done, and by when."""
    plan = decision.state.plan
    if decision.state.scheduled is not None and plan is None:
        due = decision.state.scheduled
        return [f"would be scheduled: the first gap after {day(due.not_before)}"]
    if plan is None:
        return ["would be refused:", *(f"  {refusal.why}" for refusal in decision.refusals)]
    others = [name for name in policy.members if name != plan.target]
    waits = decision.state.phase is Phase.WAITING
    lines = [f"would wait: {decision.why}" if waits else f"would begin now: {plan.cause}"]
    lines.append(f"1. pause {', '.join(others)}; each must acknowledge and read paused")
    lines.append(f"2. resume {plan.target}, which is ready now")
    lines.append(f"3. verify all 12 blocks of {plan.target}'s first window on a witness")
    opens = None if plan.deadline is None else plan.deadline + policy.guard
    if waits:
        begins, opens = coming_gap(facts, policy)
        lines.append(f"begins after {utc(begins)}, when our window is over and its last block is known")
    if opens is not None:
        through = opens - policy.guard
        lines.append(f"given back when not through by {utc(through)}; our window opens {utc(opens)}")
    return lines


def explain(state: GroupState, facts: Facts, policy: Policy, decision: Decision) -> list[str]:
    """Lines for a terminal: the group, the decision, then each node with its reasons."""
    lines = [
        f"{policy.group}: {state.phase}, automation {policy.automation}, epoch {state.epoch}, "
        f"holder {state.holder or 'unknown'}",
        f"now: {decision.why or 'nothing to do'}",
    ]
    lines += [
        f"held: {hold.node.replace('*', 'the group')} until {day(hold.until)} by {hold.by}: {hold.reason}"
        for hold in state.holds
    ]
    if state.scheduled is not None:
        due = state.scheduled
        lines.append(
            f"scheduled: switchover to {due.to} after {day(due.not_before)}, asked by {due.requested_by}"
        )
    if state.latch:
        lines.append(f"latched: {state.latch}; `chainwarden release {policy.group}` hands it back")
    lines += [f"no: {refusal.why}" for refusal in decision.refusals if refusal.why != decision.why]
    lines += _prospect(state, facts, policy)
    lines.append(_chain(facts, policy))
    for name in policy.members:
        lines.append(f"{name}: {_shown(facts.node(name), facts.now)}")
        lines += [f"  {text}" for text in _node(facts.node(name), state, facts, policy)]
    return lines


def _prospect(state: GroupState, facts: Facts, policy: Policy) -> list[str]:
    """What would come of a failure of the holder now; or that nobody produces, and the way out."""
    if state.plan is not None or state.holder is None:
        return []
    if not active_members(facts):
        return [nobody_active(facts, policy)]
    if not facts.node(state.holder).active or state.latch:
        return []
    refusal, limit = barred(policy, facts), limit_reached(state, policy, facts.now)
    target, _ = best_candidate(facts, policy, (state.holder,))
    if refusal is not None:
        would = f"chainwarden would do nothing: {refusal.why}"
    elif state.observe_until is not None and facts.now < state.observe_until:
        would = f"chainwarden would do nothing before {utc(state.observe_until)}: it observes one round first"
    elif limit is not None:
        would = f"chainwarden would latch and leave it to you: {limit}"
    elif target is None:
        would = "nobody could take over"
    else:
        asked = ", once an alert asks for it" if policy.on_alert else ""
        would = f"{target} would take over{asked}"
    return [f"if {state.holder} failed now, {would}"]


def nobody_active(facts: Facts, policy: Policy) -> str:
    """That nobody is seen to produce for us, from when on that costs blocks, and the way out."""
    ready = ", ".join(name for name in policy.members if not unready(name, facts, policy))
    way = (
        f"ready: {ready}; `chainwarden switchover {policy.group} --to NODE` resumes one"
        if ready
        else "none is ready"
    )
    opens = utc(next_opening(facts, policy.producer))
    return f"none of our nodes is seen active, our window opens {opens}; {way}"


def _chain(facts: Facts, policy: Policy) -> str:
    chain = facts.chain
    if chain is None:
        return "chain: no witness answers"
    opens = next_opening(facts, policy.producer)
    return (
        f"chain: {chain.witnesses} witness(es), schedule {chain.schedule_version} of "
        f"{len(chain.producers)} producers, our window opens {utc(opens)}"
    )


def _shown(node: NodeFact, now: float) -> str:
    if node.reach is not Reach.ANSWERS:
        return f"{node.reach}, last answered {utc(node.answered_at)}"
    paused = {True: "paused", False: "active", None: "pause state unknown"}[node.paused]
    age = now - node.checked_at if node.checked_at is not None else 0.0
    return f"{paused}, head {node.head_num}, {node.peers} peer(s), read {age:.1f} s ago"


def _node(node: NodeFact, state: GroupState, facts: Facts, policy: Policy) -> list[str]:
    """What would happen to one node."""
    if node.name == state.holder and node.active:
        return ["holds production; nothing to do"]
    texts: list[str] = []
    proof = gone(node, facts.now, policy.gone_after)
    if node.reach is not Reach.ANSWERS:
        texts.append(
            f"counts as fenced: {proof}"
            if proof
            else f"not fenced: {not_gone_because(node, policy.gone_after)}"
        )
    reasons = unready(node.name, facts, policy)
    texts += [f"may not be resumed: {reason.why}" for reason in reasons] or ["may be resumed"]
    return texts
