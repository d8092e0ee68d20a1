"""PURE: facts and state in, decision out. The one place that says whether a group acts, and why not.

Each phase of `machine.TABLE` has one function: the resting phases in `resting`, a plan's in `running`,
its proof in `verifying`.
"""

from dataclasses import replace

from actuator.facts import Facts
from actuator.failover import resting, running, verifying
from actuator.failover.explain import held_words
from actuator.failover.machine import Phase
from actuator.failover.state import Asked, Decision, GroupState, Policy, Request
from actuator.step import Refusal

_PHASES = {
    Phase.OBSERVING: resting.observing,
    Phase.STEADY: resting.steady,
    Phase.WAITING: resting.waiting,
    Phase.LATCHED: resting.latched,
    Phase.FENCING: running.fencing,
    Phase.RESUMING: running.resuming,
    Phase.DISARMING: running.disarming,
    Phase.VERIFYING: verifying.verifying,
    Phase.RETURNING: running.returning,
}

NOTHING_ASKED = Asked()


def decide(state: GroupState, facts: Facts, policy: Policy, asked: Asked = NOTHING_ASKED) -> Decision:
    """What to do now. The same arguments give the same decision; nothing is remembered elsewhere."""
    state, facts = _note(state, facts, asked)
    decision = _PHASES[state.phase](state, facts, policy, asked)
    if asked.switchover is not None:
        decision = _answer(decision, asked.switchover)
    holder = decision.state.holder
    if holder is not None and facts.node(holder).active:
        seen = replace(decision.state, holder_active_at=facts.node(holder).checked_at)
        return replace(decision, state=seen)
    return decision


def _answer(decision: Decision, wish: Request) -> Decision:
    """A wish that was neither taken up nor refused came in the middle of a plan: say so."""
    plan, later = decision.state.plan, decision.state.scheduled
    taken = wish.id in (plan and plan.request, later and later.id)
    if taken or decision.refusals:
        return decision
    if plan is None:
        return decision.with_refusals(Refusal("request", f"{decision.why}; ask again in a moment"))
    busy = f"{plan.kind} #{plan.first_epoch} is under way; ask again when it ended"
    return decision.with_refusals(Refusal("request", busy))


def _note(state: GroupState, facts: Facts, asked: Asked) -> tuple[GroupState, Facts]:
    """Take note of holds that begin and end; they count in every phase."""
    if asked is NOTHING_ASKED and not state.holds:
        return state, facts
    holds = tuple(hold for hold in state.holds if hold.until > facts.now and hold.node != asked.unhold)
    if asked.hold is not None:
        new = asked.hold
        holds = (*(hold for hold in holds if hold.node != new.node), new)
    scheduled = None if asked.unschedule else state.scheduled
    return replace(state, holds=holds, scheduled=scheduled), replace(facts, held=held_words(holds))


def resume_after_restart(state: GroupState, now: float) -> GroupState:
    """The state that a starting actuator begins with: whatever was under way, it looks first."""
    plan = state.plan if state.phase not in (Phase.WAITING, Phase.STEADY) else None
    phase = Phase.LATCHED if state.phase is Phase.LATCHED else Phase.OBSERVING
    return replace(
        state, phase=phase, since=now, plan=plan, observe_until=None, holder_active_at=None
    )  # fmt: skip
