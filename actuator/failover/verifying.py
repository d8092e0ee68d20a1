"""PURE: decisions after a resume: is it the new node that produces, or the old one again?"""

from dataclasses import replace

from actuator.facts import (
    Facts,
    NodeFact,
    Reach,
    empty_own_slots,
    flows_before,
    settled_slot,
    stalled,
    witness_behind,
)
from actuator.failover.cost import certificate, first_block_after, proving_window
from actuator.failover.enter import counted, enter, notice
from actuator.failover.machine import Event
from actuator.failover.readiness import (
    gone,
    queued,
)
from actuator.failover.running import disarming, go_back, handed_over, plan_of, taken_outside
from actuator.failover.state import (
    Asked,
    Decision,
    GroupState,
    Kind,
    NoticeKind,
    Outcome,
    Plan,
    Policy,
)
from nodekit.slots import current_slot, window_of

EMPTY_TOLERATED = {Kind.SWITCHOVER: 2}
EMPTY_DEFAULT = 4
"""Own slots in a row that may stay empty before a resumed node counts as not producing."""


def verifying(state: GroupState, facts: Facts, policy: Policy, _asked: Asked) -> Decision:
    """The target reads unpaused; its block on a witness proves that it produces."""
    plan = plan_of(state)
    if _paused_since(plan, facts):
        return _paused_again(state, facts, policy)
    taken = taken_outside(state, facts, policy)
    if taken is not None:
        return taken
    if gone(facts.node(plan.target), facts.now, policy.gone_after) is not None:
        return go_back(state, Event.TARGET_LOST, facts, policy, f"{plan.target} is gone too", tried=True)
    chain = facts.chain
    if chain is None or plan.resumed_at is None or stalled(chain, policy.producer):
        return Decision(state, why=f"waiting for {plan.target}'s block; the chain cannot be seen")
    window = proving_window(plan, policy, chain)
    if window is None:
        return Decision(state, why=f"{policy.producer} left the schedule; nothing to verify")
    block = first_block_after(chain, policy.producer, plan.resumed_at)
    if block is None:
        return _no_block_yet(state, facts, policy, window.opens)
    if plan.kind is Kind.SWITCHOVER and settled_slot(chain) < window.last_slot:
        return Decision(
            state, why=f"{plan.target} produces; its window ends in {window.closes - facts.now:.0f} s"
        )
    return _verified(state, facts, policy)


def _paused_since(plan: Plan, facts: Facts) -> bool:
    """Whether the target was read paused after it had been resumed."""
    target, at = facts.node(plan.target), plan.resumed_at
    return target.paused is True and at is not None and (target.checked_at or 0.0) > at


def _paused_again(state: GroupState, facts: Facts, policy: Policy) -> Decision:
    """A restart lost the resume; anything else was an operator."""
    plan = plan_of(state)
    target = facts.node(plan.target)
    if target.broken_at is not None and target.broken_at > (plan.resumed_at or 0.0):
        return go_back(
            state, Event.TARGET_LOST, facts, policy, f"{plan.target} restarted and came back paused"
        )
    why = f"{plan.target} was paused outside chainwarden right after it was resumed"
    return handed_over(state, facts, policy, why, plan.target, by_operator=True)


def _no_block_yet(state: GroupState, facts: Facts, policy: Policy, opens: float) -> Decision:
    plan = plan_of(state)
    chain = facts.chain
    assert chain is not None and plan.resumed_at is not None  # noqa: S101 - checked by the caller
    first = current_slot(plan.resumed_at + 0.5)
    empty = [
        slot
        for slot in empty_own_slots(chain, policy.producer, first)
        if flows_before(window_of(slot, chain.producers), chain)
    ]
    enough = len(empty) >= EMPTY_TOLERATED.get(plan.kind, EMPTY_DEFAULT)
    if enough and not witness_behind(facts, plan.target, empty[-1]):
        why = f"{plan.target} is unpaused, but {len(empty)} of our slots stayed empty"
        after = enter(state, Event.SLOTS_EMPTY, facts.now)
        decision = disarming(after, facts, policy, Asked())
        return replace(decision, why=why)
    wait = max(0.0, opens - facts.now)
    return Decision(state, why=f"waiting for {plan.target}'s first block; our window opens in {wait:.0f} s")


def _verified(state: GroupState, facts: Facts, policy: Policy) -> Decision:
    plan = plan_of(state)
    proof = certificate(plan, facts, policy)
    returned = plan.kind is Kind.SWITCHOVER and plan.target != plan.wanted
    others = [node for node in facts.nodes if node.name != plan.target]
    waits = tuple(node.name for node in others if queued(node, facts, policy) is not None)
    lost = _nowhere(others, facts, policy)
    after = enter(
        state, Event.BLOCK_SEEN, facts.now, plan=None, holder=plan.target, owing=(*waits, *lost), lost=lost,
        takeovers=counted(state, facts.now), resumed=plan.target, resumed_at=plan.resumed_at,
    )  # fmt: skip
    told = notice(NoticeKind.VERIFIED, state, policy, certificate=proof)
    ended = Outcome("rolled_back" if returned else "verified", proof)
    return Decision(after, notices=(told,), ended=ended, why=f"{plan.target} produces")


def _nowhere(others: list[NodeFact], facts: Facts, policy: Policy) -> tuple[str, ...]:
    """Members that no pause has reached and that are not proven gone (mode `bounded`)."""
    return tuple(
        node.name
        for node in others
        if policy.bounded
        and node.reach is not Reach.ANSWERS
        and gone(node, facts.now, policy.gone_after) is None
        and queued(node, facts, policy) is None
    )
