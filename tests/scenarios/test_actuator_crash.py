"""kill -9 of the actuator around every effect of a takeover, on real nodes.

The cases run side by side, each on a chain of its own: a case is mostly waiting for rounds.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.chain import Chain
from lab.server import poll
from lab.slack import Slack
from lab.stack import GROUP, Stack

MOMENTS = ("before:pause", "after:pause", "before:resume", "after:resume")


class CrashingStack(Stack):
    """A stack whose actuator dies once, at a chosen moment."""

    def __init__(self, root: Path, chain: Chain, slack: Slack, moment: str) -> None:
        super().__init__(root, chain, slack, actuator_module="tests.scenarios.crashing_actuator")
        self.mark = root / "crashed"
        usual = self.actuator.environment()
        planted = {**usual, "CRASH_AT": moment, "CRASH_MARK": str(self.mark)}
        self.actuator.environment = lambda: planted  # type: ignore[method-assign]


@dataclass(frozen=True)
class Ending:
    """How a case ended."""

    crashed_in: str
    active: tuple[str, ...]
    history: Mapping[str, Any]
    resumed: Mapping[str, int]
    """How often each node's own log says that it was resumed."""
    phase: str
    holder: str | None


def run(root: Path, moment: str, slack: Slack) -> Ending:
    with Chain(root / "chain") as chain:
        chain.load(rate=2.0)
        stack = CrashingStack(root, chain, slack, moment)
        stack.actuator.start()
        try:
            assert stack.await_ready(60), stack.group()
            chain["A"].kill9()
            assert poll(lambda: not stack.actuator.running, 30), "the planted crash did not happen"
            stack.actuator.start()
            poll(lambda: stack.group()["phase"] in ("steady", "latched"), 60)
            status = stack.group()
            return Ending(
                crashed_in=stack.mark.read_text(),
                active=tuple(name for name in "BC" if not chain[name].paused()),
                history=stack.history(),
                resumed={name: chain[name].log_path.read_text().count("Producer resumed") for name in "BC"},
                phase=status["phase"],
                holder=status["holder"],
            )
        finally:
            stack.actuator.stop()


@pytest.fixture(scope="module")
def endings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Ending]]:
    with Slack() as slack, ThreadPoolExecutor(len(MOMENTS)) as pool:
        folders = {moment: tmp_path_factory.mktemp("crash") for moment in MOMENTS}
        running = {moment: pool.submit(run, folders[moment], moment, slack) for moment in MOMENTS}
        yield {moment: future.result() for moment, future in running.items()}


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_group_converges_with_one_active_node(endings: Mapping[str, Ending], moment: str) -> None:
    ending = endings[moment]

    assert ending.active == ("B",)
    assert (ending.phase, ending.holder) == ("steady", "B")


@pytest.mark.parametrize("moment", MOMENTS)
def test_production_is_resumed_exactly_once(endings: Mapping[str, Ending], moment: str) -> None:
    assert endings[moment].resumed == {"B": 1, "C": 0}


@pytest.mark.parametrize("moment", MOMENTS)
def test_history_tells_what_became_of_the_interrupted_step(
    endings: Mapping[str, Ending], moment: str
) -> None:
    ending = endings[moment]
    rows = {row["key"]: row for row in ending.history["steps"]}
    interrupted = rows[ending.crashed_in]
    verb = moment.partition(":")[2]

    assert interrupted["action"] == verb
    assert "interrupted by a restart" in interrupted["detail"]
    # C was paused all along, so its interrupted pause reads as done; the resume only when it was sent.
    done = moment != "before:resume"
    assert interrupted["state"] == ("ok" if done else "failed")


@pytest.mark.parametrize("moment", MOMENTS)
def test_history_tells_one_takeover_that_was_verified(endings: Mapping[str, Ending], moment: str) -> None:
    history = endings[moment].history
    incidents = history["incidents"]
    keys = [row["key"] for row in history["steps"]]

    assert [
        (row["group"], row["kind"], row["source"], row["target"], row["outcome"]) for row in incidents
    ] == [(GROUP, "takeover", "A", "B", "verified")]
    assert len(keys) == len(set(keys))
    control = [row for row in history["steps"] if row["epoch"] is not None]
    assert not [row for row in control if row["state"] in ("planned", "executing", "unknown")]
