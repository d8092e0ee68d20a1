"""PURE: decisions in the middle of a plan: fence, resume, and the ways back."""

from dataclasses import replace

from actuator.facts import (
    Facts,
    NodeFact,
    Reach,
    StepFact,
    active_members,
    at_the_same_time,
)
from actuator.failover.cost import certificate
from actuator.failover.enter import anew, counted_if_acted, enter, latch, notice, pause_order
from actuator.failover.machine import Event, Phase
from actuator.failover.readiness import (
    best_candidate,
    fence_of,
    just_restarted,
    not_gone_because,
    unready,
)
from actuator.failover.state import (
    Asked,
    Decision,
    GroupState,
    Kind,
    Notice,
    NoticeKind,
    Order,
    Outcome,
    Plan,
    Policy,
    Trouble,
    Verb,
)
from actuator.step import FINAL, Refusal, State
from nodekit.slots import current_slot, next_window

RESUME_WITHIN = 2.0
"""Seconds after which a resume that was not sent yet must not be sent any more."""
TELL_AFTER = 1.5
"""Seconds that a fence may take before operators are told that it is stuck."""


def plan_of(state: GroupState) -> Plan:
    """The plan of a phase that has one. Raises ValueError when it has none."""
    if state.plan is None:
        raise ValueError(f"phase {state.phase} without a plan")
    return state.plan


def fencing(state: GroupState, facts: Facts, policy: Policy, _asked: Asked) -> Decision:
    """Pause every other member and prove it; then the target may be resumed."""
    plan = plan_of(state)
    told = _announcement(state, facts, policy)
    source = facts.node(plan.source) if plan.source is not None else None
    back = source is not None and source.active and plan.unheard
    if back and source is not None and not _touched(source.name, facts):
        return _ended(state, Event.HOLDER_BACK, facts, policy, f"{source.name} is back and active")
    if plan.deadline is not None and facts.now > plan.deadline:
        return go_back(state, Event.GAP_CLOSING, facts, policy, "our window comes too near")
    others = [node for node in facts.nodes if node.name != plan.target]
    open_ = [node for node in others if fence_of(node, facts, policy) is None]
    if open_:
        reason = f"fence before {plan.target} is resumed: {plan.cause}"
        orders = [pause_order(node, facts, reason) for node in open_]
        why = "; ".join(_unfenced(node.name, facts, policy) for node in open_)
        if facts.now - state.since > TELL_AFTER:
            told = (*told, _blocked(state, facts, policy, why))
        waiting_for = Refusal("fence", why)
        return Decision(
            state, orders=tuple(order for order in orders if order), notices=told,
            refusals=(waiting_for,), why=why,
        )  # fmt: skip
    # A target that is active already (we resumed it before our own restart) needs no leave, but a proof.
    reasons = () if facts.node(plan.target).active else unready(plan.target, facts, policy)
    if reasons:
        why = "; ".join(reason.why for reason in reasons)
        return go_back(state, Event.TARGET_UNFIT, facts, policy, why)
    after = enter(state, Event.OTHERS_FENCED, facts.now)
    fences = "; ".join(fence_of(node, facts, policy) or "" for node in others)
    decision = resuming(after, facts, policy, _asked)
    return replace(decision, notices=(*told, *decision.notices), why=f"{fences}; {decision.why}")


def _touched(name: str, facts: Facts) -> bool:
    """Whether a pause reached a member, waits at it or at its host's agent, or is under way."""
    return any(
        step.node == name
        and (step.state == State.OK or step.state not in FINAL or step.evidence in ("queued", "kept"))
        for step in facts.steps
    )


def _announcement(state: GroupState, facts: Facts, policy: Policy) -> tuple[Notice, ...]:
    """The message that a takeover began, given with the decision that begins it."""
    plan = plan_of(state)
    begins = facts.now == state.since == plan.started_at
    if not begins or plan.kind not in (Kind.TAKEOVER, Kind.RESTORE):
        return ()
    return (notice(NoticeKind.STARTED, state, policy, plan.cause),)


def _unfenced(name: str, facts: Facts, policy: Policy) -> str:
    node = facts.node(name)
    if node.reach is Reach.ANSWERS:
        return f"{name} has not acknowledged pause yet"
    return not_gone_because(node, policy.gone_after)


def _blocked(state: GroupState, facts: Facts, policy: Policy, why: str) -> Notice:
    window = None
    if facts.chain is not None:
        window = next_window(policy.producer, current_slot(facts.now), facts.chain.producers)
    opens = window.opens if window is not None else None
    return notice(NoticeKind.BLOCKED, state, policy, why, deadline=opens, about=f"epoch-{state.epoch}")


def resuming(state: GroupState, facts: Facts, policy: Policy, _asked: Asked) -> Decision:
    """Resume the target once; what it answers decides."""
    plan = plan_of(state)
    step = _last(facts, plan.target, "resume.")
    if facts.node(plan.target).active or (step is not None and step.state == State.OK):
        at = step.finished_at if step is not None and step.finished_at is not None else facts.now
        after = enter(state, Event.RESUMED, facts.now, plan=replace(plan, resumed_at=at))
        return Decision(after, why=f"{plan.target} is active; waiting for its block")
    if step is None:
        limit = facts.now + RESUME_WITHIN
        not_after = limit if plan.deadline is None else min(limit, plan.deadline)
        reason = f"every other member is fenced: {plan.cause}"
        order = Order("resume.1", plan.target, Verb.RESUME, reason, not_after)
        return Decision(state, orders=(order,), why=f"resuming {plan.target}")
    if step.state == State.UNKNOWN:
        after = enter(state, Event.RESUME_UNKNOWN, facts.now)
        return disarming(after, facts, policy, _asked)
    if step.state in (State.FAILED, State.SKIPPED):
        refused = step.state == State.FAILED  # what was never sent says nothing against the target
        return go_back(state, Event.RESUME_FAILED, facts, policy, step.detail, tried=refused)
    return Decision(state, why=f"waiting for {plan.target} to answer resume")


def _last(facts: Facts, node: str, prefix: str) -> StepFact | None:
    found = [step for step in facts.steps if step.node == node and step.name.startswith(prefix)]
    return found[-1] if found else None


def disarming(state: GroupState, facts: Facts, policy: Policy, _asked: Asked) -> Decision:
    """Pause until it reads paused: the failed target, or all but the one that stays."""
    plan = plan_of(state)
    if plan.kind is Kind.SEPARATION:
        nodes = [node for node in facts.nodes if node.name != plan.target]
        left = [node for node in nodes if _may_be_active(node, facts) and not fence_of(node, facts, policy)]
        if not left:
            why = f"two members were active; {plan.target} stays, the others are paused"
            decision = latch(
                state, Event.ONE_ACTIVE, facts, policy, why, by_operator=False, holder=plan.target
            )  # fmt: skip
            return replace(decision, ended=Outcome("separated", certificate(plan, facts, policy)))
        told: tuple[Notice, ...] = (notice(NoticeKind.TWO_ACTIVE, state, policy, plan.cause),)
    else:
        target = facts.node(plan.target)
        if fence_of(target, facts, policy) is not None:
            return go_back(state, Event.DISARMED, facts, policy, f"{plan.target} is paused again", tried=True)
        left, told = [target], ()
        if facts.now - state.since > TELL_AFTER:
            told = (_blocked(state, facts, policy, _unfenced(plan.target, facts, policy)),)
    reason = f"must not produce: {plan.cause}"
    orders = tuple(order for node in left if (order := pause_order(node, facts, reason)) is not None)
    names = ", ".join(node.name for node in left)
    return Decision(state, orders=orders, notices=told, why=f"pausing {names} until it reads paused")


def _may_be_active(node: NodeFact, facts: Facts) -> bool:
    """It is active, or was told to pause and has been silent since."""
    told = any(step.node == node.name for step in facts.steps)
    return node.active or (told and node.reach in (Reach.TIMEOUT, Reach.BROKEN))


def taken_outside(state: GroupState, facts: Facts, policy: Policy) -> Decision | None:
    """What to do when others than the plan's own nodes are active; None when that is not so."""
    plan, active = plan_of(state), active_members(facts)
    if len(active) > 1 and at_the_same_time(facts):
        keep = plan.target if plan.target in active else active[0]
        cause = f"{' and '.join(active)} are active at the same time; {keep} stays"
        plan = replace(plan, kind=Kind.SEPARATION, trouble=Trouble.TWO_ACTIVE, cause=cause, target=keep)
        after = enter(state, Event.TWO_ACTIVE, facts.now, plan=plan, epoch=state.epoch + 1)
        return disarming(after, anew(facts), policy, Asked())
    mine = plan.target if state.phase is Phase.VERIFYING else plan.source
    if len(active) != 1 or active[0] == mine or facts.node(plan.target).reach is Reach.UNSEEN:
        return None
    restarted = just_restarted(facts.node(active[0]), facts.now)
    how = "restarted unpaused" if restarted else "was resumed outside chainwarden"
    why = f"{active[0]} {how} while {plan.target} took over"
    return handed_over(state, facts, policy, why, active[0], by_operator=not restarted)


def handed_over(
    state: GroupState, facts: Facts, policy: Policy, why: str, holder: str, *, by_operator: bool
) -> Decision:
    """The plan ends with another holder than it wanted, and the group latches."""
    decision = latch(
        state, Event.OPERATOR_ACTED, facts, policy, why, by_operator=by_operator, holder=holder
    )  # fmt: skip
    return replace(decision, ended=Outcome("handed_over", certificate(plan_of(state), facts, policy)))


def returning(state: GroupState, facts: Facts, policy: Policy, _asked: Asked) -> Decision:
    """The plan's target failed: the old node if it is fit, else the next one, each under a new epoch."""
    plan = plan_of(state)
    taken = taken_outside(state, facts, policy)
    if taken is not None:
        return taken
    active = active_members(facts)
    if len(active) == 1 and not _touched(active[0], facts):
        return _ended(state, Event.HOLDER_BACK, facts, policy, f"{plan.source} goes on producing")
    candidate: str | None = None
    refusals: tuple[Refusal, ...] = ()
    if plan.source is not None and plan.source not in plan.tried:
        refusals = unready(plan.source, facts, policy)
        candidate = plan.source if not refusals else None
    if candidate is None:
        candidate, more = best_candidate(facts, policy, plan.tried)
        refusals = tuple(dict.fromkeys((*refusals, *more)))
    if candidate is not None:
        again = replace(plan, target=candidate, deadline=None, resumed_at=None)
        after = enter(state, Event.CANDIDATE_FOUND, facts.now, plan=again, epoch=state.epoch + 1)
        return fencing(after, anew(facts), policy, _asked)
    if set(policy.members) <= set(plan.tried):
        why = "every member was tried and none produces"
        decision = latch(state, Event.ALL_TRIED, facts, policy, why, by_operator=False)
        return replace(decision, ended=Outcome("failed", certificate(plan, facts, policy)))
    why = "; ".join(refusal.why for refusal in refusals)
    told = (_blocked(state, facts, policy, why),) if facts.now - state.since > TELL_AFTER else ()
    return Decision(state, notices=told, refusals=refusals, why=f"nobody may be resumed: {why}")


def go_back(
    state: GroupState, event: Event, facts: Facts, policy: Policy, why: str, *, tried: bool = False
) -> Decision:
    """To the way back; `tried` bars the target from being chosen again in this incident."""
    plan = plan_of(state)
    if tried:
        plan = replace(plan, tried=(*plan.tried, plan.target))
    after = enter(state, event, facts.now, plan=plan)
    decision = returning(after, facts, policy, Asked())
    return replace(decision, why=f"{why}; {decision.why}")


def _ended(state: GroupState, event: Event, facts: Facts, policy: Policy, why: str) -> Decision:
    """The plan is over without a new holder."""
    plan = plan_of(state)
    after = enter(state, event, facts.now, plan=None, takeovers=counted_if_acted(state, facts.now))
    told = notice(NoticeKind.ABORTED, state, policy, why)
    ended = Outcome("aborted", certificate(plan, facts, policy))
    return Decision(after, notices=(told,), ended=ended, why=why)
