"""The daemon whose configuration is replaced: its process, its programs."""

import re
import subprocess
import time

import psutil

from actuator.agent.builtin import Outcome
from actuator.agent.replace.config import Replace

PROGRAM_WITHIN = 60.0
"""Seconds that a program of the config may take."""
POLL = 0.05
SHOWN = 2000
"""Bytes of a program's output that are told."""


def run(argv: tuple[str, ...]) -> Outcome:
    """Run a program of the config to its end; 127 when it is not there, 124 when it takes too long."""
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=PROGRAM_WITHIN, check=False, start_new_session=True,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Outcome(124, f"{argv[0]} took longer than {PROGRAM_WITHIN:g} s")
    except OSError as error:
        return Outcome(127, f"{argv[0]}: {error.strerror}")
    return Outcome(done.returncode, done.stdout[-SHOWN:].decode("utf-8", "replace").strip())


def pid_of(config: Replace) -> int | None:
    """The daemon's process; None when there is none. A pid file alone is not believed: it may be stale."""
    if config.pid_file is not None:
        try:
            pid = int(config.pid_file.read_text().strip())
        except (OSError, ValueError):
            return None
        return pid if _alive(pid) and _matches(pid, config.match) else None
    found = [process.pid for process in psutil.process_iter() if _matches(process.pid, config.match)]
    return max((pid for pid in found if pid != psutil.Process().pid and _alive(pid)), default=None)


def _alive(pid: int) -> bool:
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
    """Whether a process ends in time."""
    end = time.monotonic() + within
    while pid is not None and _alive(pid):
        if time.monotonic() > end:
            return False
        time.sleep(POLL)
    return True


def lives(config: Replace, old: int | None) -> str | None:
    """What is wrong with the daemon after a start; None when a new process is there, stays, and works."""
    end = time.monotonic() + config.starts_within
    new = pid_of(config)
    while new is None or new == old:
        if time.monotonic() > end:
            return "no new process"
        time.sleep(POLL)
        new = pid_of(config)
    end = time.monotonic() + config.stays_for
    while time.monotonic() < end:
        if pid_of(config) != new:
            return f"its process {new} ended within {config.stays_for:g} s"
        time.sleep(POLL)
    return _unhealthy(config)


def _unhealthy(config: Replace) -> str | None:
    if not config.health:
        return None
    asked = run(config.health)
    return None if asked.code == 0 else f"{config.health[0]} ended with {asked.code}: {asked.output}"
