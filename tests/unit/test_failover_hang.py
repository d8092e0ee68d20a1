"""A holder that hangs: what proves a fence, when it is replaced, and what happens when it wakes."""

import json
from dataclasses import replace

import pytest

from actuator.facts import NodeFact, Reach, StepFact
from actuator.failover.decide import decide
from actuator.failover.enter import pause_order
from actuator.failover.machine import Phase
from actuator.failover.readiness import fence_of, queued, unfenced_now
from actuator.failover.state import GroupState, Verb
from tests.unit.failover_world import POLICY, at, chain, dead, done, facts, node, planned, steady


def silent(name: str, now: float, answered: float) -> NodeFact:
    """A member whose port takes connections and never answers."""
    return replace(
        dead(name, now, answered), reach=Reach.TIMEOUT, refusals=None, answered_at=answered, broken_at=None
    )


def waiting(name: str, node: str, moment: float) -> StepFact:
    """A pause that waits at a hung node."""
    return replace(done(name, node, moment, "unknown"), evidence="queued")


@pytest.mark.parametrize(
    ("now", "answered", "moves"),
    [
        (at(18), at(18) - 9.5, False),
        (at(18), at(18) - 10.1, True),
        (at(30), at(30) - 1.9, False),
        (at(30), at(30) - 2.1, True),
    ],
    ids=["early in the gap", "long silent", "window near, just silent", "window near"],
)
def test_outside_our_window_a_silent_holder_gets_as_much_time_as_there_is(
    now: float, answered: float, moves: bool
) -> None:
    decision = decide(steady(), facts(now, silent("A", now, answered)), POLICY)

    assert (decision.state.phase is Phase.FENCING) is moves
    assert ((Verb.PAUSE, "A") in [(order.verb, order.node) for order in decision.orders]) is moves


def test_an_actuator_that_was_frozen_itself_looks_twice_before_it_calls_a_node_hung() -> None:
    """Its host stood still for eleven seconds; the look that was under way timed out when it went on."""
    now = at(24)
    holder = silent("A", now, now - 11.0)

    once = decide(steady(), facts(now, replace(holder, silences=1)), POLICY)
    twice = decide(steady(), facts(now, replace(holder, silences=2)), POLICY)

    assert (once.state.phase, once.orders) == (Phase.STEADY, ())
    assert twice.state.phase is Phase.FENCING


def test_inside_our_window_two_empty_slots_decide() -> None:
    """It hung right after its fourth block; two slots later it is fenced and replaced."""
    answered = at(39, 0.1)

    def after(slot: int) -> Phase:
        now = at(slot)
        view = chain(now, empty=tuple(range(40, slot + 1)))
        heads = {"head_slot": view.head_slot}
        nodes = [replace(node, **heads) for node in facts(now).nodes[1:]]
        return decide(steady(), facts(now, silent("A", now, answered), *nodes, view=view), POLICY).state.phase

    assert after(40) is Phase.STEADY
    assert after(41) is Phase.FENCING


def test_a_silent_holder_whose_blocks_still_arrive_is_left_alone() -> None:
    now = at(44)
    decision = decide(steady(), facts(now, silent("A", now, at(38))), POLICY)

    assert (decision.state.phase, decision.orders) == (Phase.STEADY, ())


@pytest.mark.parametrize("case", ["proxied", "unfenced start"])
def test_a_silent_holder_that_cannot_be_fenced_is_paged_and_not_replaced(case: str) -> None:
    now = at(10)
    node = silent("A", now, now - 60)
    policy = replace(POLICY, proxied=frozenset({"A"})) if case == "proxied" else POLICY
    node = node if case == "proxied" else replace(node, starts_paused=False)

    decision = decide(steady(), facts(now, node), policy)

    assert (decision.state.phase, decision.orders) == (Phase.STEADY, ())
    assert decision.notices


def test_a_pause_that_waits_at_a_silent_node_is_a_fence() -> None:
    now = at(10)
    steps = (waiting("pause.1", "A", now - 0.1), done("pause.1", "C", now - 0.1))

    decision = decide(
        planned(Phase.FENCING, now), facts(now, silent("A", now, now - 12), steps=steps), POLICY
    )

    assert [(order.verb, order.node) for order in decision.orders] == [(Verb.RESUME, "B")]


@pytest.mark.parametrize(
    "spoil",
    [
        {"starts_paused": False},
        {"broken_at": at(10)},
        {"reach": Reach.BROKEN},
        {"reach": Reach.REFUSED},
        {"reach": Reach.ANSWERS, "paused": False},
    ],
    ids=["start not fenced", "connection broke since", "answers oddly", "refuses", "answers unpaused"],
)
def test_a_waiting_pause_proves_nothing_any_more_when_the_node_changed(spoil: dict[str, object]) -> None:
    now = at(10)
    node = replace(silent("A", now, now - 12), **spoil)  # type: ignore[arg-type]
    found = facts(now, node, steps=(waiting("pause.1", "A", now - 0.1),))

    assert queued(node, found, POLICY) is None


def test_a_pause_that_only_timed_out_is_no_fence() -> None:
    now = at(10)
    steps = (done("pause.1", "A", now - 0.1, "unknown"), done("pause.1", "C", now - 0.1))

    decision = decide(
        planned(Phase.FENCING, now), facts(now, silent("A", now, now - 12), steps=steps), POLICY
    )

    assert decision.state.phase is Phase.FENCING
    assert (Verb.RESUME, "B") not in [(order.verb, order.node) for order in decision.orders]


def test_a_holder_that_answers_again_before_it_was_fenced_keeps_production() -> None:
    now = at(10)
    state = planned(Phase.FENCING, now, unheard=True)

    decision = decide(state, facts(now, steps=(done("pause.1", "A", now - 0.5, "unknown"),)), POLICY)

    assert (decision.state.phase, decision.state.holder, decision.state.plan) == (Phase.STEADY, "A", None)


def test_a_member_that_was_fenced_while_silent_is_asked_until_it_reads_paused() -> None:
    now = at(10)
    state = steady(holder="B", owing=("A",))
    active_b = replace(facts(now).nodes[1], paused=False)

    asleep = decide(state, facts(now, silent("A", now, now - 60), active_b), POLICY)
    awake = decide(state, facts(now, replace(facts(now).nodes[0], paused=True), active_b), POLICY)

    assert [(order.verb, order.node) for order in asleep.orders] == [(Verb.PAUSE, "A")]
    assert asleep.state.owing == ("A",)
    assert (awake.orders, awake.state.owing) == ((), ())


def test_a_member_that_wakes_unpaused_is_paused_at_once() -> None:
    now = at(10)
    state = steady(holder="B", owing=("A",))
    active_b = replace(facts(now).nodes[1], paused=False)

    decision = decide(state, facts(now, active_b), POLICY)

    assert decision.state.phase is Phase.DISARMING
    assert (Verb.PAUSE, "A") in [(order.verb, order.node) for order in decision.orders]


def test_just_before_a_resume_every_other_member_must_still_be_fenced() -> None:
    now = at(10)
    found = facts(now, silent("A", now, now - 12), steps=(waiting("pause.1", "A", now - 0.1),))

    assert unfenced_now(found, POLICY, {"A": None, "C": True}) is None
    assert "C reads unpaused" in (unfenced_now(found, POLICY, {"A": None, "C": False}) or "")
    assert "gives no usable answer" in (unfenced_now(found, POLICY, {"A": None, "C": None}) or "")


def test_an_agent_that_says_stopped_and_fenced_is_a_fence_until_the_node_answers_again() -> None:
    now = at(18)
    said = replace(done("pause.1", "A", now - 1, "ok"), evidence="stopped")
    dark = replace(silent("A", now, now - 30), agent=True, starts_paused=False)
    back = replace(dark, answered_at=now - 0.5)

    assert "says its host's agent" in str(fence_of(dark, facts(now, dark, steps=(said,)), POLICY))
    assert fence_of(dark, facts(now, dark), POLICY) is None
    assert fence_of(back, facts(now, back, steps=(said,)), POLICY) is None
    assert unfenced_now(facts(now, dark, steps=(said,)), POLICY, {"A": None, "C": True}) is None


def test_a_node_that_refuses_is_paused_through_its_agent_only() -> None:
    now = at(18)
    plain, through = dead("A", now, now - 1), replace(dead("A", now, now - 1), agent=True)

    assert pause_order(plain, facts(now, plain), "why") is None
    assert pause_order(through, facts(now, through), "why") is not None


def test_a_holder_that_refuses_is_replaced_on_its_agents_proof_where_no_start_fence_is_asserted() -> None:
    """The takeover begins with a question to the agent; nobody is resumed before it has the proof."""
    now = at(18)
    gone = dead("A", now, now - 2.1, agent=True, starts_paused=False)
    begun = decide(steady(), facts(now, gone), POLICY)
    later, fenced = now + 0.8, done("pause.1", "C", now + 0.2)
    asked = replace(gone, checked_at=later)
    runs = done("pause.1", "A", now + 0.3, "failed")
    stopped = replace(done("pause.1", "A", now + 0.3), evidence="stopped")

    unproven = decide(begun.state, facts(later, asked, steps=(fenced, runs)), POLICY)
    proven = decide(begun.state, facts(later, asked, steps=(fenced, stopped)), POLICY)

    assert begun.state.plan is not None and begun.state.plan.trouble == "crash"
    assert [(order.verb, order.node) for order in begun.orders] == [(Verb.PAUSE, "A"), (Verb.PAUSE, "C")]
    assert unproven.state.phase is Phase.FENCING
    assert "its host's agent has not proven it stopped" in unproven.why
    assert Verb.RESUME not in [order.verb for order in unproven.orders]
    assert [(order.verb, order.node) for order in proven.orders] == [(Verb.RESUME, "B")]


def test_a_holder_that_is_back_is_replaced_all_the_same_when_its_agent_took_our_pause() -> None:
    """The agent pauses it within a second: to call it the holder again would leave nobody to produce."""
    now = at(18)
    gone = dead("A", now, now - 2.1, agent=True, starts_paused=False)
    begun = decide(steady(), facts(now, gone), POLICY)
    later, fenced = now + 0.8, done("pause.1", "C", now + 0.2)
    back = replace(node("A", later, paused=False), agent=True)
    missed = done("pause.1", "A", now + 0.3, "unknown")
    noted = replace(missed, evidence="kept")

    lost = decide(begun.state, facts(later, back, steps=(fenced, missed)), POLICY)
    kept = decide(begun.state, facts(later, back, steps=(fenced, noted)), POLICY)

    assert lost.state.phase is Phase.STEADY
    assert kept.state.phase is Phase.FENCING
    assert [(order.verb, order.node) for order in kept.orders] == [(Verb.PAUSE, "A")]


def test_a_holder_that_refuses_and_has_an_agent_is_asked_after_as_long_as_proves_another_gone() -> None:
    now = at(18)
    early = dead("A", now, now - 1.9, agent=True, starts_paused=False)

    assert decide(steady(), facts(now, early), POLICY).state.phase is Phase.STEADY


def test_an_incident_remembers_what_kind_of_trouble_it_began_with() -> None:
    now = at(18)
    gone = decide(steady(), facts(now, dead("A", now, now - 2.1)), POLICY)
    hung = decide(steady(), facts(now, silent("A", now, now - 10.1)), POLICY)

    assert gone.state.plan is not None and gone.state.plan.trouble == "crash"
    assert hung.state.plan is not None and hung.state.plan.trouble == "hang"
    assert GroupState.from_json(json.loads(json.dumps(hung.state.to_json()))) == hung.state
