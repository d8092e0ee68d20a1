"""PURE: decisions of a group that is not in the middle of a plan."""

from dataclasses import replace

from actuator.facts import Facts, NodeFact, Reach, active_members, witness_lags
from actuator.failover import running
from actuator.failover.enter import (
    anew,
    barred,
    begin,
    counted_if_acted,
    enter,
    latch,
    notice,
    pause_order,
)
from actuator.failover.gap import gap_until, next_opening
from actuator.failover.machine import Event
from actuator.failover.readiness import (
    found_stopped,
    gone,
    just_restarted,
    lost,
    lost_lacks,
    not_gone_because,
    unready,
    worth_asking,
)
from actuator.failover.state import (
    Asked,
    Decision,
    GroupState,
    Kind,
    Notice,
    NoticeKind,
    Outcome,
    Policy,
    Request,
    Trouble,
)
from actuator.failover.triggers import (
    alive_since,
    ghost_of,
    give_way,
    hung,
    separate,
    silent_since,
    take_over,
    urgent,
)
from actuator.step import Refusal
from nodekit.slots import SLOT_SECONDS, round_slots, slot_time

REQUEST_ROUNDS = 3
"""A request that found no gap in this many rounds is dropped."""
LARGEST_ROUND = 252
"""Slots of a round of 21 producers."""
TELL_AFTER = 3.0
"""Seconds that the holder may be unreachable before operators are told."""


def observing(state: GroupState, facts: Facts, policy: Policy, asked: Asked) -> Decision:
    """After a start: look for a full round, unless a plan was interrupted or two produce."""
    now = facts.now
    active = active_members(facts)
    if len(active) > 1:
        return separate(state, facts, policy, active)
    if state.observe_until is None and (facts.chain is not None or state.plan is not None):
        # Also for what an operator or an interrupted plan does meanwhile: after it, the rest is observed.
        state = replace(state, observe_until=now + _round_seconds(facts))
    if state.plan is not None:
        refusal = barred(policy, facts)
        if refusal is not None and state.plan.request is None:
            return _leave(state, facts, policy, refusal)
        after = enter(state, Event.PLAN_FOUND, now, epoch=state.epoch + 1)
        return running.fencing(after, anew(facts), policy, asked)
    if asked.switchover is not None:
        return _ask(state, facts, policy, asked.switchover)
    if state.observe_until is None:
        return Decision(state, refusals=(Refusal("observing", "no witness answers yet"),), why="observing")
    if now < state.observe_until:
        why = f"observing one full round first, {state.observe_until - now:.0f} s left"
        return Decision(_adopt(state, active), refusals=(Refusal("observing", why),), why=why)
    after = enter(_adopt(state, active), Event.ROUND_SEEN, now)
    return Decision(after, why="a full round was observed")


def _round_seconds(facts: Facts) -> float:
    """A full round of the schedule; of the largest usual one while it is not known."""
    return (round_slots(facts.chain.producers) if facts.chain else LARGEST_ROUND) * SLOT_SECONDS


def _leave(state: GroupState, facts: Facts, policy: Policy, refusal: Refusal) -> Decision:
    """A plan of our own was interrupted by our restart, and automation may not act any more."""
    why = f"our own restart interrupted it, and it is not finished: {refusal.why}"
    told = notice(NoticeKind.ABORTED, state, policy, why)
    after = replace(state, plan=None, takeovers=counted_if_acted(state, facts.now))
    return Decision(after, notices=(told,), refusals=(refusal,), ended=Outcome("aborted"), why=why)


def _adopt(state: GroupState, active: list[str]) -> GroupState:
    """Whoever is active at first sight is the holder."""
    return replace(state, holder=active[0]) if state.holder is None and len(active) == 1 else state


def steady(state: GroupState, facts: Facts, policy: Policy, asked: Asked) -> Decision:
    """The normal case: one member is active, and its blocks arrive."""
    decision = _steady(state, facts, policy, asked)
    return _collect(decision, facts) if decision.state.owing else decision


def _collect(decision: Decision, facts: Facts) -> Decision:
    """Ask members that were fenced by a waiting pause again, until each of them reads paused."""
    owing = tuple(name for name in decision.state.owing if facts.node(name).paused is not True)
    lost = tuple(name for name in decision.state.lost if name in owing)
    orders = [
        pause_order(facts.node(name), facts, "it was silent during a takeover: until it reads paused")
        for name in owing
        if decision.state.plan is None
    ]
    return replace(
        decision,
        state=replace(decision.state, owing=owing, lost=lost),
        orders=(*decision.orders, *(order for order in orders if order is not None)),
    )


def _steady(state: GroupState, facts: Facts, policy: Policy, asked: Asked) -> Decision:
    active = active_members(facts)
    if len(active) > 1:
        return separate(state, facts, policy, active)
    ghost = ghost_of(state, facts)
    if ghost is not None:
        return give_way(state, facts, policy, ghost)
    if asked.switchover is not None:
        return _ask(state, facts, policy, asked.switchover)
    due = state.scheduled
    if due is not None and facts.now >= due.not_before and len(active) == 1:
        return _begin_scheduled(replace(state, scheduled=None), facts, policy, due)
    if len(active) == 1:
        return _one_active(_adopt(state, active), facts, policy, active[0])
    return _none_active(state, facts, policy)


def _begin_scheduled(state: GroupState, facts: Facts, policy: Policy, due: Request) -> Decision:
    """The time of a scheduled switchover has come: begin it, or say why it is not done."""
    decision = _ask(state, facts, policy, replace(due, not_before=0.0))
    if decision.state.plan is not None:
        return decision
    why = tuple(refusal.why for refusal in decision.refusals)
    told = notice(
        NoticeKind.DROPPED, state, policy, f"the scheduled switchover to {due.to} was not begun", *why,
        about=due.id,
    )  # fmt: skip
    return replace(decision, notices=(told,))


def _one_active(state: GroupState, facts: Facts, policy: Policy, name: str) -> Decision:
    if name != state.holder:
        why = f"{name} was resumed and {state.holder} stopped outside chainwarden"
        restarted = just_restarted(facts.node(name), facts.now)
        if restarted:
            why = f"{name} restarted unpaused while {state.holder} is not active"
        return latch(state, Event.OPERATOR_ACTED, facts, policy, why, by_operator=not restarted, holder=name)
    silent = silent_since(facts, policy.producer, name, state.since)
    if silent is None:
        return Decision(state, why=f"{name} is active")
    cause = f"{name} is unpaused but its slots stay empty while the others' blocks arrive"
    return take_over(state, facts, policy, Trouble.SILENT, cause, slot_time(silent) - 0.5)


def _none_active(state: GroupState, facts: Facts, policy: Policy) -> Decision:
    if state.holder is None:
        why = "nobody is active and no holder is known: resume one with `chainwarden switchover`"
        idle = notice(NoticeKind.IDLE, state, policy, why)
        return Decision(state, notices=(idle,), refusals=(Refusal("holder", why),), why=why)
    holder = facts.node(state.holder)
    if holder.checked_at is not None and holder.checked_at < state.since:
        return Decision(state, why=f"waiting for the first look at {holder.name} since it took over")
    if holder.paused:
        return _holder_paused(state, facts, policy, holder)
    proof = _dead(holder, facts, policy)
    if proof is not None and holder.refusals is not None:
        alive = alive_since(facts.chain, policy.producer, holder.refusals.since)
        if alive is None:
            since = holder.refusals.since
            return take_over(state, facts, policy, Trouble.CRASH, proof, since)
        return Decision(state, refusals=(Refusal("alive", alive),), why=alive)
    cause = hung(holder, facts, policy)
    if cause is not None and holder.answered_at is not None:
        return take_over(state, facts, policy, Trouble.HANG, cause, holder.answered_at)
    cause = lost(holder, facts, policy)
    if cause is not None and holder.answered_at is not None:
        return take_over(state, facts, policy, Trouble.LOST, cause, holder.answered_at)
    why = not_gone_because(holder, policy.gone_after)
    if policy.bounded:
        why = f"{why}; mode bounded: {lost_lacks(holder, facts, policy)}"
    told: tuple[Notice, ...] = ()
    if holder.answered_at is not None and facts.now - holder.answered_at > TELL_AFTER:
        opens = next_opening(facts, policy.producer)
        told = (
            notice(
                NoticeKind.UNFENCED, state, policy, why,
                about=f"{holder.name}@{holder.answered_at:.0f}", deadline=opens,
            ),
        )  # fmt: skip
    return Decision(state, notices=told, refusals=(Refusal("fence", why),), why=why)


def _dead(holder: NodeFact, facts: Facts, policy: Policy) -> str | None:
    """Why the holder's process is taken for dead, and worth a plan; None while that is not so.

    An asserted start fence is the proof; without one the agent's answer to our pause is, before any resume.
    """
    said = gone(holder, facts.now, policy.gone_after) or worth_asking(holder, facts.now, policy.gone_after)
    if said is None and urgent(facts, policy):  # else there is time to see whether it comes back
        return found_stopped(holder, facts.now)
    return said


def _holder_paused(state: GroupState, facts: Facts, policy: Policy, holder: NodeFact) -> Decision:
    """A restart with its start fence comes back paused; anything else was an operator."""
    seen, broken = state.holder_active_at, holder.broken_at
    # A pause is lost with the process. So what reads paused after a restart was paused by its start; one
    # that was not seen active since our own start must be known to start so.
    if broken is not None and (holder.starts_paused if seen is None else broken > seen):
        cause = f"{holder.name} restarted and came back paused"
        return take_over(state, facts, policy, Trouble.RESTART, cause, broken if seen is None else seen)
    why = f"{holder.name} was paused outside chainwarden"
    return latch(state, Event.OPERATOR_ACTED, facts, policy, why, by_operator=True)


def _ask(state: GroupState, facts: Facts, policy: Policy, request: Request) -> Decision:
    """An operator wants to move production: accept it for the next gap, or say why not."""
    reasons: tuple[Refusal, ...] = ()
    if request.to in policy.members and request.not_before > facts.now:
        return Decision(replace(state, scheduled=request), why=f"{request.to} is scheduled")
    if request.to not in policy.members:
        known = ", ".join(policy.members)
        reasons = (Refusal("request", f"{request.to} is no member of {policy.group} ({known})"),)
    else:
        reasons = unready(request.to, facts, policy)
    if reasons:
        return Decision(state, refusals=reasons, why="the request is refused")
    cause = f"{request.requested_by} asked to move production to {request.to}"
    waiting_state = begin(
        state, Event.SWITCHOVER_ASKED, facts.now, kind=Kind.SWITCHOVER, cause=cause, target=request.to,
        since=facts.now, requested_by=request.requested_by, request=request.id,
    )  # fmt: skip
    return waiting(replace(waiting_state, latch=None, operator_latch=False), facts, policy, Asked())


def waiting(state: GroupState, facts: Facts, policy: Policy, asked: Asked) -> Decision:
    """A switchover waits for the gap after our window."""
    plan = state.plan
    assert plan is not None  # noqa: S101 - WAITING is entered with a plan only
    now = facts.now
    active = active_members(facts)
    if plan.source is not None and plan.source not in active and active:
        return _drop(state, facts, policy, f"{plan.source} is not the active node any more")
    if len(active) > 1:
        return _drop(state, facts, policy, "two members are active")
    if state.holder is not None and facts.node(state.holder).reach is not Reach.ANSWERS:
        return _drop(state, facts, policy, f"{state.holder} does not answer any more")
    deadline = None
    if active:
        opens = witness_lags(facts) or gap_until(facts.chain, policy, now)
        if isinstance(opens, str):
            too_long = facts.chain and now - plan.started_at > REQUEST_ROUNDS * 0.5 * round_slots(
                facts.chain.producers
            )
            return _drop(state, facts, policy, opens) if too_long else Decision(state, why=opens)
        deadline = opens - policy.guard
    reasons = unready(plan.target, facts, policy)
    if reasons:
        return _drop(state, facts, policy, *(reason.why for reason in reasons))
    after = enter(
        state, Event.GAP_OPEN, now, plan=replace(plan, deadline=deadline, started_at=now, since=now)
    )  # fmt: skip
    return running.fencing(after, anew(facts), policy, asked)


def _drop(state: GroupState, facts: Facts, policy: Policy, *why: str) -> Decision:
    after = enter(state, Event.REQUEST_DROPPED, facts.now, plan=None)
    told = notice(NoticeKind.ABORTED, state, policy, *why)
    reasons = tuple(Refusal("request", text) for text in why)
    return Decision(after, notices=(told,), refusals=reasons, ended=Outcome("dropped"), why="; ".join(why))


def latched(state: GroupState, facts: Facts, policy: Policy, asked: Asked) -> Decision:
    """Only an operator moves a latched group, except that two producers are never left alone."""
    active = active_members(facts)
    if len(active) > 1:
        return separate(state, facts, policy, active)
    if asked.switchover is not None:
        return _ask(state, facts, policy, asked.switchover)
    if asked.release is not None:
        holder = active[0] if active else state.holder
        after = enter(
            state, Event.RELEASED, facts.now, latch=None, operator_latch=False, holder=holder,
            observe_until=None, takeovers=(),
        )  # fmt: skip
        return Decision(after, why=f"released by {asked.release}")
    if state.observe_until is None and facts.chain is not None:
        state = replace(state, observe_until=facts.now + _round_seconds(facts))  # we started latched
    why = f"latched: {state.latch}"
    return Decision(state, refusals=(Refusal("latched", why),), why=why)
