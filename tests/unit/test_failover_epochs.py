"""A new epoch begins without any fence: what was done under the old one proves nothing under it."""

from dataclasses import replace

from actuator.failover.decide import decide
from actuator.failover.machine import Phase
from actuator.failover.state import Verb
from tests.unit.failover_world import POLICY, at, dead, done, facts, node, planned


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
