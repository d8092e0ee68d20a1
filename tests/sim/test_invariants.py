"""The promises I1 to I13, each on the fault schedules that put it to the test.

Random schedules, on which all of them are watched together, are in test_fault_schedules.py; crashes of
the actuator (I4) in test_crashes.py. Times are of a chain of four unless a test says otherwise: a round
of 24 s, our window from 18 to 24 s.
"""

from dataclasses import replace
from itertools import combinations

import pytest

from actuator.configs.budget import Times, sums
from actuator.failover.state import NoticeKind, Verb
from actuator.step import State
from tests.sim.chain import OURS, producers_of
from tests.sim.judging import kept, told
from tests.sim.network import STOPPED
from tests.sim.plans import CALM, NEAR, PLANS
from tests.sim.stories import Story
from tests.sim.world import NAMES, Settings

ROUND = 24.0
WINDOW = 18.0


def moments(first: float, last: float, step: float) -> list[float]:
    return [first + step * number for number in range(int((last - first) / step) + 1)]


def test_i1_a_resume_that_timed_out_never_makes_a_second_producer() -> None:
    """B hangs in the moment of its resume and wakes much later, when A has production again."""
    for moment in moments(2.0, 2.02, 0.001):
        story = (
            Story(1, CALM, length=60)
            .add(2.0, "switchover", "B")
            .add(moment, "hang", "B")
            .add(30, "wake", "B")
        )
        group = kept(story)
        assert len(group.producing()) == 1, f"hung at {moment}"
        assert not group.record.doubled


def test_i1_a_node_restarted_unfenced_is_paused_within_one_and_a_half_seconds() -> None:
    for moment in moments(0.6, 24.6, 0.7):
        story = Story(1, replace(CALM, starts_paused=(False, True, True)), length=40 + moment)
        story.add(0.6, "switchover", "B").add(30 + moment, "restart", "A", 1.0)
        group = kept(story)
        (started,) = [node.active_since for node in group.nodes if node.name == "A"]
        paused = [at for at, name in group.record.of("pause") if name == "A" and at >= started]
        assert paused, f"never paused after its start at {started - group.start:.2f}"
        assert paused[0] - started <= 1.5, (
            f"restarted at {30 + moment}: paused after {paused[0] - started:.2f} s"
        )
        assert group.producing() == ["B"]


def test_i2_a_dead_holder_behind_an_agent_is_replaced_on_the_agents_proof_alone() -> None:
    """No start fence is asserted: with one in its configuration the agent proves it stopped, without one not."""
    for moment in moments(1.0, 16.0, 2.5):
        for fenced in (True, False):
            settings = replace(
                CALM, agents=(True, True, True), asserted=(False,) * 3, starts_paused=(fenced, True, True)
            )
            group = kept(Story(1, settings, length=40).add(moment, "kill", "A"))
            proofs = [row for row in group.ledger.rows.values() if row.evidence == STOPPED]
            assert group.producing() == (["B"] if fenced else []), f"killed at {moment}"
            assert bool(proofs) is fenced


def test_i1_a_node_that_comes_back_while_its_agents_proof_is_used_is_paused_by_its_agent() -> None:
    """The proof was right; then somebody starts it from another configuration, without its start fence."""
    for moment in moments(2.0, 6.0, 0.1):
        settings = replace(CALM, agents=(True, True, True), asserted=(False,) * 3)
        story = Story(1, settings, length=40).add(1.0, "kill", "A").add(moment, "unfence", "A")
        group = kept(story.add(moment, "launch", "A", 0.5))
        assert len(group.producing()) == 1, f"started at {moment}"
        assert not group.record.doubled


def test_i2_every_resume_has_a_fence_of_each_other_member_in_its_own_epoch() -> None:
    """By the ledger alone: a pause that was acknowledged or waits, or a node that was proven gone."""
    resumes = 0
    for name, plan in PLANS.items():
        group = kept(plan())
        for row in [row for row in group.ledger.rows.values() if row.order.verb is Verb.RESUME and row.sent]:
            resumes += 1
            for other in [other for other in NAMES if other != row.order.node]:
                pauses = [
                    step
                    for step in group.ledger.epochs[row.epoch]
                    if step.order.node == other and step.order.verb is Verb.PAUSE
                ]
                fenced = any(step.state is State.OK or step.evidence for step in pauses)
                dead = ("crash" in name or "death" in name) and other in "AB"
                assert fenced or dead, f"{name}: {row.key} without a fence of {other}"
    assert resumes >= len(PLANS)


@pytest.mark.parametrize("copies", [2, 5])
def test_i3_a_repeated_request_is_carried_out_once(copies: int) -> None:
    story = Story(1, CALM, length=60)
    for copy in range(copies):
        story.add(2.0 + 0.01 * copy, "switchover", "B")
    story.add(20.0, "switchover", "B").add(45.0, "switchover", "B")
    group = kept(story)

    assert [name for _, name in group.record.of("resume")] == ["B"]
    assert all(row.sent <= 1 for row in group.ledger.rows.values())


@pytest.mark.parametrize("trouble", ["none", "kill", "hang", "cut"])
@pytest.mark.parametrize(
    "away", [names for count in (1, 2, 3) for names in combinations(NAMES, count)], ids="".join
)
def test_i5_a_partition_of_any_members_for_any_time_never_makes_two_producers(
    away: tuple[str, ...], trouble: str
) -> None:
    for begins in (2.0, 15.0, 19.0, 21.0):
        for lasts in (0.4, 2.3, 7.0, 40.0):
            story = Story(1, replace(CALM, phase=begins - 1.5), length=begins + lasts + 30)
            for name in away:
                story.add(begins, "partition", name).add(begins + lasts, "heal", name)
            if trouble != "none":
                story.add(begins + 1.0, trouble, "A")
            group = kept(story)
            assert not group.record.doubled or trouble == "cut"
            assert len(group.producing()) <= 1


def test_i6_a_planned_switchover_without_fault_misses_nothing_whenever_it_is_asked() -> None:
    for producers in (4, 7, 21):
        turn = producers * 6.0
        for moment in moments(0.7, turn, turn / 30):
            settings = Settings(producers=producers, phase=max(0.1, moment - 2.0))
            story = Story(1, settings, length=moment + 2 * turn + 8).add(moment, "switchover", "B")
            group = kept(story)
            assert group.producing() == ["B"], f"{producers} producers, asked at {moment:.1f}"
            assert (group.record.missed, group.record.doubled) == (set(), set())
            (outcome,) = group.ledger.ended
            assert outcome.outcome == "verified"
            assert outcome.certificate is not None
            assert (outcome.certificate.missed, outcome.certificate.after) == ((), "B" * 12)


@pytest.mark.parametrize("producers", [4, 7, 21])
def test_i7_a_crash_costs_nothing_outside_our_window_and_little_inside(producers: int) -> None:
    """Two seconds prove it gone: four blocks. Only right before one of our first two blocks it costs five, since
    those are made late in their slots, and the fifth slot is over before the next node can be resumed."""
    opens, turn = (producers - 1) * 6.0, producers * 6.0
    costs = []
    late = [(opens + 0.45 * number - 0.06, opens + 0.45 * number) for number in (1, 2)]
    closely = [moment for begin, end in late for moment in moments(begin - 0.06, end + 0.06, 0.006)]
    for moment in (*moments(opens - 4.0, turn, 0.05), *closely):
        settings = Settings(producers=producers, phase=max(0.1, moment - 2.5))
        group = kept(Story(1, settings, length=moment + 12).add(moment, "kill", "A"))
        costs.append(len(group.record.missed))
        assert costs[-1] == 0 or moment > opens - 2.1, f"crash at {moment:.2f}: {group.windows()}"
        assert not group.record.doubled
        assert group.producing() == ["B"]
        most = 5 if any(begin <= moment <= end for begin, end in late) else 4
        assert costs[-1] <= most, f"crash at {moment:.3f}: {group.windows()}"
    assert sum(costs) / len(costs) < 3.0


def test_i7_a_crash_that_the_hosts_agent_sees_costs_two_at_most() -> None:
    """No two seconds: the agent finds no process and its start fenced, and proves it when it is told to pause."""
    for moment in moments(WINDOW - 1.0, ROUND, 0.05):
        settings = replace(NEAR, agents=(True, True, True), phase=max(0.1, moment - 2.5))
        group = kept(Story(1, settings, length=moment + 12).add(moment, "kill", "A"))
        assert len(group.record.missed) <= 2, f"crash at {moment:.2f}: {group.windows()}"
        assert group.producing() == ["B"]
        assert not group.record.doubled


def test_i7_a_node_that_hangs_costs_little_and_is_paused_when_it_wakes() -> None:
    for moment in moments(WINDOW - 3.0, ROUND, 0.1):
        story = Story(1, NEAR, length=60).add(moment, "hang", "A").add(moment + 11, "wake", "A", 3.0)
        group = kept(story)
        woken = [at - group.start for at, name in group.record.of("pause") if name == "A"]
        assert len(group.record.missed) <= 4, f"hung at {moment:.2f}: {group.windows()}"
        assert woken and abs(woken[0] - (moment + 11)) < 1.0, (
            f"hung at {moment:.2f}: first paused {woken[:1]}"
        )
        assert group.producing() == ["B"]


@pytest.mark.parametrize("trouble", ["mute", "cut"])
def test_i7_a_node_that_is_alive_but_does_not_produce_costs_little(trouble: str) -> None:
    """When it falls silent with the last two slots of a window, the next one has to show it."""
    for moment in moments(WINDOW - 4.0, ROUND, 0.1):
        group = kept(Story(1, NEAR, length=60).add(moment, trouble, "A"))
        late = moment > ROUND - 2.2
        assert len(group.record.missed) <= (6 if late else 3), f"{trouble} at {moment:.2f}: {group.windows()}"
        assert group.producing() == ["B"]


@pytest.mark.parametrize("trouble", ["none", "kill", "hang", "cut", "partition"])
def test_i8_nothing_is_moved_while_the_whole_chain_stands_still(trouble: str) -> None:
    for begins in (2.0, 9.0, 16.0):
        story = Story(1, CALM, length=begins + 90).add(begins, "stall")
        if trouble != "none":
            story.add(begins + 22.0, trouble, "A")
        group = kept(story)
        assert group.record.of("resume") == []
        if trouble == "none":
            assert group.record.effects == [] and group.ledger.rows == {}


def test_i8_nothing_is_moved_because_the_witnesses_are_blind_or_cut_off() -> None:
    for how in ("blind", "strand"):
        for moment in moments(0.7, ROUND, 0.3):
            settings = replace(CALM, phase=max(0.1, moment - 2.0), witnesses=2)
            story = Story(1, settings, length=moment + 50).add(moment, how, 0).add(moment, how, 1)
            group = kept(story)
            assert group.ledger.rows == {}, f"{how} at {moment:.1f}"


def test_i9_production_goes_from_a_to_b_and_back_again() -> None:
    story = Story(1, CALM, length=130)
    for number in range(5):
        story.add(2.0 + number * ROUND, "switchover", "BA"[number % 2])
    group = kept(story)

    assert [window[:12] for window in group.windows()] == ["B" * 12, "A" * 12, "B" * 12, "A" * 12, "B" * 12]
    assert group.record.effects[-1][1:] == ("resume", "B")


def test_i10_a_flapping_node_moves_production_twice_at_most_and_then_a_human_decides() -> None:
    story = Story(1, replace(CALM, policy=replace(CALM.policy, cooldown=20.0)), length=700)
    for number in range(1, 10):
        name = NAMES[(number - 1) % 3]
        story.add(60.0 * number, "kill", name).add(60.0 * number + 8.0, "launch", name)
    group = kept(story)

    assert 1 <= len({moment for moment, _ in group.record.of("resume")}) <= 2
    assert told(group, NoticeKind.LATCHED)


def test_i11_what_an_operator_paused_stays_paused() -> None:
    for moment in moments(0.8, ROUND, 0.4):
        settings = replace(CALM, phase=max(0.1, moment - 2.0))
        group = kept(Story(1, settings, length=moment + 200).add(moment, "operator", "pause", "A"))
        assert group.producing() == [] and group.record.effects == []
        assert told(group, NoticeKind.LATCHED)


def test_i11_what_an_operator_moved_stays_where_it_is() -> None:
    for moment in moments(0.8, ROUND, 0.7):
        settings = replace(CALM, phase=max(0.1, moment - 2.0))
        story = Story(1, settings, length=moment + 100).add(moment, "operator", "pause", "A")
        group = kept(story.add(moment + 0.3, "operator", "resume", "C"))
        assert group.producing() == ["C"] and group.record.effects == []


@pytest.mark.parametrize("what", ["*", "BC"])
def test_i11_what_an_operator_holds_is_not_resumed_while_the_hold_lasts(what: str) -> None:
    story = Story(1, CALM, length=70).add(4.0, "kill", "A")
    for name in what:
        story.add(2.0, "hold", name, 40.0)
    group = kept(story)

    (resume,) = group.record.of("resume")
    assert resume[0] - group.start > 42.0


@pytest.mark.parametrize("skew", [-0.5, -0.25, 0.25, 0.5])
def test_i12_a_wrong_clock_of_the_actuator_never_makes_two_producers(skew: float) -> None:
    for moment in moments(WINDOW - 3.0, ROUND, 0.13):
        for what in (("kill", "A"), ("hang", "A"), ("cut", "A"), ("switchover", "B")):
            story = Story(1, replace(NEAR, skew=skew, phase=moment - 1.5), length=60).add(moment, *what)
            group = kept(story)
            assert group.producing() == ["B"]
            assert all(slot not in group.record.doubled or what[0] == "cut" for slot in group.record.strip)
            if what[0] == "switchover":
                assert not group.record.missed, f"skew {skew}, asked at {moment:.2f}: {group.windows()}"


@pytest.mark.parametrize("how", ["out", "key", "more", "announced"])
def test_i13_a_schedule_that_changes_in_the_middle_of_a_plan_ends_it(how: str) -> None:
    """C is slow to acknowledge, so that the change falls into the middle of fencing."""
    names = producers_of(4, 3)
    change: dict[str, tuple[object, ...]] = {
        "out": ("schedule", *[name if name != OURS else "newbie" for name in names]),
        "key": ("new_key",),
        "more": ("announce", "the pending schedule 2 has 5 producers"),
        "announced": ("announce", "ours leaves the pending schedule 2"),
    }
    for moment in moments(1.6, 5.0, 0.2):
        story = Story(1, CALM, length=40).add(1.5, "hang", "C").add(2.0, "switchover", "B")
        story.add(moment, *change[how]).add(10.0, "wake", "C")  # type: ignore[arg-type]
        group = kept(story)
        late = [at for at, _ in group.record.of("resume") if at - group.start > moment + 6.0]
        assert late == [], f"{how} at {moment}"


@pytest.mark.parametrize("trouble", ["cut", "hang", "kill", "partition"])
def test_a_standby_that_is_isolated_stale_or_silent_is_never_chosen(trouble: str) -> None:
    for before in (40.0, 3.0, 0.5):
        story = Story(1, CALM, length=90).add(49.0 - before, trouble, "B").add(49.0, "kill", "A")
        group = kept(story)
        resumed = [name for _, name in group.record.of("resume")]
        assert resumed[-1:] == ["C"] or not resumed, f"{trouble} {before} s before"
        if before > 3.0:
            assert "B" not in resumed


BOUNDED = replace(NEAR, policy=replace(NEAR.policy, bounded=True), witnesses=2)
USUAL = Times(gone_after=2.0, poll_interval=1.0, poll_timeout=1.0, bounded=True, on_alert=False)


def test_bounded_takes_over_from_a_node_that_nothing_reaches_once_four_of_our_slots_are_empty() -> None:
    """The node is dead and its whole host with it: nothing refuses, nothing acknowledges."""
    for moment in moments(WINDOW - 3.0, ROUND - 4.0, 0.25):
        story = Story(1, BOUNDED, length=60).add(moment, "partition", "A").add(moment, "kill", "A")
        group = kept(story)
        assert group.producing() == ["B"]
        assert len(group.record.missed) <= max(one.slots for one in sums(USUAL)), (
            f"{moment:.2f}: {group.windows()}"
        )
        strict = replace(BOUNDED, policy=replace(BOUNDED.policy, bounded=False))
        same = kept(Story(1, strict, length=60).add(moment, "partition", "A").add(moment, "kill", "A"))
        assert same.producing() == []
        assert told(same, NoticeKind.UNFENCED) or told(same, NoticeKind.BLOCKED)


def test_bounded_leaves_an_unreachable_node_alone_whose_blocks_arrive() -> None:
    for moment in moments(WINDOW - 3.0, ROUND, 0.25):
        group = kept(Story(1, BOUNDED, length=60).add(moment, "partition", "A"))
        assert group.producing() == ["A"] and group.record.of("resume") == []
        assert not group.record.missed


@pytest.mark.parametrize("blind", ["blind", "strand"])
def test_bounded_does_nothing_with_one_witness_alone(blind: str) -> None:
    for moment in moments(WINDOW - 8.0, ROUND - 2.0, 0.5):
        story = Story(1, BOUNDED, length=60).add(moment, "partition", "A").add(moment, "kill", "A")
        group = kept(story.add(moment - 2.5, blind, 1))
        assert group.record.of("resume") == []


def test_bounded_gives_way_when_the_lost_node_produces_again() -> None:
    """A was cut off from everything; its peers come back, its HTTP does not: two produce, and we stop ours."""
    for back in (30.0, 38.0, 44.0):
        story = Story(1, BOUNDED, length=100).add(17.0, "partition", "A").add(17.0, "cut", "A")
        group = kept(story.add(back, "mend", "A", 1.0))
        assert group.record.of("resume")[0][1] == "B"
        assert len(group.record.doubled) <= 24, group.windows()
        assert group.producing() == ["A"], f"{back}: {group.windows()} {group.actuator.state}"
        assert told(group, NoticeKind.LATCHED)


@pytest.mark.parametrize("what", [("crash", 60.0), ("crash", 1.0), ("ledgerless", 2.0), ("ledgerless", 20.0)])
@pytest.mark.parametrize("trouble", ["kill", "hang", "cut"])
def test_of_two_actuators_one_acts_whatever_becomes_of_the_other(
    trouble: str, what: tuple[str, float]
) -> None:
    """The leader dies, or loses the ledger, around the moment at which the active node fails."""
    for moment in moments(WINDOW - 2.0, ROUND - 3.0, 0.9):
        for later in (-1.0, 0.0, 0.6, 2.1, 2.4):
            story = Story(1, replace(NEAR, twins=True), length=80)
            story.add(moment, trouble, "A").add(moment + later, *what)
            group = kept(story)
            assert group.producing() == ["B"], f"{moment:.1f} {later}: {group.leader.state}"
            assert not group.ledger.open_steps()
            assert [name for _, name in group.record.of("resume")] == ["B"]
