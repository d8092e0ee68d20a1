"""Watches one member of a group: polls it, and at once when its connection breaks."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from actuator.facts import NodeFact, Reach
from actuator.failover.reading import Head, Reading, agreement, believe, head_of, stranger
from actuator.failover.tripwire import Tripwire
from nodekit.http import HttpError, Reason
from nodekit.nodeos import Nodeos

log = logging.getLogger(__name__)

SUSPECT_INTERVAL = 0.2
"""Seconds between looks at a node that just stopped answering."""
SUSPECT_FOR = 10.0
"""Seconds that a silent node is looked at that often."""
IN_WINDOW_TIMEOUT = 0.5
"""Seconds that one look may take while our window is open: a slot is that long."""
PEERS_EVERY = 3.0
CLOCK_JUMP = 0.5
"""Seconds; two seconds of refusals must be two seconds, not a correction of the clock."""
HEADS = 10

_REACH = {
    Reason.REFUSED: Reach.REFUSED,
    Reason.TIMEOUT: Reach.TIMEOUT,
    Reason.CONNECT: Reach.TIMEOUT,
}
Clock = Callable[[], float]


class MemberWatch:
    """The newest belief about a member. `changed` is called after each look that changed something."""

    def __init__(
        self,
        name: str,
        node: Nodeos,
        believed: NodeFact,
        changed: Callable[[], None],
        clock: Clock = time.time,
        stopped: Callable[[], bool] | None = None,
    ) -> None:
        """`stopped` asks its host's agent whether it is stopped, its start fenced; None without one."""
        self.name = name
        self._node = node
        self._fact = believed
        self._heads: deque[Head] = deque(maxlen=HEADS)
        self._chain_id: str | None = None
        self._peers: tuple[float, int | None] = (0.0, None)
        self._changed = changed
        self._clock = clock
        self._lock = threading.Lock()
        self._wire = Tripwire(node.url)
        self._asked_for = False
        self._stopped = stopped
        self.asking = False
        """Its host's agent is being asked whether it is stopped."""
        self._produced = False
        """Its newest answer said that it produces."""
        self._read_at: tuple[float, float] | None = None
        self._timeout = node.timeout

    def fact(self, known: dict[int, str], chain_id: str | None = None) -> NodeFact:
        """The belief, compared with a witness's block ids and chain."""
        with self._lock:
            fact = replace(self._fact, agrees=agreement(tuple(self._heads), known))
            return stranger(fact) if self._elsewhere(chain_id) else fact

    def heads(self, chain_id: str | None = None) -> tuple[Head, ...]:
        """The newest heads that it showed of that chain."""
        with self._lock:
            return () if self._elsewhere(chain_id) else tuple(self._heads)

    def _elsewhere(self, chain_id: str | None) -> bool:
        """Whether a node of another chain answers at its address."""
        return None not in (chain_id, self._chain_id) and chain_id != self._chain_id

    def _clock_jumped(self) -> bool:
        """Whether the wall clock moved against the monotonic one since the last look."""
        wall, steady = self._clock(), time.monotonic()
        before, self._read_at = self._read_at, (wall, steady)
        return before is not None and abs((wall - before[0]) - (steady - before[1])) > CLOCK_JUMP

    def look(self) -> None:
        """Read the node once and take note."""
        if self._clock_jumped():
            log.warning("the clock jumped: failed looks at %s are counted anew", self.name)
            with self._lock:
                self._fact = replace(self._fact, refusals=None, silences=0)
        asked_for, self._asked_for = self._asked_for, False
        reading = self._read()
        with self._lock:
            before, self._fact = self._fact, believe(self._fact, reading)
            after = self._fact
            if reading.head is not None and (not self._heads or self._heads[-1] != reading.head):
                self._heads.append(reading.head)
        shown = (after.reach, after.paused, after.refusals)
        if reading.reach is Reach.ANSWERS:
            self._produced = reading.paused is False
        if asked_for or (before.reach, before.paused, before.refusals) != shown:
            self._changed()
        self._suspect(after)

    def _suspect(self, fact: NodeFact) -> None:
        """Have the agent asked about who produced a moment ago, on a thread of its own: looks go on."""
        run = fact.refusals
        if self._stopped is None or not self._produced or self.asking or run is None:
            return
        if fact.stopped_at is None and run.last - run.since < SUSPECT_FOR:
            self.asking = True
            threading.Thread(
                target=self._ask, args=(self._stopped, run.since), name=f"ask-{self.name}", daemon=True
            ).start()

    def _ask(self, stopped: Callable[[], bool], since: float) -> None:
        """A finding counts in the run of refusals in which it was asked for."""
        try:
            asked_at = self._clock()
            if not stopped():
                return
            with self._lock:
                run = self._fact.refusals
                if run is None or run.since != since:
                    return
                self._fact = replace(self._fact, stopped_at=asked_at)
            self._changed()
        finally:
            self.asking = False

    def _read(self) -> Reading:
        try:
            info = self._node.info()
            paused = self._node.paused()
        except HttpError as error:
            return Reading(self._clock(), _REACH.get(error.reason, Reach.BROKEN))
        now = self._clock()
        self._chain_id = info.chain_id
        head = head_of(info.head_num, info.head_id, info.head_time, info.head_producer)
        return Reading(now, Reach.ANSWERS, paused, head, info.lib_num, self._live_peers(now))

    def _live_peers(self, now: float) -> int | None:
        """Live p2p connections, asked for less often; None where the net API is closed."""
        asked, peers = self._peers
        if now - asked >= PEERS_EVERY:
            try:
                peers = sum(1 for peer in self._node.peers() if peer.connected)
            except HttpError:
                peers = None
            self._peers = (now, peers)
        return peers

    def run(self, stop: threading.Event, pace: Callable[[], float], gone_after: float) -> None:
        """Look until told to stop; `pace` gives the seconds between looks."""
        while not stop.is_set():
            started = self._clock()
            self._node.timeout = min(self._timeout, IN_WINDOW_TIMEOUT) if pace() < 1.0 else self._timeout
            try:
                self.look()
                self._wire.arm()
            except Exception:  # the one broad except of this thread: a watch never ends
                log.exception("looking at %s failed", self.name)
            self._wire.wait(self._pause(started, pace(), gone_after))
        self.close()

    def close(self) -> None:
        """Let go of all connections; `run` does it at its end."""
        self._wire.close()
        self._node.close()

    def _pause(self, started: float, pace: float, gone_after: float) -> float:
        """Seconds to the next look: soon for a suspect, and just when its refusals prove it gone."""
        now = self._clock()
        fact = self._fact
        quiet_for = now - fact.answered_at if fact.answered_at is not None else SUSPECT_FOR
        if fact.reach is not Reach.ANSWERS and quiet_for < SUSPECT_FOR:
            pace = min(pace, SUSPECT_INTERVAL)
            if fact.refusals is not None:
                proven = fact.refusals.since + gone_after - now
                pace = min(pace, proven + 0.005) if proven > 0 else pace
        return max(0.01, pace - (now - started))

    def nudge(self) -> None:
        """Look again now, and tell of it also when nothing changed."""
        self._asked_for = True
        self._wire.nudge()
