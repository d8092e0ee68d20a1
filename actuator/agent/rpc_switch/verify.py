"""Whether the node works after a switch: its log stays free of errors, a program says so."""

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from actuator.agent.rpc_switch.config import Success

STEP = 0.25
"""Seconds between looks at the log."""


class LogWatch:
    """Lines that a log gets from now on, over rotation by rename, truncation or recreation."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode, self._offset = self._seen()
        self._rest = b""

    def lines(self) -> list[bytes]:
        """Complete new lines; nothing while there is no file."""
        inode, size = self._seen()
        if inode != self._inode or size < self._offset:
            self._inode, self._offset, self._rest = inode, 0, b""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except OSError:
            return []
        self._offset += len(data)
        *complete, self._rest = (self._rest + data).split(b"\n")
        return complete

    def _seen(self) -> tuple[int, int]:
        try:
            found = self._path.stat()
        except OSError:
            return 0, 0
        return found.st_ino, found.st_size


def works(success: Success, log: LogWatch | None, stop: threading.Event) -> str | None:
    """Wait until the node is seen to work (None), or why it is not: after `within`, or because of `stop`."""
    started = time.monotonic()
    quiet_since, spoke, error = started, False, ""
    command_ok, command_at, said = not success.command, started, "did not run"
    wrong = [text.encode() for text in success.errors]
    while True:
        for line in log.lines() if log else ():
            spoke = True
            if any(text in line for text in wrong):
                quiet_since, error = time.monotonic(), line.decode(errors="replace")[:200]
        if not command_ok and time.monotonic() >= command_at:
            code, output = run(success.command, success.every, stop)
            command_ok, said = code == 0, f"ended with {code}: {output[-200:]}"
            command_at = time.monotonic() + success.every
        now = time.monotonic()
        log_ok = log is None or (spoke and now - quiet_since >= success.quiet)
        if log_ok and command_ok:
            return None
        if now - started > success.within:
            return _why(spoke=spoke, error=error, log_ok=log_ok, said=said)
        if stop.wait(STEP):
            return "interrupted"


def run(argv: Sequence[str], timeout: float, stop: threading.Event) -> tuple[int, str]:
    """Run a program without a shell: its exit status and output so far.

    What it leaves running in the background goes on. 124: it took too long; 127: it cannot be started.
    """
    with tempfile.TemporaryFile() as output:  # a pipe would be held open by what it leaves running
        try:
            process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        except OSError as error:
            return 127, f"{argv[0]}: {error.strerror}"
        code = _ended(process, time.monotonic() + timeout, stop)
        output.seek(0)
        return code, output.read(4096).decode(errors="replace").strip()


def _ended(process: subprocess.Popen[bytes], deadline: float, stop: threading.Event) -> int:
    while time.monotonic() < deadline and not stop.is_set():
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(STEP)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return 124


def _why(*, spoke: bool, error: str, log_ok: bool, said: str) -> str:
    if log_ok:
        return f"the success command {said}"
    if not spoke:
        return "the node wrote nothing to its log"
    return f"its log still has errors: {error}"
