"""Runs one program of the config: no shell unless asked for, its own process group, a time limit."""

import contextlib
import os
import select
import signal
import subprocess
import threading
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


class _Output:
    """Takes a pipe's bytes: the first ones in memory, more of them in a file, the rest nowhere."""

    def __init__(self, pipe: IO[bytes], path: Path, most: int) -> None:
        self._pipe = pipe
        self._path = path
        self._most = most
        self._file: IO[bytes] | None = None
        self.head = bytearray()
        self.size = 0
        self.ended = threading.Event()
        threading.Thread(target=self._take, name="output", daemon=True).start()

    def _take(self) -> None:
        # Read to its end even when nobody waits any more: a full pipe would stop what still writes to it.
        while chunk := os.read(self._pipe.fileno(), CHUNK):
            self.size += len(chunk)
            self.head += chunk[: max(0, LONGEST_RESULT - len(self.head))]
            self._keep(chunk)
        self._pipe.close()
        if self._file is not None:
            self._file.close()
        self.ended.set()

    def _keep(self, chunk: bytes) -> None:
        """On this host, when it is longer than a short result; a full disk loses only this."""
        with contextlib.suppress(OSError):
            if self._file is None and self.size > CHUNK // 32:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._file = self._path.open("wb", buffering=0)
                self._file.write(bytes(self.head[: self._most]))
            elif self._file is not None and self._file.tell() < self._most:
                self._file.write(chunk[: self._most - self._file.tell()])


def run(program: Program, timeout: float, kept: Path, most: int) -> Outcome:
    """Start it and wait for its end; its exit status, 124 or 137 when it was ended, 126 or 127 not started.

    What ends the agent does not end the program.
    """
    errors = subprocess.STDOUT if program.errors else subprocess.DEVNULL
    try:
        process = subprocess.Popen(
            program.words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
            start_new_session=True,
        )  # fmt: skip
    except FileNotFoundError:
        return Outcome(127, f"{program.words[0]}: not found")
    except OSError as error:
        return Outcome(126, f"{program.words[0]}: {error.strerror}")
    assert process.stdout is not None  # noqa: S101 - PIPE
    output = _Output(process.stdout, kept, most)
    ended = _wait(process, timeout)
    output.ended.wait(CLOSING)
    text = bytes(output.head).decode("utf-8", "replace").removesuffix("\n")
    if output.size > len(output.head):
        text += f"\n[… {output.size - len(output.head)} bytes more]"
    return Outcome(ended, text)


def _wait(process: subprocess.Popen[bytes], timeout: float) -> int:
    """The exit status as a shell gives it, or what we did to it."""
    if not _exits(process, timeout):
        return _ended(process)
    status = process.wait()
    return 128 - status if status < 0 else status


def _exits(process: subprocess.Popen[bytes], timeout: float) -> bool:
    """Whether it ends in time; the kernel wakes us in that moment, where subprocess would sleep and look."""
    try:
        handle = os.pidfd_open(process.pid)
    except OSError:  # a kernel before 5.3
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        return True
    try:
        waiting = select.poll()
        waiting.register(handle, select.POLLIN)
        return bool(waiting.poll(timeout * 1000))
    finally:
        os.close(handle)


def _ended(process: subprocess.Popen[bytes]) -> int:
    """End the program and what it started: TERM, then KILL."""
    code = TIMED_OUT
    _signal(process, signal.SIGTERM)
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        code = KILLED
    _signal(process, signal.SIGKILL)
    process.wait()
    return code


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
