"""What the watchdog decides about one service: counts in time, back-off, giving up, coming back."""

from dataclasses import replace

import pytest

from actuator.agent.watch.policy import Act, Decision, Look, Memory, Phase, Policy, commanded, decide, ended

POLICY = Policy(at_most=3, within=60.0, backoff_first=1.0, backoff_most=8.0, rearm_after=100.0)
UP, DOWN = Look(alive=True), Look(alive=False)


def crash_loop(
    policy: Policy, until: float, dies_after: float = 0.1
) -> tuple[list[float], list[float], Memory]:
    """When it was started and when giving up was told, of a service that never lives longer than `dies_after`."""
    memory, now, died = Memory(), 0.0, 0.0
    starts: list[float] = []
    told: list[float] = []
    before = Phase.RUNNING
    while now < until:
        found = decide(policy, memory, DOWN if now >= died else UP, now)
        memory = found.memory
        if found.phase is Phase.GAVE_UP and before is not Phase.GAVE_UP:
            told.append(now)
        before = found.phase if found.act is Act.NOTHING else before
        if found.act is Act.START:
            starts.append(now)
            memory, died = ended(policy, memory, now), now + dies_after
        now = round(now + 0.1, 3)
    return starts, told, memory


def test_a_crash_loop_is_started_exactly_so_often_with_doubling_waits_and_given_up_once() -> None:
    starts, told, memory = crash_loop(POLICY, 50.0)

    assert starts == [0.0, 1.0, 3.0], "at once, after 1 s, after 2 s more"
    assert told == [7.0], "when the fourth would have been due"
    assert memory.gave_up is not None
    assert "3 starts within 60 s" in memory.gave_up.why


def test_starts_are_counted_in_time_so_that_a_slow_crasher_is_never_given_up() -> None:
    starts, told, memory = crash_loop(replace(POLICY, rearm_after=1e9), 600.0, dies_after=25.0)

    assert not told, "there are never 3 within 60 s when a fourth is due"
    assert len(starts) > 15
    assert memory.not_before - starts[-1] <= 8.0, "the back-off is bounded"


def test_given_up_is_tried_again_as_often_as_configured_and_not_told_again() -> None:
    policy = replace(POLICY, retry_after=50.0, retries=2)

    starts, told, memory = crash_loop(policy, 400.0)

    assert starts == [0.0, 1.0, 3.0, 57.0, 107.0], "50 s after giving up at 7 s, and once more"
    assert told == [7.0]
    assert memory.gave_up is not None
    assert memory.gave_up.next is None


def given_up() -> Memory:
    return crash_loop(POLICY, 20.0)[2]


def test_giving_up_ends_only_after_a_proven_good_period_however_it_came_back() -> None:
    memory = given_up()

    back = decide(POLICY, memory, UP, 1000.0)
    assert back.phase is Phase.GAVE_UP, "on probation"
    assert back.due == 1100.0
    again = decide(POLICY, back.memory, DOWN, 1050.0)
    assert (again.act, again.phase) == (Act.NOTHING, Phase.GAVE_UP), "a death on probation starts nothing"
    good = decide(POLICY, decide(POLICY, again.memory, UP, 1060.0).memory, UP, 1160.0)
    assert (good.phase, good.memory.gave_up, good.memory.failures) == (Phase.RUNNING, None, 0)
    assert decide(POLICY, good.memory, DOWN, 1161.0).act is Act.START, "armed again, without a wait"


@pytest.mark.parametrize("command", ["start", "restart", "monitor"])
def test_a_command_ends_giving_up_and_forgets_what_was_counted(command: str) -> None:
    memory = commanded(given_up(), command, 1000.0)

    assert decide(POLICY, memory, DOWN, 1000.0).act is Act.START
    assert memory.gave_up is None
    assert memory.starts == ()


def test_a_stop_by_command_stays_until_start_and_survives_monitor() -> None:
    memory = commanded(commanded(Memory(), "stop", 0.0), "monitor", 1.0)

    assert decide(POLICY, memory, DOWN, 2.0).phase is Phase.STOPPED
    assert decide(POLICY, memory, DOWN, 2.0).act is Act.NOTHING
    assert "told to stop" in decide(POLICY, memory, UP, 2.0).why
    assert decide(POLICY, commanded(memory, "start", 3.0), DOWN, 3.0).act is Act.START


def test_unmonitored_is_left_alone_until_its_time_is_over() -> None:
    memory = commanded(Memory(), "unmonitor", 0.0, 900.0)

    left = decide(POLICY, memory, DOWN, 899.0)
    assert (left.act, left.phase, left.due) == (Act.NOTHING, Phase.UNMONITORED, 900.0)
    back = decide(POLICY, left.memory, DOWN, 900.0)
    assert back.act is Act.START
    assert back.memory.monitored


def test_nothing_is_done_in_a_maintenance_window_and_nothing_is_counted() -> None:
    found = decide(POLICY, Memory(), replace(DOWN, maintenance=True), 0.0)

    assert (found.act, found.phase) == (Act.NOTHING, Phase.MAINTENANCE)
    assert found.memory.failures == 0


def test_a_start_waits_for_a_dependency_and_then_is_no_failure() -> None:
    waiting = decide(POLICY, Memory(), replace(DOWN, blocked="waits for db"), 0.0)
    assert (waiting.act, waiting.why) == (Act.NOTHING, "waits for db")

    found = decide(POLICY, waiting.memory, DOWN, 1.0)

    assert found.act is Act.START
    assert found.memory.failures == 0
    assert found.memory.restarts == 1


def test_what_was_started_before_its_dependency_follows_only_when_it_may() -> None:
    outdated = replace(UP, outdated=True)

    assert decide(POLICY, Memory(), outdated, 0.0).act is Act.RESTART
    assert decide(POLICY, Memory(), replace(outdated, blocked="waits for db"), 0.0).act is Act.NOTHING
    assert decide(POLICY, Memory(), replace(outdated, forbidden="no fence"), 0.0).act is Act.NOTHING


def test_a_producer_whose_start_is_not_fenced_is_given_up_at_once_and_armed_when_it_is() -> None:
    unfenced = replace(DOWN, forbidden="no fence")

    found = decide(POLICY, Memory(), unfenced, 0.0)
    assert (found.act, found.phase) == (Act.NOTHING, Phase.GAVE_UP)
    sick = decide(POLICY, Memory(), replace(UP, sick="hangs", forbidden="no fence"), 0.0)
    assert (sick.act, sick.phase) == (Act.NOTHING, Phase.GAVE_UP), "and it is not stopped either"
    assert decide(POLICY, found.memory, DOWN, 1.0).act is Act.START


def test_a_sick_service_is_restarted_within_the_same_limits() -> None:
    memory, acts = Memory(), []
    for second in range(20):
        found = decide(POLICY, memory, replace(UP, sick="no answer"), float(second))
        acts.append(found.act)
        memory = ended(POLICY, found.memory, second) if found.act is Act.RESTART else found.memory

    assert [second for second, act in enumerate(acts) if act is Act.RESTART] == [0, 1, 3]
    assert memory.gave_up is not None


def test_a_condition_that_asks_for_a_stop_stops_once_and_it_stays_stopped() -> None:
    found = decide(POLICY, Memory(), replace(UP, ill="memory"), 0.0)

    assert found.act is Act.STOP
    assert decide(POLICY, found.memory, DOWN, 1.0).phase is Phase.STOPPED


def test_a_clock_that_is_set_back_delays_a_start_by_no_more_than_the_longest_back_off() -> None:
    memory = Memory(not_before=1e6, failures=2, starts=(1e6 - 1,))

    found: Decision = decide(POLICY, memory, DOWN, 100.0)

    assert found.due == 108.0
