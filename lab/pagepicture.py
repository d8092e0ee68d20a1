"""`python -m lab.pagepicture`: a real takeover, then the actuator's page as docs/images/page.png."""

import sys
import tempfile
from pathlib import Path

from lab.blocks import BlockCollector
from lab.browser import Browser
from lab.chain import Chain
from lab.pictures import IMAGES
from lab.server import poll, stop_watching
from lab.slack import Slack
from lab.stack import GROUP, Stack
from nodekit.slots import slot_of

WIDTH, HEIGHT = 1280, 1150
KILL_AT = 5
"""Which block of the window is the last of the node that is killed."""


def main() -> int:
    """About a minute and a half. Raises ServerError, TimeoutError."""
    with tempfile.TemporaryDirectory() as folder, Slack() as slack, Chain(Path(folder) / "chain") as chain:
        chain.load(rate=4.0)
        with Stack(Path(folder), chain, slack) as stack, Browser(WIDTH, HEIGHT) as browser:
            _must(stack.await_phase("steady", 60), "steady")
            _take_over(stack)
            _must(stack.cli("switchover", GROUP, "--to", "A").returncode == 0, "moved back")
            browser.open(stack.actuator.url)
            browser.wait_for("verified")
            browser.picture(IMAGES / "page.png")
    stop_watching()
    print(IMAGES / "page.png")
    return 0


def _take_over(stack: Stack) -> None:
    """A dies in its window, B takes over, A comes back paused."""
    chain = stack.chain
    last = BlockCollector(chain).next_window().first_slot + KILL_AT
    _must(poll(lambda: slot_of(chain.world.info().head_time) >= last, 60, every=0.01), "in our window")
    chain["A"].kill9()
    _must(poll(lambda: stack.group()["holder"] == "B", 60), "taken over")
    chain["A"].restart(paused=True)

    def ready() -> bool:
        return all(node["active"] or not node["not_ready_because"] for node in stack.group()["nodes"])

    _must(poll(ready, 90) and stack.await_phase("steady", 90), "ready again")


def _must(good: bool, what: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not good:
        raise TimeoutError(f"the group was not {what} in time")


if __name__ == "__main__":
    sys.exit(main())
