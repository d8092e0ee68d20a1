"""A holder whose host's agent finds it stopped: near our window that is enough to begin, and never enough to end."""

from dataclasses import replace
from typing import Any

import pytest

from actuator.facts import NodeFact, Reach, Refusals
from actuator.failover.decide import decide
from actuator.failover.machine import Phase
from actuator.failover.readiness import fence_of
from actuator.failover.reading import Reading, believe
from actuator.failover.state import Verb
from tests.unit.failover_world import POLICY, at, chain, dead, done, facts, steady


def found(now: float, **changes: Any) -> NodeFact:
    """A, whose connection ended a tenth of a second ago."""
    run = Refusals(now - 0.1, now, 1, now - 0.3)
    return replace(dead("A", now, now - 0.1, agent=True, refusals=run, stopped_at=now - 0.08), **changes)


@pytest.mark.parametrize(
    ("now", "begins"),
    [(at(18), False), (at(21), True), (at(38), True), (at(46), True), (at(48), False)],
    ids=["window far", "window near", "window open", "its last slot", "window over"],
)
def test_where_blocks_are_at_stake_the_agents_word_begins_a_plan_at_once(now: float, *, begins: bool) -> None:
    decision = decide(steady(), facts(now, found(now)), POLICY)

    assert (decision.state.phase is Phase.FENCING) is begins
    assert Verb.RESUME not in [order.verb for order in decision.orders]
    if begins:
        assert decision.state.plan is not None and decision.state.plan.trouble == "crash"
        assert [(order.verb, order.node) for order in decision.orders] == [
            (Verb.PAUSE, "A"), (Verb.PAUSE, "C"),
        ]  # fmt: skip


def test_only_the_agents_answer_to_our_pause_is_the_fence() -> None:
    now = at(38)
    begun = decide(steady(), facts(now, found(now)), POLICY)
    later, fenced = now + 0.1, done("pause.1", "C", now + 0.05)
    holder = found(later)
    answer = replace(done("pause.1", "A", now + 0.05), evidence="stopped")

    waits = decide(begun.state, facts(later, holder, steps=(fenced,)), POLICY)
    goes_on = decide(begun.state, facts(later, holder, steps=(fenced, answer)), POLICY)

    assert fence_of(holder, facts(later, holder), POLICY) is None
    assert waits.state.phase is Phase.FENCING
    assert Verb.RESUME not in [order.verb for order in waits.orders]
    assert [(order.verb, order.node) for order in goes_on.orders] == [(Verb.RESUME, "B")]


@pytest.mark.parametrize(
    "changes",
    [
        {"stopped_at": None},
        {"reach": Reach.TIMEOUT},
        {"refusals": None},
        {"refusals": Refusals(at(38) - 3.4, at(38) - 3.1, 1, at(38) - 3.5), "checked_at": at(38) - 3.1},
    ],
    ids=["it says nothing", "the node is silent", "no refusal", "not looked at since"],
)
def test_nothing_is_begun_on_less(changes: dict[str, Any]) -> None:
    now = at(38)

    view = chain(now, empty=(36, 37, 38))
    decision = decide(steady(), facts(now, found(now, **changes), view=view), POLICY)

    assert (decision.state.phase, decision.orders) == (Phase.STEADY, ())


@pytest.mark.parametrize(
    ("reach", "kept"),
    [(Reach.REFUSED, True), (Reach.ANSWERS, False), (Reach.TIMEOUT, False), (Reach.BROKEN, False)],
)
def test_what_the_agent_found_holds_while_connections_are_refused(reach: Reach, *, kept: bool) -> None:
    now = at(38)

    after = believe(found(now), Reading(now + 0.2, reach))

    assert (after.stopped_at is not None) is kept
