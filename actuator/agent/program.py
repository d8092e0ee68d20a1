"""Runs one program of the config: no shell unless asked for, its own process group, a time limit."""

import contextlib
import os
import select
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO

from actuator.agent.builtin import Outcome
from actuator.agent.config import Program
from actuator.remote.wire import KILLED, LONGEST_RESULT, TIMED_OUT

GRACE = 5.0
"""Seconds between TERM and KILL of a program that takes too long."""
CLOSING = 0.1
"""Seconds that output may still come after the end: what the program left behind may hold the pipe."""
CHUNK = 1 << 16
DEFAULTS = (signal.SIGPIPE, signal.SIGXFSZ)
"""Signals that Python ignores and a program must not."""
ENVIRONMENT = dict(os.environb)
"""Of every program: the agent's own, read once."""
SHORT = 2048
"""Bytes that surely fit into a result; more are kept in a file as well."""


class _Output:
    """A pipe's bytes: the first ones in memory, more of them in a file, the rest nowhere."""

    def __init__(self, path: Path, most: int) -> None:
        self._path = path
        self._most = most
        self._file: IO[bytes] | None = None
        self.head = bytearray()
        self.size = 0

    def take(self, chunk: bytes) -> None:
        """The next bytes; the long ones are kept on this host, and a full disk loses only that."""
        self.size += len(chunk)
        self.head += chunk[: max(0, LONGEST_RESULT - len(self.head))]
        with contextlib.suppress(OSError):
            if self._file is None and self.size > SHORT:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._file = self._path.open("wb", buffering=0)
                self._file.write(bytes(self.head[: self._most]))
            elif self._file is not None and self._file.tell() < self._most:
                self._file.write(chunk[: self._most - self._file.tell()])

    def close(self) -> None:
        """No more bytes come."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def text(self) -> str:
        """What fits into a result."""
        found = bytes(self.head).decode("utf-8", "replace").removesuffix("\n")
        left = self.size - len(self.head)
        return found if left <= 0 else f"{found}\n[… {left} bytes more]"


def begin(program: Program, timeout: float, kept: Path, most: int) -> Callable[[], Outcome]:
    """Start it; what is returned waits for its end, and must be called once.

    The outcome has its exit status, 124 or 137 when it was ended, 126 or 127 when it was not started.
    What ends the agent does not end the program.
    """
    try:
        pid, pipe = _started(program)
    except FileNotFoundError:
        return partial(Outcome, 127, f"{program.words[0]}: not found")
    except OSError as error:
        return partial(Outcome, 126, f"{program.words[0]}: {error.strerror}")
    return partial(_outcome, pid, pipe, timeout, _Output(kept, most))


def _outcome(pid: int, pipe: int, timeout: float, output: _Output) -> Outcome:
    end = os.pidfd_open(pid)
    try:
        in_time, open_ = _followed(pipe, end, output, timeout)
        code = None if in_time else _ended(pid, end)
    finally:
        os.close(end)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    text = output.text()
    if open_:
        # What it left behind may write on: read to its end, or a full pipe would stop it.
        threading.Thread(target=_drain, args=(pipe, output), name="drain", daemon=True).start()
    else:
        output.close()
        os.close(pipe)
    return Outcome(code if code is not None else status if status >= 0 else 128 - status, text)


def _started(program: Program) -> tuple[int, int]:
    """Its pid and the pipe with its output. Raises OSError. (Half as long as subprocess needs for it.)"""
    pipe, out = os.pipe()
    null = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
    errors = (
        (os.POSIX_SPAWN_DUP2, out, 2)
        if program.errors
        else (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)
    )
    try:
        pid = os.posix_spawnp(
            program.words[0], program.words, ENVIRONMENT,
            file_actions=(null, (os.POSIX_SPAWN_DUP2, out, 1), errors), setsid=True, setsigdef=DEFAULTS,
        )  # fmt: skip
    except OSError:
        os.close(pipe)
        raise
    finally:
        os.close(out)
    return pid, pipe


def _followed(pipe: int, end: int, output: _Output, timeout: float) -> tuple[bool, bool]:
    """Take the output until the process `end`s (a pidfd): was that in time, and is the pipe still open."""
    waiting = select.poll()
    waiting.register(pipe, select.POLLIN)
    waiting.register(end, select.POLLIN)
    deadline, open_, exited = time.monotonic() + timeout, True, False
    while open_ or not exited:
        left = deadline - time.monotonic()
        ready = dict(waiting.poll(max(0.0, left) * 1000))
        late = left < (-CLOSING if exited else 0.0)
        if not ready or (late and end not in ready):  # output that never pauses must not outrun the limit
            break
        if pipe in ready:
            chunk = os.read(pipe, CHUNK)
            output.take(chunk)
            open_ = bool(chunk)
            if not chunk:
                waiting.unregister(pipe)
        if end in ready and not exited:
            exited, deadline = True, time.monotonic() + CLOSING
            waiting.unregister(end)
    return exited, open_


def _drain(pipe: int, output: _Output) -> None:
    while chunk := os.read(pipe, CHUNK):
        output.take(chunk)
    os.close(pipe)
    output.close()


def _ended(pid: int, end: int) -> int:
    """End the program and what it started: TERM, then KILL. `end` is its pidfd."""
    _signal(pid, signal.SIGTERM)
    waiting = select.poll()
    waiting.register(end, select.POLLIN)
    in_time = bool(waiting.poll(GRACE * 1000))
    _signal(pid, signal.SIGKILL)
    return TIMED_OUT if in_time else KILLED


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)
