"""I4: kill -9 of the actuator before and after every write and every effect of every plan."""

import pytest

from actuator.failover.state import NoticeKind
from tests.sim.judging import kept, told
from tests.sim.plans import PLANS

PAUSED_WHILE_BLIND = "restart of the holder, fenced"
"""When the actuator is away while the holder comes back paused, it cannot know who paused it: it tells."""


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_without_further_trouble_ends_with_one_producer(name: str) -> None:
    group = kept(PLANS[name]())

    assert len(group.producing()) == 1
    assert not group.ledger.open_steps()
    assert group.actuator.points > 3, "the story had no plan"


@pytest.mark.parametrize("back_after", [0.3, 4.0])
@pytest.mark.parametrize("name", PLANS)
def test_i4_a_plan_that_is_interrupted_anywhere_ends_with_one_producer(name: str, back_after: float) -> None:
    for place in range(1, PLANS[name]().tell().actuator.points + 1):
        story = PLANS[name]()
        story.crash_at, story.back_after = place, back_after
        story.length += 40.0  # a fresh start observes a whole round first
        group = kept(story)
        assert group.actuator.life > 1, f"{name}: not killed at {place}"
        safe = len(group.producing()) == 1
        if name == PAUSED_WHILE_BLIND:
            safe = safe or (not group.producing() and told(group, NoticeKind.LATCHED))
        assert safe, f"{name}, killed at {place}: {group.producing()} in {group.actuator.state}"
