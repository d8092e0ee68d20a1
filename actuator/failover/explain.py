"""PURE: why a group would, or would not, act now, in plain words."""

from datetime import UTC, datetime

from actuator.facts import Facts, NodeFact, Reach
from actuator.failover.gap import coming_gap, next_opening
from actuator.failover.readiness import gone, not_gone_because, unready
from actuator.failover.state import Decision, GroupState, Policy


def utc(moment: float | None) -> str:
    """A moment as `03:12:26 UTC`; `unknown` for None."""
    return "unknown" if moment is None else f"{datetime.fromtimestamp(moment, UTC):%H:%M:%S} UTC"


def day(moment: float) -> str:
    """A moment with its date: `2026-12-01 03:00:00 UTC`."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC"


def outlook(decision: Decision, facts: Facts, policy: Policy) -> list[str]:
    """Lines for a dry run of a switchover: what would be done, and by when."""
    plan = decision.state.plan
    if decision.state.scheduled is not None and plan is None:
        due = decision.state.scheduled
        return [f"would be scheduled: the first gap after {day(due.not_before)}"]
    if plan is None:
        return ["would be refused:", *(f"  {refusal.why}" for refusal in decision.refusals)]
    others = [name for name in policy.members if name != plan.target]
    lines = [f"would begin now: {plan.cause}" if plan.deadline else f"would wait: {decision.why}"]
    lines.append(f"1. pause {', '.join(others)}; each must acknowledge and read paused")
    lines.append(f"2. resume {plan.target}, which is ready now")
    lines.append(f"3. verify all 12 blocks of {plan.target}'s first window on a witness")
    opens = next_opening(facts, policy.producer)
    if opens is not None and plan.deadline is None and plan.source is not None:
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
        f"held: {hold.node.replace('*', 'the group')} until {utc(hold.until)} by {hold.by}: {hold.reason}"
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
    lines.append(_chain(facts, policy))
    for name in policy.members:
        lines.append(f"{name}: {_shown(facts.node(name), facts.now)}")
        lines += [f"  {text}" for text in _node(facts.node(name), state, facts, policy)]
    return lines


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
