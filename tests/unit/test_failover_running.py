"""A plan step by step: each condition under which it goes on, waits, tells or turns back."""

from dataclasses import replace

import pytest

from actuator.facts import ChainFact, NodeFact, Reach, StepFact
from actuator.failover.decide import decide, resume_after_restart
from actuator.failover.machine import Phase
from actuator.failover.state import Decision, GroupState, Kind, NoticeKind, Verb
from tests.unit.failover_world import (
    POLICY,
    at,
    blind,
    chain,
    dead,
    done,
    facts,
    node,
    planned,
)
from tests.unit.test_failover_guards import BOUNDED
from tests.unit.test_failover_hang import silent

NOW = at(10)
IDLE_A, ACTIVE_B = node("A", NOW), node("B", NOW, paused=False)
FENCES = (done("pause.1", "A", NOW - 0.5), done("pause.1", "C", NOW - 0.5))


def why(decision: Decision) -> str:
    return " | ".join(refusal.why for refusal in decision.refusals)


def kinds(decision: Decision) -> list[NoticeKind]:
    return [notice.kind for notice in decision.notices]


def step(
    state: GroupState, *nodes: NodeFact, steps: tuple[StepFact, ...] = (), view: ChainFact | None = None
) -> Decision:
    return decide(state, facts(NOW, *nodes, steps=steps, view=view), POLICY)


# --- fencing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("touched", "ends"),
    [
        ((), True),
        ((done("pause.1", "A", NOW - 1),), False),
        ((done("pause.1", "A", NOW - 1, "failed"),), True),
        ((StepFact("pause.1", "A", "executing", None, ""),), False),
        ((replace(done("pause.1", "A", NOW - 1, "unknown"), evidence="queued"),), False),
        ((done("pause.1", "C", NOW - 1),), True),
    ],
    ids=["untouched", "paused", "refused", "under way", "queued", "another's"],
)
def test_a_holder_that_comes_back_ends_the_plan_unless_a_pause_reached_it(
    touched: tuple[StepFact, ...], ends: bool
) -> None:
    state = planned(Phase.FENCING, NOW, unheard=True)

    decision = step(state, steps=touched)

    assert (decision.state.plan is None) is ends
    assert decision.state.holder == "A"


def test_a_holder_that_stays_silent_ends_no_plan() -> None:
    decision = step(planned(Phase.FENCING, NOW, unheard=True), silent("A", NOW, NOW - 5))

    assert decision.state.phase is Phase.FENCING


@pytest.mark.parametrize(("since", "told"), [(NOW - 1.4, []), (NOW - 1.6, [NoticeKind.BLOCKED])])
def test_a_fence_that_takes_long_is_told_with_our_deadline(since: float, told: list[NoticeKind]) -> None:
    state = replace(planned(Phase.FENCING, NOW), since=since)

    decision = step(state, silent("A", NOW, NOW - 5))

    assert kinds(decision) == told
    assert all(notice.deadline == at(36, -0.5) for notice in decision.notices)
    unseen = decide(state, blind(NOW, silent("A", NOW, NOW - 5)), POLICY)
    assert all(notice.deadline is None for notice in unseen.notices) and kinds(unseen) == told


def test_what_is_not_fenced_yet_is_told_by_what_it_shows() -> None:
    silent_a = step(planned(Phase.FENCING, NOW), silent("A", NOW, NOW - 5))

    assert "A does not answer in time" in why(silent_a)
    assert "C has not acknowledged pause yet" in why(silent_a)


def test_a_switchover_announces_no_takeover() -> None:
    state = replace(planned(Phase.FENCING, NOW, Kind.SWITCHOVER, started_at=NOW), since=NOW)
    takeover = replace(planned(Phase.FENCING, NOW, started_at=NOW), since=NOW)

    assert kinds(step(state, silent("A", NOW, NOW - 5))) == []
    assert kinds(step(takeover, silent("A", NOW, NOW - 5))) == [NoticeKind.STARTED]


def test_a_target_that_is_active_already_is_verified_and_not_resumed_again() -> None:
    """Our own restart came between its resume and the look at it."""
    left = resume_after_restart(planned(Phase.RESUMING, NOW), NOW)
    fencing = decide(left, facts(NOW, IDLE_A, ACTIVE_B), POLICY).state

    decision = step(fencing, IDLE_A, ACTIVE_B, steps=FENCES)
    after = step(decision.state, IDLE_A, ACTIVE_B, steps=FENCES)

    assert Phase.VERIFYING in (decision.state.phase, after.state.phase)
    assert (decision.orders, after.orders) == ((), ())


# --- resuming --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "target", "resumed_at"),
    [
        ((done("resume.1", "B", NOW - 0.2),), node("B", NOW), NOW - 0.2),
        ((), ACTIVE_B, NOW),
        ((StepFact("resume.1", "B", "executing", None, ""),), ACTIVE_B, NOW),
    ],
    ids=["acknowledged, not seen yet", "seen without a step", "seen before its receipt"],
)
def test_a_target_that_acknowledged_or_reads_active_is_verified(
    steps: tuple[StepFact, ...], target: NodeFact, resumed_at: float
) -> None:
    decision = step(planned(Phase.RESUMING, NOW), IDLE_A, target, steps=steps)

    assert (decision.state.phase, decision.orders) == (Phase.VERIFYING, ())
    assert decision.state.plan is not None and decision.state.plan.resumed_at == resumed_at


def test_a_resume_that_is_under_way_is_waited_for() -> None:
    under_way = StepFact("resume.1", "B", "executing", None, "")

    decision = step(planned(Phase.RESUMING, NOW), IDLE_A, steps=(under_way,))

    assert (decision.state.phase, decision.orders) == (Phase.RESUMING, ())


@pytest.mark.parametrize("other", [done("resume.1", "C", NOW - 1), done("pause.1", "B", NOW - 1)])
def test_only_the_targets_own_resume_answers_for_it(other: StepFact) -> None:
    (order,) = step(planned(Phase.RESUMING, NOW), IDLE_A, steps=(other,)).orders

    assert (order.verb, order.node) == (Verb.RESUME, "B")


# --- disarming -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("since", "told"), [(NOW - 1.4, []), (NOW - 1.6, [NoticeKind.BLOCKED])])
def test_a_target_that_does_not_take_its_pause_is_told(since: float, told: list[NoticeKind]) -> None:
    state = replace(planned(Phase.DISARMING, NOW), since=since)

    assert kinds(step(state, IDLE_A, silent("B", NOW, NOW - 5))) == told


@pytest.mark.parametrize(
    ("member", "steps", "waits"),
    [
        (silent("B", NOW, NOW - 5), (done("pause.1", "B", NOW - 1, "unknown"),), True),
        (silent("B", NOW, NOW - 5), (), False),
        (silent("B", NOW, NOW - 5), (done("pause.1", "C", NOW - 1),), False),
        (dead("B", NOW, NOW - 1), (done("pause.1", "B", NOW - 0.5, "failed"),), False),
        (node("B", NOW, paused=False), (), True),
    ],
    ids=["told and silent", "never told", "another was told", "told and refusing", "active"],
)
def test_a_separation_waits_for_whoever_may_be_active(
    member: NodeFact, steps: tuple[StepFact, ...], waits: bool
) -> None:
    state = planned(Phase.DISARMING, NOW, Kind.SEPARATION, target="A")

    assert (step(state, member, steps=steps).state.phase is Phase.DISARMING) is waits


# --- verifying -------------------------------------------------------------------------------------


def verifying(
    now: float = NOW, *nodes: NodeFact, view: ChainFact | None = None, **changes: object
) -> Decision:
    state = planned(Phase.VERIFYING, now, **{"resumed_at": now - 5, **changes})
    members = nodes or (node("A", now), node("B", now, paused=False))
    return decide(state, facts(now, *members, view=view), POLICY)


def test_a_new_node_is_judged_only_by_a_chain_that_is_seen_and_flows() -> None:
    state = planned(Phase.VERIFYING, NOW, resumed_at=NOW - 5)
    still = chain(at(90), empty=tuple(range(36, 91)))
    out = chain(NOW, producers=("aa", "bb", "cc", "dd"))

    assert "cannot be seen" in decide(state, blind(NOW, IDLE_A, ACTIVE_B), POLICY).why
    heads = {"head_slot": still.head_slot}
    members = (
        node("A", at(90), **heads),
        node("B", at(90), paused=False, **heads),
        node("C", at(90), **heads),
    )
    stalled = verifying(at(90), *members, view=still, resumed_at=at(30))
    assert (stalled.state.phase, stalled.orders) == (Phase.VERIFYING, ())
    assert verifying(view=out).why == "ours left the schedule; nothing to verify"


@pytest.mark.parametrize(("broken_at", "outcome"), [(NOW - 1, None), (NOW - 9, "handed_over")])
def test_a_pause_after_our_resume_was_a_restart_only_if_its_connection_broke_since(
    broken_at: float, outcome: str | None
) -> None:
    decision = verifying(NOW, IDLE_A, node("B", NOW, broken_at=broken_at))

    assert (decision.ended.outcome if decision.ended else None) == outcome
    assert decision.state.operator_latch is (outcome is not None)


def test_old_readings_of_two_are_no_two_active_and_the_target_stays_if_it_is_one() -> None:
    since = NOW - 0.4
    old = node("A", NOW - 0.8, paused=False, active_since=NOW - 500)
    target = replace(ACTIVE_B, active_since=since)
    others = facts(NOW, replace(old, checked_at=NOW), node("B", NOW), node("C", NOW, paused=False))
    state = planned(Phase.VERIFYING, NOW, resumed_at=NOW + 1)

    assert decide(state, facts(NOW, old, target), POLICY).state.phase is Phase.VERIFYING
    both = decide(state, facts(NOW, replace(old, checked_at=NOW), target), POLICY).state.plan
    assert both is not None and (both.kind, both.target) == (Kind.SEPARATION, "B")
    apart = decide(state, others, POLICY).state.plan
    assert apart is not None and apart.target == "A"


def test_who_is_active_is_not_taken_for_the_new_holder_before_the_target_was_looked_at() -> None:
    shown = (IDLE_A, NodeFact("B"), node("C", NOW, paused=False))

    assert verifying(NOW, *shown).state.phase is Phase.VERIFYING


@pytest.mark.parametrize(("broken_at", "by_operator"), [(NOW - 1, False), (None, True)])
def test_who_became_active_meanwhile_restarted_or_was_resumed_by_hand(
    broken_at: float | None, by_operator: bool
) -> None:
    other = node("C", NOW, paused=False, broken_at=broken_at)

    decision = verifying(NOW, IDLE_A, node("B", NOW, reach=Reach.BROKEN, paused=None), other)

    assert decision.state.operator_latch is by_operator
    assert ("restarted unpaused" in str(decision.state.latch)) is not by_operator


@pytest.mark.parametrize(
    ("kind", "target", "outcome"),
    [
        (Kind.SWITCHOVER, "B", "verified"),
        (Kind.SWITCHOVER, "A", "rolled_back"),
        (Kind.TAKEOVER, "A", "verified"),
    ],
)
def test_only_a_switchover_that_ended_elsewhere_is_a_rollback(kind: Kind, target: str, outcome: str) -> None:
    now = at(48)
    members = [node(name, now, paused=name != target) for name in "ABC"]

    decision = verifying(now, *members, kind=kind, target=target, resumed_at=at(30))

    assert decision.ended is not None and decision.ended.outcome == outcome


def test_after_a_takeover_only_those_owe_a_pause_that_none_has_reached() -> None:
    now = at(38)
    waits = replace(done("pause.1", "C", at(30), "unknown"), evidence="queued")

    def owing(a: NodeFact, policy=BOUNDED, b: NodeFact | None = None):  # type: ignore[no-untyped-def]
        state = planned(Phase.VERIFYING, now, resumed_at=at(34))
        members = (a, b or node("B", now, paused=False), silent("C", now, at(20)))
        after = decide(state, facts(now, *members, steps=(waits,)), policy).state
        return after.owing, after.lost

    silent_b = silent("B", now, at(37, 0.1))
    assert owing(node("A", now)) == (("C",), ())
    assert owing(dead("A", now, at(30))) == (("C",), ())
    assert owing(silent("A", now, at(20)))[1] == ("A",)
    assert owing(silent("A", now, at(20)), POLICY) == (("C",), ())
    assert owing(node("A", now), b=silent_b) == (("C",), ()), "the new holder owes nothing"


# --- the way back ----------------------------------------------------------------------------------


def returning(*nodes: NodeFact, since: float = NOW - 1, **changes: object) -> Decision:
    state = replace(
        planned(Phase.RETURNING, NOW, **changes), since=since, holder=str(changes.get("source", "A"))
    )
    return step(state, *nodes)


def back_to(*nodes: NodeFact, **changes: object) -> str | None:
    plan = returning(*nodes, **changes).state.plan
    return plan.target if plan is not None else None


def test_production_goes_back_to_the_old_node_before_any_other_unless_it_was_tried_or_is_unfit() -> None:
    from_c: dict[str, object] = {"source": "C", "tried": ("B",)}

    assert back_to(IDLE_A, **from_c) == "C"
    assert back_to(IDLE_A, node("C", NOW, peers=0), **from_c) == "A"
    assert back_to(IDLE_A, source="C", tried=("B", "C")) == "A"


def test_when_nobody_is_fit_it_waits_and_tells_and_when_all_were_tried_it_latches() -> None:
    unfit = (node("A", NOW, peers=0), node("C", NOW, peers=0))
    waits = returning(*unfit, tried=("B",))

    assert (waits.state.phase, waits.orders, kinds(waits)) == (Phase.RETURNING, (), [])
    assert kinds(returning(*unfit, tried=("B",), since=NOW - 3.5)) == [NoticeKind.BLOCKED]
    latched = returning(IDLE_A, tried=("A", "B", "C"))
    assert latched.state.phase is Phase.LATCHED
    assert latched.ended is not None and latched.ended.outcome == "failed"


def test_a_holder_that_went_on_producing_keeps_production() -> None:
    decision = returning(node("C", NOW, paused=False), node("A", NOW), source="C")

    assert (decision.state.phase, decision.state.holder) == (Phase.STEADY, "C")
