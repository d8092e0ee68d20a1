"""All promises together, on random fault schedules. `make bench ROW=simulator` tells a million of them."""

import pytest

from tests.sim.judging import kept
from tests.sim.many import failing
from tests.sim.stories import AGENTS, story_of

COUNT, WITH_AGENTS = 20_000, 2_000
FAILED_ONCE = (
    2079379, 2098325, 2315567, 2407935, 2428233, 2519927, 2553400, 2581640, 2607182, 2723134, 2762483, 2815828,
    2864261, 2884945, 2900000, 2904256, 2920383, 2929699, 2939996, 2975354, 4753584, 5338215, 5532484,
    40091769,
)  # fmt: skip
"""Of the seeds above COUNT that a million told: each showed a fault of the decision, or of the referee."""


@pytest.mark.timeout(600)  # at a low priority, beside the tests on real servers
def test_no_promise_is_broken_in_twenty_thousand_fault_schedules() -> None:
    found = failing(0, COUNT)

    shown = "\n".join(f"seed {one.seed}: {one.broken}" for one in found[:20])
    assert not found, f"{len(found)} of the seeds 0 to {COUNT - 1} fail:\n{shown}\n{story_of(found[0].seed)}"


@pytest.mark.timeout(300)
def test_no_promise_is_broken_where_members_are_behind_their_hosts_agents() -> None:
    found = failing(AGENTS, WITH_AGENTS)

    shown = "\n".join(f"seed {one.seed}: {one.broken}" for one in found[:20])
    assert not found, f"{len(found)} of the seeds from {AGENTS} fail:\n{shown}\n{story_of(found[0].seed)}"


@pytest.mark.parametrize("seed", FAILED_ONCE)
def test_what_failed_once_keeps_every_promise(seed: int) -> None:
    kept(story_of(seed))
