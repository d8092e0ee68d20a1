"""Who is there: one pass over the host's processes serves all services that ask at the same time."""

import threading
import time
from collections.abc import Mapping

from nodekit.processes import Process, Scanner, Target


class UnseenError(Exception):
    """Whether a service runs cannot be said. Nothing may be done then."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name}: {why}")
        self.why = why


class Census:
    """Services' processes by name; used by all workers."""

    def __init__(self, targets: Mapping[str, Target]) -> None:
        self._scanner = Scanner(targets)
        self._targets = targets
        self._lock = threading.Lock()
        self._began = float("-inf")
        self._found: dict[str, tuple[Process, ...]] = {}

    def look(self, name: str, since: float) -> tuple[Process, ...]:
        """A service's processes, the main one first, by a pass that began at `since` (monotonic) or later.

        Raises UnseenError.
        """
        if name not in self._targets:
            return ()
        with self._lock:
            if self._began < since:
                began = time.monotonic()
                self._found = self._scanner.look()
                self._began = began
            if name in self._scanner.unknown:
                raise UnseenError(name, self._scanner.unknown[name])
            return self._found[name]
