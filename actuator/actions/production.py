"""Actions `pause` and `resume`: block production of one node, told to nodeos and read back.

At most once: after a crash the node is looked at, the call is never repeated.
"""

import time
from collections.abc import Callable, Mapping

from actuator.failover.control import (
    Control,
    KeptError,
    QueuedError,
    StoppedError,
    WritePath,
    surely_not_done,
)
from actuator.step import Claimed, Receipt, State, Step
from nodekit.http import HttpError

NAME = "production"
DELIVERY = "at_most_once"
QUEUED, STOPPED, KEPT = "queued", "stopped", "kept"
REREAD_FOR = 0.5
"""Seconds within which the node must show what it acknowledged."""

StillFenced = Callable[[str, str], str | None]
"""(group, node to be resumed) → why another member is not fenced; None when all are."""


class Production:
    """Performs `pause` and `resume` steps; the node is looked up by the step's group and node."""

    def __init__(
        self, verb: str, nodes: Mapping[tuple[str, str], Control], still_fenced: StillFenced
    ) -> None:
        self.name = verb
        self._path = WritePath.PAUSE if verb == "pause" else WritePath.RESUME
        self._wanted = verb == "pause"
        self._nodes = nodes
        self._still_fenced = still_fenced

    def verify(self, step: Step) -> str | None:
        """Why the step must not be performed: before a resume, every other member is read again."""
        if self._path is WritePath.PAUSE:
            return None
        return self._still_fenced(str(step.group), str(step.arguments["node"]))

    def perform(self, claimed: Claimed) -> Receipt:
        """Send the call once and read the node back."""
        node = self._node(claimed.step)
        try:
            node.send(self._path, float(claimed.step.arguments["timeout"]))  # type: ignore[arg-type]
        except QueuedError as error:
            return Receipt(State.UNKNOWN, f"will be done when the node wakes: {error}", evidence=QUEUED)
        except StoppedError as error:
            return Receipt(State.OK if self._wanted else State.FAILED, str(error), evidence=STOPPED)
        except KeptError as error:
            return Receipt(State.UNKNOWN, f"its agent pauses it when it starts: {error}", evidence=KEPT)
        except HttpError as error:
            if surely_not_done(error):
                return Receipt(State.FAILED, f"not done: {error}")
            return Receipt(State.UNKNOWN, f"may be done later: {error}")
        return self._read_back(node)

    def _read_back(self, node: Control) -> Receipt:
        deadline = time.monotonic() + REREAD_FOR
        while True:
            try:
                paused = node.paused()
            except HttpError as error:
                return Receipt(State.UNKNOWN, f"acknowledged, but not read back: {error}")
            if paused is self._wanted:
                return Receipt(State.OK, f"acknowledged and read back: paused={str(paused).lower()}")
            if time.monotonic() > deadline:
                return Receipt(State.UNKNOWN, f"acknowledged, but it reads paused={str(paused).lower()}")
            time.sleep(0.02)

    def recover(self, claimed: Claimed) -> Receipt:
        """After a crash in the middle: what does the node show now?"""
        try:
            paused = self._node(claimed.step).paused()
        except HttpError as error:
            return Receipt(State.UNKNOWN, f"interrupted by a restart; the node cannot be read: {error}")
        shown = f"interrupted by a restart; the node reads paused={str(paused).lower()}"
        return Receipt(State.OK if paused is self._wanted else State.FAILED, shown)

    def _node(self, step: Step) -> Control:
        return self._nodes[str(step.group), str(step.arguments["node"])]
