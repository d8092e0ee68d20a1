"""A group at rest: each condition under which it begins something, waits, or tells."""

from dataclasses import replace

import pytest

from actuator.facts import Facts, NodeFact, Reach
from actuator.failover.decide import decide, resume_after_restart
from actuator.failover.machine import Phase
from actuator.failover.state import (
    Asked,
    Automation,
    Decision,
    GroupState,
    Kind,
    NoticeKind,
    Request,
    Trouble,
)
from actuator.failover.triggers import ghost_of, hung, silent_since
from tests.unit.failover_world import (
    BASE,
    POLICY,
    at,
    blind,
    chain,
    dead,
    facts,
    node,
    planned,
    steady,
)
from tests.unit.test_failover_guards import BOUNDED, vacant
from tests.unit.test_failover_hang import silent

NOW = at(10)
SWITCH = Asked(switchover=Request("r1", "B", "alice", NOW))
ACTIVE_B = node("B", NOW, paused=False)


def why(decision: Decision) -> str:
    return " | ".join(refusal.why for refusal in decision.refusals)


def kinds(decision: Decision) -> list[NoticeKind]:
    return [notice.kind for notice in decision.notices]


def both(now: float = NOW, **changes: object) -> Facts:
    return facts(now, node("A", now), node("B", now, paused=False), node("C", now, paused=False))


# --- after a start ---------------------------------------------------------------------------------


def test_a_start_counts_its_round_from_when_it_sees_the_chain() -> None:
    first = decide(resume_after_restart(steady(), NOW), blind(NOW), POLICY)

    assert first.state.observe_until is None
    assert why(first) == "no witness answers yet"


def test_an_interrupted_plan_counts_the_round_of_the_largest_schedule_while_none_is_known() -> None:
    left = resume_after_restart(planned(Phase.FENCING, NOW), NOW)

    assert decide(left, blind(NOW), POLICY).state.observe_until == NOW + 126.0


def test_a_switchover_may_be_asked_for_while_a_start_observes() -> None:
    decision = decide(resume_after_restart(steady(), NOW), facts(NOW), POLICY, SWITCH)

    assert decision.state.plan is not None and decision.state.plan.request == "r1"


# --- steady ----------------------------------------------------------------------------------------


def test_only_those_that_still_owe_a_pause_stay_lost() -> None:
    state = steady(holder="B", owing=("A", "C"), lost=("A", "C"))
    shown = facts(NOW, node("A", NOW), ACTIVE_B, silent("C", NOW, NOW - 30))

    after = decide(state, shown, BOUNDED).state

    assert (after.owing, after.lost) == (("C",), ("C",))


def test_a_scheduled_switchover_begins_when_its_time_has_come_and_not_before() -> None:
    state = steady(scheduled=Request("r", "B", "alice", NOW, not_before=NOW + 100))

    early, due = decide(state, facts(NOW), POLICY), decide(state, facts(NOW + 240), POLICY)

    assert (early.state.plan, early.state.scheduled) == (None, state.scheduled)
    assert due.state.plan is not None and kinds(due) == []


def test_a_dead_holder_is_taken_over_from_also_when_a_scheduled_switchover_is_due() -> None:
    state = steady(scheduled=Request("r", "C", "alice", NOW, not_before=NOW - 1))

    decision = decide(state, facts(NOW, dead("A", NOW, NOW - 2.1)), POLICY)

    assert decision.state.plan is not None and decision.state.plan.kind is Kind.TAKEOVER


@pytest.mark.parametrize(
    ("broken_at", "words", "by_operator"),
    [
        (None, "B was resumed and A stopped outside", True),
        (NOW - 2, "B restarted unpaused", False),
        (NOW - 4, "B was resumed and A stopped outside", True),
    ],
)
def test_who_is_found_active_instead_of_the_holder_restarted_or_was_resumed(
    broken_at: float | None, words: str, by_operator: bool
) -> None:
    decision = decide(steady(), facts(NOW, node("A", NOW), replace(ACTIVE_B, broken_at=broken_at)), POLICY)

    assert words in str(decision.state.latch)
    assert (decision.state.holder, decision.state.operator_latch) == ("B", by_operator)


def test_a_group_without_a_known_holder_says_so_once_nobody_is_active() -> None:
    decision = decide(steady(holder=None), facts(NOW, node("A", NOW)), POLICY)

    assert kinds(decision) == [NoticeKind.IDLE]
    assert "no holder is known" in why(decision)


def test_a_holder_that_nobody_has_looked_at_yet_is_not_judged() -> None:
    decision = decide(steady(), facts(NOW, NodeFact("A")), POLICY)

    assert (decision.state.phase, decision.notices) == (Phase.STEADY, ())
    assert "A was not reached yet" in why(decision)


def test_bounded_begins_a_takeover_from_a_node_that_nothing_reaches() -> None:
    view = vacant(at(43), 4)
    members = [node(name, at(43), head_slot=view.head_slot) for name in "BC"]
    dark = replace(silent("A", at(43), at(39, 0.1)), starts_paused=False)
    shown = facts(at(43), dark, *members, view=view)

    decision = decide(steady(), shown, BOUNDED)

    assert decision.state.plan is not None and decision.state.plan.trouble is Trouble.LOST
    assert "mode bounded" not in why(decide(steady(), shown, POLICY))
    assert "mode bounded: 2 witnesses must agree" in why(decide(steady(), facts(at(43), dark), BOUNDED))


@pytest.mark.parametrize(
    ("answered", "told"), [(NOW - 2.5, []), (NOW - 3.5, [NoticeKind.UNFENCED]), (None, [])]
)
def test_an_unproven_silence_is_told_after_three_seconds(answered: float | None, told: list[object]) -> None:
    member = replace(silent("A", NOW, NOW - 9), answered_at=answered, starts_paused=False)

    assert kinds(decide(steady(), facts(NOW, member), POLICY)) == told


@pytest.mark.parametrize(("seen", "since"), [(NOW - 5, NOW - 5), (None, NOW - 2)])
def test_a_restart_costs_from_when_the_holder_was_seen_active_or_from_the_break(
    seen: float | None, since: float
) -> None:
    back = node("A", NOW, broken_at=NOW - 2)

    decision = decide(steady(holder_active_at=seen), facts(NOW, back), POLICY)

    assert decision.state.plan is not None and decision.state.plan.since == since


def test_a_switchover_to_nobody_of_ours_is_refused_also_for_later() -> None:
    later = Asked(switchover=Request("r", "X", "alice", NOW, not_before=NOW + 99))
    active = Asked(switchover=Request("r", "A", "alice", NOW))

    assert "X is no member of bp" in why(decide(steady(), facts(NOW), POLICY, later))
    assert why(decide(steady(), facts(NOW), POLICY, active)) == "A is already active"


# --- waiting for a gap -----------------------------------------------------------------------------


def waiting(now: float, *nodes: NodeFact, view: object = None, **changes: object) -> Decision:
    state = replace(planned(Phase.WAITING, now, Kind.SWITCHOVER, **{"request": "r1", **changes}), since=now)
    return decide(state, facts(now, *nodes, view=view), POLICY)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ((node("A", NOW), ACTIVE_B), "A is not the active node any more"),
        ((node("C", NOW, paused=False),), "two members are active"),
        ((silent("A", NOW, NOW - 5),), "A does not answer any more"),
        ((node("B", NOW, peers=0),), "B has no live peer"),
    ],
)
def test_a_switchover_that_waits_is_dropped_when_what_it_was_asked_for_is_gone(
    nodes: tuple[NodeFact, ...], words: str
) -> None:
    decision = waiting(NOW, *nodes)

    assert (decision.state.phase, decision.state.plan) == (Phase.STEADY, None)
    assert words in why(decision)


def test_a_switchover_of_a_group_whose_holder_was_not_known_goes_on() -> None:
    state = replace(planned(Phase.WAITING, NOW, Kind.SWITCHOVER, source=None), since=NOW, holder=None)

    assert decide(state, facts(NOW), POLICY).state.phase is Phase.FENCING


def test_a_switchover_that_found_no_gap_in_three_rounds_is_dropped() -> None:
    now = at(40)

    assert waiting(now, started_at=now - 71).state.phase is Phase.WAITING
    assert waiting(now, started_at=now - 73).state.phase is Phase.STEADY


def test_while_nobody_produces_a_switchover_needs_no_gap_and_has_no_deadline() -> None:
    decision = waiting(at(40), node("A", at(40)))

    assert decision.state.phase is Phase.FENCING
    assert decision.state.plan is not None and decision.state.plan.deadline is None


# --- latched ---------------------------------------------------------------------------------------


def latched(**changes: object) -> GroupState:
    return steady(**{"phase": Phase.LATCHED, "latch": "why", "observe_until": 5.0, **changes})


def test_a_latched_group_takes_a_switchover() -> None:
    decision = decide(latched(), facts(NOW), POLICY, SWITCH)

    assert decision.state.latch is None
    assert decision.state.plan is not None and decision.state.plan.request == "r1"


def test_a_release_takes_whoever_is_active_for_the_holder_else_the_one_before() -> None:
    release = Asked(release="alice")

    assert decide(latched(), both(), POLICY, release).state.phase is Phase.DISARMING, "two are never released"
    moved = facts(NOW, node("A", NOW), ACTIVE_B)
    assert decide(latched(), moved, POLICY, release).state.holder == "B"
    assert decide(latched(), facts(NOW, node("A", NOW)), POLICY, release).state.holder == "A"


def test_a_latch_keeps_the_end_of_its_round_and_begins_none_without_a_chain() -> None:
    assert decide(latched(), facts(NOW), POLICY).state.observe_until == 5.0
    assert decide(latched(observe_until=None), blind(NOW), POLICY).state.observe_until is None


@pytest.mark.parametrize(("by_operator", "phase"), [(True, Phase.LATCHED), (False, Phase.DISARMING)])
def test_two_active_members_are_left_to_the_operator_who_is_at_work(by_operator: bool, phase: Phase) -> None:
    decision = decide(latched(operator_latch=by_operator), facts(NOW, ACTIVE_B), POLICY)

    assert decision.state.phase is phase
    assert kinds(decision) == [NoticeKind.TWO_ACTIVE]


# --- what begins a takeover ------------------------------------------------------------------------


def test_without_a_chain_or_a_slot_of_ours_nobody_is_called_silent() -> None:
    assert silent_since(blind(NOW), "ours", "A", 0.0) is None
    assert silent_since(facts(NOW), "nobody", "A", 0.0) is None
    assert decide(steady(), blind(NOW), POLICY).why == "A is active"


@pytest.mark.parametrize(
    "changes",
    [{"reach": Reach.BROKEN}, {"answered_at": None}, {"starts_paused": False}],
    ids=str,
)
def test_only_a_silent_node_that_answered_and_starts_paused_can_hang(changes: dict[str, object]) -> None:
    now = at(20)
    member = silent("A", now, now - 10.5)

    assert hung(member, facts(now), POLICY) is not None
    assert hung(replace(member, **changes), facts(now), POLICY) is None  # type: ignore[arg-type]
    assert hung(member, blind(now), POLICY) is None
    assert hung(member, facts(now), replace(POLICY, proxied=frozenset("A"))) is None
    assert hung(member, facts(now), replace(POLICY, producer="nobody")) is not None, "no window, time decides"


def test_a_silent_node_whose_blocks_arrive_does_not_hang() -> None:
    now = at(68)

    assert hung(silent("A", now, now - 12.5), facts(now), POLICY) is None
    assert hung(silent("A", now, now - 10.1), facts(now), POLICY) is not None


def test_only_empty_slots_of_this_window_after_our_newest_block_show_a_hang() -> None:

    def hangs(now: float, answered: float, *empty: int) -> bool:
        dark = silent("A", now, answered)
        others = [silent(name, now, answered) for name in "BC"]
        return hung(dark, facts(now, dark, *others, view=chain(now, empty=empty)), POLICY) is not None

    assert hangs(at(37, 0.35), at(35, 0.0), 36, 37)
    assert not hangs(at(38, 0.35), at(36, 0.0), 36, 37), "a block of ours came after them"
    assert not hangs(at(84, 0.35), at(45), 46, 47, 84), "two of them are of the window before"


def test_a_crash_is_a_takeover_and_a_fenced_restart_resumes_the_holder_only_if_it_is_fit() -> None:
    crash = decide(steady(), facts(NOW, dead("A", NOW, NOW - 2.1)), POLICY).state.plan
    back = node("A", NOW, broken_at=NOW - 1)
    fit = decide(steady(holder_active_at=NOW - 2), facts(NOW, back), POLICY).state.plan
    unfit = decide(steady(holder_active_at=NOW - 2), facts(NOW, replace(back, peers=0)), POLICY).state.plan

    assert crash is not None and (crash.kind, crash.target) == (Kind.TAKEOVER, "B")
    assert fit is not None and (fit.kind, fit.target) == (Kind.RESTORE, "A")
    assert unfit is not None and unfit.target == "B"


@pytest.mark.parametrize(
    ("doubled", "ghost"), [(frozenset({BASE + 44}), "A"), (frozenset({BASE + 39}), None)]
)
def test_a_lost_node_is_suspected_only_by_slots_doubled_since_it_was_replaced(
    doubled: frozenset[int], ghost: str | None
) -> None:
    now = at(46)
    state = steady(holder="B", lost=("A",), since=at(40))

    assert ghost_of(state, facts(now, view=chain(now, doubled=doubled))) == ghost
    assert ghost_of(state, facts(now)) is None
    assert ghost_of(state, blind(now)) is None


def test_nothing_is_paused_by_a_group_that_may_not_act() -> None:
    off = replace(BOUNDED, automation=Automation.OFF)
    state = steady(holder="B", owing=(), lost=("A",), since=at(40))
    dark = silent("A", at(46), at(30))
    ghost = facts(
        at(46), dark, node("B", at(46), paused=False), view=chain(at(46), doubled=frozenset({BASE + 44}))
    )  # fmt: skip

    for decision in (decide(state, ghost, off), decide(steady(), facts(NOW, ACTIVE_B), off)):
        assert (decision.orders, kinds(decision)) == ((), [NoticeKind.TWO_ACTIVE])


def test_of_two_active_members_one_stays_also_when_neither_is_the_holder() -> None:
    plan = decide(steady(), both(), POLICY).state.plan

    assert plan is not None and plan.target == "B"
