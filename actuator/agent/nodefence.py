"""Keeps the fence that a node was given: started unpaused against it, the node is paused again."""

import logging
import time
from collections.abc import Callable
from typing import Any

from actuator.agent.journal import Journal
from actuator.agent.nodetrace import Trace
from actuator.failover.control import Control, QueuedError, WritePath
from nodekit.http import HttpError, Reason
from nodekit.procfs import TICKS

log = logging.getLogger(__name__)

GUARD_EVERY, AWAY_EVERY = 0.25, 0.1
"""Seconds between looks at a node whose fence is kept, and at one that refuses connections."""


class Fence:
    """One node's fence, which outlives the agent. Its user calls from one thread at a time."""

    def __init__(
        self,
        name: str,
        journal: Journal,
        trace: Trace,
        kept: Callable[[], None],
        controls: tuple[Control, Control],
        *,
        judged: bool,
    ) -> None:
        """`kept` is called each time when it had to be kept; `controls`: the usual, and one for who was away.

        `judged`: the node's process can be found.
        """
        self._name = name
        self._journal = journal
        self._trace = trace
        self._kept = kept
        self._control, self._hasty = controls
        self._judged = judged
        self._away = self._restarted_since()
        """The node was not there since its fence was ordered: what it shows next is a start."""
        self._queued = False
        """A pause waits at the silent node; a second one might outlast a later resume."""
        self._shown_paused: float | None = None
        """Clock tick since boot of the last look that showed it paused."""

    def ordered(self) -> Any:
        """The order that is kept: its `epoch`, and `since` when; None when there is none."""
        return self._journal.fact(f"fence/{self._name}")

    def order(self, epoch: object) -> None:
        """Keep it from now on."""
        self._journal.note(f"fence/{self._name}", {"epoch": epoch, "since": time.time()})

    def end(self) -> None:
        """Keep it no more."""
        self._journal.note(f"fence/{self._name}", None)

    def guard(self) -> float:
        """One look: a node that was started unpaused against its fence is paused.

        Returns the seconds until the next look is due. Raises JournalError.
        """
        if self.ordered() is None:
            self._away = self._queued = False
            return GUARD_EVERY
        try:
            paused = self.look(self._hasty if self._away and not self._queued else self._control)
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
            self.end()

    def _missed(self, error: HttpError) -> None:
        """A look without an answer: a pause is left at a node that came back and is too busy to say how."""
        silent = error.reason is Reason.TIMEOUT
        if silent and self._away and not self._queued:
            self._keep("is back and does not answer yet")
        # Silence alone is no restart: who resumes a busy node by hand must not be taken for its start.
        here = silent and not self._away and self._judged and not self._restarted_between()
        self._queued, self._away = self._queued and silent, not here

    def look(self, control: Control | None = None) -> bool:
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
        seen = None if not self._judged or self._shown_paused is None else self._trace.process()
        return seen is not None and seen.ticks >= int(self._shown_paused or 0.0)

    def _restarted_since(self) -> bool:
        fence, seen = self.ordered(), self._trace.process()
        return fence is not None and (seen is None or seen.began > float(fence["since"]))
