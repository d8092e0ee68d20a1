"""PURE: why a group would, or would not, act now, in plain words."""

from datetime import UTC, datetime

from actuator.facts import Facts, NodeFact, Reach
from actuator.failover.gap import next_opening
from actuator.failover.readiness import gone, not_gone_because, unready
from actuator.failover.state import Decision, GroupState, Policy


def utc(moment: float | None) -> str:
    """A moment as `03:12:26 UTC`; `unknown` for None."""
    return "unknown" if moment is None else f"{datetime.fromtimestamp(moment, UTC):%H:%M:%S} UTC"


def explain(state: GroupState, facts: Facts, policy: Policy, decision: Decision) -> list[str]:
    """Lines for a terminal: the group, the decision, then each node with its reasons."""
    lines = [
        f"{policy.group}: {state.phase}, automation {policy.automation}, epoch {state.epoch}, "
        f"holder {state.holder or 'unknown'}",
        f"now: {decision.why or 'nothing to do'}",
    ]
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
