"""Builtin `nodeos`: pause, resume and prove a producer on this host, by the group's newest epoch only."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from actuator.agent.builtin import Outcome
from actuator.agent.config import Node
from actuator.agent.journal import Journal, JournalError
from actuator.agent.nodefence import GUARD_EVERY, Fence
from actuator.agent.nodetrace import Trace
from actuator.failover.control import Control, NodeControl, QueuedError, WritePath
from actuator.remote.wire import BAD_MEMBER, OLD_EPOCH, QUEUED, STOPPED
from nodekit.http import HttpError, Reason

log = logging.getLogger(__name__)

ANSWER = 1.0
"""Seconds that a local nodeos has for an answer."""
HASTE = 0.25
"""Seconds that one has which was away: after a start nodeos may take calls long before it answers any."""
SHOWS_WITHIN = 0.5


class NodeService:
    """One nodeos. The epochs and fences that it was told of outlive the agent."""

    commands = frozenset({"pause", "resume", "paused", "stopped", "status"})

    def __init__(
        self,
        name: str,
        node: Node,
        journal: Journal,
        kept: Callable[[], None],
        control: Control | None = None,
    ) -> None:
        """`kept` is called each time when a fence had to be kept."""
        self._name = node.name or name
        self._node = node
        self._journal = journal
        self._control = control or NodeControl(node.url, node.write_url or node.url, ANSWER)
        hasty = control or NodeControl(node.url, node.write_url or node.url, HASTE)
        self.watched: Callable[[], str] = lambda: "does not watch it"
        """What the watchdog makes of its process."""
        self._lock = threading.Lock()
        self._epoch_fact = f"epoch/{node.group}"
        self._trace = Trace(self._name, node, journal)
        self._fence = Fence(
            self._name, journal, self._trace, kept, (self._control, hasty), judged=node.match is not None
        )

    # --- commands -----------------------------------------------------------------------------------

    def run(self, command: str, message: Mapping[str, object], stop: threading.Event) -> Outcome:
        """As Builtin. `pause` and `resume` read `epoch`; a resume needs it."""
        del stop
        with self._lock:
            if command == "pause":
                return self._old(message) or self._pause(message)
            if command == "resume":
                return self._old(message) or self._resume(message)
            if command == "paused":
                return self._paused()
            if command == "stopped":
                return self._stopped()
            return Outcome(0, self._status())

    def recover(self, command: str, message: Mapping[str, object], stop: threading.Event) -> Outcome | None:
        """What the node shows after the agent died in the middle; a pause may simply be repeated."""
        return self.run(command, message, stop) if command in ("pause", "paused", "stopped") else None

    def _old(self, message: Mapping[str, object]) -> Outcome | None:
        epoch, known = message.get("epoch"), self._journal.fact(self._epoch_fact)
        if epoch is None:
            return None
        if not isinstance(epoch, int) or isinstance(epoch, bool):
            return Outcome(BAD_MEMBER, "`epoch` must be a whole number")
        if message.get("group") != self._node.group:
            return Outcome(BAD_MEMBER, f"`group` must be {self._node.group}")
        if known is not None and epoch < known:
            return Outcome(OLD_EPOCH, f"the order is of epoch {epoch}, epoch {known} was seen")
        self._journal.note(self._epoch_fact, epoch)
        return None

    def _pause(self, message: Mapping[str, object]) -> Outcome:
        self._fence.order(message.get("epoch"))
        try:
            self._control.send(WritePath.PAUSE)
        except QueuedError as error:
            return Outcome(QUEUED, str(error))
        except HttpError as error:
            return self._unanswered(error)
        return self._shows(wanted=True)

    def _resume(self, message: Mapping[str, object]) -> Outcome:
        if message.get("epoch") is None:
            return Outcome(BAD_MEMBER, "a resume needs the group's `epoch`: use `chainwarden switchover`")
        self._fence.end()
        try:
            self._control.send(WritePath.RESUME)
        except HttpError as error:
            return Outcome(1, f"not resumed for sure: {error}")
        return self._shows(wanted=False)

    def _shows(self, *, wanted: bool) -> Outcome:
        """Read it back until it shows what it acknowledged."""
        deadline = time.monotonic() + SHOWS_WITHIN
        while True:
            try:
                paused = self._fence.look()
            except HttpError as error:
                return Outcome(1, f"acknowledged, but not read back: {error}")
            if paused is wanted:
                return Outcome(0, f"paused={str(paused).lower()}")
            if time.monotonic() > deadline:
                return Outcome(1, f"acknowledged, but it reads paused={str(paused).lower()}")
            time.sleep(0.02)

    def _unanswered(self, error: HttpError) -> Outcome:
        """No API: proven stopped with a fenced start, or not."""
        if error.reason is not Reason.REFUSED:
            return Outcome(1, f"not paused for sure: {error}")
        if self._node.match is None:
            return Outcome(1, f"{error}; `match` is not set, so nobody can say whether its process runs")
        seen = self._trace.process()
        if seen is not None:
            return Outcome(1, f"{error}; its process {seen.pid} runs")
        fence = self._trace.start_fence(None)
        if fence is None:
            return Outcome(
                1, f"{error}; no process, but no `pause-on-startup` was found: it may start producing"
            )
        return Outcome(STOPPED, f"no process matches, and its start is fenced by {fence}")

    def _stopped(self) -> Outcome:
        """Whether it is stopped with its start fenced; nothing is ordered, no fence is kept."""
        try:
            paused = self._control.paused()
        except HttpError as error:
            if not self._trace.known:
                return Outcome(1, f"{error}; no process ever matched `match`, so none can be missed")
            return self._unanswered(error)
        return Outcome(1, f"it answers: paused={str(paused).lower()}")

    def _paused(self) -> Outcome:
        try:
            return Outcome(0, str(self._control.paused()).lower())
        except HttpError as error:
            return Outcome(1, str(error))

    # --- what the host shows ------------------------------------------------------------------------

    def _status(self) -> str:
        seen, paused = self._trace.process(), self._paused()
        began = (
            "unknown"
            if seen is None
            else datetime.fromtimestamp(seen.began, UTC).isoformat(timespec="seconds")
        )
        fence = self._fence.ordered()
        lines = [
            f"process: {'none matches' if seen is None else f'{seen.pid}, since {began}'}",
            f"paused: {paused.output}",
            f"start fence: {self._trace.start_fence(seen) or 'none found'}",
            f"kept fence: {'none' if fence is None else 'epoch ' + str(fence['epoch'])}",
            f"newest epoch: {self._journal.fact(self._epoch_fact)}",
            f"unit: {self._node.unit or 'not configured'}",
            f"watchdog: {self.watched()}",
            f"command line: {'unknown' if seen is None else ' '.join(seen.words)}",
        ]
        return "\n".join(lines)

    @property
    def member(self) -> tuple[str, str]:
        """Its failover group, and its name there."""
        return self._node.group, self._name

    def start_fence(self) -> str | None:
        """What makes its next start come up paused; None when nothing was found."""
        return self._trace.start_fence(None)

    # --- the fence is kept --------------------------------------------------------------------------

    def guard(self) -> float:
        """One look: a node that was started unpaused against its fence is paused.

        Returns the seconds until the next look is due. Raises JournalError.
        """
        with self._lock:
            self._trace.get_to_know()
            return self._fence.guard()


def keep_fence(name: str, service: NodeService, stop: threading.Event) -> None:
    """Keep a node's fence until `stop`; body of a thread of its own: a hung node must delay no other."""
    pause = GUARD_EVERY
    while not stop.wait(pause):
        try:
            pause = service.guard()
        except JournalError as error:
            log.error("the fence of %s cannot be kept: %s", name, error)
