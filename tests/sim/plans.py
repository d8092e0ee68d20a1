"""One story for every kind of plan, without any further trouble: what a takeover, a switchover … looks like."""

from collections.abc import Callable
from dataclasses import replace

from tests.sim.stories import Story
from tests.sim.world import Settings

OUTSIDE, INSIDE = 2.0, 20.6
"""A moment far from our window (18.0 to 24.0 s with four producers), and one in the middle of it."""
CALM = Settings(phase=0.5)
NEAR = replace(CALM, phase=16.0)
UNFENCED_B = replace(CALM, starts_paused=(True, False, True))

PLANS: dict[str, Callable[[], Story]] = {
    "crash outside our window": lambda: Story(1, CALM, length=40).add(OUTSIDE, "kill", "A"),
    "crash inside our window": lambda: Story(2, NEAR, length=40).add(INSIDE, "kill", "A"),
    "hang outside our window": lambda: Story(3, CALM, length=50).add(OUTSIDE, "hang", "A").add(30, "wake", "A"),
    "hang inside our window": lambda: Story(4, NEAR, length=50).add(INSIDE, "hang", "A").add(30, "wake", "A"),
    "alive but mute": lambda: Story(5, NEAR, length=50).add(17.5, "mute", "A"),
    "cut off from its peers": lambda: Story(6, NEAR, length=50).add(17.5, "cut", "A").add(30, "mend", "A"),
    "switchover": lambda: Story(7, CALM, length=40).add(OUTSIDE, "switchover", "B"),
    "switchover asked inside our window": lambda: Story(8, NEAR, length=60).add(INSIDE, "switchover", "C"),
    "switchover to a node that hangs": lambda: (
        Story(9, CALM, length=40).add(OUTSIDE, "switchover", "B").add(OUTSIDE + 0.0051, "hang", "B")
        .add(12, "wake", "B")
    ),
    "switchover to a node that loses its peers": lambda: (
        Story(10, CALM, length=60).add(OUTSIDE, "switchover", "B").add(10, "cut", "B").add(50, "mend", "B")
    ),
    "restart of the holder, fenced": lambda: Story(11, CALM, length=40).add(OUTSIDE, "restart", "A"),
    "restart of a standby, not fenced": lambda: (
        Story(12, UNFENCED_B, length=30).add(OUTSIDE, "restart", "B", 1.5)
    ),
    "death of the new node before its first block": lambda: (
        Story(13, CALM, length=50).add(OUTSIDE, "kill", "A").add(6, "kill", "B")
    ),
}  # fmt: skip
