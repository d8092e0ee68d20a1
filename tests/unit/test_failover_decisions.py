"""What a group decides, phase by phase, and why it does not."""

from dataclasses import replace

import pytest

from actuator.facts import Reach
from actuator.failover.cost import strip
from actuator.failover.decide import decide, resume_after_restart
from actuator.failover.machine import Phase
from actuator.failover.state import Asked, Automation, GroupState, Kind, NoticeKind, Plan, Request, Verb
from nodekit.slots import next_window
from tests.unit.failover_world import (
    OUR_FIRST,
    POLICY,
    PRODUCERS,
    at,
    blind,
    chain,
    dead,
    done,
    facts,
    node,
    planned,
    steady,
)

SWITCH = Asked(switchover=Request("r1", "B", "alice", at(0)))


def why(decision) -> str:  # type: ignore[no-untyped-def]
    return " | ".join(refusal.why for refusal in decision.refusals)


def orders(decision) -> list[tuple[str, str]]:  # type: ignore[no-untyped-def]
    return [(order.verb, order.node) for order in decision.orders]


def test_a_group_that_waits_for_alerts_takes_over_only_while_one_asks() -> None:
    now = at(10)
    lost = facts(now, dead("A", now, now - 2.01))
    patient = replace(POLICY, on_alert=True)

    alone = decide(steady(), lost, patient)
    asked = decide(steady(), replace(lost, alerted_at=now - 3), patient)
    late = decide(steady(), replace(lost, alerted_at=now - 61), patient)

    assert "waits for an alert" in why(alone) and "waits for an alert" in why(late)
    assert (alone.orders, late.orders) == ((), ())
    assert asked.state.phase is Phase.FENCING


# --- at rest ---------------------------------------------------------------------------------------


def test_a_healthy_group_does_nothing() -> None:
    decision = decide(steady(), facts(at(10)), POLICY)

    assert (decision.state.phase, decision.orders, decision.refusals) == (Phase.STEADY, (), ())


def test_a_holder_proven_gone_is_replaced_by_the_next_ready_node_after_all_others_are_fenced() -> None:
    now = at(10)
    decision = decide(steady(), facts(now, dead("A", now, now - 2.01)), POLICY)

    assert decision.state.phase is Phase.FENCING
    assert decision.state.epoch == 5
    assert decision.state.plan is not None and decision.state.plan.target == "B"
    assert orders(decision) == [(Verb.PAUSE, "C")], (
        "the dead node gets no order, the standby an explicit pause"
    )
    assert [notice.kind for notice in decision.notices] == [NoticeKind.STARTED]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"since": 1.9}, "refuses connections for 1.9 s; 2 s prove it gone"),
        ({"starts_paused": False}, "without `starts_paused` it may restart producing"),
        ({"count": 2}, "refuses connections"),
        ({"before": None}, "had not answered"),
        ({"before": 61.0}, "had not answered"),
        ({"timeout": True}, "a hung or cut-off node may still produce"),
    ],
)
def test_a_holder_that_is_silent_but_not_proven_gone_keeps_production(
    changes: dict[str, object], reason: str
) -> None:
    now = at(10)
    since = now - float(changes.get("since", 3.0))  # type: ignore[arg-type]
    fact = dead("A", now, since, starts_paused=changes.get("starts_paused", True))
    assert fact.refusals is not None
    if "count" in changes:
        fact = replace(fact, refusals=replace(fact.refusals, count=2))
    if "before" in changes:
        before = changes["before"]
        answered = None if before is None else since - float(before)  # type: ignore[arg-type]
        fact = replace(fact, refusals=replace(fact.refusals, answered_before=answered))
    if "timeout" in changes:
        fact = replace(fact, reach=Reach.TIMEOUT, refusals=None)

    decision = decide(steady(), facts(now, fact), POLICY)

    assert decision.state.phase is Phase.STEADY
    assert decision.orders == ()
    assert reason in why(decision)


def test_a_hung_holder_is_paged_with_the_deadline_and_the_way_out() -> None:
    now = at(10)
    hung = replace(dead("A", now, now - 5), reach=Reach.TIMEOUT, refusals=None)

    decision = decide(steady(), facts(now, hung), POLICY)

    (notice,) = decision.notices
    assert notice.kind is NoticeKind.UNFENCED
    assert notice.deadline == at(36, -0.5)


def test_a_node_whose_blocks_still_arrive_is_alive_whatever_its_api_says() -> None:
    now = at(44)
    decision = decide(steady(), facts(now, dead("A", now, now - 2.5)), POLICY)

    assert decision.state.phase is Phase.STEADY
    assert "our blocks still arrive" in why(decision)


def test_an_unpaused_holder_that_produces_nothing_in_its_turn_is_replaced_by_way_of_a_pause() -> None:
    now = at(38)
    decision = decide(steady(), facts(now, view=chain(now, empty=(36, 37, 38))), POLICY)

    assert decision.state.phase is Phase.FENCING
    assert orders(decision) == [(Verb.PAUSE, "A"), (Verb.PAUSE, "C")]


def test_one_empty_slot_is_not_silence() -> None:
    now = at(36)

    assert decide(steady(), facts(now, view=chain(now, empty=(36,))), POLICY).state.phase is Phase.STEADY


def test_empty_slots_of_everybody_are_the_chains_trouble_and_not_ours() -> None:
    now = at(40)
    decision = decide(steady(), facts(now, view=chain(now, empty=tuple(range(41)))), POLICY)

    assert (decision.state.phase, decision.orders) == (Phase.STEADY, ())


@pytest.mark.parametrize("view", ["stalled", "blind"])
def test_nothing_is_moved_while_the_chain_stands_still_or_cannot_be_seen(view: str) -> None:
    now = at(30)
    gone = dead("A", now, now - 2.5)
    stalled = facts(now, gone, view=chain(now, empty=tuple(range(31))))

    decision = decide(steady(), stalled if view == "stalled" else blind(now, gone), POLICY)

    assert (decision.state.phase, decision.orders) == (Phase.STEADY, ())
    assert [notice.kind for notice in decision.notices] == [NoticeKind.BLOCKED]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"paused": None}, "pause state is unknown"),
        ({"peers": 0}, "has no live peer"),
        ({"peers": None}, "its peers are unknown"),
        ({"agrees": False}, "another fork"),
        ({"agrees": None}, "no block to compare"),
        ({"lib_moved_at": None}, "irreversible block does not move"),
        ({"head_slot": None}, "its head is unknown"),
    ],
)
def test_a_standby_with_any_doubt_is_passed_over_for_the_next_one(
    changes: dict[str, object], reason: str
) -> None:
    now = at(10)
    doubtful = node("B", now, **changes)

    decision = decide(steady(), facts(now, dead("A", now, now - 2.5), doubtful), POLICY)

    assert decision.state.plan is not None and decision.state.plan.target == "C"
    assert reason in why(decision)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"producers": ("aa", "bb", "cc", "dd")}, "not in the active schedule"),
        ({"our_keys": ("OTHER",)}, "names another key"),
        ({"changing": "our key changes"}, "schedule change is under way"),
    ],
)
def test_nobody_is_resumed_against_the_schedule(changes: dict[str, object], reason: str) -> None:
    now = at(10)
    view = replace(chain(now), **changes)  # type: ignore[arg-type]
    policy = replace(POLICY, public_key="KEY")

    decision = decide(steady(), facts(now, dead("A", now, now - 2.5), view=view), policy)

    assert (decision.state.phase, decision.orders) == (Phase.STEADY, ())
    assert reason in why(decision)


def test_a_head_that_is_old_only_by_our_own_empty_slots_is_fresh() -> None:
    """A died inside our window: nobody made blocks since, on any node."""
    now = at(41)
    view = chain(now, empty=(38, 39, 40, 41))
    heads = {"head_slot": view.head_slot}

    decision = decide(
        steady(),
        facts(now, dead("A", now, now - 2.05), node("B", now, **heads), node("C", now, **heads), view=view),
        POLICY,
    )

    assert decision.state.phase is Phase.FENCING


def test_two_active_nodes_are_separated_at_once_and_the_group_is_latched() -> None:
    now = at(10)
    both = facts(now, node("C", now, paused=False))
    first = decide(steady(), both, POLICY)
    assert orders(first) == [(Verb.PAUSE, "C")]
    assert [notice.kind for notice in first.notices] == [NoticeKind.TWO_ACTIVE]

    later = facts(at(11), steps=(done("pause.1", "C", at(10.5)),))
    second = decide(first.state, later, POLICY)

    assert (second.state.phase, second.state.holder) == (Phase.LATCHED, "A")


def test_what_an_operator_does_is_told_and_never_undone() -> None:
    now = at(10)
    moved = facts(now, node("A", now, paused=True), node("B", now, paused=False))

    decision = decide(steady(), moved, POLICY)

    assert (decision.state.phase, decision.state.holder) == (Phase.LATCHED, "B")
    assert decision.orders == () and decision.state.operator_latch


def test_a_holder_paused_by_an_operator_stays_paused() -> None:
    now = at(10)
    state = steady(holder_active_at=now - 1)

    decision = decide(state, facts(now, node("A", now, paused=True)), POLICY)

    assert (decision.state.phase, decision.orders) == (Phase.LATCHED, ())


def test_a_holder_that_restarted_paused_is_resumed() -> None:
    now = at(10)
    state = steady(holder_active_at=now - 5)
    back = node("A", now, paused=True, broken_at=now - 4)

    decision = decide(state, facts(now, back), POLICY)

    assert decision.state.plan is not None
    assert (decision.state.plan.kind, decision.state.plan.target) == (Kind.RESTORE, "A")
    assert orders(decision) == [(Verb.PAUSE, "B"), (Verb.PAUSE, "C")]


@pytest.mark.parametrize(
    ("takeovers", "reason"),
    [((at(-100),), "within the cooldown"), ((at(-9000), at(-8000)), "2 automatic takeovers within a day")],
)
def test_after_too_many_takeovers_a_human_decides(takeovers: tuple[float, ...], reason: str) -> None:
    now = at(10)
    policy = replace(POLICY, cooldown=600.0)

    decision = decide(steady(takeovers=takeovers), facts(now, dead("A", now, now - 2.5)), policy)

    assert (decision.state.phase, decision.orders) == (Phase.LATCHED, ())
    assert reason in (decision.state.latch or "")


@pytest.mark.parametrize("mode", [Automation.SHADOW, Automation.OFF])
def test_shadow_and_off_do_nothing_but_shadow_says_what_it_would_do(mode: Automation) -> None:
    now = at(10)
    decision = decide(steady(), facts(now, dead("A", now, now - 2.5)), replace(POLICY, automation=mode))

    assert (decision.state.phase, decision.orders, decision.state.epoch) == (Phase.STEADY, (), 4)
    told = [notice.kind for notice in decision.notices]
    assert told == ([NoticeKind.WOULD] if mode is Automation.SHADOW else [])
    assert "would resume B" in decision.why


# --- after a start -----------------------------------------------------------------------------------


def test_a_start_observes_one_full_round_before_it_acts() -> None:
    now = at(10)
    gone = dead("A", now, now - 2.5)
    begun = decide(GroupState(holder="A", epoch=4), facts(now, gone), POLICY)
    assert begun.state.phase is Phase.OBSERVING and begun.orders == ()

    half = decide(begun.state, facts(at(10 + 47), dead("A", at(57), now)), POLICY)
    full = decide(half.state, facts(at(10 + 49), dead("A", at(59), now)), POLICY)

    assert (half.state.phase, full.state.phase) == (Phase.OBSERVING, Phase.STEADY)


def test_a_first_start_adopts_the_only_active_node_and_none_when_there_are_none() -> None:
    now = at(10)

    assert decide(GroupState(), facts(now), POLICY).state.holder == "A"
    nobody = decide(GroupState(), facts(now, node("A", now)), POLICY)
    assert nobody.state.holder is None


def test_an_interrupted_plan_goes_on_at_once_under_a_new_epoch() -> None:
    now = at(10)
    state = resume_after_restart(planned(Phase.RESUMING, now), now)
    assert state.phase is Phase.OBSERVING

    decision = decide(state, facts(now, dead("A", now, now - 3)), POLICY)

    assert (decision.state.phase, decision.state.epoch) == (Phase.FENCING, 6)
    assert orders(decision) == [(Verb.PAUSE, "C")]


# --- in the middle of a plan -------------------------------------------------------------------------


def test_the_target_is_resumed_only_when_every_other_member_is_fenced() -> None:
    now = at(10)
    gone = dead("A", now, now - 3)
    waiting = decide(planned(Phase.FENCING, now), facts(now, gone), POLICY)
    ready = decide(
        planned(Phase.FENCING, now), facts(now, gone, steps=(done("pause.1", "C", now - 0.1),)), POLICY
    )

    assert orders(waiting) == [(Verb.PAUSE, "C")]
    assert orders(ready) == [(Verb.RESUME, "B")]


@pytest.mark.parametrize(
    "fact",
    [{"checked_at": at(9)}, {"paused": False}, {"broken_at": at(9.9, 0.39)}, {"paused": None}],
    ids=["not re-read", "reads unpaused", "restarted since", "unknown"],
)
def test_an_acknowledged_pause_counts_only_when_it_is_re_read_without_a_restart(
    fact: dict[str, float],
) -> None:
    now = at(10)
    nodes = (dead("A", now, now - 3), node("C", now, **fact))
    acknowledged = done("pause.1", "C", at(9.8))

    decision = decide(planned(Phase.FENCING, now), facts(now, *nodes, steps=(acknowledged,)), POLICY)

    assert (Verb.RESUME, "B") not in orders(decision)


def test_a_pause_that_is_not_acknowledged_is_sent_again_but_not_at_once() -> None:
    now = at(10)
    gone = dead("A", now, now - 3)
    failed = done("pause.1", "C", now - 0.2, "unknown")

    soon = decide(planned(Phase.FENCING, now), facts(now, gone, steps=(failed,)), POLICY)
    later = decide(
        planned(Phase.FENCING, now), facts(now, gone, steps=(replace(failed, finished_at=now - 0.6),)), POLICY
    )

    assert orders(soon) == []
    assert [(order.name, order.node) for order in later.orders] == [("pause.2", "C")]


def test_a_target_that_is_not_fit_any_more_is_exchanged_under_a_new_epoch() -> None:
    now = at(10)
    nodes = (dead("A", now, now - 3), node("B", now, peers=0))

    decision = decide(
        planned(Phase.FENCING, now), facts(now, *nodes, steps=(done("pause.1", "C", now - 0.1),)), POLICY
    )

    assert decision.state.plan is not None
    assert (decision.state.plan.target, decision.state.epoch) == ("C", 6)
    assert orders(decision) == [(Verb.PAUSE, "B")]


def test_a_resume_that_timed_out_is_disarmed_before_anybody_else_is_resumed() -> None:
    now = at(10)
    nodes = (dead("A", now, now - 3), node("B", now, paused=None))
    timed_out = (done("pause.1", "C", now - 1), done("resume.1", "B", now - 0.1, "unknown"))

    decision = decide(planned(Phase.RESUMING, now), facts(now, *nodes, steps=timed_out), POLICY)

    assert decision.state.phase is Phase.DISARMING
    assert orders(decision) == [(Verb.PAUSE, "B")]

    disarmed = facts(at(11), dead("A", at(11), now - 3), steps=(*timed_out, done("pause.1", "B", at(10.5))))
    after = decide(decision.state, disarmed, POLICY)
    assert after.state.plan is not None and after.state.plan.target == "C"
    assert after.state.epoch == 6


def test_a_resume_that_was_refused_goes_to_the_next_candidate() -> None:
    now = at(10)
    steps = (done("pause.1", "C", now - 1), done("resume.1", "B", now - 0.1, "failed"))

    decision = decide(planned(Phase.RESUMING, now), facts(now, dead("A", now, now - 3), steps=steps), POLICY)

    assert decision.state.plan is not None
    assert (decision.state.plan.target, decision.state.plan.tried) == ("C", ("B",))


def test_a_takeover_is_verified_by_the_first_block_after_the_resume() -> None:
    now = at(43)
    state = planned(Phase.VERIFYING, now, since=at(37), resumed_at=at(41, 0.1))
    nodes = (dead("A", now, at(37)), node("B", now, paused=False))
    empty = (38, 39, 40, 41)

    before = decide(state, facts(at(41), *nodes, view=chain(at(41), empty=empty)), POLICY)
    after = decide(state, facts(now, *nodes, view=chain(now, empty=empty)), POLICY)

    assert before.state.phase is Phase.VERIFYING
    assert (after.state.phase, after.state.holder, after.state.plan) == (Phase.STEADY, "B", None)
    assert after.ended is not None and after.ended.certificate is not None
    assert len(after.ended.certificate.missed) == 4
    assert after.ended.certificate.after == "AA....BB"
    assert dict(after.ended.certificate.produced)["B"] == 1
    moments = after.ended.certificate.timeline
    assert [moment.at for moment in moments] == sorted(moment.at for moment in moments)
    assert moments[-1].what == "ended" and any("first block of B" in moment.what for moment in moments)
    assert (after.state.resumed, after.state.resumed_at) == ("B", at(41, 0.1))
    assert [notice.kind for notice in after.notices] == [NoticeKind.VERIFIED]


def test_a_window_does_not_show_the_old_node_as_the_maker_of_what_was_made_before_it_was_resumed() -> None:
    """B took over in the middle of the window before the switchover back to A."""
    now = at(43)
    plan = Plan(
        Kind.SWITCHOVER, "asked", "B", "A", "alice", started_at=now, since=now, source_since=at(41, 0.1)
    )
    window = next_window("ours", OUR_FIRST, PRODUCERS)
    view = chain(now, empty=(38, 39, 40, 41))
    assert window is not None

    assert strip(view, window, plan) == "??....BB"


def test_a_resumed_node_that_does_not_produce_is_paused_again() -> None:
    now = at(41)
    state = planned(Phase.VERIFYING, now, resumed_at=at(30))
    nodes = (dead("A", now, at(20)), node("B", now, paused=False))

    decision = decide(state, facts(now, *nodes, view=chain(now, empty=(36, 37, 38, 39, 40, 41))), POLICY)

    assert decision.state.phase is Phase.DISARMING
    assert orders(decision) == [(Verb.PAUSE, "B")]


def test_a_second_active_node_during_verification_is_paused() -> None:
    now = at(10)
    state = planned(Phase.VERIFYING, now, resumed_at=at(9))
    nodes = (node("A", now, paused=False), node("B", now, paused=False))

    decision = decide(state, facts(now, *nodes), POLICY)

    assert decision.state.phase is Phase.DISARMING
    assert orders(decision) == [(Verb.PAUSE, "A")]


# --- planned switchovers -------------------------------------------------------------------------------


def test_a_switchover_waits_for_the_gap_and_begins_there() -> None:
    inside = decide(steady(), facts(at(40)), POLICY, SWITCH)
    assert inside.state.phase is Phase.WAITING and inside.orders == ()

    gap = decide(inside.state, facts(at(48)), POLICY)

    assert gap.state.phase is Phase.FENCING
    assert orders(gap) == [(Verb.PAUSE, "A"), (Verb.PAUSE, "C")]
    assert gap.state.plan is not None and gap.state.plan.deadline == at(84, -0.5) - POLICY.guard


def test_a_switchover_does_not_begin_when_our_window_is_near() -> None:
    decision = decide(steady(), facts(at(28)), POLICY, SWITCH)

    assert decision.state.phase is Phase.WAITING
    assert "too soon to begin" in decision.why


@pytest.mark.parametrize(
    ("to", "changes", "reason"),
    [
        ("X", {}, "X is no member of bp (A, B, C)"),
        ("A", {}, "A is already active"),
        ("B", {"peers": 0}, "B has no live peer"),
    ],
)
def test_a_switchover_that_cannot_be_is_refused_with_the_reason(
    to: str, changes: dict[str, object], reason: str
) -> None:
    now = at(10)
    asked = Asked(switchover=Request("r", to, "alice", now))

    decision = decide(steady(), facts(now, node("B", now, **changes)), POLICY, asked)

    assert (decision.state.phase, decision.state.epoch) == (Phase.STEADY, 4)
    assert reason in why(decision)


def test_a_switchover_that_is_not_through_by_its_deadline_gives_production_back() -> None:
    now = at(28)
    state = planned(Phase.FENCING, now, Kind.SWITCHOVER, deadline=now - 0.1)
    nodes = (node("A", now), node("C", now, paused=None))

    decision = decide(state, facts(now, *nodes, steps=(done("pause.1", "A", now - 1),)), POLICY)

    assert decision.state.plan is not None
    assert (decision.state.plan.target, decision.state.plan.wanted) == ("A", "B")
    assert (Verb.PAUSE, "B") in orders(decision)


def test_a_switchover_is_verified_by_the_whole_window() -> None:
    state = planned(Phase.VERIFYING, at(20), Kind.SWITCHOVER, since=at(2), resumed_at=at(3))
    nodes = [node("A", at(44)), node("B", at(44), paused=False)]

    half = decide(state, facts(at(44), *nodes), POLICY)
    whole = decide(state, facts(at(48), *nodes), POLICY)

    assert half.state.phase is Phase.VERIFYING
    assert (whole.state.phase, whole.state.holder) == (Phase.STEADY, "B")
    assert whole.ended is not None and whole.ended.certificate is not None
    assert (whole.ended.certificate.missed, whole.ended.certificate.after) == ((), "B" * 12)


def test_an_operator_releases_a_latched_group_and_it_observes_again() -> None:
    state = steady(phase=Phase.LATCHED, latch="why", takeovers=(at(0),))

    held = decide(state, facts(at(10)), POLICY)
    freed = decide(state, facts(at(10)), POLICY, Asked(release="alice"))

    assert "latched: why" in why(held)
    assert (freed.state.phase, freed.state.latch, freed.state.takeovers) == (Phase.OBSERVING, None, ())


def test_slots_that_only_our_own_clock_calls_empty_move_nothing() -> None:
    """Our clock is three seconds ahead: six slots of the holder's are still to come."""
    now = at(43)
    view = chain(at(43 - 6), checked_at=now)
    seen = (node("A", now, paused=False, head_slot=view.head_slot), node("B", now, head_slot=view.head_slot))

    believed = decide(steady(), facts(now, *seen, view=view), POLICY)
    known = decide(steady(), facts(now, *seen, view=replace(view, ahead=2.9)), POLICY)

    assert believed.state.phase is Phase.FENCING, "as if they were empty"
    assert (known.state.phase, known.orders) == (Phase.STEADY, ())
