"""Finds a daemon's process by its pid file, its command line, or both, and waits for its end."""

import re
import time
from pathlib import Path

import psutil

POLL = 0.05


def find(pid_file: Path | None, match: str | None) -> int | None:
    """The daemon's process; None when there is none. A pid file alone is not believed: it may be stale.

    Zombies are dead; we ourselves never match.
    """
    if pid_file is not None:
        try:
            pid = int(pid_file.read_text().strip())
        except (OSError, ValueError):
            return None
        return pid if alive(pid) and _matches(pid, match) else None
    own = psutil.Process().pid
    found = [process.pid for process in psutil.process_iter() if process.pid != own]
    return max((pid for pid in found if _matches(pid, match) and alive(pid)), default=None)


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _matches(pid: int, pattern: str | None) -> bool:
    if pattern is None:
        return True
    try:
        return re.search(pattern, " ".join(psutil.Process(pid).cmdline())) is not None
    except psutil.Error:
        return False


def gone(pid: int | None, within: float) -> bool:
    """Whether a process ends within so many seconds."""
    end = time.monotonic() + within
    while pid is not None and alive(pid):
        if time.monotonic() > end:
            return False
        time.sleep(POLL)
    return True
