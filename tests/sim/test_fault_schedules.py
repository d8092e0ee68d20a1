"""All promises together, on random fault schedules. `make bench ROW=simulator` tells a million of them."""

from tests.sim.many import failing
from tests.sim.stories import story_of

COUNT = 20_000


def test_no_promise_is_broken_in_twenty_thousand_fault_schedules() -> None:
    found = failing(0, COUNT)

    shown = "\n".join(f"seed {one.seed}: {one.broken}" for one in found[:20])
    assert not found, f"{len(found)} of the seeds 0 to {COUNT - 1} fail:\n{shown}\n{story_of(found[0].seed)}"
