"""Faults of the decision that the simulator found, each as the smallest facts that show it."""

from dataclasses import replace

import pytest

from actuator.facts import Reach
from actuator.failover.decide import decide, resume_after_restart
from actuator.failover.machine import Phase
from actuator.failover.state import Asked, Automation, Kind, NoticeKind, Request, Verb
from nodekit.slots import slot_time
from tests.unit.failover_world import BASE, POLICY, at, chain, dead, done, facts, node, planned, steady


def test_another_candidate_is_resumed_only_after_everybody_was_paused_under_its_own_epoch() -> None:
    now = at(10)
    waiting = planned(Phase.RETURNING, now, tried=("B",))
    old = (done("pause.1", "B", now - 1), done("pause.1", "C", now - 2), done("resume.1", "B", now - 1.5))

    decision = decide(waiting, facts(now, dead("A", now, now - 3), steps=old), POLICY)

    assert (decision.state.phase, decision.state.epoch) == (Phase.FENCING, 6)
    assert [(order.name, order.verb, order.node) for order in decision.orders] == [
        ("pause.1", Verb.PAUSE, "B")
    ]


def test_a_separation_that_follows_a_takeover_counts_its_own_pauses_only() -> None:
    now = at(10)
    state = planned(Phase.VERIFYING, now, resumed_at=at(9))
    both = (node("A", now, paused=False), node("B", now, paused=False))
    old = (done("pause.1", "A", now - 0.1), done("pause.1", "C", now - 2))

    decision = decide(state, replace(facts(now, *both), steps=old), POLICY)

    assert [(order.name, order.node) for order in decision.orders] == [("pause.1", "A")]


def test_a_node_that_answers_again_is_told_to_pause_at_once_however_often_it_was_asked_in_vain() -> None:
    """It had been silent for minutes, and the next try was a minute away."""
    now = at(10)
    tries = tuple(done(f"pause.{n}", "C", now - 60 + 9 * n, "unknown") for n in range(1, 7))
    state = planned(Phase.FENCING, now)
    gone = dead("A", now, now - 3)

    back = decide(state, facts(now, gone, steps=tries), POLICY)
    silent = node("C", now, reach=Reach.TIMEOUT, paused=None)
    still = decide(state, facts(now, gone, silent, steps=tries), POLICY)

    assert [(order.name, order.node) for order in back.orders] == [("pause.7", "C")]
    assert still.orders == ()


def test_a_resume_that_was_never_sent_leaves_its_target_a_candidate() -> None:
    """Another member could not be read just before it; with one lost packet a member nobody was left."""
    now = at(10)
    skipped = (done("pause.1", "C", now - 1), done("resume.1", "B", now - 0.1, "skipped"))

    decision = decide(
        planned(Phase.RESUMING, now), facts(now, dead("A", now, now - 3), steps=skipped), POLICY
    )

    assert decision.state.plan is not None
    assert (decision.state.plan.target, decision.state.plan.tried) == ("B", ())
    assert (decision.state.phase, decision.state.epoch) == (Phase.FENCING, 6)


def test_a_reading_from_before_the_takeover_is_no_operators_pause() -> None:
    """The new holder's block was on a witness before the new holder itself was looked at again."""
    now = at(10)
    state = steady(holder="B", since=now - 0.1)
    before = (node("A", now), node("B", now, checked_at=now - 0.3))
    after = (node("A", now), node("B", now, checked_at=now))

    assert decide(state, facts(now, *before), POLICY).state.phase is Phase.STEADY
    assert decide(state, facts(now, *after), POLICY).state.phase is Phase.LATCHED


def test_a_standby_that_restarts_unpaused_is_no_operator() -> None:
    """The holder hangs, the standby comes up producing; when the holder wakes, somebody must be paused."""
    now = at(10)
    hung = node("A", now, reach=Reach.TIMEOUT, paused=None, starts_paused=False)
    up = node("B", now, paused=False, broken_at=now - 0.4)

    alone = decide(steady(), facts(now, hung, up), POLICY).state
    woken = decide(alone, facts(at(20), node("B", at(20), paused=False)), POLICY)

    assert (alone.phase, alone.holder, alone.operator_latch) == (Phase.LATCHED, "B", False)
    assert [(order.verb, order.node) for order in woken.orders] == [(Verb.PAUSE, "A")]


def test_a_second_producer_that_falls_silent_is_not_taken_for_paused() -> None:
    now = at(10)
    begun = decide(steady(), facts(now, node("C", now, paused=False)), POLICY).state
    lost = replace(done("pause.1", "C", at(10.8), "unknown"))
    silent = node("C", at(11), reach=Reach.TIMEOUT, paused=None)

    waiting = decide(begun, facts(at(11), silent, steps=(lost,)), POLICY)
    held = decide(begun, facts(at(11), silent, steps=(replace(lost, evidence="queued"),)), POLICY)

    assert (waiting.state.phase, held.state.phase) == (Phase.DISARMING, Phase.LATCHED)


@pytest.mark.parametrize(
    ("seen", "broken", "starts_paused", "phase"),
    [
        (None, -3.0, True, Phase.FENCING),
        (None, -3.0, False, Phase.LATCHED),
        (None, None, True, Phase.LATCHED),
        (-4.0, -3.0, True, Phase.FENCING),
        (-2.5, -3.0, True, Phase.LATCHED),
    ],
    ids=["down at our start", "not known to start paused", "never seen down", "seen before", "seen after"],
)
def test_a_holder_that_reads_paused_after_a_restart_was_paused_by_its_start_and_not_by_an_operator(
    seen: float | None, broken: float | None, starts_paused: bool, phase: Phase
) -> None:
    """The actuator and the holder went down together; only the actuator's memory of it was lost."""
    now = at(10)
    state = steady(holder_active_at=None if seen is None else now + seen)
    back = node("A", now, broken_at=None if broken is None else now + broken, starts_paused=starts_paused)

    assert decide(state, facts(now, back), POLICY).state.phase is phase


def test_when_the_holder_was_active_is_the_moment_of_the_look_and_not_of_the_decision() -> None:
    """A pause by hand right after a broken look must not pass for a restart."""
    now = at(10)

    state = decide(steady(), facts(now, node("A", now, paused=False, checked_at=now - 0.8)), POLICY).state

    assert state.holder_active_at == now - 0.8


@pytest.mark.parametrize("hangs", [False, True])
def test_a_witness_that_lags_behind_another_member_proves_nobody_silent(hangs: bool) -> None:
    """The witness was cut off right before our window; the standby has blocks of it."""
    now = at(39)
    view = chain(now, empty=(36, 37, 38, 39))
    heads = {"head_slot": view.head_slot}
    quiet = {"reach": Reach.TIMEOUT, "paused": None, "answered_at": at(35)} if hangs else {"paused": False}
    holder = node("A", now, **quiet)
    same = (node("B", now, **heads), node("C", now, **heads))
    ahead = (node("B", now, head_slot=view.head_slot + 2), node("C", now, **heads))

    believed = decide(steady(), facts(now, holder, *same, view=view), POLICY)
    doubted = decide(steady(), facts(now, holder, *ahead, view=view), POLICY)

    assert (believed.state.phase, doubted.state.phase) == (Phase.FENCING, Phase.STEADY)


def test_a_takeover_that_ended_with_the_old_node_back_counts_all_the_same() -> None:
    """Our own restart in the middle of a restore hid that it had resumed somebody."""
    now = at(10)
    state = planned(Phase.RETURNING, now, Kind.RESTORE, first_epoch=4)
    untouched = planned(Phase.RETURNING, now, first_epoch=5)

    ended = decide(state, facts(now), POLICY)
    nothing = decide(untouched, facts(now), POLICY)

    assert (ended.state.phase, ended.state.takeovers) == (Phase.STEADY, (now,))
    assert (nothing.state.phase, nothing.state.takeovers) == (Phase.STEADY, ())


@pytest.mark.parametrize("mode", [Automation.SHADOW, Automation.OFF])
def test_an_interrupted_takeover_is_not_finished_when_automation_may_not_act_any_more(
    mode: Automation,
) -> None:
    now = at(10)
    policy = replace(POLICY, automation=mode)
    gone = facts(now, dead("A", now, now - 3))
    own = resume_after_restart(planned(Phase.FENCING, now), now)
    asked = resume_after_restart(planned(Phase.FENCING, now, Kind.SWITCHOVER, request="r1"), now)

    left = decide(own, gone, policy)
    moved = decide(replace(own, epoch=own.epoch + 1), gone, policy)
    finished = decide(asked, gone, policy)

    assert (left.orders, left.state.phase, left.state.plan) == ((), Phase.OBSERVING, None)
    assert [notice.kind for notice in left.notices] == [NoticeKind.ABORTED]
    assert (left.state.takeovers, moved.state.takeovers) == ((), (now,)), "it counts once it may have moved"
    assert finished.state.phase is Phase.FENCING


def test_a_wish_in_the_middle_of_a_plan_is_refused_and_not_silently_forgotten() -> None:
    now = at(10)
    wish = Asked(switchover=Request("r2", "C", "bob", now))

    moved = facts(now, node("A", now), node("B", now, paused=False))

    busy = decide(planned(Phase.VERIFYING, now, resumed_at=at(9)), moved, POLICY, wish)
    taken = decide(steady(), facts(now), POLICY, wish)

    assert "is under way" in busy.refusals[0].why
    assert taken.refusals == () or taken.refusals[0].rule == "fence"
    assert taken.state.plan is not None and taken.state.plan.request == "r2"


def test_a_holder_that_is_back_before_any_pause_reached_it_keeps_production() -> None:
    """Only the way to it was cut: in the first epoch of a takeover it was paused all the same."""
    now = at(30)
    silent = node("A", now, reach=Reach.TIMEOUT, paused=None, answered_at=now - 2.5, silences=2)
    begun = decide(steady(), facts(now, silent), POLICY).state
    lost = (done("pause.1", "A", at(30.8), "unknown"), done("pause.1", "C", at(30.2)))

    back = decide(begun, facts(at(31), steps=lost), POLICY)

    assert (begun.phase, back.state.phase, back.orders) == (Phase.FENCING, Phase.STEADY, ())


@pytest.mark.parametrize(
    ("pause", "phase"), [("executing", Phase.FENCING), ("unknown", Phase.STEADY)], ids=["under way", "lost"]
)
def test_the_old_node_goes_on_only_when_no_pause_is_on_its_way_to_it(pause: str, phase: Phase) -> None:
    """The new node became unfit while the pause of the old one was under way: nobody was left active."""
    now = at(10)
    state = planned(Phase.RETURNING, now, Kind.SWITCHOVER)

    decision = decide(state, facts(now, steps=(done("pause.1", "A", now - 0.1, pause),)), POLICY)

    assert decision.state.phase is phase


def test_a_slow_clock_of_ours_does_not_make_a_dead_node_look_alive() -> None:
    """Its last block is stamped 0.6 s after it was made; by a clock half a second slow that is 1.1 s, and
    its last answer may be older than that block."""
    now = at(41)
    made = slot_time(BASE + 37) - 0.6
    view = chain(now, empty=(38, 39, 40, 41))
    heads = {"head_slot": view.head_slot}
    members = (node("B", now, **heads), node("C", now, **heads))

    slow = decide(steady(), facts(now, dead("A", now, made - 0.5 - 0.25), *members, view=view), POLICY)
    alive = decide(steady(), facts(now, dead("A", now, at(38))), POLICY)

    assert (slow.state.phase, alive.state.phase) == (Phase.FENCING, Phase.STEADY)


def test_blocks_that_came_after_the_api_went_prove_nothing_once_they_stop() -> None:
    """nodeos closes HTTP first when it is told to stop: it produced for a moment, then it was gone."""
    now = at(44)
    view = chain(now, empty=(42, 43, 44))
    gone = dead("A", now, at(37))

    stopped = decide(steady(), facts(now, gone, view=view), POLICY)
    once = decide(steady(), facts(now, gone, view=chain(now, empty=(44,))), POLICY)

    assert (stopped.state.phase, once.state.phase) == (Phase.FENCING, Phase.STEADY)


def test_a_new_node_is_not_blamed_for_a_chain_that_stopped_before_its_turn() -> None:
    now = at(41)
    state = planned(Phase.VERIFYING, now, resumed_at=at(20))
    active = (dead("A", now, at(10)), node("B", now, paused=False))

    stopped = decide(state, facts(now, *active, view=chain(now, empty=tuple(range(30, 42)))), POLICY)
    mute = decide(state, facts(now, *active, view=chain(now, empty=tuple(range(36, 42)))), POLICY)

    assert (stopped.state.phase, mute.state.phase) == (Phase.VERIFYING, Phase.DISARMING)


def test_a_new_node_that_dies_before_our_window_is_not_waited_for_until_its_slots_are_empty() -> None:
    now = at(10)
    state = planned(Phase.VERIFYING, now, resumed_at=at(2))

    decision = decide(state, facts(now, dead("A", now, at(-20)), dead("B", now, now - 2.5)), POLICY)

    assert decision.state.phase in (Phase.FENCING, Phase.RESUMING)
    assert decision.state.plan is not None
    assert (decision.state.plan.target, decision.state.plan.tried) == ("C", ("B",))


def test_a_new_node_is_not_blamed_for_a_witness_that_was_cut_off_in_its_turn() -> None:
    """The new node's own head proves nothing, it may be alone on a fork; another standby's does."""
    now = at(42)
    state = planned(Phase.VERIFYING, now, resumed_at=at(37))
    view = chain(now, empty=tuple(range(38, 43)))
    nodes = (dead("A", now, at(30)), node("B", now, paused=False, head_slot=BASE + 42))

    blind = decide(state, facts(now, *nodes, node("C", now, head_slot=BASE + 42), view=view), POLICY)
    mute = decide(state, facts(now, *nodes, view=view), POLICY)

    assert (blind.state.phase, blind.orders) == (Phase.VERIFYING, ())
    assert mute.state.phase is Phase.DISARMING


@pytest.mark.parametrize(
    ("missing", "phase"),
    [
        ((), Phase.FENCING),
        ((34, 35), Phase.FENCING),
        ((33, 34, 35), Phase.STEADY),
        (tuple(range(24, 36)), Phase.STEADY),
    ],
    ids=["all flow", "two lost", "stopped before", "a turn missing"],
)
def test_our_empty_slots_count_only_when_others_blocks_flowed_right_before(
    missing: tuple[int, ...], phase: Phase
) -> None:
    now = at(38)

    decision = decide(steady(), facts(now, view=chain(now, empty=(*missing, 36, 37, 38))), POLICY)

    assert decision.state.phase is phase


@pytest.mark.parametrize(
    ("nodes", "phase", "holder"),
    [
        ({"A": {}, "B": {"paused": False}}, Phase.VERIFYING, "A"),
        ({"A": {}, "B": {}}, Phase.LATCHED, "B"),
        ({"A": {}, "B": {"checked_at": at(8)}}, Phase.VERIFYING, "A"),
        ({"A": {"paused": False}, "B": {"reach": Reach.TIMEOUT, "paused": None}}, Phase.LATCHED, "A"),
        ({"A": {}, "B": {"broken_at": at(9.5)}}, Phase.FENCING, "A"),
    ],
    ids=[
        "as planned",
        "paused by hand",
        "not looked at since",
        "another resumed by hand",
        "restarted paused",
    ],
)
def test_what_others_do_while_a_new_node_is_verified(
    nodes: dict[str, dict[str, object]], phase: Phase, holder: str
) -> None:
    """Another member's block passed for the new node's; a pause by hand for its failure."""
    now = at(10)
    found = facts(now, *(node(name, now, **changes) for name, changes in nodes.items()))

    state = decide(planned(Phase.VERIFYING, now, resumed_at=at(9)), found, POLICY).state

    assert (state.phase, state.holder) == (phase, holder)
    assert state.operator_latch is (phase is Phase.LATCHED)


@pytest.mark.parametrize(
    ("active", "phase"), [("C", Phase.LATCHED), ("A", Phase.STEADY), ("AC", Phase.DISARMING)]
)
def test_who_comes_up_while_another_node_is_looked_for_is_not_overlooked(active: str, phase: Phase) -> None:
    now = at(10)
    found = facts(now, *(node(name, now, paused=name not in active) for name in "ABC"))

    decision = decide(planned(Phase.RETURNING, now, tried=("B",)), found, POLICY)

    assert decision.state.phase is phase
