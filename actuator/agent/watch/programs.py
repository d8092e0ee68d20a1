"""Runs the programs that start and stop daemons. What they start holds nothing of ours and outlives us."""

import contextlib
import os
import pwd
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from actuator.agent.builtin import Outcome
from actuator.agent.watch.config import Step

MARK = "CHAINWARDEN_START"
"""Environment variable of what a start program started: service and number of the start."""
GRACE = 5.0
"""Seconds between TERM and KILL of a program that takes too long."""
TIMED_OUT = 124
STEP = 0.2
"""Seconds after which a wait looks up."""

_lock = threading.Lock()
_children: list[subprocess.Popen[bytes]] = []
"""Programs that may still run: Python complains of one that it forgets."""


def spawn(step: Step, mark: str) -> subprocess.Popen[bytes] | Outcome:
    """Start a program in a session of its own; an Outcome (126, 127) when it cannot be."""
    environment = {**os.environ, **step.env}
    user = group = None
    groups: list[int] | None = None
    if step.user is not None and os.geteuid() == 0:
        entry = pwd.getpwnam(step.user)
        user, group = entry.pw_uid, entry.pw_gid
        groups = os.getgrouplist(step.user, group)
        environment |= {"HOME": entry.pw_dir, "USER": step.user, "LOGNAME": step.user, **step.env}
    try:
        made = subprocess.Popen(
            step.words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True, cwd=step.cwd, env={**environment, MARK: mark}, user=user, group=group,
            extra_groups=groups,
        )  # fmt: skip
    except OSError as error:
        code = 127 if isinstance(error, FileNotFoundError) else 126
        return Outcome(code, f"{error.filename or step.words[0]}: {error.strerror}")
    with _lock:
        _children.append(made)
    return made


def reap() -> None:
    """Let go of programs that have ended; daemons in the foreground are our children for long."""
    with _lock:
        _children[:] = [child for child in _children if child.poll() is None]


def finish(
    program: subprocess.Popen[bytes], words: tuple[str, ...], timeout: float, closing: threading.Event
) -> Outcome | None:
    """Wait for a program's end; None when it ended with 0. What takes too long is ended with its group.

    When the agent ends (`closing`), it is left running.
    """
    end = time.monotonic() + timeout
    while (code := _code(program)) is None:
        if closing.is_set():
            return Outcome(1, f"{words[0]} still ran when the agent ended")
        if time.monotonic() >= end:
            end_group(program)
            return Outcome(TIMED_OUT, f"{words[0]} took longer than {timeout:g} s")
    if code == 0:
        return None
    return Outcome(code if code > 0 else 128 - code, f"{words[0]} ended with {code}")


def _code(program: subprocess.Popen[bytes]) -> int | None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        return program.wait(STEP)
    return None


def end_group(program: subprocess.Popen[bytes]) -> None:
    """TERM, then KILL, for a program and what is left of its process group."""
    _signal(program.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        program.wait(GRACE)
    _signal(program.pid, signal.SIGKILL)
    program.wait()


def marked(mark: str) -> list[int]:
    """Processes, no zombies, that a start left behind, wherever they went since."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                words = Path(entry.path, "environ").read_bytes().split(b"\0")
            except OSError:  # gone, or another user's and we are not root
                continue
            if wanted in words:
                found.append(int(entry.name))
    return found


def end_marked(mark: str, wait: Callable[[float], object] = time.sleep) -> list[int]:
    """KILL what a start that did not succeed left behind, until nothing of it is left; the pids."""
    ended: list[int] = []
    end = time.monotonic() + GRACE
    while (left := marked(mark)) and time.monotonic() < end:
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            ended.append(pid)
        wait(0.02)
    return sorted(set(ended))


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)
