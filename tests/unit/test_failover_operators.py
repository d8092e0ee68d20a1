"""What operators ask for besides a switchover now: holds, schedules, dry runs."""

from dataclasses import replace

import pytest

from actuator.failover.decide import decide
from actuator.failover.explain import outlook, utc
from actuator.failover.machine import Phase
from actuator.failover.state import Asked, GroupState, Hold, NoticeKind, Request
from actuator.wishes import wanted_hold, wanted_switchover
from tests.unit.failover_world import POLICY, at, dead, facts, node, steady

NOW = at(10)


def hold(member: str, seconds: float = 3600.0) -> Hold:
    return Hold(member, NOW + seconds, "disk is being changed", "alice")


def test_a_held_node_is_not_resumed_and_the_next_one_is() -> None:
    held = decide(steady(), facts(NOW), POLICY, Asked(hold=hold("B"))).state

    decision = decide(held, facts(NOW, dead("A", NOW, NOW - 2.5)), POLICY)

    assert decision.state.plan is not None and decision.state.plan.target == "C"
    assert any("B is held: disk is being changed (alice" in refusal.why for refusal in decision.refusals)


def test_a_held_group_does_nothing_by_itself_and_says_so() -> None:
    held = decide(steady(), facts(NOW), POLICY, Asked(hold=hold("*"))).state

    decision = decide(held, facts(NOW, dead("A", NOW, NOW - 2.5)), POLICY)

    assert (decision.state.phase, decision.orders) == (Phase.STEADY, ())
    assert any("the group is held" in refusal.why for refusal in decision.refusals)


def test_a_hold_ends_by_itself_and_by_request() -> None:
    held = steady(holds=(hold("B", 5.0), hold("C")))

    later = decide(held, facts(NOW + 6), POLICY).state
    ended = decide(later, facts(NOW + 7), POLICY, Asked(unhold="C")).state

    assert [item.node for item in later.holds] == ["C"]
    assert ended.holds == ()


def test_a_new_hold_on_a_node_replaces_the_old_one() -> None:
    state = decide(steady(holds=(hold("B", 5.0),)), facts(NOW), POLICY, Asked(hold=hold("B"))).state

    assert [item.until for item in state.holds] == [NOW + 3600.0]


def test_a_scheduled_switchover_waits_without_keeping_the_group_from_its_watch() -> None:
    asked = Asked(switchover=Request("r", "B", "alice", NOW, not_before=NOW + 100))
    waiting = decide(steady(), facts(NOW), POLICY, asked)
    assert (waiting.state.phase, waiting.state.plan, waiting.refusals) == (Phase.STEADY, None, ())

    failed = decide(waiting.state, facts(NOW + 5, dead("A", NOW + 5, NOW + 2)), POLICY)
    assert failed.state.phase is Phase.FENCING, "a failure meanwhile is still taken over"

    due = decide(waiting.state, facts(at(10 + 48 * 5)), POLICY)
    assert due.state.plan is not None
    assert (due.state.plan.target, due.state.plan.requested_by, due.state.scheduled) == ("B", "alice", None)


def test_a_scheduled_switchover_that_is_not_possible_any_more_is_told() -> None:
    later = at(10 + 48 * 5)
    state = steady(scheduled=Request("r", "B", "alice", NOW, not_before=NOW + 100))

    decision = decide(state, facts(later, node("B", later, peers=0)), POLICY)

    assert (decision.state.plan, decision.state.scheduled) == (None, None)
    (told,) = decision.notices
    assert told.kind is NoticeKind.DROPPED and "B has no live peer" in told.details


def test_a_scheduled_switchover_can_be_forgotten() -> None:
    state = steady(scheduled=Request("r", "B", "alice", NOW, not_before=NOW + 100))

    assert decide(state, facts(NOW), POLICY, Asked(unschedule=True)).state.scheduled is None


def test_holds_and_schedules_survive_the_ledger() -> None:
    state = steady(holds=(hold("B"),), scheduled=Request("r", "B", "alice", NOW, NOW + 9), owing=("C",))

    assert GroupState.from_json(state.to_json()) == state


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        (Request("r", "B", "a", NOW), "would begin now"),
        (Request("r", "X", "a", NOW), "would be refused:"),
        (Request("r", "B", "a", NOW, NOW + 1000), "would be scheduled"),
    ],
)
def test_a_dry_run_says_what_would_be_done(asked: Request, first: str) -> None:
    found = facts(NOW)
    decision = decide(steady(), found, POLICY, Asked(switchover=asked))

    lines = outlook(decision, found, POLICY)

    assert lines[0].startswith(first)
    if first == "would begin now":
        assert "pause A, C" in lines[1]
        assert lines[-1].startswith("given back when not through by")


@pytest.mark.parametrize(
    ("now", "begins", "opens"),
    [
        (at(40), at(47, 0.0), at(83, 0.0)),
        (at(28), at(47, 0.0), at(83, 0.0)),
        (at(48, 0.1), at(48, 0.1), at(83, 0.0)),
    ],
    ids=["in our window", "right before it", "right after it"],
)
def test_a_dry_run_of_a_switchover_that_has_to_wait_tells_its_deadlines_too(
    now: float, begins: float, opens: float
) -> None:
    found = facts(now)
    decision = decide(steady(), found, POLICY, Asked(switchover=Request("r", "B", "a", now)))

    lines = outlook(decision, found, POLICY)

    assert lines[0].startswith("would wait: ")
    assert lines[-2].startswith(f"begins after {utc(begins)}")
    assert lines[-1] == (
        f"given back when not through by {utc(opens - POLICY.guard)}; our window opens {utc(opens)}"
    )


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (None, "write {"),
        ({"seconds": 0, "reason": "x"}, "lasts more than 0 seconds"),
        ({"seconds": 10**9, "reason": "x"}, "at most 30 days"),
        ({"seconds": 60, "reason": "  "}, "needs a reason"),
        ({"seconds": "60", "reason": "x"}, "a hold lasts"),
    ],
)
def test_a_hold_without_end_or_reason_is_refused(body: object, why: str) -> None:
    found = wanted_hold(body, "alice", NOW)

    assert isinstance(found, str) and why in found


def test_a_request_names_its_node() -> None:
    assert wanted_switchover({}, "alice", NOW, "n") == 'write {"to": "NODE"}'
    assert wanted_switchover({"to": "B", "not_before": "soon"}, "alice", NOW, "n") == (
        "not_before is no number of unix seconds"
    )
    assert wanted_switchover({"to": "B", "not_before": NOW - 61}, "alice", NOW, "n") == (
        "not_before is in the past; leave it out for the next gap"
    )
    assert not isinstance(wanted_switchover({"to": "B", "not_before": NOW - 59}, "alice", NOW, "n"), str)
    wish = wanted_switchover({"to": "B"}, "alice", NOW, "n")
    assert wish == Request("n", "B", "alice", NOW)


def test_an_old_reading_beside_a_new_one_is_not_two_active_nodes() -> None:
    """A was paused and B resumed by hand since A was read last."""
    before = node("A", NOW - 0.8, paused=False, active_since=NOW - 500)
    now = node("B", NOW, active_since=NOW, paused=False)

    unclear = decide(steady(), facts(NOW, before, now), POLICY)
    together = decide(steady(), facts(NOW, replace(before, checked_at=NOW), now), POLICY)

    assert (unclear.state.phase, unclear.orders) == (Phase.STEADY, ())
    assert "looking again" in unclear.why
    assert together.state.phase is Phase.DISARMING
