"""Who is there: one pass over the host's processes serves all services that ask at the same time."""

import subprocess
import threading
import time
from collections.abc import Mapping

from nodekit.processes import Process, Scanner, Target, everything

SYSTEMCTL = 5.0
"""Seconds that systemctl has for an answer."""


class Census:
    """Services' processes by name; used by all workers."""

    def __init__(self, targets: Mapping[str, Target], units: Mapping[str, str]) -> None:
        """`units`: services whose process is their systemd unit's main one."""
        self._scanner = Scanner(targets)
        self._targets = targets
        self._units = units
        self._lock = threading.Lock()
        self._began = float("-inf")
        self._found: dict[str, tuple[Process, ...]] = {}

    def look(self, name: str, since: float) -> tuple[Process, ...]:
        """A service's processes, the main one first, by a pass that began at `since` (monotonic) or later."""
        if name not in self._targets:
            return _of_unit(self._units[name]) if name in self._units else ()
        with self._lock:
            if self._began < since:
                began = time.monotonic()
                self._found = self._scanner.look()
                self._began = began
            return self._found[name]


def _of_unit(unit: str) -> tuple[Process, ...]:
    try:
        said = subprocess.run(
            ["systemctl", "show", "--property=MainPID", "--value", unit],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=SYSTEMCTL, check=False,
        ).stdout  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ()
    pid = int(said) if said.strip().isdigit() else 0
    return tuple(one for one in everything() if one.pid == pid) if pid else ()
