"""Guards of the decision, one by one, that no story of the simulator needs alone."""

from dataclasses import replace

import pytest

from actuator.facts import ChainFact, Reach, Refusals, vacant_slots
from actuator.failover.decide import decide, resume_after_restart
from actuator.failover.gap import gap_until
from actuator.failover.machine import Phase
from actuator.failover.readiness import fence_of, gone, lost, lost_lacks, unready
from actuator.failover.state import Asked, Request, Verb
from tests.unit.failover_world import BASE, POLICY, at, chain, dead, done, facts, node, planned, steady
from tests.unit.test_failover_hang import silent

BOUNDED = replace(POLICY, bounded=True)


def reasons(name: str, shown) -> str:  # type: ignore[no-untyped-def]
    return " | ".join(refusal.why for refusal in unready(name, shown, POLICY))


def test_an_old_refusal_proves_nothing_about_now() -> None:
    now = at(10)
    old = replace(dead("A", now, now - 9), refusals=Refusals(now - 9, now - 4, 11, now - 9.2))

    assert gone(dead("A", now, now - 9), now, 2.0) is not None
    assert gone(old, now, 2.0) is None


def test_a_candidate_that_is_silent_active_or_unseen_by_any_witness_is_told_so() -> None:
    now = at(10)

    assert "B does not answer (timeout)" in reasons(
        "B", facts(now, replace(node("B", now), reach=Reach.TIMEOUT))
    )
    assert "A is already active" in reasons("A", facts(now))
    assert "no witness answers" in reasons("B", facts(now, view=chain(now, witnesses=0)))
    still = chain(now, empty=tuple(range(-40, 11)))
    assert "the whole chain, or our view of it, stands still" in reasons("B", facts(now, view=still))


def test_a_resume_must_go_out_within_two_seconds_and_before_the_plans_deadline() -> None:
    now = at(10)
    gone_a, paused = dead("A", now, now - 5), node("C", now)

    def limit(deadline: float | None) -> float | None:
        state = planned(Phase.RESUMING, now, deadline=deadline)
        (order,) = decide(state, facts(now, gone_a, paused), POLICY).orders
        assert order.verb is Verb.RESUME
        return order.not_after

    assert limit(None) == now + 2
    assert limit(now + 1) == now + 1


def test_a_silent_holder_that_may_start_unpaused_is_not_replaced_however_long_it_is_silent() -> None:
    now = at(18)
    unfenced = replace(silent("A", now, now - 10.1), starts_paused=False)

    decision = decide(steady(), facts(now, unfenced), POLICY)

    assert (decision.state.phase, decision.orders) == (Phase.STEADY, ())


def test_a_switchover_never_begins_inside_our_window() -> None:
    now = at(40)

    assert "in our window" in str(gap_until(chain(now), POLICY, now))


@pytest.mark.parametrize(("after", "begins"), [(0.2, False), (0.35, True)])
def test_a_switchover_begins_a_slot_later_than_a_right_clock_would_allow(after: float, begins: bool) -> None:
    """A clock half a second ahead sees the window's last slot settled while it is being filled (seed 2904256)."""
    now = at(48, after)

    assert isinstance(gap_until(chain(now), POLICY, now), float) is begins


def test_a_gap_that_only_a_cut_off_witness_shows_is_no_gap() -> None:
    """The witness was stranded two slots after the gap began; the schedule may have changed since (seed 40091769)."""
    now = at(56)
    wish = Asked(switchover=Request("r1", "B", "alice", at(40)))
    waiting = decide(steady(), facts(at(40)), POLICY, wish).state
    old = chain(now, empty=tuple(range(51, 57)))
    members = [node(name, now, paused=name != "A", head_slot=BASE + 56) for name in "ABC"]

    decision = decide(waiting, facts(now, *members, view=old), POLICY)

    assert (decision.state.phase, decision.orders) == (Phase.WAITING, ())
    assert "the best witness is 6 slots behind our nodes" in decision.why
    assert decide(waiting, facts(now, *members), POLICY).state.phase is Phase.FENCING


def vacant(now: float, empty: int, agreeing: int = 2) -> ChainFact:
    """Our window began with four blocks, then so many empty slots."""
    return chain(now, empty=tuple(range(40, 40 + empty)), agreeing=agreeing)


def test_bounded_needs_two_witnesses_and_four_empty_slots_and_strict_never_takes_absence_for_a_fence() -> (
    None
):
    now = at(43)
    dark = silent("A", now, at(39, 0.1))

    def shown(empty: int, agreeing: int = 2, moment: float = now):  # type: ignore[no-untyped-def]
        return facts(moment, dark, view=vacant(moment, empty, agreeing))

    assert "2 witnesses agree that 4 of our slots" in str(lost(dark, shown(4), BOUNDED))
    assert lost(dark, shown(4, agreeing=1), BOUNDED) is None
    assert lost(dark, shown(3, moment=at(42)), BOUNDED) is None
    assert lost(dark, shown(4), POLICY) is None
    assert fence_of(dark, shown(4), BOUNDED) is not None


def test_bounded_takes_a_chain_that_stands_still_for_no_proof() -> None:
    """Nobody filled our slots, and nobody else's since: our node need not be the one that failed."""
    now = at(74)
    empty = chain(now, empty=tuple(range(40, 75)), agreeing=2)
    holder = silent("A", now, at(39))

    assert vacant_slots(empty, "ours", at(39))
    assert lost(holder, facts(now, holder, view=empty), BOUNDED) is None
    assert "stands still" in (lost_lacks(holder, facts(now, holder, view=empty), BOUNDED) or "")


def test_bounded_never_counts_on_the_absence_of_a_node_that_our_own_resume_may_wait_at() -> None:
    now = at(43)
    dark, resumed = silent("A", now, at(39, 0.1)), done("resume.1", "A", now - 1, "unknown")

    assert lost(dark, facts(now, dark, view=vacant(now, 4)), BOUNDED) is not None
    assert lost(dark, facts(now, dark, view=vacant(now, 4), steps=(resumed,)), BOUNDED) is None


def test_a_start_in_a_latch_counts_its_round_from_there() -> None:
    now = at(10)
    latched = resume_after_restart(steady(phase=Phase.LATCHED, latch="why", observe_until=now - 999), now)

    after = decide(latched, facts(now), POLICY)

    assert after.state.phase is Phase.LATCHED
    assert after.state.observe_until == now + 24.0


def test_bounded_gives_way_to_a_lost_node_whose_blocks_stand_beside_ours() -> None:
    now = at(46)
    state = steady(holder="B", owing=("A",), lost=("A",), since=at(40))
    shown = facts(
        now, silent("A", now, at(30)), node("B", now, paused=False),
        view=chain(now, doubled=frozenset({BASE + 44})),
    )  # fmt: skip

    decision = decide(state, shown, BOUNDED)

    assert decision.state.phase is Phase.DISARMING
    assert [(order.verb, order.node) for order in decision.orders] == [(Verb.PAUSE, "B")]
    assert decide(replace(state, lost=()), shown, BOUNDED).state.phase is Phase.STEADY


def test_what_came_between_a_start_and_a_full_round_of_watching_is_no_reason_to_act() -> None:
    now = at(10)
    lost_holder = facts(now, dead("A", now, now - 2.1))

    early = decide(steady(observe_until=now + 5), lost_holder, POLICY)
    later = decide(steady(observe_until=now - 1), lost_holder, POLICY)

    assert (early.state.phase, later.state.phase) == (Phase.STEADY, Phase.FENCING)
    assert [refusal.rule for refusal in early.refusals][:1] == ["observing"]


def test_two_active_members_are_separated_also_while_a_start_observes() -> None:
    now = at(10)
    state = resume_after_restart(steady(), now)

    decision = decide(state, facts(now, node("B", now, paused=False)), POLICY)

    assert decision.state.phase is Phase.DISARMING
    assert [(order.verb, order.node) for order in decision.orders] == [(Verb.PAUSE, "B")]


def test_empty_slots_of_another_producer_say_nothing_of_our_holder() -> None:
    now = at(16)
    view = chain(now, empty=(13, 14, 15, 16))
    members = [node(name, now, paused=name != "A", head_slot=view.head_slot) for name in "ABC"]

    decision = decide(steady(), facts(now, *members, view=view), POLICY)

    assert (decision.state.phase, decision.orders, decision.why) == (Phase.STEADY, (), "A is active")
