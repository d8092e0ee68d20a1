"""Builtin `nodeos`: pause, resume and prove a producer on this host, by the group's newest epoch only."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from actuator.agent.builtin import Outcome
from actuator.agent.config import Node
from actuator.agent.journal import Journal, JournalError
from actuator.agent.startfence import config_folder, in_arguments, in_config
from actuator.failover.control import Control, NodeControl, QueuedError, WritePath
from actuator.remote.wire import BAD_MEMBER, OLD_EPOCH, QUEUED, STOPPED
from nodekit.http import HttpError, Reason
from nodekit.processes import TICKS, Process, Scanner

log = logging.getLogger(__name__)

ANSWER = 1.0
"""Seconds that a local nodeos has for an answer."""
HASTE = 0.25
"""Seconds that one has which was away: after a start nodeos may take calls long before it answers any."""
SHOWS_WITHIN = 0.5
GUARD_EVERY, AWAY_EVERY = 0.25, 0.1
"""Seconds between looks at a node whose fence is kept, and at one that refuses connections."""


class NodeService:
    """One nodeos. The epochs and fences that it was told of outlive the agent."""

    commands = frozenset({"pause", "resume", "paused", "status"})

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
        self._kept = kept
        self._control = control or NodeControl(node.url, node.write_url or node.url, ANSWER)
        self._hasty = control or NodeControl(node.url, node.write_url or node.url, HASTE)
        self.watched: Callable[[], str] = lambda: "does not watch it"
        """What the watchdog makes of its process."""
        self._lock = threading.Lock()
        self._away = self._restarted_since()
        """The node was not there since its fence was ordered: what it shows next is a start."""
        self._queued = False
        """A pause waits at the silent node; a second one might outlast a later resume."""
        self._shown_paused: float | None = None
        """Clock tick since boot of the last look that showed it paused."""

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
            return Outcome(0, self._status())

    def recover(self, command: str, message: Mapping[str, object], stop: threading.Event) -> Outcome | None:
        """What the node shows after the agent died in the middle; a pause may simply be repeated."""
        if command == "pause":
            return self.run(command, message, stop)
        return self._paused() if command == "paused" else None

    def _old(self, message: Mapping[str, object]) -> Outcome | None:
        epoch, known = message.get("epoch"), self._journal.fact(self._fact("epoch"))
        if epoch is None:
            return None
        if not isinstance(epoch, int) or isinstance(epoch, bool):
            return Outcome(BAD_MEMBER, "`epoch` must be a whole number")
        if message.get("group") != self._node.group:
            return Outcome(BAD_MEMBER, f"`group` must be {self._node.group}")
        if known is not None and epoch < known:
            return Outcome(OLD_EPOCH, f"the order is of epoch {epoch}, epoch {known} was seen")
        self._journal.note(self._fact("epoch"), epoch)
        return None

    def _pause(self, message: Mapping[str, object]) -> Outcome:
        self._journal.note(self._fact("fence"), {"epoch": message.get("epoch"), "since": time.time()})
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
        self._journal.note(self._fact("fence"), None)
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
                paused = self._look()
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
        seen = self._process()
        if seen is not None:
            return Outcome(1, f"{error}; its process {seen.pid} runs")
        fence = self._start_fence(None)
        if fence is None:
            return Outcome(
                1, f"{error}; no process, but no `pause-on-startup` was found: it may start producing"
            )
        return Outcome(STOPPED, f"no process matches, and its start is fenced by {fence}")

    def _paused(self) -> Outcome:
        try:
            return Outcome(0, str(self._control.paused()).lower())
        except HttpError as error:
            return Outcome(1, str(error))

    # --- what the host shows ------------------------------------------------------------------------

    def _status(self) -> str:
        seen, paused = self._process(), self._paused()
        began = (
            "unknown"
            if seen is None
            else datetime.fromtimestamp(seen.began, UTC).isoformat(timespec="seconds")
        )
        fence = self._journal.fact(self._fact("fence"))
        lines = [
            f"process: {'none matches' if seen is None else f'{seen.pid}, since {began}'}",
            f"paused: {paused.output}",
            f"start fence: {self._start_fence(seen) or 'none found'}",
            f"kept fence: {'none' if fence is None else 'epoch ' + str(fence['epoch'])}",
            f"newest epoch: {self._journal.fact(self._fact('epoch'))}",
            f"unit: {self._node.unit or 'not configured'}",
            f"watchdog: {self.watched()}",
            f"command line: {'unknown' if seen is None else ' '.join(seen.words)}",
        ]
        return "\n".join(lines)

    def _process(self) -> Process | None:
        """The newest process whose command line matches; None when none does, or `match` is not set."""
        found = Scanner({"": self._node.target}).look()[""]
        newest = max(found, key=lambda one: one.ticks, default=None)
        if newest is not None:
            folder = config_folder(newest.words)
            if folder is not None and str(folder) != self._journal.fact(self._fact("config_dir")):
                self._journal.note(self._fact("config_dir"), str(folder))
        return newest

    def _start_fence(self, seen: Process | None) -> str | None:
        """Where `pause-on-startup` stands; None when it was not found."""
        if seen is not None and in_arguments(seen.words):
            return "its command line"
        known = self._journal.fact(self._fact("config_dir"))
        folder = self._node.config_dir or (Path(known) if known else None)
        if folder is None:
            return None
        path = folder / "config.ini"
        try:
            return str(path) if in_config(path.read_text(encoding="utf-8", errors="replace")) else None
        except OSError:
            return None

    @property
    def member(self) -> tuple[str, str]:
        """Its failover group, and its name there."""
        return self._node.group, self._name

    def start_fence(self) -> str | None:
        """What makes its next start come up paused; None when nothing was found."""
        return self._start_fence(None)

    # --- the fence is kept --------------------------------------------------------------------------

    def guard(self) -> float:
        """One look: a node that was started unpaused against its fence is paused.

        Returns the seconds until the next look is due. Raises JournalError.
        """
        with self._lock:
            if self._journal.fact(self._fact("fence")) is None:
                self._away = self._queued = False
                return GUARD_EVERY
            try:
                paused = self._look(self._hasty if self._away and not self._queued else self._control)
            except HttpError as error:
                self._missed(error)
                return AWAY_EVERY if error.reason is Reason.REFUSED else GUARD_EVERY
            self._seen(paused=paused)
            return GUARD_EVERY

    def _seen(self, *, paused: bool) -> None:
        self._queued = False
        if paused:
            self._away = False
        elif self._away or self._restarted_between():
            self._away = True
            self._keep("was started unpaused against its fence")
        else:  # it was there all the time: somebody resumed it by hand, and that stays
            log.warning("%s was resumed outside chainwarden; its fence ends", self._name)
            self._journal.note(self._fact("fence"), None)

    def _missed(self, error: HttpError) -> None:
        """A look without an answer: a pause is left at a node that came back and is too busy to say how."""
        silent = error.reason is Reason.TIMEOUT
        if silent and self._away and not self._queued:
            self._keep("is back and does not answer yet")
        # Silence alone is no restart: who resumes a busy node by hand must not be taken for its start.
        here = silent and not self._away and self._node.match is not None and not self._restarted_between()
        self._queued, self._away = self._queued and silent, not here

    def _look(self, control: Control | None = None) -> bool:
        """Whether it is paused now. Raises HttpError."""
        asked = time.clock_gettime(time.CLOCK_BOOTTIME) * TICKS
        paused = (control or self._control).paused()
        if paused:
            self._shown_paused = asked
        return paused

    def _keep(self, why: str) -> None:
        log.warning("%s %s: pausing it", self._name, why)
        try:
            self._control.send(WritePath.PAUSE)
        except QueuedError:
            self._queued = True
        except HttpError as error:
            log.error("%s cannot be paused: %s", self._name, error)
            return
        self._kept()

    def _restarted_between(self) -> bool:
        """Whether it ended and began again between two looks; only its process can tell."""
        seen = None if self._node.match is None or self._shown_paused is None else self._process()
        return seen is not None and seen.ticks >= int(self._shown_paused or 0.0)

    def _restarted_since(self) -> bool:
        fence, seen = self._journal.fact(self._fact("fence")), self._process()
        return fence is not None and (seen is None or seen.began > float(fence["since"]))

    def _fact(self, what: str) -> str:
        return f"{what}/{self._node.group}" if what == "epoch" else f"{what}/{self._name}"


def keep_fence(name: str, service: NodeService, stop: threading.Event) -> None:
    """Keep a node's fence until `stop`; body of a thread of its own: a hung node must delay no other."""
    pause = GUARD_EVERY
    while not stop.wait(pause):
        try:
            pause = service.guard()
        except JournalError as error:
            log.error("the fence of %s cannot be kept: %s", name, error)
