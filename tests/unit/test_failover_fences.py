"""What proves a node fenced or fit, and what proves nothing: each condition by itself."""

from dataclasses import replace

import pytest

from actuator.facts import NodeFact, Reach, StepFact
from actuator.failover.decide import decide, resume_after_restart
from actuator.failover.enter import (
    ANSWER_TIMEOUT,
    SILENT_TIMEOUT,
    begin,
    counted,
    counted_if_acted,
    limit_reached,
    notice,
    pause_order,
)
from actuator.failover.gap import coming_gap, gap_until
from actuator.failover.machine import Event, Phase
from actuator.failover.readiness import (
    fence_of,
    gone,
    lost,
    lost_lacks,
    must_be_read,
    not_gone_because,
    queued,
    stopped,
    unready,
)
from actuator.failover.running import fencing
from actuator.failover.state import Asked, Hold, Kind, NoticeKind, Request
from tests.unit.failover_world import POLICY, at, blind, chain, dead, done, facts, node, planned, steady
from tests.unit.test_failover_guards import BOUNDED, vacant
from tests.unit.test_failover_hang import silent

NOW = at(10)
QUEUED = replace(done("pause.1", "A", NOW - 1, "unknown"), evidence="queued")
STOPPED = replace(done("pause.1", "A", NOW - 1), evidence="stopped")
DARK = silent("A", at(43), at(39, 0.1))


def reasons(member: NodeFact, **changes: object) -> str:
    policy = replace(POLICY, **changes)  # type: ignore[arg-type]
    return " | ".join(refusal.why for refusal in unready(member.name, facts(NOW, member), policy))


# --- fences ----------------------------------------------------------------------------------------


def test_only_refused_connections_prove_a_process_gone() -> None:
    refused = dead("A", NOW, NOW - 3)

    assert gone(refused, NOW, 2.0) is not None
    assert gone(replace(refused, reach=Reach.BROKEN), NOW, 2.0) is None
    assert gone(replace(refused, refusals=None), NOW, 2.0) is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"reach": Reach.TIMEOUT}, "does not answer in time"),
        ({}, "refuses connections for 1.0 s; 2 s prove it gone"),
        ({"refusals": None}, "gives no usable answer"),
        ({"reach": Reach.BROKEN}, "gives no usable answer"),
        ({"reach": Reach.UNSEEN}, "was not reached yet"),
    ],
)
def test_what_is_missing_for_gone_is_told_by_what_the_node_shows(
    changes: dict[str, object], words: str
) -> None:
    member = replace(dead("A", NOW, NOW - 1), **changes)  # type: ignore[arg-type]

    assert words in not_gone_because(member, 2.0)


@pytest.mark.parametrize(
    ("step", "broken_at", "fenced"),
    [
        (done("pause.1", "C", NOW - 1), None, True),
        (done("pause.1", "C", NOW - 1), NOW - 2, True),
        (done("pause.1", "B", NOW - 1), None, False),
        (done("resume.1", "C", NOW - 1), None, False),
    ],
    ids=["its own pause", "a break before the pause", "another's pause", "its resume"],
)
def test_a_member_is_fenced_by_its_own_pause_alone(
    step: StepFact, broken_at: float | None, fenced: bool
) -> None:
    member = node("C", NOW, broken_at=broken_at)

    assert (fence_of(member, facts(NOW, member, steps=(step,)), POLICY) is not None) is fenced


@pytest.mark.parametrize(
    ("changes", "policy", "waits"),
    [
        ({}, POLICY, True),
        ({"node": "C"}, POLICY, False),
        ({"name": "resume.1"}, POLICY, False),
        ({}, replace(POLICY, proxied=frozenset("A")), False),
    ],
    ids=["its own pause", "another's", "its resume", "behind a proxy"],
)
def test_a_pause_waits_at_the_node_that_it_was_sent_to(
    changes: dict[str, str], policy: object, waits: bool
) -> None:
    step = replace(QUEUED, **changes)  # type: ignore[arg-type]
    member = silent("A", NOW, NOW - 5)
    broken_before = replace(member, broken_at=NOW - 3)

    for shown in (member, broken_before):
        assert (queued(shown, facts(NOW, shown, steps=(step,)), policy) is not None) is waits  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "proven"),
    [({}, True), ({"node": "C"}, False), ({"name": "resume.1"}, False)],
    ids=["its own", "another's", "its resume"],
)
def test_an_agents_word_counts_for_the_node_that_was_asked_for(changes: dict[str, str], proven: bool) -> None:
    member = silent("A", NOW, NOW - 5)
    shown = facts(NOW, member, steps=(replace(STOPPED, **changes),))  # type: ignore[arg-type]

    assert (stopped(member, shown) is not None) is proven
    assert stopped(replace(member, answered_at=None), shown) is None or proven


def test_a_node_whose_newest_reading_answers_is_not_stopped_yet() -> None:
    member = node("A", NOW, answered_at=NOW - 2)

    assert stopped(member, facts(NOW, member, steps=(STOPPED,))) is None


@pytest.mark.parametrize(
    "changes", [{"reach": Reach.ANSWERS}, {"reach": Reach.UNSEEN}, {"answered_at": None}], ids=str
)
def test_bounded_takes_only_a_node_for_lost_that_answered_once_and_does_not_now(
    changes: dict[str, object],
) -> None:
    shown = facts(at(43), DARK, view=vacant(at(43), 4))

    assert lost(DARK, shown, BOUNDED) is not None
    assert lost(replace(DARK, **changes), shown, BOUNDED) is None  # type: ignore[arg-type]


def test_bounded_is_barred_by_a_resume_at_that_node_and_by_nothing_else() -> None:
    for step in (done("pause.1", "A", at(42), "unknown"), done("resume.1", "B", at(42), "unknown")):
        assert lost(DARK, facts(at(43), DARK, view=vacant(at(43), 4), steps=(step,)), BOUNDED) is not None


def test_bounded_tells_how_many_witnesses_it_waits_for() -> None:
    one = facts(at(43), DARK, view=vacant(at(43), 4, agreeing=1))

    assert lost_lacks(DARK, blind(at(43), DARK), BOUNDED) == "2 witnesses must agree, 0 do"
    assert lost_lacks(DARK, one, BOUNDED) == "2 witnesses must agree, 1 do"


def test_before_a_resume_all_are_read_but_those_whose_silence_is_proven() -> None:
    shown = facts(at(43), DARK, view=vacant(at(43), 4))
    paused, crashed = node("C", at(43)), dead("A", at(43), at(30))

    assert must_be_read(DARK, shown, BOUNDED), "mode bounded asks a lost node once more"
    assert must_be_read(paused, shown, BOUNDED)
    assert not must_be_read(crashed, facts(at(43), crashed), POLICY)
    fenced = replace(paused, reach=Reach.ANSWERS)
    assert must_be_read(fenced, facts(at(43), fenced, steps=(replace(QUEUED, node="C"),)), POLICY)


# --- candidates ------------------------------------------------------------------------------------


def test_every_measure_of_a_candidate_has_its_limit_and_its_words() -> None:
    fit = node("B", NOW)
    old = 2 * 4 + 1

    assert reasons(fit) == ""
    assert "block does not move" in reasons(replace(fit, lib_moved_at=NOW - 61))
    assert reasons(replace(fit, lib_moved_at=NOW - 59)) == ""
    assert f"its head is {old} slots old" in reasons(replace(fit, head_slot=(fit.head_slot or 0) - old))
    assert "its head is unknown" in reasons(replace(fit, head_slot=None))
    assert reasons(fit, public_key="KEY") == ""
    assert "names another key" in reasons(fit, public_key="OTHER")


# --- orders, limits, notices -----------------------------------------------------------------------


def test_a_pause_goes_out_by_what_was_sent_to_that_node_alone() -> None:
    member = node("C", NOW)
    under_way = StepFact("pause.1", "C", "executing", None, "")

    def order(*steps: StepFact, shown: NodeFact = member):  # type: ignore[no-untyped-def]
        return pause_order(shown, facts(NOW, shown, steps=steps), "why")

    assert order(done("pause.1", "B", NOW - 0.1)).name == "pause.1"
    assert order(under_way) is None
    assert order().timeout == ANSWER_TIMEOUT
    assert order(shown=silent("C", NOW, NOW - 5)).timeout == SILENT_TIMEOUT


def test_a_plan_knows_since_when_we_had_its_source_produce() -> None:
    def source_since(resumed: str) -> float | None:
        state = steady(resumed=resumed, resumed_at=7.0)
        after = begin(
            state, Event.HOLDER_LOST, NOW, kind=Kind.TAKEOVER, cause="", target="B", since=NOW, requested_by="x"
        )  # fmt: skip
        return after.plan.source_since if after.plan is not None else None

    assert (source_since("A"), source_since("C")) == (7.0, None)


def test_a_message_is_one_for_an_incident_its_kind_and_its_subject() -> None:
    planned_state = replace(planned(Phase.FENCING, NOW), epoch=8)

    assert notice(NoticeKind.STARTED, planned_state, POLICY).key == "notice/bp/5/started"
    assert notice(NoticeKind.IDLE, steady(), POLICY, about="x").key == "notice/bp/4/idle/x"


def test_only_takeovers_by_ourselves_count_and_only_when_they_moved_something() -> None:
    mine, asked = planned(Phase.FENCING, NOW), planned(Phase.FENCING, NOW, Kind.SWITCHOVER)
    tried = planned(Phase.RETURNING, NOW, tried=("B",))

    assert (counted(mine, NOW), counted(asked, NOW), counted(steady(), NOW)) == ((NOW,), (), ())
    assert (counted_if_acted(mine, NOW), counted_if_acted(tried, NOW)) == ((), (NOW,))
    assert counted_if_acted(steady(), NOW) == ()


def test_takeovers_older_than_a_day_do_not_count() -> None:
    state = steady(takeovers=(NOW - 90_000, NOW - 80_000))

    assert limit_reached(state, POLICY, NOW) is None
    assert "2 automatic takeovers within a day" in str(
        limit_reached(replace(state, takeovers=(NOW - 70_000, NOW - 80_000)), POLICY, NOW - 1)
    )


def test_no_gap_is_known_without_a_schedule_that_names_us() -> None:
    other = replace(POLICY, producer="nobody")

    assert gap_until(None, POLICY, NOW) == gap_until(chain(NOW), other, NOW) == "the schedule is not known"
    assert coming_gap(blind(NOW), POLICY) == coming_gap(facts(NOW), other) == (None, None)


def test_a_phase_of_a_plan_without_a_plan_is_an_error_and_no_decision() -> None:
    with pytest.raises(ValueError, match="without a plan"):
        fencing(steady(phase=Phase.FENCING), facts(NOW), POLICY, Asked())


# --- what a decision takes note of -----------------------------------------------------------------


def test_when_the_holder_was_last_seen_active_is_not_when_it_was_last_looked_at() -> None:
    state = steady(holder_active_at=NOW - 2)

    assert decide(state, facts(NOW, dead("A", NOW, NOW - 1)), POLICY).state.holder_active_at == NOW - 2
    assert decide(state, facts(NOW), POLICY).state.holder_active_at == NOW


def test_a_hold_forgets_no_schedule() -> None:
    later = Request("r", "B", "alice", NOW, NOW + 99)
    asked = Asked(hold=Hold("C", NOW + 9, "disk", "alice"))

    assert decide(steady(scheduled=later), facts(NOW), POLICY, asked).state.scheduled == later


def test_a_wish_in_the_middle_of_something_is_answered_with_what_that_is() -> None:
    wish = Asked(switchover=Request("r", "B", "alice", NOW))
    old = replace(node("A", NOW - 0.8, paused=False), active_since=NOW - 500)
    both = facts(NOW, old, node("B", NOW, paused=False, active_since=NOW))
    busy = replace(planned(Phase.VERIFYING, NOW, resumed_at=NOW - 1), since=NOW - 1)
    verifying = decide(busy, facts(NOW, node("A", NOW), node("B", NOW, paused=False)), POLICY, wish)

    assert [one.why for one in verifying.refusals] == ["takeover #5 is under way; ask again when it ended"]
    (unclear,) = decide(steady(), both, POLICY, wish).refusals
    assert "looking again; ask again in a moment" in unclear.why
    unfit = decide(steady(), facts(NOW, node("B", NOW, peers=0)), POLICY, wish)
    assert [one.why for one in unfit.refusals] == ["B has no live peer"]


def test_a_restart_forgets_a_switchover_that_only_waited() -> None:
    waiting = planned(Phase.WAITING, NOW, Kind.SWITCHOVER)

    assert resume_after_restart(waiting, NOW).plan is None
    assert resume_after_restart(replace(waiting, phase=Phase.FENCING), NOW).plan is waiting.plan
