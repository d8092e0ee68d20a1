"""`chainwarden explain`, dry runs and refusals as an operator reads them at night."""

import argparse
from dataclasses import replace

import pytest

from actuator.client import ApiError, Client
from actuator.facts import Facts
from actuator.failover.decide import decide
from actuator.failover.explain import explain, held_words, outlook, utc
from actuator.failover.machine import Phase
from actuator.failover.state import Asked, Automation, GroupState, Hold, Policy, Request
from actuator.moving import _moment
from actuator.wishes import nothing_to_release, nothing_to_unhold
from tests.unit.failover_world import POLICY, at, facts, node, steady

NOW = at(10)
HOLDS = tuple(Hold(name, NOW + 90_000, "disk is being changed", "alice") for name in ("B", "*"))


def lines(state: GroupState, shown: Facts, policy: Policy = POLICY) -> list[str]:
    decision = decide(state, shown, policy)
    return explain(decision.state, shown, policy, decision)


@pytest.mark.parametrize(
    ("state", "policy", "would"),
    [
        (steady(), POLICY, "B would take over"),
        (steady(), replace(POLICY, on_alert=True), "B would take over, once an alert asks for it"),
        (steady(), replace(POLICY, automation=Automation.OFF), "chainwarden would do nothing: automation is off"),
        (steady(observe_until=NOW + 5), POLICY, f"chainwarden would do nothing before {utc(NOW + 5)}: it observes"),
        (steady(takeovers=(NOW - 60,)), POLICY, "chainwarden would latch and leave it to you: the last automatic"),
    ],
)  # fmt: skip
def test_it_says_what_a_failure_of_the_holder_would_lead_to_now(
    state: GroupState, policy: Policy, would: str
) -> None:
    (said,) = [line for line in lines(state, facts(NOW), policy) if line.startswith("if A failed now, ")]

    assert said.startswith(f"if A failed now, {would}")


def test_it_says_that_nobody_could_take_over() -> None:
    unfit = facts(NOW, node("B", NOW, peers=0), node("C", NOW, peers=0))

    assert "if A failed now, nobody could take over" in lines(steady(), unfit)


def test_a_latched_group_without_a_producer_says_so_with_the_deadline_and_the_way_out() -> None:
    """Somebody paused the holder by hand and went home."""
    state = steady(phase=Phase.LATCHED, latch="A was paused outside chainwarden", operator_latch=True)

    found = lines(state, facts(NOW, node("A", NOW)))

    deadline = utc(at(36, -0.5))
    way = "ready: A, B, C; `chainwarden switchover bp --to NODE` resumes one"
    assert f"none of our nodes is seen active, our window opens {deadline}; {way}" in found
    assert not any(line.startswith("if A failed") for line in found)


def test_what_is_held_is_told_with_the_day_and_counts_in_every_line() -> None:
    state = steady(holds=HOLDS)
    shown = replace(facts(NOW), held=held_words(HOLDS))

    found = lines(state, shown)

    assert "held: B until 2000-01-02" in "\n".join(found)
    assert any(
        "may not be resumed: B is held: disk is being changed (alice, until 2000-" in one for one in found
    )
    assert any(
        one.startswith("if A failed now, chainwarden would do nothing: the group is held") for one in found
    )


def test_a_dry_run_while_nobody_produces_begins_now_and_has_no_deadline() -> None:
    state = steady(phase=Phase.LATCHED, latch="A was paused outside chainwarden", operator_latch=True)
    shown = facts(NOW, node("A", NOW))
    decision = decide(state, shown, POLICY, Asked(switchover=Request("r", "B", "alice", NOW)))

    found = outlook(decision, shown, POLICY)

    assert found[0] == "would begin now: alice asked to move production to B"
    assert not any("begins after" in line or "given back" in line for line in found)


def test_a_release_or_the_end_of_a_hold_that_changes_nothing_is_not_called_done() -> None:
    assert nothing_to_release(steady()) == "it is steady, not latched: nothing to release"
    assert nothing_to_release(steady(phase=Phase.LATCHED)) is None
    assert nothing_to_unhold(steady(holds=HOLDS), "B") is None
    assert nothing_to_unhold(steady(holds=HOLDS), "C") == "C is not held; held now: B, the group"
    assert nothing_to_unhold(steady(), "*") == "the group is not held; held now: nothing"


def test_a_time_in_the_past_is_refused_and_not_taken_for_now() -> None:
    assert _moment("next-gap") == 0.0
    assert _moment("2126-12-01T03:00") == _moment("2126-12-01T03:00Z") == _moment("2126-12-01T12:00+09:00")
    with pytest.raises(argparse.ArgumentTypeError, match="2001-12-01 03:00:00 UTC is in the past"):
        _moment("2001-12-01T03:00Z")
    with pytest.raises(argparse.ArgumentTypeError, match="is no time"):
        _moment("tomorrow")


def test_an_address_without_its_scheme_is_told_with_an_example() -> None:
    with pytest.raises(ApiError, match="write one such as http://127"):
        Client("10.0.0.1:19189")
